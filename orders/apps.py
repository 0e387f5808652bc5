"""The app's registration."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Orders and what is on them."""

    name = "orders"
