"""The app's registration."""

from django.apps import AppConfig


class ReservationsConfig(AppConfig):
    """Reservations of tables."""

    name = "reservations"

    def ready(self) -> None:
        """Say what links and files in mails there are."""
        from reservations.links import register_links
        from reservations.mails import register_files

        register_links()
        register_files()
