"""The checks of the preflight, one function each, in the order they are shown."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

from separation.backups import latest_verified
from separation.database import now_of
from separation.environment import COPY, environment_of
from separation.kinds import AHEAD, EMPTY, Kind, legacy_apps, legacy_columns
from separation.mirror import MISSING, OUTDATED, state_of
from separation.preflight.look import SQL, Look, Tally
from separation.preflight.report import FAIL, PASS, WARN, Result
from separation.shape import differences, misfits

OLDEST, NEWEST = 14, 18
BACKUP_AGE = timedelta(hours=24)
_LAST_IDS = 2_000_000_000
_ALTERED = ("users", "reservations", "orders", "menus", "recipes", "customer_profiles")
_LEFT = ("customers", "customer_sessions", "customer_restaurants")
_LOCKED_OR_FILLED = ("users", "reservations", "orders")
_ON_DELETE = {
    "c": ("CASCADE", "would go with their user; clean-up disarms that first"),
    "n": ("SET NULL", "stay when clean-up deletes their user, and lose it"),
    "d": ("SET DEFAULT", "stay when clean-up deletes their user, and get another"),
    "r": ("RESTRICT", "forbid to delete their user; clean-up archives them first"),
    "a": ("NO ACTION", "forbid to delete their user; clean-up archives them first"),
}


@dataclass(frozen=True)
class Check:
    """A check with its id; one that reads the legacy tables looks only at databases that have them."""

    id: str
    find: Callable[[Look], Result]
    reads_legacy: bool

    def applies_to(self, kind: Kind) -> bool:
        """Whether a database of this kind has what the check reads."""
        return not self.reads_legacy or not (kind.is_refused or kind.name == EMPTY)


ALL: list[Check] = []


def check(*, reads_legacy: bool = False) -> Callable[[Callable[[Look], Result]], Callable[[Look], Result]]:
    """Register a function as a check; its name is the id."""

    def register(find: Callable[[Look], Result]) -> Callable[[Look], Result]:
        ALL.append(Check(find.__name__, find, reads_legacy))
        return find

    return register


@check()
def connection(look: Look) -> Result:
    """Say who is connected to what."""
    _, database, role, _, _, schema = look.server
    if schema is None:
        return Result(FAIL, f"Role {role} has no schema to work in: its search_path names none.", role)
    return Result(PASS, f"Connected to database {database!r}, schema {schema}, as role {role}.", database)


@check()
def server_version(look: Look) -> Result:
    """Require a server of a version this was tested with."""
    version, major = look.server[0], _major(look.connection)
    if major < OLDEST:
        return too_old(look.connection)
    if major > NEWEST:
        return Result(WARN, f"PostgreSQL {version} is newer than {NEWEST}, the newest this was tested on.", major)
    return Result(PASS, f"PostgreSQL {version}.", major)


def too_old(connection: BaseDatabaseWrapper) -> Result:
    """Return what there is to say about a server older than OLDEST, which Django refuses to talk to."""
    major = _major(connection)
    message = f"The server is too old: it is PostgreSQL {major}, and {OLDEST} or newer is needed."
    return Result(FAIL, message, major, remedy=f"upgrade the server to PostgreSQL {OLDEST} or newer")


@check()
def writable(look: Look) -> Result:
    """Require the primary server."""
    if look.server[4]:
        message = "This is a standby, which cannot be written to."
        return Result(FAIL, message, "standby", remedy="point DATABASE_URL at the primary server")
    return Result(PASS, "The server takes writes.", "primary")


@check()
def pooling(look: Look) -> Result:
    """Require one server process for the whole connection."""
    processes = set(look.processes)
    remedy = "point DATABASE_URL at the server, past the pooler"
    if len(processes) > 1:
        message = "Each transaction reaches another server process: a pooler stands between, in transaction mode."
        return Result(FAIL, message, len(processes), remedy=remedy)
    if processes != {look.connection.connection.info.backend_pid}:
        message = "A pooler stands between; it has to give each connection a server process of its own."
        return Result(WARN, message, 1, remedy=remedy)
    return Result(PASS, "The connection has a server process of its own.", 1)


@check()
def encoding(look: Look) -> Result:
    """Require text that can be read as Unicode."""
    found = look.server[3]
    if found == "SQL_ASCII":
        message = "The database has the encoding SQL_ASCII: what its bytes mean cannot be known."
        return Result(FAIL, message, found, remedy="restore the database into one with the encoding UTF8")
    if found != "UTF8":
        return Result(WARN, f"The database has the encoding {found}; new names must fit into it.", found)
    return Result(PASS, "The database has the encoding UTF8.", found)


@check()
def environment(look: Look) -> Result:
    """Say what the database is taken for."""
    found = environment_of(look.connection)
    message = f"The database counts as {found.name}: {found.reason}."
    if found.name == COPY:
        return Result(WARN, message, found.name, remedy="python manage.py environment --set staging")
    return Result(PASS, message, found.name)


@check()
def kind(look: Look) -> Result:
    """Say in what state the database was found; refuse what `migrate` refuses."""
    found = look.kind
    message = f"The database is of kind {found.name}: {found.why}."
    if found.is_refused:
        return Result(FAIL, message, found.name, remedy=found.remedy)
    if found.name == EMPTY:
        return Result(WARN, message, found.name, remedy=found.remedy)
    return Result(PASS, message, found.name)


@check(reads_legacy=True)
def schema(look: Look) -> Result:
    """Compare every model's columns with the catalog."""
    found = differences(look.connection, adopted=look.is_adopted)
    if look.kind.name == AHEAD:
        found += misfits(look.connection)
    fatal = [difference for difference in found if difference.fatal]
    details = [f"{'fails' if difference.fatal else 'works'}: {difference}" for difference in found]
    if fatal:
        message = f"{_count(len(fatal), 'difference')} from the models' columns that they cannot work with."
        remedy = "put the columns right in the database, then: python manage.py preflight"
        return Result(FAIL, message, len(found), details=details, remedy=remedy)
    if found:
        message = f"{_count(len(found), 'difference')} from the models' columns, all of a kind they can work with."
        return Result(WARN, message, len(found), details=details)
    return Result(PASS, "Every column is as the models expect.", 0)


@check(reads_legacy=True)
def earlier_attempt(look: Look) -> Result:
    """Say what an earlier attempt left, and require that it can be taken over."""
    earlier = look.earlier
    if not earlier.is_there:
        return Result(PASS, "No earlier attempt left rows in customers.", 0)
    if reasons := earlier.obstacles():
        message = f"What an earlier attempt left cannot be taken over: {_count(len(reasons), 'reason')}."
        remedy = "put that right in the database, then: python manage.py preflight"
        return Result(FAIL, message, len(reasons), details=reasons, remedy=remedy)
    found, put_back = earlier.figures, len(earlier.put_back)
    message = (
        f"An earlier attempt left {_count(found.rows, 'row')} in customers ({found.nobodys:,} with the email of no "
        f"customer) and its marker for {_count(found.markers, 'password')} in users ({put_back:,} can be put back)."
    )
    return Result(WARN if found.nobodys or put_back < found.markers else PASS, message, found.rows)


@check(reads_legacy=True)
def migrations(look: Look) -> Result:
    """Tell whether the database is adopted, and up to date."""
    executor = MigrationExecutor(look.connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not look.is_adopted:
        message = "The database is not adopted yet: the new tables are not there."
        return Result(WARN, message, len(plan), remedy="python manage.py migrate")
    if plan:
        names = [f"{migration.app_label} {migration.name}" for migration, _ in plan]
        message = f"{_count(len(plan), 'migration')} not applied yet."
        return Result(FAIL, message, len(plan), details=names, remedy="python manage.py migrate")
    return Result(PASS, "Every migration is applied.", 0)


@check(reads_legacy=True)
def mirror(look: Look) -> Result:
    """Require the triggers that follow what the old application writes."""
    if not look.is_adopted:
        message = "The mirror is not there yet; it comes with the new tables."
        return Result(PASS, message, MISSING)
    state = state_of(look.connection)
    if state == OUTDATED:
        message = "The mirror is outdated: its triggers are not those of this version, or one of them is switched off."
        return Result(FAIL, message, state, remedy="python manage.py migrate")
    if state == MISSING:
        message = "The mirror is missing: nothing would follow what the old application writes."
        return Result(FAIL, message, state, remedy="python manage.py migrate")
    return Result(PASS, "The mirror is installed as this version has it.", state)


@check(reads_legacy=True)
def privileges(look: Look) -> Result:
    """Require every privilege that the next step needs."""
    needs = _needs(look)
    tables, kinds = [table for table, _ in needs], [privilege for _, privilege in needs]
    found = look.rows(SQL.privileges, tables=tables, privileges=kinds)
    lacking = [f"{privilege} on {table}" for table, privilege in found]
    if not look.is_adopted and not look.value(SQL.may_create):
        lacking.append(f"CREATE on schema {look.server[5]}")
    role = look.server[2]
    if lacking:
        message = f"Role {role} lacks {_count(len(lacking), 'privilege')} that the next step needs."
        remedy = f"grant them to {role}, or name the owner of the tables in DATABASE_URL"
        return Result(FAIL, message, len(lacking), details=lacking, remedy=remedy)
    return Result(PASS, f"Role {role} has every privilege that the next step needs.", 0)


@check(reads_legacy=True)
def row_security(look: Look) -> Result:
    """Require that all rows are seen."""
    tables = [table for (table,) in look.rows(SQL.row_security, tables=[*legacy_columns()])]
    if tables:
        message = f"Row security hides rows of {', '.join(tables)} from this role."
        remedy = "name a role with BYPASSRLS in DATABASE_URL"
        return Result(FAIL, message, len(tables), remedy=remedy)
    return Result(PASS, "No row is hidden from this role.", 0)


@check(reads_legacy=True)
def triggers(look: Look) -> Result:
    """Name what would fire when reservations and orders are linked."""
    found = [f"{trigger} on {table}" for table, trigger in look.rows(SQL.triggers)]
    if found:
        message = f"{_count(len(found), 'trigger')} will fire when reservations and orders get their customer_id."
        remedy = "see to it that they leave updated_at and all else alone when only customer_id changes"
        return Result(WARN, message, len(found), details=found, remedy=remedy)
    return Result(PASS, "Nothing fires when reservations and orders get their customer_id.", 0)


@check()
def subscriptions(look: Look) -> Result:
    """Name what writes without firing triggers: logical subscriptions, and roles that are replicas by a setting."""
    names = [name for (name,) in look.rows(SQL.subscriptions)]
    if names:
        message = f"Somebody writes into this database without firing triggers: {', '.join(names)}."
        remedy = "make sure that none of them writes to users, reservations or orders"
        return Result(WARN, message, len(names), remedy=remedy)
    return Result(PASS, "Nobody writes into this database without firing triggers.", 0)


@check(reads_legacy=True)
def users_sequence(look: Look) -> Result:
    """Require the sequence that customers, too, will draw their ids from."""
    name, last, highest, lowest = look.rows(SQL.users_sequence)[0]
    if name is None:
        message = "users.id has no sequence of its own, from which new customers could draw their ids."
        remedy = "ALTER SEQUENCE users_id_seq OWNED BY users.id"
        return Result(FAIL, message, "", remedy=remedy)
    if lowest is not None and lowest < 1:
        message = f"users has ids below 1, from {lowest} on, where rows of an earlier attempt would be parked."
        return Result(FAIL, message, lowest, remedy="UPDATE users SET id = DEFAULT WHERE id < 1")
    if max(highest or 0, last or 0) > _LAST_IDS:
        message = f"Ids end at 2147483647; the highest is {highest or 0}, the sequence {name} stands at {last or 0}."
        return Result(WARN, message, highest or 0)
    if (highest or 0) > (last or 0):
        message = f"The sequence {name} stands at {last or 0}, below the highest id {highest}: the next ids are taken."
        return Result(WARN, message, last or 0, remedy=f"SELECT setval('{name}', {highest})")
    return Result(PASS, f"The sequence {name} stands at {last or 0}.", last or 0)


@check(reads_legacy=True)
def foreign_keys(look: Look) -> Result:
    """Say for each foreign key to users what will happen to the rows of customers behind it."""
    known = {str(model._meta.db_table) for model in apps.get_models(include_auto_created=True)}
    keys = look.rows(SQL.foreign_keys)
    details = [_describe_key(look, known, *key) for key in keys]
    message = f"{_count(len(keys), 'foreign key')} to users; the migration deletes no user, so all their rows stay."
    missing = sorted(_expected_keys() - {(table, columns[0]) for _, table, columns, *_ in keys})
    doubts = [f"{table}.{column} has none" for table, column in missing]
    doubts += [f"{key[1]}.{key[2][0]} has one that was never validated" for key in keys if not key[4]]
    doubts += [f"{key[1]}.{key[2][0]} has one that is deferrable" for key in keys if key[5]]
    if doubts:
        return Result(WARN, f"{message} But {', '.join(doubts)}.", len(keys), details=details)
    return Result(PASS, message, len(keys), details=details)


@check(reads_legacy=True)
def counts(look: Look) -> Result:
    """Count what the migration touches."""
    users, customers, reservations, orders = look.rows(SQL.counts)[0]
    moved = look.value(SQL.moved) if look.is_adopted else 0
    kept = customers - look.tally("move").count
    to_move = max(customers - kept - moved, 0)
    message = (
        f"{_count(to_move, 'customer')} to move, {moved:,} moved already, {kept:,} kept back; of {users:,} users, "
        f"{customers:,} customers, {reservations:,} reservations, {orders:,} orders."
    )
    return Result(PASS, message, to_move)


@check(reads_legacy=True)
def superadmin(look: Look) -> Result:
    """Require somebody who may enter the admin."""
    count = look.value(SQL.superadmins)
    if not count:
        message = "No user is a SUPERADMIN and no customer: nobody could settle findings in the admin."
        return Result(FAIL, message, 0, remedy="python manage.py createsuperuser")
    return Result(PASS, f"{_count(count, 'superadmin')} can settle findings in the admin.", count)


@check(reads_legacy=True)
def duplicate_email(look: Look) -> Result:
    """Count the customers who share an email."""
    return _finding(look.tally("duplicate_email"), "customer", "shares an email with another", "share their email")


@check(reads_legacy=True)
def invalid_email(look: Look) -> Result:
    """Count the customers whose email is none."""
    return _finding(look.tally("invalid_email"), "customer", "has no valid email", "have no valid email")


@check(reads_legacy=True)
def staff_marked_as_customer(look: Look) -> Result:
    """Count the staff who are marked as customers."""
    tally = look.tally("staff_marked_as_customer")
    return _finding(tally, "customer", "is staff by role, place or menus", "are staff by role, place or menus")


@check(reads_legacy=True)
def needs_password_reset(look: Look) -> Result:
    """Count the customers who will move without a password they can use."""
    tally = look.tally("move", bcrypt=False)
    if not tally.count:
        return Result(PASS, "Every customer who moves has a bcrypt password.", 0)
    message = f"{_count(tally.count, 'customer')} without a bcrypt password: moved, and to be asked for a new one."
    return Result(WARN, message, tally.count, tally.sample, remedy="python manage.py migrate_customers")


@check(reads_legacy=True)
def orphan(look: Look) -> Result:
    """Count the reservations and orders of nobody."""
    return _per_table(look, SQL.orphans, "of users who do not exist", "Every reservation and order has its user.")


@check(reads_legacy=True)
def no_restaurant(look: Look) -> Result:
    """Count the menus and recipes that belong to no restaurant."""
    query = SQL.no_restaurant_after if look.is_adopted else SQL.no_restaurant_before
    return _per_table(look, query, "whose restaurant cannot be told", "Every menu and recipe has its restaurant.")


@check(reads_legacy=True)
def restaurant_mismatch(look: Look) -> Result:
    """Count the orders at another restaurant than their reservation."""
    count, sample = look.rows(SQL.restaurant_mismatch)[0]
    if not count:
        return Result(PASS, "Every order is at the restaurant of its reservation.", 0)
    message = f"{_count(count, 'order')} at another restaurant than their reservation; each becomes a finding."
    return Result(WARN, message, count, sample, remedy="python manage.py migrate_customers")


@check()
def backup(look: Look) -> Result:
    """Require a verified backup of this very database, not a day old."""
    if look.kind.name == EMPTY:
        return Result(PASS, "There is nothing to back up yet.", 0)
    record = latest_verified(look.connection)
    if record is None:
        message = "No verified backup of this database is on record."
        return Result(FAIL, message, 0, remedy="python manage.py backup")
    age = record.age(now_of(look.connection))
    if age < timedelta():
        message = f"The newest verified backup, {record.id}, is of a time that is still to come by the server's clock."
        return Result(FAIL, message, record.id, remedy="python manage.py backup")
    message = f"The newest verified backup, {record.id}, is {_hours(age):.1f} hours old."
    if age > BACKUP_AGE:
        message = f"{message} The limit is {_hours(BACKUP_AGE):.0f}."
        return Result(FAIL, message, record.id, remedy="python manage.py backup")
    return Result(PASS, message, record.id)


@check()
def long_transactions(look: Look) -> Result:
    """Name the sessions that would keep the migration waiting."""
    found = look.rows(SQL.sessions)
    details = [
        f"process {pid}{f' ({name})' if name else ''}: {state}, its transaction open for {seconds:,} seconds"
        for pid, state, name, seconds in found
    ]
    if found:
        message = f"{_count(len(found), 'session')} with a transaction open for long; they keep others waiting."
        remedy = f"SELECT pg_terminate_backend({found[0][0]})  -- once you know whose it is"
        return Result(WARN, message, len(found), details=details, remedy=remedy)
    return Result(PASS, "No transaction has been open for long.", 0)


@check()
def prepared_transactions(look: Look) -> Result:
    """Name the prepared transactions, which hold their locks for ever."""
    found = look.rows(SQL.prepared)
    if found:
        details = [f"{gid}: prepared {seconds:,} seconds ago" for gid, seconds in found]
        message = f"{_count(len(found), 'prepared transaction')} holding locks until somebody ends them."
        remedy = f"COMMIT PREPARED or ROLLBACK PREPARED '{found[0][0]}'"
        return Result(WARN, message, len(found), details=details, remedy=remedy)
    return Result(PASS, "No prepared transaction holds locks.", 0)


@check(reads_legacy=True)
def disk(look: Look) -> Result:
    """Compare what the migration adds with what is free, as far as that can be seen from here."""
    size, growth = look.rows(SQL.sizes)[0]
    message = f"The database has {_megabytes(size)}; the migration adds about {_megabytes(growth)}."
    if not settings.EMBEDDED:
        return Result(PASS, f"{message} What is free on the server cannot be seen from here.", size)
    free = shutil.disk_usage(_existing(settings.EMBEDDED_POSTGRES_DIR)).free
    message += f" Its disk has {_megabytes(free)} free."
    if free < 2 * growth:
        return Result(FAIL, message, size, remedy="free some space, then: python manage.py preflight")
    return Result(PASS, message, size)


@check()
def backup_dir(look: Look) -> Result:
    """Require a place for backups."""
    return _directory("BACKUP_DIR", Path(settings.BACKUP_DIR))


@check()
def log_dir(look: Look) -> Result:
    """Require a place for logs."""
    return _directory("LOG_DIR", Path(settings.LOG_DIR))


def _major(connection: BaseDatabaseWrapper) -> int:
    return int(cast(Any, connection).pg_version) // 10000


def _needs(look: Look) -> list[tuple[str, str]]:
    """Return the privileges that adoption, or once adopted the migration, needs: (table, privilege)."""
    needs = [(table, "SELECT") for table in legacy_columns()]
    needs += [(table, "UPDATE") for table in _LOCKED_OR_FILLED]
    if not look.is_adopted:
        return needs + [(table, "OWNERSHIP") for table in (*_ALTERED, *_LEFT)]
    own = [m._meta.db_table for app in ("customers", "separation") for m in apps.get_app_config(app).get_models()]
    return needs + [(table, privilege) for table in own for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE")]


def _expected_keys() -> set[tuple[str, str]]:
    """Return the columns of the legacy tables that reference users by the models: (table, column)."""
    models = [model for app in legacy_apps() for model in app.get_models()]
    fields = [field for model in models for field in model._meta.concrete_fields]
    return {(f.model._meta.db_table, str(f.column)) for f in fields if f.related_model is get_user_model()}


def _describe_key(
    look: Look, known: set[str], schema: str, table: str, columns: list[str], on_delete: str, *flags: bool
) -> str:
    """Return a line on one foreign key: where it is, how many rows of customers it holds, what becomes of them."""
    query = sql.SQL("SELECT count(*) FROM {} t JOIN users u ON u.id = t.{} WHERE u.is_customer").format(
        sql.Identifier(schema, table), sql.Identifier(columns[0])
    )
    with look.connection.cursor() as cursor:
        cursor.execute(query)
        count = cursor.fetchone()[0]
    rule, outcome = _ON_DELETE[on_delete]
    is_known = table in known and schema == look.server[5]
    where = table if schema == look.server[5] else f"{schema}.{table}"
    stranger = "" if is_known else ", a table no model knows"
    what = f"{_count(count, 'row')} of customers {outcome}" if count else "no row of a customer"
    return f"{where}.{', '.join(columns)} ON DELETE {rule}{stranger}: {what}"


def _finding(tally: Tally, noun: str, one: str, many: str) -> Result:
    """Return a warning about customers whom the migration keeps back."""
    if not tally.count:
        return Result(PASS, f"No {noun} {one}.", 0)
    message = f"{_count(tally.count, noun)} {one if tally.count == 1 else many}: not moved, each becomes a finding."
    return Result(WARN, message, tally.count, tally.sample, remedy="python manage.py migrate_customers")


def _per_table(look: Look, query: str, what: str, fine: str) -> Result:
    """Return a warning about rows of several tables: (table, count, first ids)."""
    found = [row for row in look.rows(query) if row[1]]
    if not found:
        return Result(PASS, fine, 0)
    total = sum(count for _, count, _ in found)
    counted = " and ".join(_count(count, table.removesuffix("s")) for table, count, _ in found)
    details = [f"{table}: ids {', '.join(map(str, ids))}" for table, _, ids in found]
    message = f"{counted} {what}; each becomes a finding."
    return Result(WARN, message, total, details=details, remedy="python manage.py migrate_customers")


def _directory(variable: str, path: Path) -> Result:
    """Return whether files can be written to PATH, or PATH can be made."""
    where = _existing(path)
    free = shutil.disk_usage(where).free
    if not where.is_dir() or not os.access(where, os.W_OK | os.X_OK):
        remedy = f"make it writable, or set {variable} to another folder"
        return Result(FAIL, f"{variable} is {path}, where nothing can be written.", free, remedy=remedy)
    return Result(PASS, f"{variable} is {path}, with {_megabytes(free)} free.", free)


def _existing(path: Path) -> Path:
    """Return PATH, or the nearest folder above it that exists."""
    return next(parent for parent in (path, *path.parents) if parent.exists())


def _hours(age: timedelta) -> float:
    return age.total_seconds() / 3600


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
