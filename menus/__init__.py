"""Recipes, their ingredients, and the menus made of them."""
