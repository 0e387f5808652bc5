"""`manage.py demo`: fills an empty database, and no other."""

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django.fixtures import Settings

from separation.environment import environment_of
from tests.databases import MakeLegacyDatabase, default_connection_to, manage

OUTPUT = """\
Database '{name}' now holds a legacy database of kind dirty, and is marked as scratch:

  restaurants             4
  staff                  14
  customers             121
  reservations          193
  orders                128

Staff to log in as; they are invented, and their password is demo-staff-1:

  superadmin@platform.example                 SUPERADMIN
  admin@platform.example                      ADMIN
  owner@casa-lucia.example                    OWNER       Casa Lucía
  manager@trattoria-belvedere.example         MANAGER     Trattoria Belvedere
  waiter1@casa-lucia.example                  STAFF       Casa Lucía

Next:
  python manage.py backup
  python manage.py migrate
  python manage.py preflight
  python manage.py migrate_customers
"""


def tables() -> int:
    with connection.cursor() as cursor:
        return len(connection.introspection.table_names(cursor))


def test_an_empty_database_is_filled_and_marked(empty_database: str) -> None:
    done = manage(empty_database, "demo", "--customers", "60", "--kind", "dirty", "--seed", "3")
    assert (done.returncode, done.stdout) == (0, OUTPUT.format(name=empty_database))
    assert done.stderr == "Building a legacy database of kind dirty, with 60 customers ...\n"
    with default_connection_to(empty_database):
        assert environment_of(connection).name == "scratch"
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT max(reservation_date)::date - current_date FROM reservations "
                "WHERE reservation_date < '3000-01-01'"
            )
            assert cursor.fetchone()[0] in (29, 30)


def test_a_database_with_tables_is_refused(
    legacy_database: MakeLegacyDatabase, capfd: pytest.CaptureFixture[str]
) -> None:
    database = legacy_database("plain")
    before = tables()
    with pytest.raises(SystemExit) as ended:
        call_command("demo")
    assert ended.value.code == 3
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err == (
        f"Refused (empty database): Database '{database.name}' is not empty: it has categories, "
        "email_verification_tokens, guest_reservations and 22 more. A sample is built only into an empty one, "
        "so nothing was changed.\n"
        "Next: make clean, which deletes the embedded server with its data, then python manage.py demo\n"
    )
    assert tables() == before


def test_one_table_of_somebody_else_is_enough_to_be_refused(empty_database: str) -> None:
    with default_connection_to(empty_database), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE letters (id integer)")
    refused = manage(empty_database, "demo", "--customers", "5")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr == (
        f"Refused (empty database): Database '{empty_database}' is not empty: it has letters. "
        "A sample is built only into an empty one, so nothing was changed.\n"
        "Next: createdb an empty database, point DATABASE_URL at it, then python manage.py demo\n"
    )


def test_what_the_environment_calls_production_is_refused_even_if_empty(
    empty_database: str, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    settings.ENVIRONMENT = "production"
    with default_connection_to(empty_database):
        with pytest.raises(SystemExit) as ended:
            call_command("demo")
        assert tables() == 0
    assert ended.value.code == 3
    assert capfd.readouterr().err == (
        f"Refused (production): ENVIRONMENT says that database '{empty_database}' is production, where no sample data "
        "belongs.\n"
        "Next: ENVIRONMENT= DATABASE_URL= python manage.py demo\n"
    )


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--customers", "0", "--customers must be from 1 to 5,000,000, not 0."),
        ("--customers", "5000001", "--customers must be from 1 to 5,000,000, not 5,000,001."),
        ("--seed", "-1", "--seed must be from 0 to 1,000,000,000, not -1."),
    ],
)
def test_impossible_arguments_are_a_usage_fault(
    empty_database: str, capfd: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    with default_connection_to(empty_database):
        with pytest.raises(SystemExit) as ended:
            call_command("demo", option, value)
        assert tables() == 0
    assert ended.value.code == 2
    assert capfd.readouterr().err == f"Error: {message}\nNext: python manage.py demo --help\n"


@pytest.mark.parametrize("arguments", [("--kind", "camel"), ("--customers", "many")])
def test_arguments_that_are_none_are_a_usage_fault(empty_database: str, arguments: tuple[str, ...]) -> None:
    refused = manage(empty_database, "demo", *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"argument {arguments[0]}: invalid" in refused.stderr
