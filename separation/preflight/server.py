"""The checks of the server, the connection, and what else is at work there."""

import time
from typing import Any, cast

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

from config.embedded_postgres import programs
from separation.manners import MAX_LAG
from separation.preflight.look import SQL, Look
from separation.preflight.registry import check, count, megabytes
from separation.preflight.report import FAIL, PASS, WARN, Result

OLDEST, NEWEST = 14, 18
# A run takes a connection for each worker; who watches it, and both applications, want some too.
_FEWEST, _FEW = 3, 10
_SKEW = 5.0
# From the first on PostgreSQL hurries by itself; from the second it neglects all else (vacuum_failsafe_age).
_OLD_AGE, _FAILSAFE_AGE, _LAST_AGE = 1_000_000_000, 1_600_000_000, 2_147_483_648
_TIMEOUTS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
# What ends a connection, or a transaction, that does what it should.
_CUTS = ("transaction_timeout", "idle_session_timeout")
# Extensions that change what a table is, or who writes to it.
_INTRUSIVE = ("anon", "bdr", "citus", "pglogical", "pg_pathman", "spock", "temporal_tables", "timescaledb")


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
def clients(look: Look) -> Result:
    """Require client programs that this server's schema can be saved with."""
    library, dump = psycopg.pq.version() // 10000, programs.NEWEST
    message = f"This side speaks through libpq {library}, and saves schemas with pg_dump {dump}"
    if _major(look.connection) > dump:
        message = f"{message}, which refuses a newer server."
        return Result(FAIL, message, dump, remedy="install a newer version of this project")
    return Result(PASS, f"{message}, which comes with the project.", dump)


@check()
def clock(look: Look) -> Result:
    """Compare the server's clock with this host's."""
    before = time.time()
    there = float(look.value(SQL.clock))
    after = time.time()
    skew = max(0.0, before - there, there - after)
    if skew > _SKEW:
        which = "behind" if there < before else "ahead of"
        message = (
            f"The server's clock is {skew:,.0f} seconds {which} this host's: windows and logs go by this host's, the "
            "ages of backups and rehearsals by the server's."
        )
        return Result(WARN, message, round(skew), remedy="set both clocks by NTP, then: python manage.py preflight")
    return Result(PASS, "The server's clock and this host's agree.", round(skew))


@check()
def timeouts(look: Look) -> Result:
    """Name what would cut off a run that does what it should, and say what waits without end."""
    found = dict(look.rows(SQL.session_settings, names=[*_TIMEOUTS, *_CUTS]))
    details = [f"{name} = {found[name]}" for name in (*_TIMEOUTS, *_CUTS) if name in found]
    role = look.server[2]
    cuts = [f"{name} = {found[name]}" for name in _CUTS if found.get(name, "0") != "0"]
    if cuts:
        message = f"Sessions of role {role} are cut off by {' and '.join(cuts)}: a backup or a pause can take longer."
        remedy = "; ".join(f'ALTER ROLE "{role}" SET {name} = 0' for name in _CUTS if found.get(name, "0") != "0")
        return Result(WARN, message, len(cuts), details=details, remedy=remedy)
    waits = "without end" if found["lock_timeout"] == "0" else f"for {found['lock_timeout']}"
    message = f"By itself role {role} waits for a lock {waits}; what changes the database sets a timeout of its own."
    return Result(PASS, message, found["lock_timeout"], details=details)


@check()
def connections(look: Look) -> Result:
    """Require connections for a run and for those who watch it."""
    most, used, left = look.rows(SQL.connections)[0]
    message = f"{count(left, 'connection')} left of {most:,}, {used:,} in use."
    remedy = "close some, raise max_connections (or the limit of the role or database), or run with fewer --workers"
    if left < _FEWEST:
        return Result(FAIL, message, left, remedy=remedy)
    if left < _FEW:
        return Result(WARN, f"{message} A run takes one for each of its --workers.", left, remedy=remedy)
    return Result(PASS, message, left)


@check()
def replication(look: Look) -> Result:
    """Name the standbys that are behind, those that commits wait for in vain, and slots that keep WAL for nobody."""
    may_see, awaited = look.rows(SQL.may_see_standbys)[0]
    standbys, slots = look.rows(SQL.standbys), look.rows(SQL.slots)
    details = [
        f"standby {name} is {state}, {lag:,.0f} s and {megabytes(behind)} behind"
        for name, state, _, lag, behind in standbys
    ]
    details += [f"slot {name} is in nobody's use, and keeps {megabytes(kept)} of WAL" for name, kept in slots]
    if awaited and may_see and not any(sync for _, _, sync, *_ in standbys):
        message = f"Commits wait for a standby that is not there: synchronous_standby_names is {awaited!r}."
        return Result(FAIL, message, awaited, details=details, remedy="start that standby, or empty the setting")
    late = [name for name, _, _, lag, _ in standbys if lag > MAX_LAG]
    if late or slots:
        whom = [f"{count(len(late), 'standby server')} more than {MAX_LAG} s behind"] if late else []
        whom += [f"{count(len(slots), 'slot')} keeping WAL for nobody"] if slots else []
        remedy = f"SELECT pg_drop_replication_slot('{slots[0][0]}')  -- once you know whose it was" if slots else ""
        message = f"Replication: {', '.join(whom)}. The migration writes more WAL."
        return Result(WARN, message, len(late) + len(slots), details=details, remedy=remedy)
    if not may_see:
        message = "This role may not see how far standbys are behind, so a run will not wait for them."
        return Result(WARN, message, "", details=details, remedy=f'GRANT pg_monitor TO "{look.server[2]}"')
    return Result(PASS, f"{count(len(standbys), 'standby server')}, none behind.", len(standbys), details=details)


@check(reads_legacy=True)
def publications(look: Look) -> Result:
    """Name the publications that would carry the new tables and columns to subscribers who do not have them."""
    names = [name for (name,) in look.rows(SQL.publications)]
    if names:
        message = f"{count(len(names), 'publication')} will carry new tables or columns: {', '.join(names)}."
        remedy = "give each subscriber the same tables and columns first, or its replication stops"
        return Result(WARN, message, len(names), remedy=remedy)
    return Result(PASS, "No publication carries what the migration adds.", 0)


@check(reads_legacy=True)
def autovacuum(look: Look) -> Result:
    """Require statistics, and somebody who clears away the row versions that the migration leaves."""
    is_on, tracks = look.rows(SQL.autovacuum)[0]
    off = [] if is_on and tracks else ["autovacuum is off on this server"]
    tables = look.rows(SQL.neglected)
    details = off + [f"{table}: {why}" for table, why in tables]
    if details:
        message = f"{count(len(details), 'thing')} that will make plans slow, or tables grow."
        remedy = (
            "ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf()" if off else f"VACUUM ANALYZE {tables[0][0]}"
        )
        return Result(WARN, message, len(details), details=details, remedy=remedy)
    return Result(PASS, "Autovacuum is on, and every large table has its statistics.", 0)


@check()
def wraparound(look: Look) -> Result:
    """Require transaction ids enough to go on with, and time before PostgreSQL vacuums for its life."""
    age, table = look.rows(SQL.wraparound)[0]
    left = _LAST_AGE - age
    message = f"The oldest transaction id in the database is {age:,} transactions old; {left:,} are left."
    remedy = f"VACUUM (FREEZE) {table or ''}".strip()
    if age > _FAILSAFE_AGE:
        return Result(FAIL, message, left, remedy=remedy)
    if age > _OLD_AGE:
        return Result(WARN, message, left, remedy=remedy)
    return Result(PASS, message, left)


@check(reads_legacy=True)
def collation(look: Look) -> Result:
    """Require an order of texts that is still the one its indexes were made by, and lower case for all letters."""
    outdated = [
        f"{name} is of version {was}, and the system's is {now}" for name, was, now in look.rows(_versions(look))
    ]
    if outdated:
        message = (
            f"{count(len(outdated), 'collation')} changed since indexes were made by it: equal emails may be missed."
        )
        remedy = f'REINDEX DATABASE "{look.server[1]}"; ALTER DATABASE "{look.server[1]}" REFRESH COLLATION VERSION'
        return Result(WARN, message, len(outdated), details=outdated, remedy=remedy)
    name = look.value(SQL.ctype)
    strange = 0 if look.value(SQL.knows_letters) else look.value(SQL.beyond_ascii)
    if strange:
        message = (
            f"The database takes only A to Z for letters ({name}), and {count(strange, 'email')} of customers have "
            "others: two that differ in their case will not count as one."
        )
        return Result(WARN, message, strange, remedy="restore it into a database whose locale knows them")
    return Result(PASS, f"Texts are sorted as when their indexes were made ({name}).", 0)


@check()
def extensions(look: Look) -> Result:
    """Name the extensions, and warn of those that change what a table is."""
    found = [f"{name} {version}" for name, version in look.rows(SQL.extensions)]
    intrusive = [name for name in found if name.split()[0] in _INTRUSIVE]
    if intrusive:
        which = ", ".join(intrusive)
        message = f"{count(len(intrusive), 'extension')} may write or distribute tables in a way of its own: {which}."
        remedy = "try it first on a copy: python manage.py rehearse"
        return Result(WARN, message, len(intrusive), details=found, remedy=remedy)
    return Result(PASS, f"No extension is needed; there are: {', '.join(found) or 'none'}.", len(found))


@check(until_cleanup=True)
def subscriptions(look: Look) -> Result:
    """Name what writes without firing triggers: logical subscriptions, and roles that are replicas by a setting."""
    names = [name for (name,) in look.rows(SQL.subscriptions)]
    if names:
        message = f"Somebody writes into this database without firing triggers: {', '.join(names)}."
        remedy = "make sure that none of them writes to users, reservations or orders"
        return Result(WARN, message, len(names), remedy=remedy)
    return Result(PASS, "Nobody writes into this database without firing triggers.", 0)


@check()
def long_transactions(look: Look) -> Result:
    """Name the sessions that would keep the migration waiting."""
    found = look.rows(SQL.sessions)
    details = [
        f"process {pid}{f' ({name})' if name else ''}: {state}, its transaction open for {seconds:,} seconds"
        for pid, state, name, seconds in found
    ]
    if found:
        message = f"{count(len(found), 'session')} with a transaction open for long; they keep others waiting."
        remedy = f"SELECT pg_terminate_backend({found[0][0]})  -- once you know whose it is"
        return Result(WARN, message, len(found), details=details, remedy=remedy)
    return Result(PASS, "No transaction has been open for long.", 0)


@check()
def prepared_transactions(look: Look) -> Result:
    """Name the prepared transactions, which hold their locks for ever."""
    found = look.rows(SQL.prepared)
    if found:
        details = [f"{gid}: prepared {seconds:,} seconds ago" for gid, seconds in found]
        message = f"{count(len(found), 'prepared transaction')} holding locks until somebody ends them."
        remedy = f"COMMIT PREPARED or ROLLBACK PREPARED '{found[0][0]}'"
        return Result(WARN, message, len(found), details=details, remedy=remedy)
    return Result(PASS, "No prepared transaction holds locks.", 0)


def _versions(look: Look) -> str:
    """Return the query for changed collations; what a database's own is, servers before 15 do not know."""
    return SQL.collations if _major(look.connection) >= 15 else SQL.collations_of_columns


def _major(connection: BaseDatabaseWrapper) -> int:
    return int(cast(Any, connection).pg_version) // 10000
