"""The app's part of /api/v1/."""

from django.urls import path

from portal.api import account_views as account
from portal.api import dashboard
from reservations.api import opening_hours
from restaurants.api import slugs  # noqa: F401 (makes <restaurant:slug> known)

urlpatterns = [
    path("auth/verify-email", account.VerifyEmail.as_view()),
    path("auth/confirm-email", account.ConfirmEmail.as_view()),
    path("auth/reset-password", account.ResetPassword.as_view()),
    path("auth/reactivate", account.Reactivate.as_view()),
    path("me/deactivate", account.DeactivateView.as_view()),
    path("me/anonymise", account.AnonymiseView.as_view()),
    path("me/export", account.ExportView.as_view()),
    path("restaurants/<restaurant:slug>/opening-hours", opening_hours.OpeningHoursView.as_view()),
    path("me/dashboard", dashboard.DashboardView.as_view()),
]
