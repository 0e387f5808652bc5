"""The small pages behind the links of mails."""

from django.urls import path

from portal.booking_page import BookingCalendar, BookingPage
from portal.pages import ConfirmPage, ReactivatePage, ResetPage, VerifyPage

urlpatterns = [
    path("booking/<token>", BookingPage.as_view()),
    path("booking/<token>/calendar.ics", BookingCalendar.as_view()),
    path("account/verify/<token>", VerifyPage.as_view()),
    path("account/reset/<token>", ResetPage.as_view()),
    path("account/confirm-email/<token>", ConfirmPage.as_view()),
    path("account/reactivate/<token>", ReactivatePage.as_view()),
]
