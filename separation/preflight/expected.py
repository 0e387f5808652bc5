"""The keys and indexes that the old application made, as each app's `legacy.sql` has them; and those that are there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from separation.kinds import legacy_apps
from separation.preflight.look import SQL, Look

_PRIMARY = re.compile(r"CREATE TABLE (\w+) \((?:(?!;\n).)*?CONSTRAINT (\w+) PRIMARY KEY \(([^)]+)\)", re.DOTALL)
_INDEX = re.compile(r"CREATE (UNIQUE )?INDEX (\w+) ON (\w+) \(([^)]+)\)")
_ALTER = re.compile(r"ALTER TABLE (\w+)\n(.*?);", re.DOTALL)
_KEY = re.compile(r"ADD CONSTRAINT (\w+)\s+FOREIGN KEY \((\w+)\) REFERENCES (\w+) \(id\) ON DELETE (SET NULL|\w+)")

# Of an index that is there: table, columns ('' for an expression), whether it is unique, valid, and of all rows.
FoundIndex = tuple[str, list[str], bool, bool, bool]
FoundKey = tuple[str, list[str], str]


@dataclass(frozen=True)
class Index:
    """An index, or a unique or primary key."""

    table: str
    name: str
    columns: tuple[str, ...]
    unique: bool = False

    def is_served_by(self, found: FoundIndex) -> bool:
        """Whether an index that is there does what this one would."""
        table, columns, unique, valid, whole = found
        if table != self.table or not valid or not whole:
            return False
        if self.unique:
            return unique and set(columns) <= set(self.columns)
        return tuple(columns[: len(self.columns)]) == self.columns

    @property
    def lacks(self) -> str:
        """What is not there."""
        return f"{self.table} has no {'unique ' if self.unique else ''}index on ({', '.join(self.columns)})"

    @property
    def statement(self) -> str:
        """What makes it, without blocking writers."""
        kind = "UNIQUE INDEX" if self.unique else "INDEX"
        return f"CREATE {kind} CONCURRENTLY {self.name} ON {self.table} ({', '.join(self.columns)})"


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key to another table than users."""

    table: str
    name: str
    columns: tuple[str, ...]
    target: str
    on_delete: str

    def is_served_by(self, found: FoundKey) -> bool:
        """Whether a key that is there is this one, whatever it is called and does."""
        return found == (self.table, [*self.columns], self.target)

    @property
    def lacks(self) -> str:
        """What is not there."""
        return f"{self.table}.{self.columns[0]} has no foreign key to {self.target}"

    @property
    def statement(self) -> str:
        """What makes it, without blocking writers for long."""
        return (
            f"ALTER TABLE {self.table} ADD CONSTRAINT {self.name} FOREIGN KEY ({self.columns[0]}) "
            f"REFERENCES {self.target} (id) ON DELETE {self.on_delete} ON UPDATE CASCADE NOT VALID"
        )


@dataclass(frozen=True)
class Expected:
    """What the old application made."""

    unique: tuple[Index, ...]
    indexes: tuple[Index, ...]
    keys: tuple[ForeignKey, ...]


@cache
def expected_objects() -> Expected:
    """Return what every `legacy.sql` makes; keys to users are looked at elsewhere."""
    texts = [(Path(app.path) / "sql" / "legacy.sql").read_text(encoding="utf-8") for app in legacy_apps()]
    indexes = [index for text in texts for index in _indexes(text)]
    return Expected(
        unique=tuple(index for index in indexes if index.unique),
        indexes=tuple(index for index in indexes if not index.unique),
        keys=tuple(key for text in texts for key in _keys(text) if key.target != "users"),
    )


def indexes_of(look: Look) -> list[FoundIndex]:
    """Return the indexes that are there."""
    return [(*found,) for found in look.rows(SQL.indexes)]


def foreign_keys_of(look: Look) -> list[FoundKey]:
    """Return the foreign keys that are there."""
    return [(*found,) for found in look.rows(SQL.keys)]


def _indexes(text: str) -> Iterator[Index]:
    for table, name, columns in _PRIMARY.findall(text):
        yield Index(table, name, _split(columns), unique=True)
    for unique, name, table, columns in _INDEX.findall(text):
        yield Index(table, name, _split(columns), unique=bool(unique))


def _keys(text: str) -> Iterator[ForeignKey]:
    for table, body in _ALTER.findall(text):
        for name, column, target, on_delete in _KEY.findall(body):
            yield ForeignKey(table, name, (column,), target, on_delete)


def _split(columns: str) -> tuple[str, ...]:
    return tuple(column.strip().strip('"') for column in columns.split(","))
