"""Who may do what with reservations."""

from config.rights import STAFF

RESERVATIONS = {"view": STAFF, "add": STAFF, "change": STAFF}
