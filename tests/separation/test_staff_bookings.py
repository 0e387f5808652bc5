"""What staff book and mark while both schemas live is what the old application would have written, and vice versa."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from customers.models import Customer
from reservations.selectors import day_sheet
from reservations.services import (
    Actor,
    Changes,
    Contact,
    reservation_cancel,
    reservation_change,
    reservation_complete,
    reservation_no_show,
    reservation_reopen,
    reservation_seat,
    staff_book,
)
from restaurants.models import Restaurant
from tests.separation.engine import query
from tests.separation.old_application import book, register

COLUMNS = """SELECT user_id, customer_id, customer_name, party_size, reservation_date::date::text, reservation_time,
    status::text, source, table_ids, actual_arrival_time, actual_departure_time FROM reservations WHERE id = %s"""
NOW = datetime.now(UTC).replace(hour=19, minute=0, second=0, microsecond=0)
GUEST = Contact("Lena Berg", None, "+49 30 1")


def visits(person):
    return query(
        connection,
        "SELECT visit_count FROM customer_restaurants WHERE customer_id = %s AND restaurant_id = 1",
        [person],
    )


def test_an_evening_at_the_desk_is_the_old_application_s_too(old):
    lena = register(old, "Lena@example.org", "Lena Berg")
    book(old, lena, 1)  # by which the restaurant knows her
    waiter = query(connection, "SELECT min(id) FROM users WHERE NOT is_customer")[0][0]
    here, actor = Restaurant.objects.get(pk=1), Actor("staff", waiter)
    table: dict[str, Any] = {
        "restaurant": here,
        "actor": actor,
        "day": NOW.date(),
        "time": "19:00",
        "contact": GUEST,
        "now": NOW,
    }

    hers = staff_book(**table, customer=Customer.objects.get(pk=lena), party_size=4, table_ids=[4, 5], override=True)
    guests = staff_book(**table, party_size=2, source="walk_in", override=True)

    day, none = NOW.date().isoformat(), (None, None)
    theirs = [old.execute(COLUMNS, [row.pk]).fetchone() for row in (hers, guests)]
    assert theirs == [
        (waiter, lena, "Lena Berg", 4, day, "19:00", "CONFIRMED", "phone", [4, 5], *none),
        (waiter, None, "Lena Berg", 2, day, "19:00", "CONFIRMED", "walk_in", [], *none),
    ]
    came, left = NOW.replace(tzinfo=None), (NOW + timedelta(hours=1)).replace(tzinfo=None)
    assert visits(lena) == [(1,)]
    reservation_seat(reservation=hers, actor=actor, now=NOW)
    reservation_complete(reservation=hers, actor=actor, now=NOW + timedelta(hours=1))
    assert old.execute(COLUMNS, [hers.pk]).fetchone()[6:] == ("COMPLETED", "phone", [4, 5], came, left)
    assert visits(lena) == [(2,)]
    reservation_reopen(reservation=hers, actor=actor, now=NOW)
    assert visits(lena) == [(1,)]
    reservation_change(reservation=hers, actor=actor, changes=Changes(party_size=6), override=True, now=NOW)
    reservation_no_show(reservation=guests, actor=actor, now=NOW)
    assert old.execute(COLUMNS, [hers.pk]).fetchone()[3] == 6
    assert old.execute(COLUMNS, [guests.pk]).fetchone()[6] == "NO_SHOW"


def test_what_the_old_application_writes_is_on_the_sheet_and_can_be_marked(old):
    lena = register(old, "Lena@example.org", "Lena Berg")
    staff = query(connection, "SELECT min(id) FROM users WHERE NOT is_customer")[0][0]
    own, by_phone = book(old, lena, 1, "CONFIRMED"), book(old, staff, 1, "CONFIRMED")
    old.execute("UPDATE reservations SET reservation_date = %s WHERE id IN (%s, %s)", [NOW.date(), own, by_phone])
    old.execute("UPDATE reservations SET actual_arrival_time = %s WHERE id = %s", [NOW, own])

    rows = {row.reservation.pk: row for row in day_sheet(restaurant=Restaurant.objects.get(pk=1), day=NOW.date()).rows}

    assert {number: rows[number].stage.value for number in (own, by_phone)} == {own: "seated", by_phone: "expected"}
    actor = Actor("staff", staff)
    old.execute("UPDATE reservations SET status = 'COMPLETED', actual_departure_time = %s WHERE id = %s", [NOW, own])
    assert reservation_complete(reservation=rows[own].reservation, actor=actor, now=NOW).status == "COMPLETED"
    reservation_cancel(reservation=rows[by_phone].reservation, actor=actor, reason="no staff")
    assert old.execute("SELECT status::text FROM reservations WHERE id = %s", [by_phone]).fetchone() == ("CANCELLED",)
