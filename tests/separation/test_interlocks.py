"""What can destroy data is refused on production, however it is asked for; no command can be told not to ask."""

from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class
from pytest_django.fixtures import Settings

from separation.environment import mark
from tests.databases import LegacyDatabase, default_connection_to, manage
from tests.forking import command
from tests.separation.engine import one, query

NEXT = "Next: python manage.py environment --set staging, if nobody works with this database\n"
DESTROYERS = {
    "flush": "flush empties every table",
    "sqlflush": "sqlflush writes the SQL that empties every table",
    "reset_db": "reset_db drops the database",
    "loaddata": "loaddata writes over the rows that have the ids of a fixture",
    "test": "test makes a database of tests on the same server, and may drop one of that name",
    "testserver": "testserver makes a database of tests on the same server, and may drop one of that name",
}
OURS = sorted(name for name, app in get_commands().items() if app == "separation")
WITHOUT_QUESTIONS = (
    "--force",
    "--no-input",
    "--noinput",
    "--yes",
    "--skip-preflight",
    "--no-backup",
    "--skip-rehearsal",
)


@pytest.mark.parametrize("name", DESTROYERS)
def test_what_destroys_is_refused_on_production_with_whatever_options(
    empty_database: str, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    label = ("a.json",) if name == "loaddata" else ()
    options = () if name in ("sqlflush", "reset_db", "loaddata") else ("--no-input",)
    with default_connection_to(empty_database) as connection:
        for environment in ("production", "copy"):
            mark(connection, environment)
            for more in ((), options, ("--traceback",), ("--no-color",)):
                assert command(name, *more, *label) == 3
                said = capfd.readouterr()
                assert said.out == ""
                before, _, after = said.err.partition("(marked by ")
                assert before == (
                    f"Refused (production): {DESTROYERS[name]}: database {empty_database!r} counts as {environment} "
                )
                assert after.endswith(f" UTC).\n{NEXT}")


def test_nothing_in_the_environment_lets_it_through(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even another schema that is searched first, with a mark of its own."""
    with default_connection_to(empty_database) as connection:
        mark(connection, "production")
        query(connection, "CREATE SCHEMA forged")
        query(connection, "CREATE TABLE forged.separation_environment AS TABLE separation_environment")
        query(connection, "UPDATE forged.separation_environment SET environment = 'scratch'")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=forged,public")
    for variable in ("ENVIRONMENT", "DEBUG", "EMBEDDED_POSTGRES_FAST", "FORCE", "NO_INPUT", "CI"):
        monkeypatch.setenv(variable, "" if variable == "ENVIRONMENT" else "true")

    done = manage(empty_database, "flush", "--no-input")

    assert (done.returncode, done.stdout) == (3, "")
    assert "counts as production (its mark as scratch is not signed with this SECRET_KEY; " in done.stderr


def test_our_command_is_found_first_whatever_is_installed(settings: Settings) -> None:
    assert settings.INSTALLED_APPS[0] == "separation"
    assert set(DESTROYERS) | {"migrate"} <= set(OURS)


def test_elsewhere_flush_empties_the_tables_as_the_tests_of_django_do(
    legacy_database: Callable[..., LegacyDatabase],
) -> None:
    connection = legacy_database("plain", adopted=True).connection
    call_command("flush", verbosity=0, interactive=False, allow_cascade=True, inhibit_post_migrate=True)
    assert one(connection, "SELECT count(*) FROM users") == 0


def test_elsewhere_reset_db_says_what_there_is_instead(
    legacy_database: Callable[..., LegacyDatabase], capfd: pytest.CaptureFixture[str]
) -> None:
    legacy_database("plain")
    assert command("reset_db") == 2
    assert capfd.readouterr().err == (
        "Error: This project has no reset_db: flush empties the tables, and who may drop databases has dropdb.\n"
        "Next: python manage.py flush\n"
    )


@pytest.mark.parametrize("name", sorted(set(OURS) - set(DESTROYERS) - {"migrate"}))
def test_no_command_of_ours_can_be_told_not_to_ask(name: str) -> None:
    parser = load_command_class("separation", name).create_parser("manage.py", name)
    for option in WITHOUT_QUESTIONS:
        with pytest.raises(CommandError, match=r"unrecognized arguments|the following arguments are required"):
            parser.parse_args([option])
    for given in [option for option in parser._option_string_actions if option.startswith("--")]:
        if given[:-1] not in parser._option_string_actions:
            with pytest.raises(CommandError, match=r"unrecognized arguments|the following arguments are required"):
                parser.parse_args([given[:-1]])
