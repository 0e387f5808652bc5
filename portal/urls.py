"""The customers' REST API, /api/v1/: each app brings its part."""

from django.urls import include, path

from portal import docs

urlpatterns = [
    # Each is tried in this order: first what is asked for most.
    path("", include("portal.api.urls")),
    path("", include("reservations.api.urls")),
    path("", include("orders.api.urls")),
    path("", include("customers.api.urls")),
    path("", include("restaurants.api.urls")),
    path("", include("menus.api.urls")),
    *docs.DOCS.urls(),
    path("problems", docs.problems, name="problems"),
]
