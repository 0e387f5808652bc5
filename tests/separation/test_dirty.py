"""Every awkward value that was seen in such a database, with what becomes of it: moved how, found as what, left."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts.models import User
from customers.models import Customer
from separation.models import Finding
from separation.verification import verify
from tests.databases import Databases, LegacyDatabase, default_connection_to
from tests.separation.engine import checksums, columns_of, move, one, query, take_back
from tests.separation.verify import broken, migrated_databases

pytestmark = pytest.mark.engine

Make = Callable[..., LegacyDatabase]

# Who moves, by the email in users: first and last name.
NAMES = {
    "  blanks.around@example.org  ": ("Blanka", "Around"),
    "\ttab.before@example.org": ("Tab", "Before"),
    "ALL.CAPITALS@EXAMPLE.ORG": ("ALL", "CAPITALS"),
    "o'brien+table@example.org": ("Siobhán", "O'Brien"),
    "käthe@bücher.example": ("Käthe", "Bücher"),
    "null.name@example.org": ("", ""),
    "empty.name@example.org": ("", ""),
    "blank.name@example.org": ("", ""),
    "one.word@example.org": ("Prince", ""),
    "five.words@example.org": ("María", "de los Ángeles Fuentes"),
    "cyrillic@example.org": ("Анна-Мария", "Петровна Ёлкина"),
    "arabic@example.org": ("عبد", "الرحمن بن خالد"),
    "tabs@example.org": ("Ada", "Lovelace"),
    "quotes@example.org": ('"Bobby"', "\\N O'Table\\; DROP --"),
    "emoji@example.org": ("👩‍👩‍👧", "Família 🇧🇷"),
    "combining@example.org": ("Zoe\u0308", "Cafe\u0301"),
    "rtl@example.org": ("\u202egnp.exe\u202c", "Spoof"),
    "noncharacter@example.org": ("Edge", "\uffff\U0010ffff"),
    "controls@example.org": ("Bell\x07", "Escape\x1b[31m"),
    "long.name@example.org": ("Wolfeschlegelstein" * 17, "Hubert"),
    "no.visit@example.org": ("Neva", "Visited"),
    "two.houses@example.org": ("Wanda", "Wanderer"),
    "closed.house@example.org": ("Closed", "Regular"),
    "former.waiter@example.org": ("Former", "Waiter"),
    "present.waiter@example.org": ("Present", "Waiter"),
    "php@example.org": ("Phil", "Hypertext"),
    "long.phone@example.org": ("Phoebe", "Long"),
    "empty.phone@example.org": ("Effie", "Phone"),
    "words.phone@example.org": ("Wilma", "Phone"),
    "year.one@example.org": ("Justus", "Early"),
    "year.9999@example.org": ("Stella", "Late"),
    "infinity@example.org": ("Ina", "Finity"),
    "id.2147483646@example.org": ("Maximilian", "Last"),
    "id.2147483647@example.org": ("Maximilian", "Last"),
    "empty.password@example.org": ("Emil", "Empty"),
    "sha1@example.org": ("Shari", "Sha"),
    "salted.sha1@example.org": ("Sally", "Salted"),
    "plain.text@example.org": ("Petra", "Plain"),
    "cut.off@example.org": ("Curt", "Cutoff"),
    "marker@example.org": ("Marek", "Marker"),
}
# A blank that no keyboard makes: some servers split at it, some do not; no letter is lost in either case.
SPLIT_SOMEHOW = {"invisible@example.org": "\ufeffZero\u200bWidthSpace"}
RESETS = {
    "empty.password@example.org",
    "sha1@example.org",
    "salted.sha1@example.org",
    "plain.text@example.org",
    "cut.off@example.org",
    "marker@example.org",
}
# Who stays in users, and why.
KEPT_BACK = {
    "double@example.org": "duplicate_email",
    "Double@Example.org": "duplicate_email",
    "  double@example.org ": "duplicate_email",
    "tabbed@example.org": "duplicate_email",
    "tabbed@example.org\t": "duplicate_email",
    "": "invalid_email",
    "   ": "invalid_email",
    "not-an-address": "invalid_email",
    "@example.org": "invalid_email",
    "someone@": "invalid_email",
    "two words@example.org": "invalid_email",
    "manager.guest@example.org": "staff_marked_as_customer",
    "two.owners@example.org": "staff_marked_as_customer",
    "recipe.author@example.org": "staff_marked_as_customer",
    "menu.author@example.org": "staff_marked_as_customer",
    "admin.guest@example.org": "staff_marked_as_customer",
    "superadmin.guest@example.org": "staff_marked_as_customer",
}
# Which restaurants know a customer, with visits and spend.
LINKS = {
    "two.houses@example.org": [("casa-lucia", 1, "0.00"), ("copper-kettle", 5, "99999994.99")],
    "closed.house@example.org": [("closed-house", 1, "0.00")],
    "former.waiter@example.org": [("casa-lucia", 0, "0.00")],
    "present.waiter@example.org": [("copper-kettle", 0, "0.00")],
    "no.visit@example.org": [],
    "year.one@example.org": [("casa-lucia", 1, "0.00"), ("copper-kettle", 0, "42.10")],
    "year.9999@example.org": [("casa-lucia", 0, "0.00")],
    "infinity@example.org": [("casa-lucia", 0, "0.00")],
    "id.2147483647@example.org": [("casa-lucia", 1, "0.00")],
}
SECRETS = re.compile(r"\$2[aby]\$|8843d7f9|password123|MIGRATED_TO")


@pytest.fixture(scope="module")
def migrated(databases: Databases) -> Iterator[Callable[[str], str]]:
    """The name of a migrated database of a kind, made once for all tests of this file."""
    with migrated_databases(databases) as name_of:
        yield name_of


@pytest.fixture
def dirty(migrated: Callable[[str], str]) -> Iterator[None]:
    """A migrated dirty database behind the default connection, which the test leaves as it is."""
    with default_connection_to(migrated("dirty")):
        yield


def customer(email: str, columns: str) -> list[tuple[Any, ...]]:
    """Return COLUMNS of c, the customer, and u, the user of this EMAIL; nothing of who has not moved."""
    return query(connection, f"SELECT {columns} FROM users u JOIN customers c USING (id) WHERE u.email = %s", [email])


def found_about(email: str) -> set[str]:
    identifier = one(connection, "SELECT id FROM users WHERE email = %s", [email])
    return set(
        Finding.objects.filter(table_name="users", row_id=identifier, state="open").values_list("kind", flat=True)
    )


def test_every_awkward_person_has_an_outcome_here(legacy_database: Make) -> None:
    emails = "SELECT email FROM users"
    plain = set(query(legacy_database("plain").connection, emails))
    odd = {email for (email,) in set(query(legacy_database("dirty").connection, emails)) - plain}
    assert odd == {*NAMES, *SPLIT_SOMEHOW, *KEPT_BACK}


@pytest.mark.usefixtures("dirty")
@pytest.mark.parametrize("email", NAMES)
def test_who_moves_is_what_users_says(email: str) -> None:
    same = "c.phone IS NOT DISTINCT FROM u.phone, (c.created_at, c.updated_at) = (u.created_at, u.updated_at)"
    password = "CASE WHEN c.password = '!' THEN 'none' WHEN c.password = u.password THEN 'same' ELSE 'other' END"

    (moved,) = customer(email, f"c.email, c.first_name, c.last_name, {password}, {same}")

    assert moved == (email.strip(" \t"), *NAMES[email], "none" if email in RESETS else "same", True, True)
    assert found_about(email) == ({"needs_password_reset"} if email in RESETS else set())


@pytest.mark.usefixtures("dirty")
@pytest.mark.parametrize("email", SPLIT_SOMEHOW)
def test_no_letter_of_a_name_is_lost(email: str) -> None:
    ((first, last),) = customer(email, "c.first_name, c.last_name")
    assert re.sub(r"\s", "", first + last) == SPLIT_SOMEHOW[email]
    assert found_about(email) == set()


@pytest.mark.usefixtures("dirty")
@pytest.mark.parametrize("email", KEPT_BACK)
def test_who_is_kept_back_stays_untouched_with_all_their_rows(email: str) -> None:
    assert customer(email, "c.id") == []
    assert found_about(email) == {KEPT_BACK[email]}
    for table in ("reservations", "orders"):
        linked = (
            f"SELECT count(*) FROM {table} t JOIN users u ON u.id = t.user_id WHERE u.email = %s AND customer_id > 0"
        )
        assert one(connection, linked, [email]) == 0


@pytest.mark.usefixtures("dirty")
@pytest.mark.parametrize("email", LINKS)
def test_restaurants_know_who_came_whatever_the_date_or_the_total(email: str) -> None:
    known = query(
        connection,
        """SELECT r.slug, l.visit_count, l.total_spent::text FROM customer_restaurants l
            JOIN users u ON u.id = l.customer_id JOIN restaurants r ON r.id = l.restaurant_id
        WHERE u.email = %s ORDER BY r.slug""",
        [email],
    )
    assert known == LINKS[email]


@pytest.mark.usefixtures("dirty")
@pytest.mark.parametrize(
    ("rows", "kind", "customers"),
    [
        ("reservations t WHERE user_id NOT IN (SELECT id FROM users)", "orphan", {False}),
        ("orders t WHERE user_id NOT IN (SELECT id FROM users)", "orphan", {False}),
        (
            "orders t WHERE restaurant_id <> (SELECT r.restaurant_id FROM reservations r WHERE r.id = reservation_id)",
            "restaurant_mismatch",
            {True},
        ),
        ("recipes t WHERE name = 'Grandmother''s dumplings'", "no_restaurant", None),
        ("menus t WHERE name = 'Picnic'", "no_restaurant", None),
    ],
)
def test_a_row_that_does_not_fit_is_found_and_left(rows: str, kind: str, customers: set[bool] | None) -> None:
    ids = [identifier for (identifier,) in query(connection, f"SELECT id FROM {rows}")]
    about = Finding.objects.filter(kind=kind, table_name=rows.split()[0], state="open")
    assert ids
    assert set(ids) <= set(about.values_list("row_id", flat=True))
    if customers is not None:
        assert {linked for (linked,) in query(connection, f"SELECT customer_id IS NOT NULL FROM {rows}")} == customers


@pytest.mark.usefixtures("dirty")
def test_the_last_ids_stay_and_the_next_person_gets_a_small_one() -> None:
    assert one(connection, "SELECT max(id) FROM customers") == 2**31 - 1
    assert one(connection, "SELECT last_value FROM users_id_seq") < 1000


@pytest.mark.usefixtures("dirty")
def test_every_page_of_the_admin_shows_them_and_no_secret(client: Client) -> None:
    client.force_login(User.objects.get(email="superadmin@platform.example"))
    paths = [
        f"/admin/customers/customer/{key}/change/" for key in _odd_ids(Customer.objects.values_list("pk", "email"))
    ]
    one_of_each = Finding.objects.order_by("kind", "-row_id").distinct("kind").values_list("pk", flat=True)
    paths += [f"/admin/separation/finding/{key}/change/" for key in one_of_each]
    paths += ["/admin/", "/admin/customers/customer/", "/admin/separation/finding/"]
    pages = {path: client.get(path) for path in paths}
    assert [path for path, page in pages.items() if page.status_code != 200] == []
    assert [path for path, page in pages.items() if SECRETS.search(page.content.decode())] == []
    assert len(paths) > 45


def _odd_ids(people: Any) -> list[int]:
    odd = {email.strip(" \t") for email in (*NAMES, *SPLIT_SOMEHOW)}
    return [key for key, email in people if email in odd]


def test_they_survive_the_proof_the_way_back_and_another_execute(legacy_database: Make) -> None:
    database = legacy_database("dirty", adopted=True)
    columns = {table: names for table, names in columns_of(connection).items() if not table.startswith("separation_")}
    before = checksums(connection, columns)
    for _ in range(2):
        moved = move(database.connection).counts["customers"]
        assert broken(verify(connection)) == {}
        take_back(database.connection)
        assert checksums(connection, columns) == before
    assert moved == len(NAMES) + len(SPLIT_SOMEHOW) + 55


def test_camel_case_is_refused_before_anything_is_written(legacy_database: Make) -> None:
    database = legacy_database("camel")
    columns = columns_of(database.connection)
    with pytest.raises(SystemExit) as ended:
        call_command("migrate", verbosity=0)
    assert ended.value.code == 3
    assert columns_of(database.connection) == columns
