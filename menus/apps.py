"""The app's registration."""

from django.apps import AppConfig


class MenusConfig(AppConfig):
    """Recipes, their ingredients, and the menus made of them."""

    name = "menus"
