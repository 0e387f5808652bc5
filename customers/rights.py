"""Who may do what with customers: of a restaurant, its managers see those who go there."""

from config.rights import MANAGER

CUSTOMERS = {"view": MANAGER, "change": MANAGER}
