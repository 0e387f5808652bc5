"""Who may do what with recipes and menus."""

from config.rights import MANAGER

RECIPES = {"view": MANAGER, "add": MANAGER, "change": MANAGER, "delete": MANAGER}
MENUS = {"view": MANAGER, "add": MANAGER, "change": MANAGER}
