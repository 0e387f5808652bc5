"""What goes in and out at log-in, and what a log-in looks like."""

from typing import Any

from rest_framework import serializers

from config.sessions import ACCESS_LIFETIME
from customers.models import CustomerSession
from customers.sessions import Tokens


class LoginSerializer(serializers.Serializer[Any]):
    """Who logs in. An address is taken as it is: of those that came along not every one looks like one."""

    email = serializers.CharField(max_length=320)
    password = serializers.CharField(max_length=1024, trim_whitespace=False)
    cookies = serializers.BooleanField(
        default=False, help_text="Browsers: put the tokens into HttpOnly cookies instead of the answer."
    )


class RefreshSerializer(serializers.Serializer[Any]):
    """What to refresh."""

    refresh_token = serializers.CharField(
        max_length=2048, required=False, help_text="Not needed where the tokens are in cookies."
    )


class TokensSerializer(serializers.Serializer[Any]):
    """What a log-in or a refresh gives."""

    session_id = serializers.UUIDField(help_text="This log-in, as in the list of log-ins.")
    token_type = serializers.ChoiceField(choices=["Bearer"])
    access_token = serializers.CharField(
        allow_null=True, help_text="Send it as `Authorization: Bearer`. Null where the tokens are in cookies."
    )
    expires_in = serializers.IntegerField(help_text="For how many seconds the access token holds.")
    refresh_token = serializers.CharField(
        allow_null=True,
        help_text="Gives the next pair of tokens, once; if that answer is lost, the same one for ten seconds. "
        "Null where the tokens are in cookies.",
    )
    refresh_expires_at = serializers.DateTimeField(help_text="When the log-in ends, unless it is refreshed before.")
    csrf_token = serializers.CharField(
        allow_null=True, help_text="Where the tokens are in cookies: send it as `X-CSRFToken` with whatever writes."
    )


class SessionSerializer(serializers.ModelSerializer[CustomerSession]):
    """One log-in."""

    device = serializers.CharField(source="user_agent", help_text="What the browser or the app calls itself.")
    current = serializers.SerializerMethodField(help_text="Whether it is the one that asks.")

    class Meta:
        model = CustomerSession
        fields = ("id", "device", "ip", "created_at", "last_used_at", "expires_at", "current")

    def get_current(self, session: CustomerSession) -> bool:
        """Return whether this log-in is the one that asks."""
        return bool(session.pk == self.context["request"].auth.pk)


def shown_tokens(tokens: Tokens, *, csrf_token: str | None = None) -> dict[str, Any]:
    """Return the answer that gives TOKENS: in it, or beside it in cookies if there is a CSRF token."""
    shown = csrf_token is None
    return {
        "session_id": str(tokens.session.pk),
        "token_type": "Bearer",
        "access_token": tokens.access if shown else None,
        "expires_in": int(ACCESS_LIFETIME.total_seconds()),
        "refresh_token": tokens.refresh if shown else None,
        "refresh_expires_at": tokens.session.expires_at.isoformat().replace("+00:00", "Z"),
        "csrf_token": csrf_token,
    }
