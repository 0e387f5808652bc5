"""One table out of a backup, or what one person has in it: to a file that psql loads, with no database needed."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from psycopg.sql import SQL, Identifier

from separation.backups.files import opened, read_rows
from separation.backups.lines import CSV, to_csv
from separation.backups.manifest import Manifest, Table, read_manifest
from separation.backups.sealing import Key
from separation.errors import CheckFailed, UsageFault

_NAME = r'(?:\w+|"(?:[^"]|"")+")'
_REFERENCE = re.compile(rf"FOREIGN KEY \(({_NAME})\) REFERENCES ({_NAME})\.({_NAME})\(({_NAME})\)")
_OF_TABLE = re.compile(rf"({_NAME})\.({_NAME})\.")
_PEOPLE = [("public", "users"), ("public", "customers")]
_AGAIN = "python manage.py backup --list"


@dataclass(frozen=True)
class _Reference:
    """A foreign key of one column: COLUMN of the table CHILD holds values of TARGET of the table PARENT."""

    child: tuple[str, str]
    column: str
    parent: tuple[str, str]
    target: str


def extract_table(folder: Path, name: str, to: Path, *, key: Key | None = None) -> Manifest:
    """Write the rows of the table NAME of the backup in FOLDER into the new file TO.

    Every block is compared with the manifest before it is written; a file that is not whole does not stay. Raises
    UsageFault if there is no such table or if there is a file TO, CheckFailed if the table's file is damaged.
    """
    manifest = opened(folder, read_manifest(folder)[0], key)
    table = next((each for each in manifest.tables if name in (each.label, f"{each.schema}.{each.name}")), None)
    if table is None:
        raise UsageFault(
            f"The backup has no table {name!r}; it has {', '.join(each.label for each in manifest.tables)}.", _AGAIN
        )
    with _new_file(to) as file:
        _write_head(file, manifest, f"table {table.label}, {table.rows:,} rows")
        _write_rows(file, table, read_rows(folder, table, manifest, key))
    return manifest


def extract_customer(folder: Path, number: int, to: Path, *, key: Key | None = None) -> dict[str, int]:
    """Write what the person with the id NUMBER has in the backup in FOLDER into the new file TO; return rows by table.

    That is the person's rows in `users` and `customers`, and by the foreign keys in the backup, whatever refers to a
    row already chosen: reservations, their orders, the items of these. Raises as `extract_table`, and CheckFailed if
    the backup has nobody of that id.
    """
    manifest = opened(folder, read_manifest(folder)[0], key)
    found = _rows_of(folder, manifest, number, key)
    if not found:
        raise CheckFailed(f"{manifest.id} has nobody with the id {number}, neither in users nor in customers.", _AGAIN)
    with _new_file(to) as file:
        _write_head(file, manifest, f"the rows of the person with the id {number}")
        for table, rows in found:
            _write_rows(file, table, [b"".join(row + b"\n" for row in rows)])
    return {table.label: len(rows) for table, rows in found}


def _rows_of(folder: Path, manifest: Manifest, number: int, key: Key | None) -> list[tuple[Table, list[bytes]]]:
    """Return the person's rows, those that others refer to first; a table is read again if more of it is wanted."""
    tables = {(table.schema, table.name): table for table in manifest.tables}
    references = [reference for reference in _references(manifest) if reference.child in tables]
    wanted: dict[tuple[str, str], dict[str, set[bytes]]] = defaultdict(lambda: defaultdict(set))
    found: dict[tuple[str, str], list[bytes]] = {}
    for person in _PEOPLE:
        wanted[person]["id"] = {b'"%d"' % number}
    waiting = [person for person in _PEOPLE if person in tables]
    while waiting:
        name = _next(waiting, references)
        waiting.remove(name)
        table = tables[name]
        found[name] = list(_matching(read_rows(folder, table, manifest, key), table, wanted[name]))
        for reference in references:
            if reference.parent == name:
                values = {_cells(row)[_place(table, reference.target)] for row in found[name]} - {b"null"}
                if values - wanted[reference.child][reference.column]:
                    wanted[reference.child][reference.column] |= values
                    waiting += [reference.child] if reference.child not in waiting else []
    return [(tables[name], found[name]) for name in _parents_first(found, references) if found[name]]


def _references(manifest: Manifest) -> Iterator[_Reference]:
    for item in manifest.objects:
        key, table = _REFERENCE.match(item.definition), _OF_TABLE.match(item.name)
        if item.kind == "constraint" and key and table:
            column, *parent, target = map(_plain, key.groups())
            yield _Reference((_plain(table[1]), _plain(table[2])), column, (parent[0], parent[1]), target)


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _next(waiting: list[tuple[str, str]], references: list[_Reference]) -> tuple[str, str]:
    """Return a table that refers to no other waiting one, if there is one: it then has to be read only once."""
    behind = {each.child for each in references if each.parent in waiting and each.parent != each.child}
    return next((name for name in waiting if name not in behind), waiting[0])


def _parents_first(names: Iterable[tuple[str, str]], references: list[_Reference]) -> Iterator[tuple[str, str]]:
    waiting = list(names)
    while waiting:
        name = _next(waiting, references)
        waiting.remove(name)
        yield name


def _matching(blocks: Iterable[bytes], table: Table, wanted: dict[str, set[bytes]]) -> Iterator[bytes]:
    """Yield the lines that have a wanted value in one of these columns; a block without any is not taken apart."""
    places = [(_place(table, column), values) for column, values in wanted.items()]
    values = set().union(*wanted.values())
    for block in blocks:
        if any(value in block for value in values):
            for line in block.splitlines():
                cells = _cells(line)
                if any(cells[place] in those for place, those in places):
                    yield line


def _cells(line: bytes) -> list[bytes]:
    return line[1:-1].split(b",\t")


def _place(table: Table, column: str) -> int:
    return [each.name for each in table.columns].index(column)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new private file; it does not stay if the block fails."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageFault(f"{path} cannot be made: {error.strerror}.", "the same command with another --to") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


def _write_head(file: BinaryIO, manifest: Manifest, what: str) -> None:
    origin = f"{manifest.id} of database {manifest.database['name']}, taken {manifest.taken_at:%Y-%m-%d %H:%M} UTC"
    how = "psql --single-transaction --set=ON_ERROR_STOP=1 --file=THIS"
    file.write(f"-- {origin}: {what}.\n-- Load: {how}\nSET client_encoding = 'UTF8';\n".encode())


def _write_rows(file: BinaryIO, table: Table, blocks: Iterable[bytes]) -> None:
    stored = [index for index, column in enumerate(table.columns) if not column.generated]
    kept = stored if len(stored) < len(table.columns) else None
    columns = SQL(", ").join(Identifier(table.columns[index].name) for index in stored)
    statement = SQL("\nCOPY {} ({}) FROM stdin WITH ({});\n").format(
        Identifier(table.schema, table.name), columns, SQL(CSV)
    )
    file.write(statement.as_string().encode())
    for block in blocks:
        file.write(to_csv(block, kept))
    file.write(b"\\.\n")
