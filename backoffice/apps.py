"""The app's registration."""

from django.apps import AppConfig


class BackofficeConfig(AppConfig):
    """What joins the apps for staff: the admin site."""

    name = "backoffice"
