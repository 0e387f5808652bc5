"""The staff's REST API, /api/v1/staff/: each app brings its part."""

from django.urls import include, path

from backoffice.docs import DOCS

urlpatterns = [
    *DOCS.urls(),
    path("", include("accounts.api.urls")),
    path("", include("backoffice.api.urls")),
    path("", include("menus.api.staff_urls")),
    path("", include("reservations.api.staff_urls")),
    path("", include("orders.api.staff_urls")),
    path("", include("separation.staff_api")),  # separation: line
]
