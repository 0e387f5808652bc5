"""How an address names a restaurant: `<restaurant:slug>`, wherever this module is imported."""

from django.urls import register_converter
from django.urls.converters import StringConverter


class RestaurantSlug(StringConverter):
    """Whatever a legacy slug may hold, but not what PostgreSQL cannot even be asked about."""

    regex = r"[^/\0]+"


register_converter(RestaurantSlug, "restaurant")
