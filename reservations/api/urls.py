"""The app's part of /api/v1/."""

from django.urls import path

from reservations.api import views
from restaurants.api import slugs  # noqa: F401 (makes <restaurant:slug> known)

urlpatterns = [
    path("me/reservations", views.ReservationsView.as_view()),
    path("me/reservations/<int:reservation_id>", views.ReservationView.as_view()),
    path("me/reservations/<int:reservation_id>/cancel", views.CancelView.as_view()),
    path("me/reservations/<int:reservation_id>/calendar.ics", views.CalendarView.as_view()),
    path("restaurants/<restaurant:slug>/availability", views.AvailabilityView.as_view()),
    path("restaurants/<restaurant:slug>/reservations", views.GuestReservationsView.as_view()),
    path("guest/reservations/<str:token>", views.GuestReservationView.as_view()),
    path("guest/reservations/<str:token>/cancel", views.GuestCancelView.as_view()),
    path("guest/reservations/<str:token>/calendar.ics", views.GuestCalendarView.as_view()),
]
