"""The app's part of /api/v1/."""

from django.urls import path

from customers.api import session_views

urlpatterns = [
    path("auth/login", session_views.LoginView.as_view()),
    path("auth/refresh", session_views.RefreshView.as_view()),
    path("auth/logout", session_views.LogoutView.as_view()),
    path("auth/logout-all", session_views.LogoutAllView.as_view()),
    path("me/sessions", session_views.SessionsView.as_view()),
    path("me/sessions/<uuid:session_id>", session_views.SessionView.as_view()),
]
