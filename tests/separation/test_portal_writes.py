"""What the portal wrote stands through the way back, the way forth again, and clean-up, and stays its owner's."""

import json
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from customers.models import Customer, CustomerProfile, CustomerSession
from reservations.idempotency import idempotent
from reservations.models import BookingLog, BookingTerms, IdempotencyKey, Reservation
from reservations.services import Actor, Changes, Contact, reservation_cancel, reservation_change, reservation_create
from restaurants.models import Restaurant
from separation.cleanup import flow
from separation.decisions import staff_decide
from separation.mirror import drain
from separation.tenancy import check_tenancy
from separation.verification import verify
from tests.databases import MakeLegacyDatabase
from tests.separation.cleaning import clean, decide_everything
from tests.separation.engine import move, one, query, take_back
from tests.separation.old_application import BCRYPT, application_role, old_application

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
FRIDAY = date(2026, 6, 5)
STATE = """SELECT user_id, customer_id, customer_email, party_size, reservation_time, status::text, source
FROM reservations WHERE id = %s"""


class Portal:
    """A customer who registered in the portal, with a booking of hers, one of a guest, and one she claimed."""

    def __init__(self) -> None:
        self.restaurant = Restaurant.objects.get(pk=1)
        self.owner = one(
            connection,
            """SELECT s.user_id FROM restaurant_staff s JOIN users u ON u.id = s.user_id
            WHERE s.restaurant_id = 1 AND s.role = 'OWNER' AND NOT u.is_customer ORDER BY 1 LIMIT 1""",
        )
        self.lena = Customer.objects.create(email="lena@example.org", password=BCRYPT, first_name="Lena")
        CustomerProfile.objects.filter(customer=self.lena).update(preferences={"table": "quiet"})
        CustomerSession.objects.create(
            id=uuid.uuid4(), customer=self.lena, token_hash="secret", family=uuid.uuid4(), expires_at=NOW
        )
        self.own, self.guests, self.claimed = (
            self.book("19:00", customer=self.lena),
            self.book("19:30", email="guest@example.org"),
            self.book("20:00", email="lena@example.org"),
        )
        reservation_change(
            reservation=self.own,
            actor=Actor("customer", self.lena.pk),
            changes=Changes(party_size=3),
            now=NOW,
        )
        Reservation.objects.filter(pk=self.claimed.pk).update(customer=self.lena)

    def book(self, time: str, customer: Customer | None = None, email: str = "lena@example.org") -> Reservation:
        def make() -> tuple[int, int]:
            made = reservation_create(
                restaurant=self.restaurant,
                party_size=2,
                day=FRIDAY,
                time=time,
                contact=Contact("Lena", email),
                source="portal" if customer else "portal_guest",
                customer=customer,
                now=NOW,
            )
            return 201, made.pk

        scope = f"customer:{customer.pk}" if customer else f"restaurant:{self.restaurant.pk}"
        return Reservation.objects.get(pk=idempotent(scope=scope, key=time, request={}, do=make).body)

    def states(self) -> list[tuple[object, ...]]:
        return [query(connection, STATE, [booking.pk])[0] for booking in (self.own, self.guests, self.claimed)]


@pytest.fixture(params=["plain", "ahead"])
def kind(request):
    return request.param


@pytest.fixture
def portal(kind: str, legacy_database: MakeLegacyDatabase) -> Portal:
    legacy_database(kind, moved=True)
    return Portal()


def failures() -> list[tuple[str, object]]:
    found = [*verify(connection).failures, *check_tenancy(connection).failures]
    return [(result.id, result.sample) for result in found]


def test_it_is_in_step_while_both_schemas_live(portal):
    lena, owner = portal.lena.pk, portal.owner
    assert portal.states() == [
        (lena, lena, "lena@example.org", 3, "19:00", "CONFIRMED", "portal"),
        (owner, None, "guest@example.org", 2, "19:30", "CONFIRMED", "portal_guest"),
        (owner, lena, "lena@example.org", 2, "20:00", "CONFIRMED", "portal_guest"),
    ]
    assert failures() == []


def test_the_way_back_keeps_it_in_legacy_form_and_exports_the_rest(portal, kind, export_dir):
    lena, owner = portal.lena.pk, portal.owner
    own, guests, claimed = portal.states()
    beside = [list(model.objects.order_by("pk").values()) for model in (BookingTerms, BookingLog, IdempotencyKey)]

    take_back(connection)

    # Where the old application has that column, it goes on saying whose the booking is.
    kept = lena if kind == "ahead" else None
    assert portal.states() == [(lena, None, *own[2:]), guests, (owner, kept, *claimed[2:])]
    assert query(connection, "SELECT email, password FROM users WHERE id = %s", [lena]) == [
        ("lena@example.org", BCRYPT)
    ]
    assert Customer.objects.count() == CustomerSession.objects.count() == 0
    assert beside == [
        list(model.objects.order_by("pk").values()) for model in (BookingTerms, BookingLog, IdempotencyKey)
    ]
    assert verify(connection).nothing_moved
    assert check_tenancy(connection).ok
    (path,) = export_dir.iterdir()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    tables = [line["table"] for line in lines]
    assert tables == (
        ["customer_sessions"] if kind == "ahead" else ["customer_profiles", "customer_sessions", "reservations"]
    )


def test_the_old_application_goes_on_with_it_after_the_way_back(portal, legacy_database, export_dir):
    take_back(connection)
    name = connection.settings_dict["NAME"]
    with application_role(name) as role, old_application(name, role) as old:
        old.execute("UPDATE reservations SET party_size = 5 WHERE id = %s", [portal.own.pk])
        old.execute("DELETE FROM reservations WHERE id = %s", [portal.guests.pk])
    assert BookingTerms.objects.filter(reservation=portal.guests.pk).count() == 0

    move(connection)

    lena = Customer.objects.get(pk=portal.lena.pk)
    booking = Reservation.objects.get(pk=portal.own.pk)
    assert (booking.customer_id, booking.party_size) == (lena.pk, 5)
    reservation_cancel(reservation=booking, actor=Actor("customer", lena.pk), now=NOW + timedelta(hours=1))
    assert BookingTerms.objects.get(reservation=booking).sequence == 2
    assert failures() == []


def test_clean_up_leaves_a_guests_booking_with_whoever_answers_for_it(portal, kind, tmp_path, settings, monkeypatch):
    settings.LOG_DIR, settings.SEPARATION_QUIET_DAYS = tmp_path / "logs", 0
    monkeypatch.setattr(flow, "_require_all", lambda connection, operator: None)
    decide_everything(connection, tmp_path)
    lena, owner = portal.lena.pk, portal.owner
    own, guests, claimed = portal.states()

    clean(connection)

    assert portal.states() == [(None, lena, *own[2:]), (owner, None, *guests[2:]), (owner, lena, *claimed[2:])]
    assert CustomerSession.objects.filter(customer=lena).count() == 1
    assert failures() == []


def test_a_guests_booking_is_never_that_of_staff_who_eat_here_too(legacy_database):
    """Whoever answers for it by `user_id` would own it, if that user were a customer."""
    legacy_database("plain", moved=True)
    portal = Portal()
    query(connection, "UPDATE users SET is_customer = true WHERE id = %s", [portal.owner])
    drain(connection)
    staff_decide(connection=connection, user_id=portal.owner, answer="both", by="Ada", execute=True)
    assert Customer.objects.filter(pk=portal.owner).exists()

    booking = portal.book("21:00", email="guest@example.org")

    user, customer, *_ = query(connection, STATE, [booking.pk])[0]
    assert (user == portal.owner, customer) == (False, None)
    assert failures() == []
