"""How a restaurant takes bookings, over the staff's API: for who works there to see, and for its owners to say."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import StaffView
from config.api.bodies import Exact, valid
from config.api.etags import etag_of, require_match, tagged
from config.api.schema import versioned
from config.columns import set_changed
from config.scoping import save_changes
from reservations.models import BookingPolicy
from reservations.terms import policy_of
from restaurants.models import Restaurant
from restaurants.rights import RESTAURANTS

_NOT_TOLD = ("id", "restaurant", "created_at", "updated_at")
_FIELDS = tuple(field.name for field in BookingPolicy._meta.fields if field.name not in _NOT_TOLD)


@extend_schema_serializer(component_name="BookingPolicy")
class PolicyBody(Exact, serializers.ModelSerializer[BookingPolicy]):
    """How a restaurant takes bookings; what is not sent stays as it is. Null, of a limit, is none."""

    class Meta:
        model = BookingPolicy
        fields = _FIELDS


class PolicyView(StaffView):
    """How a restaurant takes bookings."""

    rights = RESTAURANTS

    def restaurant(self, slug: str, action: str = "view") -> Restaurant:
        """Return a restaurant that this user may do ACTION to; raises Http404 or PermissionDenied."""
        return self.only(Restaurant.objects.select_related("booking_policy").filter(slug=slug), action, "pk")

    @versioned
    @extend_schema(responses=PolicyBody)
    def get(self, request: Request, slug: str) -> Response:
        """Show how a restaurant takes bookings; one that said nothing yet takes them as everybody does."""
        return tagged(request, _shown(policy_of(self.restaurant(slug))))

    @versioned
    @extend_schema(request=PolicyBody, responses=PolicyBody)
    def patch(self, request: Request, slug: str) -> Response:
        """Change how a restaurant takes bookings from now on; for its owners.

        What was booked keeps what it was promised.
        """
        found, wanted = self.restaurant(slug, "change"), valid(PolicyBody, request, partial=True)
        with transaction.atomic():
            restaurant = Restaurant.objects.select_for_update(no_key=True).get(pk=found.pk)
            policy = policy_of(restaurant)
            require_match(request, etag_of(_shown(policy)))
            if changed := set_changed(policy, wanted):
                policy.clean()
                save_changes(policy, changed if policy.pk else None)
                self.log(restaurant, f"Changed how bookings are taken: {', '.join(changed)}.")
        return tagged(request, _shown(policy))


def _shown(policy: BookingPolicy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in _FIELDS}
