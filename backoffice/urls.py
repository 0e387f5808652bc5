"""The staff's REST API, /api/v1/staff/: each app brings its part."""

from django.urls import include, path

from backoffice.docs import DOCS

urlpatterns = [
    *DOCS.urls(),
    path("", include("accounts.api.urls")),
]
