"""What an owner's hours and limits come to, before they are saved: the times that could be booked."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.messages.storage import default_storage
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from config.pages import staff_page
from config.rights import places, within
from reservations.availability import Timetable
from reservations.models import OpeningException
from reservations.terms import policy_of
from restaurants.models import Restaurant
from restaurants.rights import RESTAURANTS

_DAYS = 14


@require_POST
def preview_view(request: HttpRequest, number: int) -> HttpResponse:
    """Save the restaurant's form as its page does, show which times could be booked then, and undo it all."""
    where = places(request.user, RESTAURANTS, "change")
    if where is not None and not where:
        raise PermissionDenied
    restaurant = get_object_or_404(within(Restaurant.objects.all(), where, "pk"), pk=number)
    # It would say that it was saved, which is not so.
    kept, request._messages = request._messages, default_storage(request)  # type: ignore[attr-defined]
    with transaction.atomic():
        answer: Any = admin.site.get_model_admin(Restaurant).changeform_view(request, str(number))
        is_saved = answer.status_code == 302
        days = _days(Restaurant.objects.select_related("booking_policy").get(pk=number)) if is_saved else []
        transaction.set_rollback(True)
    request._messages = kept  # type: ignore[attr-defined]
    page = reverse("admin:restaurants_restaurant_change", args=[number])
    return staff_page(
        request,
        "reservations/preview.html",
        title="Times that can be booked",
        trail=[("Restaurants", reverse("admin:restaurants_restaurant_changelist")), (restaurant.name, page)],
        days=days,
        faults=[] if is_saved else list(_sentences(answer.context_data["errors"])),
    )


def _sentences(errors: Iterable[Any]) -> Iterator[str]:
    """Give the errors of a form of the admin and its inlines, which stand by themselves or in lists."""
    for each in errors:
        if isinstance(each, str):
            yield each
        else:
            yield from each


def _days(restaurant: Restaurant) -> list[dict[str, Any]]:
    """Return the next two weeks with their times, for two people and the largest party; bookings are let be."""
    policy = policy_of(restaurant)
    today = timezone.now().astimezone(policy.zone).date()
    near = (today - timedelta(days=2), today + timedelta(days=_DAYS + 2))
    exceptions = OpeningException.objects.filter(restaurant=restaurant, date__range=near)
    table = Timetable(restaurant, policy, {each.date: each for each in exceptions})
    sizes = sorted({max(2, policy.min_party_size), policy.max_party_size})
    return [_day(table, today + timedelta(days=ahead), sizes) for ahead in range(_DAYS)]


def _day(table: Timetable, day: date, sizes: list[int]) -> dict[str, Any]:
    return {
        "day": day,
        "hours": ", ".join(map(str, table.hours(day))),
        "note": table.note(day),
        "times": [(size, [slot.time for slot in table.slots(day, size)]) for size in sizes],
    }
