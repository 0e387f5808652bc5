"""What customers do to their account in the portal while both schemas live, and once they are separated."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password
from django.db import connection
from django.utils import timezone

from customers.models import Customer, CustomerProfile
from orders.forgetting import NOBODY
from reservations.models import Reservation
from separation.cleanup import flow
from separation.models import Phase
from separation.phases import change_phase, phase_of
from separation.tenancy import check_tenancy
from separation.verification import verify
from tests.api import Api, refused
from tests.portal.mails import delivered, queued, token
from tests.separation.cleaning import clean, decide_everything
from tests.separation.engine import move, one, query, take_back

PASSWORD = "correct horse battery"
FORGET = {"password": PASSWORD, "confirm": "ANONYMISE"}
NEW = "a new and better one"
LEGACY = "SELECT email, name, phone, password FROM users WHERE id = %s"


def register(email, **more):
    """Register in the portal."""
    names = {"first_name": "Zenobia", "last_name": "Quist", "phone": "555-0199"}
    return Api().post("auth/register", {"email": email, "password": PASSWORD, **names, **more})


def log_in(email, password=PASSWORD):
    """Return a client that is logged in through the API."""
    response = Api().post("auth/login", {"email": email, "password": password})
    assert response.status_code == 200, response.content
    return Api(headers={"authorization": f"Bearer {response.json()['access_token']}"})


def failures():
    return [(each.id, each.sample) for each in [*verify(connection).failures, *check_tenancy(connection).failures]]


@pytest.fixture
def kind(request):
    return getattr(request, "param", "plain")


kinds = pytest.mark.parametrize("kind", ["plain", "ahead"], indirect=True)


@pytest.fixture
def both(legacy_database, kind):
    """A database in phase dual."""
    legacy_database(kind, moved=True)


@pytest.fixture
def zenobia(both):
    """Somebody who registered in the portal and proved her address, with a booking in the past."""
    register("Zenobia@quist.example")
    Api().post("auth/verify-email", {"token": token()})
    zenobia = Customer.objects.get(email="Zenobia@quist.example")
    booking = Reservation.objects.filter(customer__isnull=False).earliest("pk")
    booking.pk, booking.user_id, booking.customer, booking.status = None, zenobia.pk, zenobia, "COMPLETED"
    booking.customer_name, booking.customer_email, booking.notes = (
        "Zenobia Quist",
        "zenobia@quist.example",
        "Zenobia again",
    )
    booking.save(force_insert=True)
    return zenobia


@kinds
def test_a_registration_is_the_old_application_s_too(zenobia, kind):
    email, name, phone, password = query(connection, LEGACY, [zenobia.pk])[0]
    assert (email, name, phone) == ("Zenobia@quist.example", "Zenobia Quist", "555-0199")
    assert password.startswith("$2b$")
    assert check_password(PASSWORD, f"bcrypt${password}")
    assert CustomerProfile.objects.filter(customer=zenobia).count() == 1
    if kind == "ahead":
        assert query(connection, "SELECT email_verified FROM customer_profiles WHERE user_id = %s", [zenobia.pk]) == [
            (True,)
        ]
    assert failures() == []


def test_an_address_of_staff_is_refused_by_mail_alone(both):
    (first,), (second,), (third,) = query(
        connection, "SELECT email FROM users WHERE NOT is_customer ORDER BY id LIMIT 3"
    )
    people = query(connection, "SELECT id, xmin::text FROM users ORDER BY id")

    answers = [register(written) for written in (first, second.upper(), f"{third} ")]

    assert [(answer.status_code, answer.content) for answer in answers] == [(202, b"")] * 3
    assert queued() == [(email, "account-exists") for email in (first, second.upper(), third)]
    assert query(connection, "SELECT id, xmin::text FROM users ORDER BY id") == people
    assert failures() == []


def test_another_address_a_new_password_and_a_new_name(zenobia):
    client = log_in("zenobia@quist.example")
    seen = client.get("me")["ETag"]
    client.patch("me", {"last_name": "Holm", "phone": None}, headers={"if-match": seen})
    client.post("me/password", {"password": PASSWORD, "new_password": NEW})
    client.post("me/email", {"new_email": "holm@quist.example", "password": NEW})
    assert Api().post("auth/confirm-email", {"token": token()}).status_code == 200

    email, name, phone, password = query(connection, LEGACY, [zenobia.pk])[0]
    assert (email, name, phone) == ("holm@quist.example", "Zenobia Holm", None)
    assert check_password(NEW, f"bcrypt${password}")
    assert failures() == []


def test_an_address_of_staff_is_no_new_address(zenobia):
    staff = one(connection, "SELECT email FROM users WHERE NOT is_customer ORDER BY id LIMIT 1")
    assert (
        log_in("zenobia@quist.example").post("me/email", {"new_email": staff, "password": PASSWORD}).status_code == 202
    )
    assert refused(Api().post("auth/confirm-email", {"token": token()})) == (409, "email_taken")
    assert one(connection, "SELECT email FROM users WHERE id = %s", [zenobia.pk]) == "Zenobia@quist.example"


def test_whoever_deactivates_is_out_of_both_and_comes_back_to_both(zenobia):
    log_in("zenobia@quist.example").post("me/deactivate", {"password": PASSWORD})
    assert one(connection, "SELECT password FROM users WHERE id = %s", [zenobia.pk]).startswith("!$2b$")
    assert Api().post("auth/reactivate", {"token": token()}).status_code == 204
    assert one(connection, "SELECT password FROM users WHERE id = %s", [zenobia.pk]).startswith("$2b$")
    log_in("zenobia@quist.example")
    assert failures() == []


def left_of(person):
    """Return the tables that know something of PERSON, in whatever column; runs and their findings among them."""
    tables = [name for (name,) in query(connection, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    return [
        table
        for table in sorted(tables)
        if one(connection, f'SELECT count(*) FROM "{table}" t WHERE t::text ILIKE ANY (%s)', [person])
    ]


def asked(person):
    """Return the findings that ask somebody for a new password."""
    found = "SELECT id FROM separation_findings WHERE kind = 'needs_password_reset' AND row_id = %s AND state <> 'gone'"
    return query(connection, found, [person])


PERSON = ["%zenobia%", "%quist%", "%555-0199%"]


@kinds
def test_whoever_is_forgotten_is_so_in_both_and_after_the_way_back(zenobia, export_dir):
    before = left_of(PERSON)
    assert {"customers", "users", "reservations"} <= set(before)

    assert (
        log_in("zenobia@quist.example").post("me/anonymise", {"password": PASSWORD, "confirm": "ANONYMISE"}).status_code
        == 204
    )

    assert left_of(PERSON) == []
    email, name, phone, password = query(connection, LEGACY, [zenobia.pk])[0]
    assert (email, name, phone, password[0]) == (f"anonymised-{zenobia.pk}@anonymised.invalid", None, None, "!")
    assert query(
        connection, "SELECT user_id, customer_id, customer_name FROM reservations WHERE customer_id = %s", [zenobia.pk]
    ) == [(zenobia.pk, zenobia.pk, NOBODY)]
    assert failures() == []
    assert asked(zenobia.pk) == []
    register("zenobia@quist.example")
    assert Customer.objects.get(email="zenobia@quist.example").pk > zenobia.pk
    assert failures() == []

    take_back(connection)
    assert query(connection, LEGACY, [zenobia.pk]) == [(email, None, None, password)]
    move(connection)
    there = Customer.objects.get(pk=zenobia.pk)
    assert (there.is_active, there.anonymized_at is None) == (False, False)
    assert asked(zenobia.pk) == []
    assert failures() == []


@pytest.mark.parametrize("kind", ["ahead"], indirect=True)
def test_all_of_it_once_they_are_separated(zenobia, kind, tmp_path, settings, monkeypatch):
    settings.LOG_DIR, settings.SEPARATION_QUIET_DAYS = tmp_path / "logs", 0
    monkeypatch.setattr(flow, "_require_all", lambda connection, operator: None)
    decide_everything(connection, tmp_path)
    clean(connection)
    assert phase_of(connection) == Phase.SEPARATED

    staff = one(connection, "SELECT email FROM users ORDER BY id LIMIT 1")
    assert register(staff).status_code == 202
    assert Customer.objects.get(email=staff).password.startswith("argon2$")
    assert (
        log_in("zenobia@quist.example").post("me/anonymise", {"password": PASSWORD, "confirm": "ANONYMISE"}).status_code
        == 204
    )
    row = Customer.objects.get(pk=zenobia.pk)
    assert (row.email, row.anonymized_at and row.anonymized_at > timezone.now() - timedelta(days=1)) == (
        f"anonymised-{zenobia.pk}@anonymised.invalid",
        True,
    )
    assert failures() == []


UNMOVED = """SELECT id, email FROM users u WHERE is_customer AND role = 'USER' AND password LIKE '$2%%'
    AND NOT EXISTS (SELECT FROM restaurant_staff s WHERE s.user_id = u.id) ORDER BY id LIMIT 1"""


def test_no_answer_tells_who_is_known_to_the_old_application_only(legacy_database):
    connection = legacy_database("plain", adopted=True).connection
    change_phase(connection, Phase.LEGACY, Phase.DUAL)
    ((person, email),) = query(connection, UNMOVED)
    staff = one(connection, "SELECT email FROM users WHERE NOT is_customer ORDER BY id LIMIT 1")
    before = query(connection, LEGACY, [person])

    asked: dict[Any, list[str]] = {}
    for path in ("auth/forgot-password", "auth/resend-verification", "auth/register"):
        for address in ("free@quist.example", email.title(), staff):
            body = {"email": address}
            if path == "auth/register":
                body |= {
                    "email": address.replace("free", "new"),
                    "password": PASSWORD,
                    "first_name": "",
                    "last_name": "",
                }
            answer = Api().post(path, body)
            asked.setdefault((answer.status_code, answer.content, *sorted({*answer.headers})), []).append(path)

    assert [len(paths) for paths in asked.values()] == [9]
    assert [bool(delivered(number)) for number in range(6)] == [False, True, False] * 2
    assert [template for _, template in queued()[6:]] == ["verify-email", "account-exists", "account-exists"]
    # Moved on the way, as they were.
    assert Customer.objects.get(pk=person).email == email
    assert query(connection, LEGACY, [person]) == before
    assert failures() == []
