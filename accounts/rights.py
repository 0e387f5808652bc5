"""Who may do what with staff users."""

from config.rights import SUPERADMIN

USERS = {"view": SUPERADMIN, "add": SUPERADMIN, "change": SUPERADMIN, "delete": SUPERADMIN}
