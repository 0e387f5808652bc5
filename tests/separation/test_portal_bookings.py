"""Bookings over HTTP while both schemas live: either application sees, changes and cancels what the other booked."""

from datetime import UTC, datetime, timedelta

from django.db import connection

from customers.models import Customer
from customers.sessions import session_begin
from tests.api import Api, refused
from tests.portal.mails import token
from tests.separation.engine import query
from tests.separation.old_application import book, register

LEGACY = """SELECT user_id, customer_id, customer_name, customer_email, party_size, reservation_date::date::text,
    reservation_time, status::text, source FROM reservations WHERE id = %s"""
DAY = datetime.now(UTC).date() + timedelta(days=30)
WANTED = {"date": DAY.isoformat(), "time": "19:30", "party_size": 2}


def log_in(person: int) -> Api:
    tokens = session_begin(customer=Customer.objects.get(pk=person), user_agent="tests", ip="")
    return Api(headers={"authorization": f"Bearer {tokens.access}"})


def test_what_is_booked_here_is_the_old_application_s_too(old):
    lena = register(old, "Lena@example.org", "Lena Berg")
    api = log_in(lena)

    booked = api.post("me/reservations", {**WANTED, "restaurant": "here"})

    assert booked.status_code == 201
    number = booked.json()["id"]
    row = old.execute(LEGACY, [number]).fetchone()
    assert row == (*(lena, lena, "Lena Berg", "Lena@example.org", 2, DAY.isoformat(), "19:30", "CONFIRMED", "portal"),)
    old.execute("UPDATE reservations SET status = 'CANCELLED' WHERE id = %s", [number])
    changed = api.patch(booked["Location"], {"party_size": 3}, headers={"If-Match": booked["ETag"]})
    assert refused(changed) == (412, "precondition_failed")
    shown = api.get(booked["Location"]).json()
    assert (shown["status"], shown["can_change"], shown["can_cancel"]) == ("CANCELLED", False, False)


def test_what_is_booked_there_is_shown_changed_and_cancelled_here(old):
    lena = register(old, "Lena@example.org", "Lena Berg")
    staff = query(connection, "SELECT min(id) FROM users WHERE NOT is_customer")[0][0]
    api = log_in(lena)
    own = book(old, lena, 1, "CONFIRMED")
    by_phone = book(old, staff, 1, "CONFIRMED")
    old.execute("UPDATE reservations SET reservation_date = %s WHERE id IN (%s, %s)", [DAY, own, by_phone])
    query(connection, "UPDATE reservations SET customer_id = %s WHERE id = %s", [lena, by_phone])

    listed = api.get("me/reservations?ordering=date").json()["results"]

    assert [(each["id"], each["contact"]["name"], each["source"]) for each in listed] == [
        (own, "x", "website"),
        (by_phone, "x", "website"),
    ]
    path = listed[1]["links"]["self"]
    changed = api.patch(path, {"time": "20:00"}, headers={"If-Match": api.get(path)["ETag"]})
    assert (changed.status_code, changed.json()["time"]) == (200, "20:00")
    assert api.post(f"{listed[0]['links']['self']}/cancel").status_code == 200
    row = (None, 2, DAY.isoformat())
    assert old.execute(LEGACY, [own]).fetchone() == (lena, lena, "x", *row, "19:00", "CANCELLED", "website")
    assert old.execute(LEGACY, [by_phone]).fetchone() == (staff, lena, "x", *row, "20:00", "CONFIRMED", "website")


def test_a_guests_booking_is_the_owners_there_and_an_accounts_once_its_address_is_proved(old):
    contact = {"name": "Lena Berg", "email": "lena@example.org"}
    assert Api().post("restaurants/here/reservations", {**WANTED, "contact": contact}).status_code == 201
    number, owner, customer = query(
        connection, "SELECT id, user_id, customer_id FROM reservations WHERE source = 'portal_guest'"
    )[0]
    assert customer is None
    assert query(
        connection, "SELECT role::text FROM restaurant_staff WHERE user_id = %s AND restaurant_id = 1", [owner]
    )
    guest = f"guest/reservations/{token()}"
    lena = register(old, "Lena@example.org")
    assert log_in(lena).get("me/reservations").json()["results"] == []

    log_in(lena)
    Api().post("auth/resend-verification", {"email": "lena@example.org"})
    Api().post("auth/verify-email", {"token": token()})

    assert query(connection, "SELECT user_id, customer_id FROM reservations WHERE id = %s", [number]) == [(owner, lena)]
    assert [each["id"] for each in log_in(lena).get("me/reservations").json()["results"]] == [number]
    assert Api().post(f"{guest}/cancel").status_code == 200
    assert old.execute("SELECT status::text FROM reservations WHERE id = %s", [number]).fetchone() == ("CANCELLED",)
