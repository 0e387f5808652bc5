"""The policy file, and the fate of the rows behind each foreign key to users."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django.fixtures import Settings

from separation.errors import Refused
from separation.policy import Fate, fates, read_policy, undecided
from tests.databases import LegacyDatabase
from tests.separation.engine import query

Make = Callable[..., LegacyDatabase]
Write = Callable[..., Path]


@pytest.fixture
def write(settings: Settings, tmp_path: Path) -> Write:
    """Write a policy, whole or as its lines of [foreign_keys], and point the setting at it."""

    def to_file(*lines: str, text: str = "") -> Path:
        path = tmp_path / "separation.toml"
        path.write_text(text or "\n".join(["[foreign_keys]", *lines]), encoding="utf-8")
        settings.SEPARATION_POLICY = str(path)
        return path

    return to_file


def found(connection: BaseDatabaseWrapper) -> dict[str, Fate]:
    return {str(fate): fate for fate in fates(connection)}


def refusal_of(call: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        call()
    assert refused.value.interlock == "policy"
    assert refused.value.next_command == "python manage.py preflight"
    return refused.value.message


def test_the_example_can_be_read(settings: Settings) -> None:
    settings.SEPARATION_POLICY = str(settings.BASE_DIR / "separation.toml.example")
    assert read_policy().foreign_keys == {
        "reservation_logs.user_id": "stays",
        "guest_reservations.user_id": "repoint",
        "refresh_tokens.user_id": "forget",
        "password_reset_tokens.user_id": "forget",
        "email_verification_tokens.user_id": "forget",
    }


def test_no_file_is_an_empty_policy(settings: Settings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    assert read_policy().foreign_keys == {}


def test_a_file_that_is_named_must_be_there(settings: Settings, tmp_path: Path) -> None:
    settings.SEPARATION_POLICY = str(tmp_path / "gone.toml")
    assert refusal_of(read_policy) == f"{tmp_path}/gone.toml is not there, and SEPARATION_POLICY names it."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[foreign_keys]\n"a.b" = stays\n', " is no TOML: Invalid value (at line 2, column 9)."),
        (
            '[foreign_keys]\n"a.b" = "stays"\n"a.b" = "forget"\n',
            " is no TOML: Cannot overwrite a value (at line 3, column 17).",
        ),
        ('\n[tables]\nusers = "stays"\n', ', line 2, "tables" is not known: the only section is [foreign_keys].'),
        ('foreign_keys = "stays"\n', ', line 1, "foreign_keys" is not known: the only section is [foreign_keys].'),
        (
            '[foreign_keys]\n"a.b" = "stays"\n"c.d" = "keep"\n',
            ', line 3, "c.d" has no fate. Write, in quotes, "c.d" = "repoint", "stays" or "forget".',
        ),
        (
            '[foreign_keys]\n"c.d" = 1\n',
            ', line 2, "c.d" has no fate. Write, in quotes, "c.d" = "repoint", "stays" or "forget".',
        ),
        (
            '[foreign_keys]\nc.d = "stays"\n',
            ', line 2, "c" has no fate. Write, in quotes, "c.d" = "repoint", "stays" or "forget".',
        ),
    ],
)
def test_a_file_that_says_something_else(write: Write, text: str, expected: str) -> None:
    path = write(text=text)
    assert refusal_of(read_policy) == f"{path}{expected}"


def test_a_file_that_cannot_be_read(write: Write) -> None:
    path = write()
    path.write_bytes(b"\xff")
    assert refusal_of(read_policy).startswith(f"{path} cannot be read: 'utf-8' codec can't decode byte 0xff")


def test_what_is_known_is_decided(legacy_database: Make) -> None:
    fate = found(legacy_database("ahead", adopted=True).connection)
    assert {name: one.fate for name, one in fate.items() if one.fate != "undecided" and one.rows_of_customers} == {
        "customer_profiles.user_id": "stays",
        "orders.user_id": "stays",
        "reservations.customer_id": "repoint",
        "reservations.user_id": "stays",
        "restaurant_staff.user_id": "forget",
    }
    assert fate["restaurant_staff.user_id"].why == "customer_restaurants has what it says"
    assert fate["django_admin_log.user_id"].fate == "forget"
    assert [one.refusal for one in fate.values() if one.refusal] == []


def test_what_nobody_knows_is_undecided_while_customers_hold_rows(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "CREATE TABLE loyalty (id serial, member integer REFERENCES users (id) ON DELETE SET DEFAULT)")
    fate = found(connection)
    assert (fate["loyalty.member"].fate, fate["loyalty.member"].why) == ("stays", "no customer holds a row there")
    query(connection, "INSERT INTO loyalty (member) SELECT id FROM users WHERE is_customer OR role = 'SUPERADMIN'")
    (loyalty,) = [one for one in undecided(connection) if one.table == "loyalty"]
    assert (loyalty.on_delete, loyalty.rows_of_customers, loyalty.rows_of_staff) == ("SET DEFAULT", 63, 1)
    assert (loyalty.fate, loyalty.why) == ("undecided", "nobody said what becomes of them")


def test_the_policy_decides(legacy_database: Make, write: Write) -> None:
    connection = legacy_database("plain").connection
    write('"refresh_tokens.user_id" = "forget"', '"guest_reservations.user_id" = "repoint"')
    fate = found(connection)
    assert (fate["refresh_tokens.user_id"].fate, fate["refresh_tokens.user_id"].why) == (
        "forget",
        "separation.toml says so",
    )
    assert fate["guest_reservations.user_id"].fate == "repoint"
    names = [str(one) for one in undecided(connection)]
    assert "refresh_tokens.user_id" not in names
    assert "issues.user_id" in names


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            '"issue_comments.user_id" = "repoint"',
            "cannot be repointed: 1 row is of staff, whom customers does not have",
        ),
        ('"issues.user_id" = "stays"', "cannot stay: user_id cannot be null, so that nothing can empty it"),
        (
            '"newsletter.email" = "repoint"',
            "cannot be repointed: it references users by email, and customers has its key on id",
        ),
    ],
)
def test_a_fate_that_cannot_be(legacy_database: Make, write: Write, line: str, expected: str) -> None:
    connection = legacy_database("plain").connection
    query(connection, "CREATE TABLE newsletter (email text REFERENCES users (email))")
    query(connection, "INSERT INTO newsletter SELECT email FROM users WHERE is_customer LIMIT 1")
    write(line)
    name = line.split('"')[1]
    assert found(connection)[name].refusal == expected
    assert name in [str(one) for one in undecided(connection)]


def test_what_is_decided_is_not_the_operators(legacy_database: Make, write: Write) -> None:
    connection = legacy_database("plain").connection
    path = write('"orders.user_id" = "forget"')
    assert refusal_of(lambda: fates(connection)) == (
        f'{path}, "orders.user_id" is decided already (they stay, and the column is emptied): its customer_id says '
        "whose it is. Take the line out."
    )


def test_a_key_that_is_not_there(legacy_database: Make, write: Write) -> None:
    connection = legacy_database("plain").connection
    for table in ("issues", "issue_comments", "prep_columns", "prep_tasks", "reservation_logs", "guest_reservations"):
        query(connection, f"DROP TABLE {table} CASCADE")
    for table in ("categories", "ingredient_categories", "ingredients", "menus", "recipes", "units_of_measure"):
        query(connection, f"ALTER TABLE {table} DROP CONSTRAINT {table}_user_id_fkey")
    path = write('"refresh_token.user_id" = "forget"')
    assert refusal_of(lambda: fates(connection)) == (
        f'{path}, "refresh_token.user_id" is no foreign key to users. Write, in quotes, '
        '"email_verification_tokens.user_id", "password_reset_tokens.user_id", "refresh_tokens.user_id" = "repoint", '
        '"stays" or "forget".'
    )


def test_a_table_of_another_schema_and_odd_names(legacy_database: Make, write: Write) -> None:
    connection = legacy_database("plain").connection
    query(connection, 'CREATE SCHEMA crm; CREATE TABLE crm."Odd.name" ("of user" integer REFERENCES users (id))')
    query(connection, 'INSERT INTO crm."Odd.name" SELECT id FROM users WHERE is_customer ORDER BY id LIMIT 2')
    write("""'crm."Odd.name".of user' = "stays\"""")
    assert found(connection)['crm."Odd.name".of user'] == Fate(
        found(connection)['crm."Odd.name".of user'].key, 2, 0, "stays", "separation.toml says so"
    )


def test_those_who_stay_in_users_do_not_count_as_customers(legacy_database: Make) -> None:
    connection = legacy_database("plain", adopted=True).connection
    query(connection, "CREATE TABLE loyalty (member integer REFERENCES users (id))")
    ids = [i for (i,) in query(connection, "SELECT id FROM users WHERE is_customer ORDER BY id LIMIT 3")]
    query(connection, "INSERT INTO loyalty SELECT unnest(%s)", [ids])
    for identifier, decision in zip(ids[:2], ("staff", "both"), strict=True):
        query(
            connection,
            "INSERT INTO separation_findings (kind, state, table_name, row_id, decision) "
            "VALUES ('staff_marked_as_customer', 'settled', 'users', %s, %s)",
            [identifier, decision],
        )
    loyalty = found(connection)["loyalty.member"]
    assert (loyalty.rows_of_customers, loyalty.rows_of_staff) == (1, 1)


def test_a_large_table_is_counted_from_a_sample(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(
        connection,
        "CREATE TABLE loyalty (member integer REFERENCES users (id)); ALTER TABLE loyalty DISABLE TRIGGER ALL",
    )
    query(
        connection,
        "INSERT INTO loyalty SELECT u.id FROM generate_series(1, 400), users u WHERE u.is_customer; ANALYZE loyalty",
    )
    (loyalty,) = [one for one in fates(connection, at_most=5000) if one.table == "loyalty"]
    assert loyalty.estimated
    assert 10_000 < loyalty.rows_of_customers < 60_000
    assert not found(connection)["loyalty.member"].estimated
