"""The app's registration."""

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """Customers: who eats there. Knows nothing of staff."""

    name = "customers"
