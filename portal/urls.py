"""The customers' REST API, /api/v1/: each app brings its part."""

from django.urls import include, path

from portal import docs

urlpatterns = [
    *docs.DOCS.urls(),
    path("problems", docs.problems, name="problems"),
    path("", include("customers.api.urls")),
    path("", include("restaurants.api.urls")),
    path("", include("menus.api.urls")),
    path("", include("reservations.api.urls")),
    path("", include("orders.api.urls")),
    path("", include("portal.api.urls")),
]
