"""Who may do what: roles in restaurants, ordered STAFF < MANAGER < OWNER, and the one question about them.

Each app says in its `rights.py` which least role each action on its rows takes, as a dict from action to role; the
admin and the staff API ask the same dicts. Nothing is known of users here but what `Worker` names.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

_Row = TypeVar("_Row", bound=Model)

STAFF, MANAGER, OWNER = "STAFF", "MANAGER", "OWNER"
# A right that no role in a restaurant gives.
SUPERADMIN = "SUPERADMIN"

NOWHERE: frozenset[int] = frozenset()


def places(user: Any, allowed: Mapping[str, str], action: str) -> frozenset[int] | None:
    """Return the restaurants in which USER may do ACTION, as ALLOWED says; None means everywhere.

    An action that ALLOWED does not name is nobody's. Whoever is not staff, as a customer or somebody who left, may
    nothing; one query a user, however often it is asked.
    """
    role = allowed.get(action)
    if role is None or not getattr(user, "is_staff", False):
        return NOWHERE
    if user.is_superuser:
        return None
    return NOWHERE if role == SUPERADMIN else frozenset(user.restaurants_as(role))


def within(queryset: QuerySet[_Row], where: frozenset[int] | None, path: str = "restaurant_id") -> QuerySet[_Row]:
    """Return the rows of QUERYSET that are at one of the restaurants WHERE, to whose ids PATH leads from a row."""
    return queryset if where is None else queryset.filter(**{f"{path}__in": where})
