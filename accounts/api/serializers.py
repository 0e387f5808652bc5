"""What goes in and out at staff's log-in, and what a log-in and a staff user look like."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts.models import RestaurantStaff, StaffSession, User
from accounts.sessions import Tokens
from config.api.bodies import Exact
from config.sessions import ACCESS_LIFETIME


class StaffLogin(Exact):
    """Who logs in."""

    email = serializers.CharField(max_length=320)
    password = serializers.CharField(max_length=1024, trim_whitespace=False)


class StaffRefresh(Exact):
    """What to refresh."""

    refresh_token = serializers.CharField(max_length=2048)


class StaffTokens(serializers.Serializer[Any]):
    """What a log-in or a refresh gives."""

    session_id = serializers.UUIDField(help_text="This log-in, as in the list of log-ins.")
    token_type = serializers.ChoiceField(choices=["Bearer"])
    access_token = serializers.CharField(help_text="Send it as `Authorization: Bearer`.")
    expires_in = serializers.IntegerField(help_text="For how many seconds the access token holds.")
    refresh_token = serializers.CharField(
        help_text="Gives the next pair of tokens, once; if that answer is lost, the same one for ten seconds."
    )
    refresh_expires_at = serializers.DateTimeField(help_text="When the log-in ends, unless it is refreshed before.")


class StaffSessionShown(serializers.ModelSerializer[StaffSession]):
    """One log-in."""

    device = serializers.CharField(source="user_agent", help_text="What the app calls itself.")
    current = serializers.SerializerMethodField(help_text="Whether it is the one that asks.")

    class Meta:
        model = StaffSession
        fields = ("id", "device", "ip", "created_at", "last_used_at", "expires_at", "current")

    def get_current(self, session: StaffSession) -> bool:
        """Return whether this log-in is the one that asks."""
        return bool(session.pk == self.context["request"].auth.pk)


@extend_schema_serializer(component_name="StaffLink")
class LinkShown(serializers.Serializer[Any]):
    """Where it is."""

    self = serializers.CharField()


class WorkplaceShown(serializers.Serializer[Any]):
    """Where somebody works, and as what."""

    id = serializers.IntegerField()
    slug = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(
        choices=RestaurantStaff.Role.choices, help_text="What they may do there; an ADMIN is as good as the OWNER."
    )


@extend_schema_serializer(component_name="StaffMe")
class StaffMeShown(serializers.Serializer[Any]):
    """A staff user as they see themselves."""

    id = serializers.IntegerField()
    email = serializers.CharField()
    name = serializers.CharField()
    phone = serializers.CharField(allow_null=True)
    role = serializers.ChoiceField(choices=User.Role.choices, help_text="A SUPERADMIN may everything, everywhere.")
    restaurants = WorkplaceShown(many=True)


def tokens_shown(tokens: Tokens) -> dict[str, Any]:
    """Return the answer that gives TOKENS."""
    values = {
        "session_id": tokens.session.pk,
        "token_type": "Bearer",
        "access_token": tokens.access,
        "expires_in": int(ACCESS_LIFETIME.total_seconds()),
        "refresh_token": tokens.refresh,
        "refresh_expires_at": tokens.session.expires_at,
    }
    return dict(StaffTokens(values).data)


def me_shown(user: User) -> dict[str, Any]:
    """Return USER as StaffMeShown describes them; one query."""
    links = user.restaurant_staff.filter(is_active=True).select_related("restaurant")
    owns = user.role in (User.Role.ADMIN, User.Role.SUPERADMIN)
    return {
        "id": user.pk,
        "email": user.email,
        "name": user.name or "",
        "phone": user.phone,
        "role": user.role,
        "restaurants": [
            {
                "id": link.restaurant_id,
                "slug": link.restaurant.slug,
                "name": link.restaurant.name,
                "role": RestaurantStaff.Role.OWNER if owns else link.role,
            }
            for link in links.order_by("restaurant__name", "restaurant_id")
        ],
    }
