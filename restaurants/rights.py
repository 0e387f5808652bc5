"""Who may do what with restaurants."""

from config.rights import OWNER, STAFF, SUPERADMIN

RESTAURANTS = {"view": STAFF, "change": OWNER, "add": SUPERADMIN}
