"""Restoring a backup into an empty database, in one transaction: it is all there and compared, or nothing is."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.db import DatabaseError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.sql import SQL, Composed, Identifier, Literal

from config.masking import mask_text
from config.sql import Queries
from separation.backups.files import Digest, opened, read_rows, read_text, verify
from separation.backups.lines import CSV, to_csv, to_json
from separation.backups.manifest import Locale, Manifest, Object, Table, read_manifest
from separation.backups.scratch import on_server
from separation.backups.sealing import Key
from separation.backups.session import QUERIES, Session, session
from separation.backups.taking import SECTIONS
from separation.environment import COPY, mark
from separation.errors import CheckFailed, Refused
from separation.progress import Advance, progress

COPIES = Queries(Path(__file__).with_name("copies.sql"))
# The pair of psql commands that pg_dump puts around its SQL; the key is random, so nothing else in the text has it.
_RESTRICT = re.compile(r"^\\restrict (\w+)$", re.MULTILINE)
_SETTING = re.compile(r"^SET (\w+) = .*;$", re.MULTILINE)
_COPY_LINE = re.compile(r"\bline (\d+)")
# Another major version may word these another way; that they are there is compared all the same.
_WORDED_BY_THE_SERVER = {"view", "materialized view", "rule", "policy", "function", "trigger"}
# PostgreSQL words `IN ('a', 'b')` on a varchar another way once it has read its own wording: casts and brackets move.
_MOVING = re.compile(
    r"""::(?:\w+\.)?(?:"[^"]+"|\w+)(?: varying| precision)?(?:\([\d,]+\))?(?: with(?:out)? time zone)?(?:\[\])*"""
    r"|[()]|\s"
)
NAMED_AT_MOST = 10


@dataclass(frozen=True)
class Restored:
    """What a restore did: everything the manifest lists; `locale` is the new database's where it differs.

    `sessions_ended` is how many log-ins of customers and of staff were ended, because it is a copy, and
    `mails_cancelled` how many queued mails were given up.
    """

    manifest: Manifest
    locale: Locale | None
    sessions_ended: tuple[int, int]
    mails_cancelled: int


def restore(
    connection: BaseDatabaseWrapper, folder: Path, environment: str = COPY, *, key: Key | None = None
) -> Restored:
    """Restore the backup in FOLDER into the empty database behind CONNECTION, compare it, mark it as a copy.

    Once compared, every log-in in a copy is ended, and every queued mail given up: those are the business of the
    database it is a copy of.

    Verifies the whole backup first; makes the database if it is missing and the role may. Everything is one
    transaction: whatever stops it, a kill included, leaves the database empty. Raises Refused if the database is not
    empty (naming what is in it), on an older server than the backup's, or of an encoding that cannot hold it;
    CheckFailed naming file and line if the backup is damaged, or the object that came out other than it was. An
    encrypted backup needs the KEY, and nothing of it is written to a disk in the clear.
    """
    manifest = opened(folder, read_manifest(folder)[0], key)
    with progress("Verifying", manifest.bytes, "bytes") as advance:
        verify(folder, manifest, advance, key=key)
    _make_if_missing(connection, manifest)
    with session(connection) as target:
        _refuse_unfit(target, manifest)
        target.run("BEGIN; SET LOCAL maintenance_work_mem = '256MB'")
        target.pin()
        _refuse_occupied(target, folder)
        _fill(target, folder, manifest, key)
        _compare(target, folder, manifest)
        target.run("SET LOCAL search_path TO DEFAULT")
        ended = _end(target) if environment == COPY else (0, 0, 0)
        mark(target.wrapper, environment)
        target.run("COMMIT")
        if environment == COPY:
            with suppress(psycopg.Error):  # statistics only; the server makes them itself in time
                target.run("ANALYZE")
        locale = _locale(target)
    return Restored(manifest, None if locale == manifest.locale else locale, ended[:2], ended[2])


def _make_if_missing(connection: BaseDatabaseWrapper, manifest: Manifest) -> None:
    try:
        connection.ensure_connection()
    except OperationalError:
        if not _make(connection, manifest):
            raise
    finally:
        connection.close()


def _make(connection: BaseDatabaseWrapper, manifest: Manifest) -> bool:
    """Create the database; False if it was there already."""
    name = connection.settings_dict["NAME"]
    server = on_server(connection)
    try:
        with server.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            if cursor.fetchone() is not None:
                return False
        create_database(server, name, manifest)
        return True
    finally:
        server.close()


def create_database(server: BaseDatabaseWrapper, name: str, manifest: Manifest) -> None:
    """Create the empty database NAME for the backup, with its locale where the server has that."""
    _refuse_older(server, manifest)
    create = SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(Identifier(name))
    with server.cursor() as cursor:
        try:
            cursor.execute(create + _locale_clause(manifest.locale))
        except DatabaseError:  # a locale, or a provider of locales, that this server does not have
            cursor.execute(create)


def _locale_clause(locale: Locale) -> Composed:
    clause = SQL(" LC_COLLATE {} LC_CTYPE {}").format(Literal(locale.collate), Literal(locale.ctype))
    provider = {"b": "builtin BUILTIN_LOCALE", "i": "icu ICU_LOCALE"}.get(locale.provider)
    return clause + SQL(f" LOCALE_PROVIDER {provider} {{}}").format(Literal(locale.name)) if provider else clause


def _locale(target: Session) -> Locale:
    return Locale(*target.rows(QUERIES.facts)[0][3:7])


def _refuse_unfit(target: Session, manifest: Manifest) -> None:
    _refuse_older(target.wrapper, manifest)
    encoding = target.rows(QUERIES.facts)[0][2]
    if encoding not in ("UTF8", manifest.encoding):
        raise Refused(
            "encoding",
            f"The backup's text is {manifest.encoding}; this database is {encoding} and may not hold every character.",
            "CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'",
        )


def _refuse_older(server: BaseDatabaseWrapper, manifest: Manifest) -> None:
    here, there = server.get_database_version()[0], manifest.server_version_num // 10000
    if here < there:
        raise Refused(
            "server-version",
            f"The backup is of PostgreSQL {there}; this server is PostgreSQL {here}, which is older.",
            f"restore it into a server of PostgreSQL {there} or newer, with --into",
        )


def _refuse_occupied(target: Session, folder: Path) -> None:
    found = [f"{kind} {name}" for kind, name in target.rows(QUERIES.occupied)]
    if found:
        more = f" and {len(found) - NAMED_AT_MOST} more" if len(found) > NAMED_AT_MOST else ""
        raise Refused(
            "occupied-database",
            f"Database {target.raw.info.dbname!r} is not empty: {', '.join(found[:NAMED_AT_MOST])}{more}.",
            f"python manage.py restore {folder} --into postgres://user@host/new_database",
        )


def _fill(target: Session, folder: Path, manifest: Manifest, key: Key | None) -> None:
    """Make the tables without constraints, then their rows, then what depends on the rows."""
    _load_schema(target, folder, manifest, "pre-data", key)
    with progress("Restoring", manifest.rows, "rows") as advance:
        for table in manifest.tables:
            _load_table(target, folder / table.file, table, read_rows(folder, table, manifest, key), advance)
    for sequence in manifest.sequences:
        name = Identifier(sequence.schema, sequence.name).as_string(target.raw)
        values = (Literal(name), Literal(sequence.last_value), Literal(sequence.is_called))
        target.rows(SQL("SELECT setval({}, {}, {})").format(*values))
    _load_schema(target, folder, manifest, "post-data", key)


def _load_schema(target: Session, folder: Path, manifest: Manifest, section: str, key: Key | None) -> None:
    path = folder / SECTIONS[section]
    known = {name for (name,) in target.rows("SELECT name FROM pg_settings")}
    text = plain_sql(read_text(folder, manifest, path.name, key), known)
    try:
        target.run(text)
    except psycopg.Error as error:
        position = int(error.diag.statement_position or 0)
        place = f"{path}, line {text.count(chr(10), 0, position) + 1}" if position else str(path)
        raise CheckFailed(f"{place}: the server said: {_said(error)}; nothing was restored.") from error


def plain_sql(text: str, known: set[str]) -> str:
    """Return what pg_dump wrote without psql's commands and without settings that this server does not know.

    Only in the lines before the first object; line numbers stay as they are.
    """
    if found := _RESTRICT.search(text):
        text = text.replace(found[0], "", 1).replace(f"\n\\unrestrict {found[1]}\n", "\n\n")
    head, first_object, rest = text.partition("\n-- Name: ")
    return _SETTING.sub(lambda found: found[0] if found[1] in known else "", head) + first_object + rest


def _load_table(target: Session, path: Path, table: Table, blocks: Iterator[bytes], advance: Advance) -> None:
    stored = [index for index, column in enumerate(table.columns) if not column.generated]
    kept = stored if len(stored) < len(table.columns) else None
    columns = SQL(", ").join(Identifier(table.columns[index].name) for index in stored)
    statement = SQL("COPY {}{} FROM STDIN WITH ({}, FREEZE)").format(
        Identifier(table.schema, table.name), SQL("({})").format(columns) if stored else SQL(""), SQL(CSV)
    )
    try:
        with target.raw.cursor().copy(statement) as copy:
            contents = (to_csv(block, kept) for block in blocks)
            for content, block in zip(_ahead(contents), table.blocks, strict=True):
                copy.write(content)
                advance(block.rows)
    except psycopg.Error as error:
        line = _COPY_LINE.search(error.diag.context or "")
        place = f"{path}, near line {line[1]}" if line else str(path)
        raise CheckFailed(f"{place}: the server said: {_said(error)}; nothing was restored.") from error


def _ahead(contents: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same, the next one being made in a thread while the server takes the last."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, contents, b"")
        while content := coming.result():
            coming = thread.submit(next, contents, b"")
            yield content


def _compare(target: Session, folder: Path, manifest: Manifest) -> None:
    with progress("Comparing", manifest.rows, "rows") as advance:
        for table in manifest.tables:
            content = Digest()
            for block in target.copy_out(table):
                advance(content.add(to_json(block, len(table.columns))))
            if content.result() != (table.rows, table.content_bytes, table.content_sha256):
                raise CheckFailed(
                    f"Table {table.label} came out other than {folder / table.file}; nothing was restored."
                )
    different = sorted(_different(manifest, target))
    if different:
        raise CheckFailed(f"Not restored as it was: {', '.join(different[:NAMED_AT_MOST])}; nothing was restored.")


def _end(target: Session) -> tuple[int, int, int]:
    """End the log-ins of customers and of staff, and what was to be mailed; return how many each."""
    target.rows(COPIES.bypass)
    ((of_customers, of_staff, tokens, mails),) = target.rows(COPIES.ours)
    return (
        target.raw.execute(COPIES.end_customers_sessions).rowcount if of_customers else 0,
        (target.raw.execute(COPIES.end_staff_sessions).rowcount if of_staff else 0)
        + (target.raw.execute(COPIES.end_staff_tokens).rowcount if tokens else 0),
        target.raw.execute(COPIES.cancel_mails).rowcount if mails else 0,
    )


def _different(manifest: Manifest, target: Session) -> set[str]:
    """Return what differs in the schema or the sequences; the target may have more extensions."""
    same_words = target.rows(QUERIES.facts)[0][1] // 10000 == manifest.server_version_num // 10000
    there = {key: text for key, text in _definitions(target.objects(), same_words) if key[0] != "extension"}
    here = {key: text for key, text in _definitions(manifest.objects, same_words) if key[0] != "extension"}
    sequences = {(item.schema, item.name): item for item in target.sequences()}
    moved = {item.name for item in manifest.sequences if sequences.get((item.schema, item.name)) != item}
    return {f"{kind} {name}" for (kind, name), _ in here.items() ^ there.items()} | {
        f"sequence {name}" for name in moved
    }


def _definitions(objects: list[Object], same_words: bool) -> list[tuple[tuple[str, str], str]]:
    ignored = set() if same_words else _WORDED_BY_THE_SERVER
    return [
        ((item.kind, item.name), same_wording(item.definition) if item.kind not in ignored else "") for item in objects
    ]


def same_wording(definition: str) -> str:
    """Return DEFINITION without what PostgreSQL words another way once it has read its own wording."""
    return _MOVING.sub("", definition)


def _said(error: psycopg.Error) -> str:
    return mask_text(error.diag.message_primary or str(error).strip() or type(error).__name__)
