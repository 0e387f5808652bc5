"""The app's registration."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """What joins the apps for a customer."""

    name = "portal"
