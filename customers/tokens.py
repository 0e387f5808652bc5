"""The kinds of customers' tokens: one to show for a quarter of an hour, one to get the next pair with."""

from config.tokens import TokenKind, portal_secrets

# Claim names are our own, and there is no `sub`: nothing that reads tokens of Django users finds one in these.
ACCESS = TokenKind("customer-access+jwt", "portal", "portal-api", portal_secrets)
REFRESH = TokenKind("customer-refresh+jwt", "portal", "portal-refresh", portal_secrets)
