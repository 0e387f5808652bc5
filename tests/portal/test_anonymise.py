"""Who asks to be forgotten is: the person goes from every table, what restaurants count stays."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone
from post_office.models import Email

from customers.models import Customer, CustomerProfile, CustomerRestaurant, CustomerSession
from menus.models import MenuItem, MenuSection
from orders.models import Order, OrderItem
from reservations.models import BookingLog, BookingTerms, IdempotencyKey, Reservation
from tests.api import problem, refused
from tests.factories import (
    PASSWORD,
    CustomerFactory,
    CustomerRestaurantFactory,
    MenuFactory,
    OrderFactory,
    ReservationFactory,
    RestaurantFactory,
    UserFactory,
)
from tests.portal.mails import queued, token

pytestmark = pytest.mark.django_db
YES = {"password": PASSWORD, "confirm": "ANONYMISE"}
# What tells who somebody is, in whatever column.
PERSON = ("zenobia", "quist", "555-0199", "hazelnut")


def everything():
    """Return all rows of all tables, as text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [f"{table}: {row}" for (row,) in cursor.fetchall()]
    return found


@pytest.fixture
def zenobia(db):
    """Somebody with something in every table, and an address that is proved."""
    zenobia = CustomerFactory.create(
        email="Zenobia@quist.example",
        first_name="Zenobia",
        last_name="Quist",
        phone="555-0199",
        email_verified=True,
        email_verified_at=timezone.now(),
    )
    CustomerProfile.objects.update(
        dietary_restrictions="hazelnuts",
        notes="Zenobia is loud",
        tags=["quist"],
        vip_status=True,
        birthday="1980-01-01",
        preferences={"language": "de"},
    )
    restaurant = RestaurantFactory.create()
    person = {
        "customer_name": "Zenobia Quist",
        "customer_phone": "555-0199",
        "customer_email": "zenobia@quist.example",
        "special_requests": "no hazelnuts",
        "notes": "Zenobia again",
        "guest_notes": "Quist",
    }
    been = ReservationFactory.create(restaurant=restaurant, customer=zenobia, status="COMPLETED", **person)
    BookingLog.objects.create(reservation=been, action="created", after={"customer_name": "Zenobia Quist"})
    ReservationFactory.create(restaurant=restaurant, customer=None, source="portal_guest", **person)
    order = OrderFactory.create(
        restaurant=restaurant, customer=zenobia, customer_name="Zenobia Quist", notes="Zenobia: hazelnuts"
    )
    item = MenuItem.objects.create(name="Soup", section=MenuSection.objects.create(name="s", menu=MenuFactory.create()))
    OrderItem.objects.create(order=order, menu_item=item, price="3.00", notes="Zenobia's: no hazelnut")
    CustomerRestaurant.objects.filter(customer=zenobia).delete()
    CustomerRestaurantFactory.create(
        customer=zenobia, restaurant=restaurant, notes="Zenobia", vip_status=True, visit_count=3, total_spent="99.00"
    )
    IdempotencyKey.objects.create(
        scope=f"customer:{zenobia.pk}", key_hash="x", fingerprint="y", body={"customer_name": "Zenobia"}
    )
    IdempotencyKey.objects.create(
        scope=f"restaurant:{restaurant.pk}",
        key_hash="x",
        fingerprint="y",
        body={"etag": "x", "text": '{"contact": {"email": "zenobia@quist.example"}}'},
    )
    IdempotencyKey.objects.create(
        scope="staff:1",
        key_hash="x",
        fingerprint="y",
        body={"etag": "x", "text": f'{{"customer_id":{zenobia.pk},"contact":{{"name":"Zenobia"}}}}'},
    )
    LogEntry.objects.create(
        user=UserFactory.create(),
        content_type=ContentType.objects.get_for_model(Customer),
        object_id=str(zenobia.pk),
        object_repr="Zenobia Quist",
        action_flag=CHANGE,
        change_message="[]",
    )
    return zenobia


def test_nothing_is_left_that_tells_who_it_was(zenobia, as_customer, api):
    api.post("auth/forgot-password", {"email": "zenobia@QUIST.example"})
    client = as_customer(zenobia)

    response = client.post("me/anonymise", YES)

    assert (response.status_code, response.content) == (204, b"")
    assert [row for row in everything() if any(each in row.lower() for each in PERSON)] == []
    assert client.get("me").status_code == 401
    assert not Email.objects.exists()


def test_what_stays(zenobia, as_customer):
    as_customer(zenobia).post("me/anonymise", YES)

    row = Customer.objects.get()
    assert (row.pk, row.email, row.first_name, row.last_name, row.phone) == (
        zenobia.pk,
        f"anonymised-{zenobia.pk}@anonymised.invalid",
        "",
        "",
        None,
    )
    assert (row.is_active, row.email_verified, row.email_verified_at) == (False, False, None)
    assert row.anonymized_at is not None
    assert row.password.startswith("!")
    assert str(row) == f"customer {zenobia.pk}"
    assert not CustomerSession.objects.exists()
    profile = CustomerProfile.objects.get()
    assert (profile.customer_id, profile.tags, profile.preferences, profile.birthday) == (zenobia.pk, [], {}, None)
    assert list(
        Reservation.objects.order_by("id").values_list(
            "customer_id", "customer_name", "customer_phone", "customer_email", "special_requests", "notes", "status"
        )
    ) == [
        (zenobia.pk, "Anonymised guest", None, None, None, None, "COMPLETED"),
        (zenobia.pk, "Anonymised guest", None, None, None, None, "CONFIRMED"),
    ]
    assert list(Order.objects.values_list("customer_id", "customer_name", "notes", "total_amount")) == [
        (zenobia.pk, "Anonymised guest", None, Order.objects.get().total_amount)
    ]
    link = CustomerRestaurant.objects.get()
    assert (link.notes, link.vip_status) == (None, False)
    assert LogEntry.objects.get().object_repr == f"customer {zenobia.pk}"


def test_the_address_is_free_for_a_new_person(zenobia, as_customer, api):
    as_customer(zenobia).post("me/anonymise", YES)
    again = {"email": "zenobia@quist.example", "password": "correct horse battery", "first_name": "", "last_name": ""}
    api.post("auth/register", again)
    api.post("auth/verify-email", {"token": token()})

    new = Customer.objects.latest("pk")
    assert (new.pk != zenobia.pk, new.email_verified, new.reservations.count()) == (True, True, 0)


def test_an_address_that_was_never_proved_takes_nobody_s_guest_bookings_along(zenobia, as_customer):
    Customer.objects.update(email_verified=False)
    as_customer(zenobia).post("me/anonymise", YES)
    assert Reservation.objects.filter(customer=None, customer_name="Zenobia Quist").count() == 1


@pytest.fixture
def ahead(zenobia):
    """A booking in a month."""
    day = (timezone.now() + timedelta(days=30)).replace(hour=0, minute=0, second=0, microsecond=0)
    return ReservationFactory.create(customer=zenobia, reservation_date=day, customer_email="zenobia@quist.example")


def test_what_is_booked_ahead_is_cancelled(zenobia, ahead, as_customer):
    as_customer(zenobia).post("me/anonymise", YES)

    ahead.refresh_from_db()
    assert (ahead.status, ahead.customer_name) == ("CANCELLED", "Anonymised guest")
    assert BookingLog.objects.filter(reservation=ahead).latest("id").action == "cancelled"
    assert not Email.objects.exists()


def test_a_booking_too_near_to_be_cancelled_keeps_everything_as_it_is(zenobia, ahead, as_customer):
    BookingTerms.objects.update_or_create(reservation=ahead, defaults={"cancel_cutoff_minutes": 60 * 24 * 60})
    before = everything()
    client = as_customer(zenobia)

    assert refused(client.post("me/anonymise", YES)) == (422, "past_cutoff")

    assert client.get("me").json()["first_name"] == "Zenobia"
    ahead.refresh_from_db()
    assert ahead.status == "CONFIRMED"
    assert len(everything()) == len(before) + 2  # the log-in, and the count of passwords tried


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"password": "wrong", "confirm": "ANONYMISE"}, "password", "wrong"),
        ({"password": PASSWORD, "confirm": "anonymise"}, "confirm", "invalid_choice"),
        ({"password": PASSWORD}, "confirm", "required"),
    ],
)
def test_what_is_refused(zenobia, as_customer, body, field, code):
    errors = problem(as_customer(zenobia).post("me/anonymise", body))["errors"]
    assert [(error["field"], error["code"]) for error in errors] == [(field, code)]
    assert Customer.objects.get().anonymized_at is None
    assert queued() == []
