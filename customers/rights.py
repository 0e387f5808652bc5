"""Who may do what with customers: of a restaurant, its managers see those who go there.

Anybody may ask for the mails to an address, so managers may; an account is not one restaurant's to close or end.
"""

from config.rights import MANAGER, SUPERADMIN

CUSTOMERS = {"view": MANAGER, "change": MANAGER, "mail": MANAGER, "account": SUPERADMIN}
