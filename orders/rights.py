"""Who may do what with orders."""

from config.rights import MANAGER, STAFF

# Who says what a line costs where the menu does: a dish on the house, a complaint.
ORDERS = {"view": STAFF, "add": STAFF, "change": STAFF, "price": MANAGER}
