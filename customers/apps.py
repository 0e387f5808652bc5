"""The app's registration."""

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """Customers: who eats there. Knows nothing of staff."""

    name = "customers"

    def ready(self) -> None:
        """Say where the links in customers' mails lead."""
        from customers.links import register_links

        register_links()
