"""What the new application writes while both schemas live is in the legacy tables at once, or refused."""

from datetime import UTC, datetime

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F

from config.fields import BCRYPT_PREFIX
from customers.models import Customer, CustomerProfile
from separation.mirror import drain
from separation.models import Finding, Pending
from separation.verification import verify
from tests.databases import manage
from tests.separation.engine import move, one, query, take_back
from tests.separation.old_application import BCRYPT, application_role, old_application, register

pytestmark = pytest.mark.engine

OTHER_HASH = "$2b$12$" + "u" * 22 + "v" * 31
LEGACY = """
SELECT u.email, u.name, u.password, u.phone, u.role::text, u.is_customer,
    (u.created_at, u.updated_at) = (c.created_at, c.updated_at)
FROM users u JOIN customers c ON c.id = u.id WHERE u.id = %s
"""
PROFILE = "SELECT user_id, email_verified, notes FROM customer_profiles WHERE customer_id = %s"


@pytest.fixture
def world(request, legacy_database):
    """A moved database of a kind, plain unless said otherwise, with the old application connected to it."""
    kind = getattr(request, "param", "plain")
    database = legacy_database(kind, moved=True)
    with (
        application_role(database.name, profiles=kind == "ahead") as role,
        old_application(database.name, role) as old,
    ):
        yield database.connection, old
    assert drain(database.connection) == 0
    assert [(result.id, result.sample) for result in verify(database.connection).failures] == []


ahead = pytest.mark.parametrize("world", ["ahead"], indirect=True)
dirty = pytest.mark.parametrize("world", ["dirty"], indirect=True)


def sign_up(email="Lena@example.org", **more):
    """Register as the portal does."""
    fields = {"password": BCRYPT_PREFIX + BCRYPT, "first_name": "Lena Maria", "last_name": "Berg", "phone": "+49 1"}
    return Customer.objects.create(email=email, **(fields | more))


def refused(write):
    """Return SQLSTATE, constraint and message of the error that WRITE gets, in a transaction of its own."""
    with pytest.raises(IntegrityError) as failed, transaction.atomic():
        write()
    cause = failed.value.__cause__
    assert isinstance(cause, psycopg.Error)
    return cause.sqlstate, cause.diag.constraint_name, cause.diag.message_primary


def test_a_registration(world):
    connection, _ = world

    lena = sign_up()

    assert query(connection, LEGACY, [lena.pk]) == [
        ("Lena@example.org", "Lena Maria Berg", BCRYPT, "+49 1", "USER", True, True)
    ]
    assert query(connection, PROFILE, [lena.pk]) == [(None, False, None)]
    assert lena.profile.email_verified is False
    lena.refresh_from_db()
    assert (lena.first_name, lena.last_name) == ("Lena Maria", "Berg")


def test_the_next_user_of_the_old_application_gets_the_next_id(world):
    _, old = world
    assert [sign_up().pk + 1, register(old, "maria@example.org") + 1] == [
        register(old, "nora@example.org") - 1,
        sign_up("ada@example.org").pk - 1,
    ]


def test_a_registration_without_a_name_a_phone_or_a_password(world):
    connection, _ = world

    lena = sign_up(password="!", first_name=" ", last_name="", phone=None)

    assert query(connection, LEGACY, [lena.pk]) == [("Lena@example.org", None, "!", None, "USER", True, True)]
    assert Finding.objects.get(row_id=lena.pk, kind="needs_password_reset").state == "open"
    Customer.objects.filter(pk=lena.pk).update(password=BCRYPT)
    assert Finding.objects.get(row_id=lena.pk, kind="needs_password_reset").state == "gone"


def test_registrations_and_changes_of_ten_thousand_in_one_statement(world):
    connection, _ = world
    one(connection, "SELECT set_config('statement_timeout', '60s', false)")
    people = [
        Customer(email=f"bulk{number}@example.org", password=BCRYPT, first_name="Bulk", last_name=str(number))
        for number in range(10_000)
    ]

    Customer.objects.bulk_create(people)
    Customer.objects.filter(email__startswith="bulk").update(phone=F("last_name"), email_verified=True)

    bulk = """SELECT count(*) FROM users u JOIN customers c ON c.id = u.id
            JOIN customer_profiles p ON p.customer_id = c.id
        WHERE u.email = 'bulk' || u.phone || '@example.org' AND u.name = 'Bulk ' || u.phone"""
    assert one(connection, bulk) == 10_000
    assert len({person.pk for person in people}) == 10_000
    assert not Pending.objects.exists()


@pytest.mark.parametrize("email", ["STAFF", " staff ", "customer"])
def test_an_email_that_somebody_has_is_refused(world, email):
    connection, _ = world
    kept = "NOT is_customer" if "staff" in email.lower() else "is_customer AND email LIKE '%%@example.%%'"
    identifier, taken = query(connection, f"SELECT id, email FROM users WHERE {kept} ORDER BY id LIMIT 1")[0]
    if email == " staff ":
        query(connection, "UPDATE users SET email = ' ' || email || ' ' WHERE id = %s", [identifier])
    wanted = taken.upper() if email == "STAFF" else taken

    state, constraint, message = refused(lambda: sign_up(wanted))

    assert (state, constraint) == ("23505", "users_email_key")
    assert message.startswith("The email of customer ")
    assert message.endswith(" belongs to another person in users.")
    assert wanted.lower() not in message.lower()
    lena = sign_up()
    assert refused(lambda: Customer.objects.filter(pk=lena.pk).update(email=wanted))[1] == "users_email_key"


WRONG = {
    "no address": ({"email": "lena"}, "email is not an address"),
    "a blank around the address": ({"email": " lena@example.org"}, "email is not an address"),
    "a long phone": ({"phone": "1" * 51}, "phone is longer than the 50 characters of users.phone"),
    "no hash": ({"password": "x"}, "password is neither a bcrypt hash nor marked as unusable by a leading !"),
    "empty": ({"password": ""}, "password is neither a bcrypt hash nor marked as unusable by a leading !"),
    "suspended": (
        {"password": f"!{BCRYPT}"},
        "password is neither a bcrypt hash nor marked as unusable by a leading !",
    ),
}


def test_what_users_cannot_hold_is_refused(world):
    lena = sign_up("first@example.org")

    for fields, reason in WRONG.values():
        state, _, message = refused(lambda: sign_up(**fields))  # noqa: B023
        assert (state, message.partition(": ")[2]) == ("23514", f"{reason}.")
        assert refused(lambda: Customer.objects.filter(pk=lena.pk).update(**fields)) == (  # noqa: B023
            "23514",
            None,
            f"Customer {lena.pk} cannot be written to users: {reason}.",
        )


def test_another_id_is_refused(world):
    connection, _ = world
    lena = sign_up()
    staff = one(connection, "SELECT min(id) FROM users WHERE NOT is_customer")

    assert refused(lambda: Customer.objects.filter(pk=lena.pk).update(id=F("id") + 1000))[2] == (
        f"Customer {lena.pk + 1000} cannot be written to users: a customer keeps the id of the same person in users."
    )
    assert refused(lambda: sign_up("other@example.org", id=staff)) == (
        "23505",
        "users_pkey",
        "The id of a new customer belongs to another person in users.",
    )


def test_every_change(world):
    connection, _ = world
    lena = sign_up()

    for field, value, legacy in (
        ("email", "lena@Example.org", "lena@Example.org"),
        ("email", "other@example.org", "other@example.org"),
        ("first_name", "Anna  Maria", "Anna Maria Berg"),
        ("last_name", "", "Anna Maria"),
        ("phone", None, None),
        ("phone", "7", "7"),
        ("password", OTHER_HASH, OTHER_HASH),
        ("password", "!unusable", "!unusable"),
    ):
        setattr(lena, field, value)
        lena.save(update_fields=[field])
        column = "name" if field.endswith("_name") else field
        assert one(connection, f"SELECT {column} FROM users WHERE id = %s", [lena.pk]) == legacy


def test_a_save_of_everything_takes_the_time_of_the_change_along(world):
    connection, _ = world
    lena = sign_up()
    lena.phone = "9"
    lena.save()

    lena.refresh_from_db()
    assert query(connection, "SELECT phone, updated_at FROM users WHERE id = %s", [lena.pk]) == [
        ("9", lena.updated_at.replace(tzinfo=None))
    ]
    assert lena.updated_at > lena.created_at


def test_what_users_does_not_have_writes_nothing_there(world):
    connection, _ = world
    before = query(connection, "SELECT id, xmin::text FROM users ORDER BY id")

    Customer.objects.update(last_login=datetime(2027, 1, 1, tzinfo=UTC), phone=F("phone"))

    assert query(connection, "SELECT id, xmin::text FROM users ORDER BY id") == before


def test_a_name_of_the_old_application_keeps_its_blanks(world):
    connection, old = world
    person = register(old, "lena@example.org", " Lena  Maria\tBerg ")

    Customer.objects.filter(pk=person).update(first_name="Lena Maria", last_name="Berg", phone="1")

    assert one(connection, "SELECT name FROM users WHERE id = %s", [person]) == " Lena  Maria\tBerg "
    old.execute("UPDATE users SET phone = '2', name = 'Lena Maria  Berg' WHERE id = %s", [person])
    assert query(connection, "SELECT first_name, last_name, phone FROM customers WHERE id = %s", [person]) == [
        ("Lena Maria", "Berg", "2")
    ]
    old.execute("UPDATE users SET name = 'Lena Berg' WHERE id = %s", [person])
    assert query(connection, "SELECT first_name, last_name FROM customers WHERE id = %s", [person]) == [
        ("Lena", "Berg")
    ]


def test_whoever_is_deactivated_cannot_log_in_to_the_old_application(world):
    connection, old = world
    lena = sign_up()

    def both():
        return query(
            connection,
            "SELECT u.password, c.password, c.is_active FROM users u JOIN customers c ON c.id = u.id WHERE c.id = %s",
            [lena.pk],
        )[0]

    Customer.objects.filter(pk=lena.pk).update(is_active=False)
    assert both() == (f"!{BCRYPT}", BCRYPT, False)
    Customer.objects.filter(pk=lena.pk).update(password=OTHER_HASH)
    assert both() == (f"!{OTHER_HASH}", OTHER_HASH, False)
    old.execute("UPDATE users SET password = %s, phone = '3' WHERE id = %s", [BCRYPT, lena.pk])
    assert both() == (f"!{BCRYPT}", BCRYPT, False)
    old.execute("UPDATE users SET phone = '4' WHERE id = %s", [lena.pk])
    assert both() == (f"!{BCRYPT}", BCRYPT, False)
    old.execute("UPDATE users SET password = '' WHERE id = %s", [lena.pk])
    old.execute("UPDATE users SET password = %s WHERE id = %s", [OTHER_HASH, lena.pk])
    assert both() == (f"!{OTHER_HASH}", OTHER_HASH, False)
    Customer.objects.filter(pk=lena.pk).update(is_active=True)
    assert both() == (OTHER_HASH, OTHER_HASH, True)
    Customer.objects.filter(pk=lena.pk).update(is_active=False, password="!none")
    assert both() == ("!none", "!none", False)


def test_somebody_registered_as_deactivated(world):
    connection, _ = world
    lena = sign_up(is_active=False)
    assert one(connection, "SELECT password FROM users WHERE id = %s", [lena.pk]) == f"!{BCRYPT}"


def test_an_anonymisation(world):
    connection, _ = world
    lena = sign_up()

    Customer.objects.filter(pk=lena.pk).update(
        email=f"anonymised-{lena.pk}@anonymised.invalid",
        first_name="",
        last_name="",
        phone=None,
        password="!",
        is_active=False,
        anonymized_at=datetime(2027, 1, 1, tzinfo=UTC),
    )

    assert query(connection, LEGACY, [lena.pk]) == [
        (f"anonymised-{lena.pk}@anonymised.invalid", None, "!", None, "USER", True, True)
    ]


def test_an_email_that_is_free_again_lets_a_duplicate_in(world):
    connection, old = world
    lena = sign_up("lena@example.org")
    twin = register(old, "LENA@example.org")
    assert Finding.objects.get(row_id=twin).kind == "duplicate_email"

    Customer.objects.filter(pk=lena.pk).update(email="other@example.org")

    assert drain(connection) == 0
    assert Finding.objects.get(row_id=twin).state == "gone"
    assert Customer.objects.filter(pk=twin).exists()


def test_whoever_the_old_application_has_no_more_is_not_written(world):
    connection, old = world
    lena = sign_up()
    with old.transaction():
        # In this isolation the mirror queues.
        old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        old.execute("UPDATE users SET is_customer = false, role = 'ADMIN' WHERE id = %s", [lena.pk])

    state, _, message = refused(lambda: Customer.objects.filter(pk=lena.pk).update(password=OTHER_HASH))

    assert (state, message) == (
        "23503",
        f"Customer {lena.pk} is no customer in users any more: the old application changed that just now.",
    )
    assert one(connection, "SELECT password FROM users WHERE id = %s", [lena.pk]) == BCRYPT


def test_nobody_is_deleted_but_by_the_engine(world):
    connection, _ = world
    lena = sign_up()

    assert refused(lena.delete)[::2] == ("23001", "A customer cannot be deleted while both schemas live.")
    with pytest.raises(IntegrityError), transaction.atomic():
        query(connection, "TRUNCATE customers CASCADE")
    assert Customer.objects.filter(pk=lena.pk).exists()


@ahead
def test_a_profile_of_a_registration_is_the_old_application_s_too(world):
    connection, old = world
    lena = sign_up(email_verified=True)
    assert query(connection, PROFILE, [lena.pk]) == [(lena.pk, True, None)]

    lena.profile.notes = "Vegan"
    lena.profile.save()
    assert old.execute("SELECT notes FROM customer_profiles WHERE user_id = %s", [lena.pk]).fetchall() == [("Vegan",)]

    with pytest.raises(psycopg.errors.UniqueViolation):
        insert_profile(old, lena.pk)


def insert_profile(old, user, notes="Old"):
    old.execute(
        "INSERT INTO customer_profiles (user_id, tags, notes, updated_at) VALUES (%s, '{}', %s, now())", [user, notes]
    )


@ahead
def test_a_profile_of_the_old_application_takes_over_from_an_empty_one(world):
    connection, old = world
    lena, maria = sign_up(), register(old, "maria@example.org")

    for person in (lena.pk, maria):
        insert_profile(old, person)
        assert query(connection, PROFILE, [person]) == [(person, False, "Old")]
        with pytest.raises(psycopg.errors.UniqueViolation):
            insert_profile(old, person)


@ahead
def test_a_profile_that_the_new_application_fills_appears_in_the_old_one(world):
    connection, old = world
    maria = register(old, "maria@example.org")
    assert query(connection, PROFILE, [maria]) == [(None, False, None)]

    CustomerProfile.objects.filter(customer_id=maria).update(notes="Vegan")

    assert old.execute("SELECT notes FROM customer_profiles WHERE user_id = %s", [maria]).fetchall() == [("Vegan",)]


@ahead
def test_a_verified_email_is_one_on_both_sides(world):
    connection, old = world
    lena = sign_up()

    def both():
        return query(
            connection,
            """SELECT c.email_verified, p.email_verified
            FROM customers c JOIN customer_profiles p ON p.customer_id = c.id WHERE c.id = %s""",
            [lena.pk],
        )[0]

    Customer.objects.filter(pk=lena.pk).update(email_verified=True)
    assert both() == (True, True)
    old.execute("UPDATE customer_profiles SET email_verified = false WHERE user_id = %s", [lena.pk])
    assert both() == (False, False)
    CustomerProfile.objects.filter(customer=lena).update(email_verified=True)
    assert both() == (True, True)
    old.execute("UPDATE users SET email = 'other@example.org' WHERE id = %s", [lena.pk])
    assert both() == (True, True)


def test_an_email_that_the_old_application_changes_is_not_verified(world):
    _, old = world
    lena = sign_up(email_verified=True, email_verified_at=datetime(2027, 1, 1, tzinfo=UTC))

    old.execute("UPDATE users SET email = ' LENA@example.org ' WHERE id = %s", [lena.pk])
    lena.refresh_from_db()
    assert (lena.email, lena.email_verified, lena.email_verified_at is None) == ("LENA@example.org", True, False)
    old.execute("UPDATE users SET email = 'lea@example.org' WHERE id = %s", [lena.pk])
    lena.refresh_from_db()
    assert (lena.email, lena.email_verified, lena.email_verified_at) == ("lea@example.org", False, None)


def test_a_registration_beside_the_rows_of_an_earlier_attempt(legacy_database):
    database = legacy_database("half", moved=True)
    connection = database.connection
    lena = sign_up(email_verified=True)
    Customer.objects.filter(pk=lena.pk).update(email="lea@example.org", is_active=False)
    CustomerProfile.objects.filter(customer=lena).update(notes="Vegan")
    assert verify(connection).failures == []

    take_back(connection)
    gone = manage(database.name, "migrate", "separation", "zero", "--verbosity", "0")

    assert (gone.returncode, gone.stderr) == (0, "")
    assert query(connection, "SELECT email, password FROM users WHERE id = %s", [lena.pk]) == [
        ("lea@example.org", f"!{BCRYPT}")
    ]
    assert query(connection, "SELECT email_verified, notes FROM customer_profiles WHERE user_id = %s", [lena.pk]) == [
        (True, "Vegan")
    ]


def test_a_profile_that_only_we_know_has_no_user(world):
    connection, _ = world
    lena = sign_up()
    CustomerProfile.objects.filter(customer=lena).update(notes="Vegan", email_verified=True)
    assert query(connection, PROFILE, [lena.pk]) == [(None, True, "Vegan")]


def test_a_customer_of_a_lone_restaurant_is_linked_at_once(legacy_database):
    database = legacy_database("plain", customers=5, adopted=True)
    query(database.connection, "DELETE FROM restaurants WHERE id > (SELECT min(id) FROM restaurants)")
    move(database.connection)

    lena = sign_up()

    assert list(lena.restaurants.values_list("visit_count", "total_spent")) == [(0, 0)]
    assert verify(database.connection).failures == []


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("customers", "(email, password) VALUES ('lena@example.org', '!')"),
        ("customer_profiles", "(customer_id) VALUES (1)"),
        ("customer_restaurants", "(customer_id, restaurant_id) VALUES (1, 1)"),
        ("customer_sessions", "(customer_id) VALUES (1)"),
    ],
)
def test_before_the_first_move_the_new_tables_are_closed(legacy_database, table, values):
    database = legacy_database("plain", adopted=True)
    with pytest.raises(OperationalError, match=f"the customers are in users, and {table} is closed"):
        query(database.connection, f"INSERT INTO {table} {values}")


def test_after_a_roll_back_the_new_tables_are_closed(legacy_database):
    database = legacy_database("plain", moved=True)
    lena = sign_up()
    take_back(database.connection)

    with pytest.raises(OperationalError, match="legacy: the customers are in users, and customers is closed"):
        sign_up("late@example.org")
    assert one(database.connection, "SELECT password FROM users WHERE id = %s", [lena.pk]) == BCRYPT
