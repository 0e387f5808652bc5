"""The app's registration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Staff: who runs restaurants, their roles and log-in."""

    name = "accounts"
