"""Tokens as cookies, for browsers that ask for it: no script ever reads them."""

from typing import Any

from django.conf import settings
from django.middleware.csrf import get_token
from rest_framework.request import Request
from rest_framework.response import Response

from config.sessions import ACCESS_LIFETIME
from customers.api.authentication import ACCESS_COOKIE, REFRESH_COOKIE
from customers.sessions import Tokens

# Each is sent where it is needed and nowhere else.
ACCESS_PATH = "/api/v1/"
REFRESH_PATH = "/api/v1/auth/refresh"


def cookies_set(request: Request, response: Response, tokens: Tokens) -> str:
    """Put TOKENS into cookies of RESPONSE; return the CSRF token that whatever writes with them has to bring."""
    options: dict[str, Any] = {"secure": not settings.DEBUG, "httponly": True, "samesite": "Strict"}
    response.set_cookie(ACCESS_COOKIE, tokens.access, max_age=ACCESS_LIFETIME, path=ACCESS_PATH, **options)
    response.set_cookie(REFRESH_COOKIE, tokens.refresh, expires=tokens.session.expires_at, path=REFRESH_PATH, **options)
    return get_token(request)


def cookies_clear(response: Response) -> None:
    """Take the tokens out of the browser again."""
    response.delete_cookie(ACCESS_COOKIE, path=ACCESS_PATH, samesite="Strict")
    response.delete_cookie(REFRESH_COOKIE, path=REFRESH_PATH, samesite="Strict")
