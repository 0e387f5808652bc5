"""Adoption by roles that are no superusers: the owner of the tables may, somebody who may only write may not."""

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.preflight import run_preflight
from tests.databases import LegacyDatabase
from tests.separation.engine import checksums, columns_of, move, query, take_back

pytestmark = pytest.mark.engine

Make = Callable[..., LegacyDatabase]
Become = Callable[[LegacyDatabase], BaseDatabaseWrapper]


def own_everything(connection: BaseDatabaseWrapper, role: str) -> None:
    """Make the role what the old application's role is: the owner of its tables and types, in a schema it may use."""
    statements = query(
        connection,
        f"""SELECT format('ALTER TABLE %I OWNER TO {role}', relname) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        UNION ALL SELECT format('ALTER TYPE %I OWNER TO {role}', typname) FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'""",
    )
    for (statement,) in statements:
        query(connection, statement)
    query(connection, f"GRANT USAGE, CREATE ON SCHEMA public TO {role}")


@pytest.mark.parametrize("kind", ["plain", "ahead"])
def test_the_owner_adopts_moves_and_takes_back(legacy_database: Make, role: str, become: Become, kind: str) -> None:
    database = legacy_database(kind)
    columns = columns_of(database.connection)
    before = checksums(database.connection, columns)
    own_everything(database.connection, role)
    connection = become(database)

    call_command("migrate", verbosity=0)
    assert [result.id for result in run_preflight(connection).failures] == ["backup"]
    move(connection)
    take_back(connection)
    call_command("migrate", "separation", "zero", verbosity=0)

    assert checksums(connection, columns) == before


def test_somebody_who_may_only_write_is_told_what_is_lacking(
    legacy_database: Make, role: str, become: Become, capfd: pytest.CaptureFixture[str]
) -> None:
    database = legacy_database("plain")
    columns = columns_of(database.connection)
    query(database.connection, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    become(database)

    with pytest.raises(SystemExit, match=r"^1$"):
        call_command("migrate", verbosity=0)

    assert capfd.readouterr().err == (
        f"Error: Database '{database.name}' (plain) cannot be adopted as it is. Role {role} lacks 6 privileges that "
        "the next step needs. OWNERSHIP on users. OWNERSHIP on reservations. OWNERSHIP on orders. OWNERSHIP on menus. "
        "OWNERSHIP on recipes. CREATE on schema public.\n"
        f"Next: grant them to {role}, or name the owner of the tables in DATABASE_URL\n"
    )
    assert columns_of(database.connection) == columns
