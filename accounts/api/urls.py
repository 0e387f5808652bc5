"""The app's part of /api/v1/staff/."""

from django.urls import path

from accounts.api import log_in

urlpatterns = [
    path("auth/login", log_in.LoginView.as_view()),
    path("auth/refresh", log_in.RefreshView.as_view()),
    path("auth/logout", log_in.LogoutView.as_view()),
    path("auth/logout-all", log_in.LogoutAllView.as_view()),
    path("me", log_in.MeView.as_view()),
    path("me/sessions", log_in.SessionsView.as_view()),
    path("me/sessions/<uuid:session_id>", log_in.SessionView.as_view()),
]
