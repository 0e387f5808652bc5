"""Who may do what with orders."""

from config.rights import STAFF

ORDERS = {"view": STAFF, "add": STAFF, "change": STAFF}
