"""The admin's first page."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from accounts.models import RestaurantStaff, User
from backoffice.tables import link, table
from config.plugins import plugged  # separation: line


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return CONTEXT with what this user wants to see first."""
    assert isinstance(request.user, User)  # noqa: S101 (the admin has let this user in)
    panels = [_workplaces(request.user)]
    # separation: begin
    panels = [*(panel(request) for panel in plugged("index")), *panels]
    # separation: end
    return {**context, "title": "Start", "panels": [panel for panel in panels if panel]}


def _workplaces(user: User) -> str:
    if user.is_superuser:
        return ""
    links = RestaurantStaff.objects.filter(user=user, is_active=True).select_related("restaurant").order_by("id")
    return table(
        "You work at",
        ["Restaurant", "Role"],
        [
            (link(reverse("admin:restaurants_restaurant_change", args=[at.restaurant_id]), at.restaurant), at.role)
            for at in links
        ],
        empty="You are not on the staff of any restaurant, so there is nothing to see. Ask a SUPERADMIN to add you.",
    )
