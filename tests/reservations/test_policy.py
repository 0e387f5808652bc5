"""How a restaurant takes bookings: what holds without a row, and what no row can say, whoever writes it."""

from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from reservations.models import BookingPolicy
from reservations.terms import policy_of
from tests.factories import BookingPolicyFactory, RestaurantFactory

pytestmark = pytest.mark.django_db

STAMPS = {"id", "restaurant_id", "created_at", "updated_at"}


def said(policy: BookingPolicy) -> dict[str, Any]:
    names = {field.attname for field in BookingPolicy._meta.concrete_fields} - STAMPS
    return {name: getattr(policy, name) for name in names}


def test_without_a_row_the_defaults_hold_of_the_model_and_of_the_database_alike() -> None:
    alone, saved, written = RestaurantFactory.create_batch(3)
    BookingPolicyFactory.create(restaurant=saved)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO booking_policies (restaurant_id) VALUES (%s)", [written.pk])
    defaults = said(policy_of(alone))
    assert defaults == said(BookingPolicy.objects.get(restaurant=saved))
    assert defaults == said(BookingPolicy.objects.get(restaurant=written))
    assert (policy_of(alone).slot_limit, policy_of(alone).day_limit) == (None, None)


def test_the_platform_says_where_a_restaurant_is_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "RESTAURANT_TIME_ZONE", "America/New_York")
    assert policy_of(RestaurantFactory.create()).zone.key == "America/New_York"
    assert BookingPolicyFactory.create().time_zone == "America/New_York"


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"slot_interval_minutes": 20}, "interval"),
        ({"duration_minutes": 14}, "duration"),
        ({"durations": {"2": 90}}, "durations"),
        ({"covers_per_slot": 0}, "covers"),
        ({"covers_per_slot": 1, "covers_per_day": 0}, "covers"),
        ({"overbooking_percent": -1}, "overbooking"),
        ({"minimum_notice_minutes": -1}, "notice"),
        ({"horizon_days": 0}, "horizon"),
        ({"min_party_size": 0}, "party"),
        ({"min_party_size": 5, "max_party_size": 4}, "party"),
        ({"cancel_cutoff_minutes": -1}, "cutoffs"),
        ({"change_cutoff_minutes": -1}, "cutoffs"),
        ({"reminder_hours": 0}, "reminder"),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_database(columns: dict[str, Any], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=f'"booking_policies_{constraint}"'), transaction.atomic():
        BookingPolicyFactory.create(**columns)


def test_a_restaurant_has_one_policy_at_most() -> None:
    policy = BookingPolicyFactory.create()
    with pytest.raises(IntegrityError, match="booking_policies_restaurant_id_key"), transaction.atomic():
        BookingPolicyFactory.create(restaurant=policy.restaurant)
