"""Rows for tests of the applications, each valid by itself; tests name only what they are about."""

from datetime import UTC, date, datetime
from typing import Any

from factory.declarations import (
    LazyAttribute,  # separation: line
    RelatedFactory,
    Sequence,
    SubFactory,
)
from factory.django import DjangoModelFactory
from post_office.models import STATUS, Email

from accounts.models import RestaurantStaff, User
from customers.models import Customer, CustomerProfile, CustomerRestaurant
from menus.models import Menu, MenuItem, MenuSection, Recipe
from orders.models import Order
from reservations.models import BookingPolicy, OpeningException, Reservation
from restaurants.models import Restaurant
from separation.models import Backup, Checked, Chunk, Finding, Look, Rehearsal, Run, Verification  # separation: line

PASSWORD = "correct horse battery"
# PASSWORD as the old application hashed it, at the lowest cost so that tests are fast.
PASSWORD_HASH = "bcrypt$$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"


class RestaurantFactory(DjangoModelFactory[Restaurant]):
    class Meta:
        model = Restaurant

    name = Sequence(lambda n: f"Restaurant {n}")
    slug = Sequence(lambda n: f"restaurant-{n}")


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    email = Sequence(lambda n: f"user{n}@example.org")
    name = Sequence(lambda n: f"User {n}")
    password = PASSWORD_HASH


class RestaurantStaffFactory(DjangoModelFactory[RestaurantStaff]):
    class Meta:
        model = RestaurantStaff

    user = SubFactory(UserFactory)
    restaurant = SubFactory(RestaurantFactory)


class CustomerFactory(DjangoModelFactory[Customer]):
    class Meta:
        model = Customer
        skip_postgeneration_save = True

    email = Sequence(lambda n: f"customer{n}@example.org")
    password = PASSWORD_HASH
    first_name = "Carla"
    last_name = Sequence(lambda n: f"Customer {n}")
    profile = RelatedFactory("tests.factories.CustomerProfileFactory", factory_related_name="customer")


class CustomerProfileFactory(DjangoModelFactory[CustomerProfile]):
    class Meta:
        model = CustomerProfile

    customer = SubFactory(CustomerFactory, profile=None)


class CustomerRestaurantFactory(DjangoModelFactory[CustomerRestaurant]):
    class Meta:
        model = CustomerRestaurant

    customer = SubFactory(CustomerFactory)
    restaurant = SubFactory(RestaurantFactory)


class EmailFactory(DjangoModelFactory[Email]):
    class Meta:
        model = Email

    from_email = "mail@restaurants.example"
    to = Sequence(lambda n: [f"customer{n}@example.org"])
    subject = "Welcome"
    message = "Hello"
    html_message = "<p>Hello</p>"
    status = STATUS.queued
    priority = 1
    context = {"template": "welcome", "links": {}}


class ReservationFactory(DjangoModelFactory[Reservation]):
    class Meta:
        model = Reservation

    customer_name = Sequence(lambda n: f"Guest {n}")
    restaurant = SubFactory(RestaurantFactory)
    user = SubFactory(UserFactory)
    party_size = 2
    reservation_date = datetime(2026, 6, 1, tzinfo=UTC)
    reservation_time = "18:30"


class BookingPolicyFactory(DjangoModelFactory[BookingPolicy]):
    class Meta:
        model = BookingPolicy

    restaurant = SubFactory(RestaurantFactory)


class OpeningExceptionFactory(DjangoModelFactory[OpeningException]):
    class Meta:
        model = OpeningException

    restaurant = SubFactory(RestaurantFactory)
    date = date(2026, 6, 1)


class OrderFactory(DjangoModelFactory[Order]):
    class Meta:
        model = Order

    order_number = Sequence(lambda n: f"ORD-{n:08}")
    restaurant = SubFactory(RestaurantFactory)
    user = SubFactory(UserFactory)
    total_amount = "12.50"


class MenuFactory(DjangoModelFactory[Menu]):
    class Meta:
        model = Menu

    name = Sequence(lambda n: f"Menu {n}")
    user = SubFactory(UserFactory)
    restaurant = SubFactory(RestaurantFactory)


class MenuSectionFactory(DjangoModelFactory[MenuSection]):
    class Meta:
        model = MenuSection

    name = Sequence(lambda n: f"Section {n}")
    menu = SubFactory(MenuFactory)


class MenuItemFactory(DjangoModelFactory[MenuItem]):
    class Meta:
        model = MenuItem

    name = Sequence(lambda n: f"Item {n}")
    section = SubFactory(MenuSectionFactory)


class RecipeFactory(DjangoModelFactory[Recipe]):
    class Meta:
        model = Recipe

    name = Sequence(lambda n: f"Recipe {n}")
    instructions = "Stir."
    user = SubFactory(UserFactory)
    restaurant = SubFactory(RestaurantFactory)


# separation: begin
class RunFactory(DjangoModelFactory[Run]):
    class Meta:
        model = Run

    kind = Run.EXECUTE
    state = Run.DONE
    operator = "somebody@somewhere pid 1"
    started_at = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
    finished_at = datetime(2026, 6, 1, 12, 1, tzinfo=UTC)


class ChunkFactory(DjangoModelFactory[Chunk]):
    class Meta:
        model = Chunk

    run = SubFactory(RunFactory)
    state = Chunk.LINKED
    first_id = Sequence(lambda n: n * 100 + 1)
    last_id = LazyAttribute(lambda chunk: chunk.first_id + 99)
    moved_at = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


class FindingFactory(DjangoModelFactory[Finding]):
    class Meta:
        model = Finding

    kind = "invalid_email"
    table_name = "users"
    row_id = Sequence(lambda n: n + 1)
    run = SubFactory(RunFactory)


class BackupFactory(DjangoModelFactory[Backup]):
    class Meta:
        model = Backup

    id = Sequence(lambda n: f"backup-{n}")
    path = LazyAttribute(lambda backup: f"/backups/{backup.id}")
    identity = "somewhere"
    taken_at = datetime(2026, 6, 1, 11, 0, tzinfo=UTC)
    tables = 1
    rows = 2
    bytes = 3
    manifest_sha256 = "0" * 64


class RehearsalFactory(DjangoModelFactory[Rehearsal]):
    class Meta:
        model = Rehearsal

    backup_id = Sequence(lambda n: f"backup-{n}")
    backup_taken_at = datetime(2026, 6, 1, 11, 0, tzinfo=UTC)
    identity = "somewhere"
    code = "0" * 64
    same_server = True
    started_at = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
    finished_at = datetime(2026, 6, 1, 12, 1, tzinfo=UTC)
    passed = True
    customers = 5000
    steps = LazyAttribute(lambda _: [{"name": "restore", "seconds": 1.5, "ok": True, "said": ["Restored."]}])
    operator = "somebody@somewhere pid 1"


class LookFactory(DjangoModelFactory[Look]):
    class Meta:
        model = Look

    looked_at = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
    identity = "somewhere"
    failures = LazyAttribute(lambda _: [])
    told = LazyAttribute(lambda _: [])
    xid = "1"
    extents = LazyAttribute(lambda _: {})


class VerificationFactory(DjangoModelFactory[Verification]):
    class Meta:
        model = Verification

    asked_by = "Sue (user 1)"
    since = ""
    finished_at = datetime(2026, 6, 1, 12, 1, tzinfo=UTC)
    ok = True
    verdict = "All 60 invariants hold."


class CheckedFactory(DjangoModelFactory[Checked]):
    class Meta:
        model = Checked

    id = Sequence(lambda n: f"invariant{n}")
    identity = "somewhere"
    position = Sequence(lambda n: n)
    guarantee = "Phone numbers are those of users."
    status = "pass"
    figure = "5,000 customers compared"
    checked_at = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
    whole_at = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
    compared = 5000
    offending = 0
    sample = LazyAttribute(lambda _: [])
    details = LazyAttribute(lambda _: [])
    remedy = ""


# separation: end


def staff_of(restaurant: Restaurant, works_as: str, **columns: Any) -> User:
    """Return a new user who works at RESTAURANT as WORKS_AS."""
    user = UserFactory.create(**columns)
    RestaurantStaffFactory.create(restaurant=restaurant, role=works_as, user=user)
    return user
