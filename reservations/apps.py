"""The app's registration."""

from django.apps import AppConfig


class ReservationsConfig(AppConfig):
    """Reservations of tables."""

    name = "reservations"
