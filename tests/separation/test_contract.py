"""The contract, on a copy of this repository: what is left passes its own tests, and runs on a database cleaned up."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import module_from_spec, spec_from_file_location
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management.base import CommandError
from django.db import InternalError
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django.plugin import DjangoDbBlocker

from separation.cleanup import flow
from separation.contract.__main__ import Command
from separation.contract.plan import Plan, carry_out, plan_of
from tests.databases import Databases, MakeLegacyDatabase, default_connection_to, environment_for
from tests.separation.cleaning import clean, decide_everything
from tests.separation.engine import move, one, query

# What an application sees of the tables.
COLUMNS = """
SELECT c.table_name, c.column_name, c.udt_name, c.is_nullable, c.column_default
FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' ORDER BY 1, 2
"""
OURS = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'separation%' ORDER BY 1"
# What of the copy's tests is left out: sweeps over pages, the API and slots, hashing, the embedded server's life.
WIDEST = (
    *(f"config/test_{what}.py" for what in ("embedded_postgres", "hashers", "delivery")),
    *(f"backoffice/test_{sweep}.py" for sweep in ("scoping", "dirty_data", "access", "api_access", "queries")),
    *("accounts/test_login.py", "backoffice/test_api_kitchen.py", "backoffice/test_customer_accounts.py"),
)
# What runs of the apps of whose code the contract leaves all, or nearly all, as it is.
RUN = {
    "restaurants": {"test_public"},
    "menus": {"test_menus", "test_publishing"},
    "reservations": {"test_reminders", "test_staff_bookings"},
    "orders": {"test_order_flow"},
    "portal": {"test_mail_worker", "test_registration", "test_me", "test_dashboard", "test_export", "test_queries"},
}
MIGRATION = "accounts/migrations/0003_contract.py"


@dataclass(frozen=True)
class Checkout:
    """A git checkout of this repository, and the environment in which it is worked with."""

    base: Path
    environment: dict[str, str]

    def python(self, *arguments: str, **environment: str) -> str:
        """Run Python there, without a warning, and return what it said."""
        return said([sys.executable, *arguments], cwd=self.base, env=self.environment | environment)

    def git(self, *arguments: str) -> str:
        return said(["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments], cwd=self.base)

    def clone(self, name: str) -> "Checkout":
        """Return another checkout of what is committed there."""
        self.git("clone", "--quiet", ".", f"../{name}")
        return replace(self, base=self.base.parent / name)


def said(command: list[Any], **where: Any) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, check=False, **where
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def separated(
    databases: Databases, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BaseDatabaseWrapper]:
    """A database whose customers were moved, and which was cleaned up."""
    folder = tmp_path_factory.mktemp("separated")
    with (
        pytest.MonkeyPatch.context() as patch,
        django_db_blocker.unblock(),
        databases.clone("plain", 60, 1, True) as database,
    ):
        patch.setattr(settings, "LOG_DIR", folder)
        patch.setattr(settings, "SEPARATION_POLICY", "")
        patch.setattr(flow, "_require_all", lambda connection, operator: None)
        move(database.connection)
        decide_everything(database.connection, folder)
        clean(database.connection)
        yield database.connection


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """This repository as it stands, all of it committed."""
    folder = tmp_path_factory.mktemp("contract")
    for path in said(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=settings.BASE_DIR).split("\0"):
        if (settings.BASE_DIR / path).is_file():
            (folder / "here" / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(settings.BASE_DIR / path, folder / "here" / path)
    plain = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("PYTEST", "DATABASE_URL", "DJANGO_SETTINGS_MODULE", "MAKE", "MFLAGS"))
    }
    # A server of its own: this one has databases of the same names.
    checkout = Checkout(folder / "here", plain | {"EMBEDDED_POSTGRES_DIR": str(folder / "postgres")})
    checkout.git("init", "--quiet")
    checkout.git("add", ".")
    checkout.git("commit", "--quiet", "--message", "Before")
    yield checkout
    checkout.python("-m", "config.embedded_postgres", "remove")


@pytest.fixture(scope="module")
def contracted(checkout: Checkout, separated: BaseDatabaseWrapper) -> Checkout:
    """This repository after the contract, committed."""
    contracted = checkout.clone("contracted")
    contracted.python("-m", "separation.contract", "--execute", **environment_of(separated))
    contracted.git("add", "--all")
    contracted.git("commit", "--quiet", "--message", "Contract")
    return contracted


@pytest.fixture(scope="module")
def plan(checkout: Checkout) -> Plan:
    """What the contract will do there: all that is read for it takes seconds."""
    return plan_of(checkout.base)


def environment_of(connection: BaseDatabaseWrapper) -> dict[str, str]:
    return {
        name: text
        for name, text in environment_for(connection.settings_dict["NAME"]).items()
        if name in ("DATABASE_URL", "SECRET_KEY", "PORTAL_SIGNING_KEY")
    }


def dry_run(base: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """Return the exit code of the command in BASE, its result and its messages."""
    monkeypatch.setattr(settings, "BASE_DIR", base)
    out, err = StringIO(), StringIO()
    try:
        Command(out, err, no_color=True).handle(execute=False)
    except SystemExit as stop:
        return int(str(stop.code)), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def finish(contracted: Checkout, connection: BaseDatabaseWrapper) -> None:
    """Do what the migration does."""
    spec = spec_from_file_location("contract", contracted.base / MIGRATION)
    assert spec is not None
    assert spec.loader is not None
    migration = module_from_spec(spec)
    spec.loader.exec_module(migration)
    with connection.schema_editor(atomic=False) as editor:
        migration.finish(None, editor)


def test_a_dry_run_shows_what_goes_and_changes_nothing(
    checkout: Checkout, plan: Plan, separated: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("separation.contract.plan.plan_of", {checkout.base: plan}.__getitem__)
    code, out, err = dry_run(checkout.base, monkeypatch)
    assert (code, err) == (0, "")
    name = separated.settings_dict["NAME"]
    assert out.splitlines()[0] == (
        f"Database {name!r} is separated; it counts as scratch. See that the production database is separated, too."
    )
    lines = [line.split() for line in out.splitlines()]
    assert ["tests/databases.py", "1", "files"] in lines
    assert ["config/wsgi.py", "1", "lines", "fewer"] not in lines
    assert [MIGRATION, "drops", "users.is_customer,"] in [line[:3] for line in lines]
    assert out.endswith("Nothing was changed. Next: python -m separation.contract --execute\n")
    assert checkout.git("status", "--porcelain") == ""


def test_changes_that_are_not_committed_are_in_the_way(
    checkout: Checkout, separated: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = checkout.clone("changed").base
    (base / "README.md").write_text("mine")
    code, out, err = dry_run(base, monkeypatch)
    assert (code, out) == (3, "")
    assert err == (
        f"Refused (git): {base} has changes that are not committed (M README.md; 1 in all): what this changes could "
        "not be told from them.\nNext: git stash --include-untracked, then python -m separation.contract\n"
    )


@pytest.mark.parametrize("phase", ["legacy", "dual", "cleaning"])
def test_a_database_that_still_needs_the_code_is_in_the_way(
    checkout: Checkout, legacy_database: MakeLegacyDatabase, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    database = legacy_database("plain", adopted=True)
    query(database.connection, "UPDATE separation_phase SET name = %s", [phase])
    code, out, err = dry_run(checkout.base, monkeypatch)
    assert (code, out) == (3, "")
    assert err == (
        f"Refused (phase): The phase of database '{database.name}' is {phase}, not separated: it still needs this "
        "code. Set DATABASE_URL to the production database if it is another.\n"
        "Next: python manage.py separation_status\n"
    )


def test_so_is_one_that_was_never_adopted(
    checkout: Checkout, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with default_connection_to(empty_database):
        code, _, err = dry_run(checkout.base, monkeypatch)
    assert (code, f"of database '{empty_database}' is not adopted, not separated" in err) == (3, True)


def test_git_takes_it_all_back(checkout: Checkout, plan: Plan) -> None:
    again = checkout.clone("again")
    carry_out(replace(plan, base=again.base))
    assert not (again.base / "separation").exists()
    said(["/bin/sh", "-c", plan.undo], cwd=again.base)
    assert again.git("status", "--porcelain") == ""
    assert again.git("diff", "HEAD") == ""


def test_what_is_left_passes_lint(contracted: Checkout) -> None:
    assert (
        said(["make", "help"], cwd=contracted.base, env=contracted.environment).split("\n")[0]
        == "  make help       show this list"
    )
    contracted.python("-m", "ruff", "check", "--no-cache", ".")
    contracted.python("-m", "ruff", "format", "--check", "--no-cache", ".")
    contracted.python(
        "-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_logo=True))"
    )
    contracted.python("manage.py", "makemigrations", "--check", "--dry-run")


def test_what_is_left_passes_its_own_tests(contracted: Checkout) -> None:
    """All of them can be collected; of what the contract changes they run, and of what it leaves as it is, some."""
    others = (
        f"{app}/{path.name}"
        for app, some in RUN.items()
        for path in (contracted.base / "tests" / app).glob("test_*.py")
        if path.stem not in some
    )
    out = contracted.python(
        "-m", "pytest", "-n", "0", "-m", "not browser", *(f"--deselect=tests/{path}" for path in (*WIDEST, *others))
    )
    assert int(out.split(" passed")[0].rsplit(maxsplit=1)[-1]) > 250


def test_a_cleaned_up_database_and_an_empty_one_come_to_the_same(
    contracted: Checkout, separated: BaseDatabaseWrapper, databases: Databases
) -> None:
    customers = one(separated, "SELECT count(*) FROM customers")
    contracted.python("manage.py", "migrate", "--verbosity", "0", **environment_of(separated))
    found = query(separated, COLUMNS)
    with databases.empty() as name, default_connection_to(name) as empty:
        contracted.python("manage.py", "migrate", "--verbosity", "0", **environment_of(empty))
        made = query(empty, COLUMNS)
    assert [column for column in made if column not in found] == []
    known = {table for table, *_ in made}
    assert [column for column in found if column[0] in known and column not in made] == []
    assert ("users", "is_customer") not in {(table, column) for table, column, *_ in found}
    assert one(separated, "SELECT count(*) FROM customers") == customers


def test_nothing_of_the_engine_is_left_but_its_records(contracted: Checkout, separated: BaseDatabaseWrapper) -> None:
    finish(contracted, separated)
    finish(contracted, separated)  # as after an interruption
    kept = ("archive", "environment", "findings", "phase", "runs", "verdicts")
    assert query(separated, OURS) == [(f"separation_{name}",) for name in kept]
    assert query(separated, "SELECT proname FROM pg_proc WHERE proname LIKE 'separation%'") == []
    for table, column in (("django_content_type", "app_label"), ("django_migrations", "app")):
        assert query(separated, f"SELECT FROM {table} WHERE {column} = 'separation'") == []
    assert one(separated, "SELECT nextval('users_id_seq')") + 1 == one(
        separated, "INSERT INTO customers (email, password) VALUES ('new@example.org', '!') RETURNING id"
    )


@pytest.mark.parametrize("phase", ["legacy", "dual", "separated"])
def test_a_database_with_customers_in_users_is_left_alone(
    contracted: Checkout, legacy_database: MakeLegacyDatabase, phase: str
) -> None:
    connection = legacy_database("plain", adopted=True).connection
    query(connection, "UPDATE separation_phase SET name = %s", [phase])
    count = one(connection, "SELECT count(*) FROM users WHERE is_customer")
    tables = query(connection, OURS)
    with pytest.raises(CommandError) as caught:
        finish(contracted, connection)
    assert str(caught.value) == (
        f"This database was not cleaned up: its phase is {phase}, and users holds {count} customers. Nothing was "
        "changed. Next, with the code before this migration: python manage.py cleanup_legacy"
    )
    assert query(connection, OURS) == tables


def test_a_developers_database_without_customers_comes_along(
    contracted: Checkout, legacy_database: MakeLegacyDatabase
) -> None:
    """The mirror's triggers stand there, and every table of the engine is empty."""
    connection = legacy_database("plain", customers=1, adopted=True).connection
    query(connection, "UPDATE users SET is_customer = false")
    finish(contracted, connection)
    assert query(connection, OURS) == [("separation_environment",), ("separation_phase",)]
    assert query(connection, "SELECT tgname FROM pg_trigger WHERE tgname LIKE '%separation%'") == []


def test_a_view_that_reads_the_flag_stops_it_before_anything_goes(
    contracted: Checkout, legacy_database: MakeLegacyDatabase
) -> None:
    connection = legacy_database("plain", customers=1, adopted=True).connection
    query(connection, "UPDATE users SET is_customer = false")
    query(connection, "CREATE VIEW guests AS SELECT id FROM users WHERE is_customer")
    functions = query(connection, "SELECT proname FROM pg_proc WHERE proname LIKE 'separation%'")
    with pytest.raises(InternalError, match=r"cannot drop column is_customer .*\n.*view guests depends on"):
        finish(contracted, connection)
    assert query(connection, "SELECT proname FROM pg_proc WHERE proname LIKE 'separation%'") == functions
    query(connection, "DROP VIEW guests")
    finish(contracted, connection)
