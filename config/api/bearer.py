"""The token that a request shows."""

from rest_framework.authentication import get_authorization_header
from rest_framework.request import Request

# What is wrong with a token is nobody's business.
NOT_VALID = "The token is not valid here."


def bearer_token(request: Request) -> str | None:
    """Return what follows `Authorization: Bearer`, or None where there is no such header."""
    scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
