"""What is read by SQL made beforehand is what the queryset itself reads."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import BooleanField, Q, QuerySet, Value
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from config import compiled
from config.compiled import Compiled, insert
from customers.models import CustomerSession
from reservations.models import BookingPolicy, BookingTerms, Reservation
from tests.factories import BookingPolicyFactory, CustomerFactory, ReservationFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SAMPLE = datetime(1, 2, 3, tzinfo=UTC)


def booked(place: int, since: datetime) -> QuerySet[Any]:
    """Reservations with their restaurants, a constant with a per cent sign, and an instant in both forms there are."""
    return (
        Reservation.objects.select_related("restaurant")
        .filter(Q(restaurant=place, reservation_date__gte=since) | Q(notes="100%"))
        .annotate(late=Value(since), here=Value(True, BooleanField()))
        .order_by("-pk")[:3]
    )


BOOKED = Compiled(booked, place=-1, since=SAMPLE)


@pytest.fixture
def reservations():
    return [
        ReservationFactory.create(reservation_date=NOW + timedelta(days=days), notes=notes)
        for days, notes in ((-1, None), (0, "it's 5 % off"), (1, "100%"), (2, "\\"), (3, None))
    ]


def test_it_reads_what_the_queryset_reads(reservations):
    for reservation in reservations:
        for since in (NOW, NOW.astimezone(ZoneInfo("Asia/Tokyo")), NOW - timedelta(days=9)):
            place = reservation.restaurant_id
            compiled = BOOKED(place=place, since=since)
            plain = list(booked(place, since))
            assert [each.pk for each in compiled] == [each.pk for each in plain]
            assert [each.restaurant.name for each in compiled] == [each.restaurant.name for each in plain]
            assert [each.late for each in compiled] == [since for _ in plain]
            assert all(each.here for each in compiled)


def test_what_it_reads_are_rows_like_any_other(reservations, django_assert_num_queries):
    with django_assert_num_queries(1):
        (found,) = [each for each in BOOKED(place=reservations[4].restaurant_id, since=NOW) if each.notes is None]

    assert (found, found.reservation_date) == (reservations[4], NOW + timedelta(days=3))
    found.notes = "by the window"
    found.save(update_fields=["notes"])
    assert Reservation.objects.get(pk=found.pk).notes == "by the window"


def test_columns_that_were_left_out_and_rows_that_are_missing(reservations, django_assert_num_queries):
    def some(pk: int) -> QuerySet[Reservation]:
        return (
            Reservation.objects.filter(pk__in=[pk, -3])
            .select_related("restaurant__booking_policy", "terms")
            .only("status", "restaurant__booking_policy__time_zone", "terms__sequence")
        )

    read = Compiled(some, pk=-1)
    policy = BookingPolicyFactory.create(restaurant=reservations[0].restaurant, time_zone="Europe/Berlin")
    with django_assert_num_queries(2):
        (with_policy,), (without,) = read(pk=reservations[0].pk), read(pk=reservations[2].pk)
        assert with_policy.restaurant.booking_policy.time_zone == "Europe/Berlin"
        assert with_policy.restaurant.booking_policy.restaurant is with_policy.restaurant
        assert (without.status, without._state.db, without._state.adding) == ("CONFIRMED", "default", False)
        with pytest.raises(BookingPolicy.DoesNotExist):
            _ = without.restaurant.booking_policy
        with pytest.raises(BookingTerms.DoesNotExist):
            _ = without.terms
    with django_assert_num_queries(2):
        assert (without.notes, with_policy.restaurant.booking_policy.horizon_days) == ("100%", policy.horizon_days)


def test_it_is_one_statement_that_the_server_plans_once(reservations):
    with CaptureQueriesContext(connection) as captured:
        for _ in range(3):
            BOOKED(place=reservations[0].restaurant_id, since=NOW)
    assert ['"reservations"."restaurant_id" = %s' in query["sql"] for query in captured] == [True, True, True]

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%reservations%%'")
        assert cursor.fetchone() == (1,)


def test_values_and_unions(reservations):
    def numbered(pk: int) -> QuerySet[Reservation, Any]:
        one, other = (Reservation.objects.filter(condition) for condition in (Q(pk=pk), Q(notes="\\")))
        return one.values("pk", "notes").union(other.values("pk", "notes")).order_by("pk")

    found = Compiled(numbered, pk=-1)(pk=reservations[0].pk)

    assert found == [{"pk": reservations[0].pk, "notes": None}, {"pk": reservations[3].pk, "notes": "\\"}]
    rows = Reservation.objects.order_by("pk")
    assert Compiled(lambda: rows.values_list("pk", "notes")[:1])() == [(reservations[0].pk, None)]
    assert Compiled(lambda: rows.values_list("notes", flat=True)[3:4])() == ["\\"]


def test_a_row_is_inserted_as_it_would_be_saved(db):
    mine = {"token_hash": "a" * 64, "ip": "2001:db8::1", "customer": CustomerFactory.create()}
    row = CustomerSession(id=UUID(int=7), family=UUID(int=8), expires_at=NOW, **mine)

    insert(row)

    (found,) = CustomerSession.objects.all()
    assert found == row
    assert (row._state.adding, row._state.db) == (False, "default")
    assert model_to_dict(found) == model_to_dict(row)
    assert abs(found.created_at - row.created_at) < timedelta(milliseconds=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(row)


def test_a_connection_of_another_thread(reservations):
    found: list[object] = []

    def work() -> None:
        try:
            found.append(BOOKED(place=-2, since=NOW))
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert found == [[]]


def test_what_is_planned_outlives_a_change_of_a_column(db):
    other = connection.get_new_connection(connection.get_connection_params())
    other.autocommit = True
    try:
        other.execute("CREATE TEMP TABLE prices (price integer); INSERT INTO prices VALUES (7)")
        other.prepare_threshold = 0
        assert compiled._Cursor(other).execute("SELECT price FROM prices").fetchall() == [(7,)]

        with psycopg.ClientCursor(other) as plain:
            plain.execute("DO $$ BEGIN ALTER TABLE prices ALTER price TYPE text; END $$")

        assert compiled._Cursor(other).execute("SELECT price FROM prices").fetchall() == [("7",)]
    finally:
        other.close()
