"""The app's registration."""

from django.apps import AppConfig


class RestaurantsConfig(AppConfig):
    """Restaurants: the tenants. Depends on nothing."""

    name = "restaurants"
