"""The app's part of /api/v1/."""

from django.urls import path

from customers.api import account_views as account
from customers.api import session_views

urlpatterns = [
    path("auth/login", session_views.LoginView.as_view()),
    path("auth/refresh", session_views.RefreshView.as_view()),
    path("auth/logout", session_views.LogoutView.as_view()),
    path("auth/logout-all", session_views.LogoutAllView.as_view()),
    path("auth/register", account.Register.as_view()),
    path("auth/resend-verification", account.ResendVerification.as_view()),
    path("auth/forgot-password", account.ForgotPassword.as_view()),
    path("me", account.MeView.as_view()),
    path("me/profile", account.ProfileView.as_view()),
    path("me/preferences", account.PreferencesView.as_view()),
    path("me/password", account.PasswordView.as_view()),
    path("me/email", account.EmailView.as_view()),
    path("me/sessions", session_views.SessionsView.as_view()),
    path("me/sessions/<uuid:session_id>", session_views.SessionView.as_view()),
]
