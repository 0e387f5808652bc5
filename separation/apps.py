"""The app's registration."""

from django.apps import AppConfig


class SeparationConfig(AppConfig):
    """The engine that moves customers out of users. Imported by nobody, deletable."""

    name = "separation"
