"""The app's part of /api/v1/staff/."""

from django.urls import path

from reservations.api import staff_policy
from reservations.api import staff_views as views
from restaurants.api import slugs  # noqa: F401 (makes <restaurant:slug> known)

urlpatterns = [
    path("reservations", views.ReservationsView.as_view()),
    path("reservations/<int:reservation_id>", views.ReservationView.as_view()),
    path("reservations/<int:reservation_id>/seat", views.SeatView.as_view()),
    path("reservations/<int:reservation_id>/complete", views.CompleteView.as_view()),
    path("reservations/<int:reservation_id>/no-show", views.NoShowView.as_view()),
    path("reservations/<int:reservation_id>/reopen", views.ReopenView.as_view()),
    path("reservations/<int:reservation_id>/cancel", views.CancelView.as_view()),
    path("restaurants/<restaurant:slug>/day", views.DayView.as_view()),
    path("restaurants/<restaurant:slug>/booking-policy", staff_policy.PolicyView.as_view()),
    path("restaurants/<restaurant:slug>/guests", views.GuestsView.as_view()),
]
