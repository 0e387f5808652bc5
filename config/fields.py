"""Fields over legacy column types: enums, `timestamp(3)` in UTC, raw bcrypt, one-line text, `json`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
from django import forms
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.types.json import Json

BCRYPT_PREFIX = "bcrypt$"


class UnholdableTime(str):
    """A time that Python cannot hold (infinity, BC, a year beyond 9999), as PostgreSQL writes it."""

    __slots__ = ()


# The driver's own, in C: the class by that name in its modules is the slow one.
_DRIVERS: Any = psycopg.adapters.get_loader(psycopg.adapters.types["timestamp"].oid, Format.TEXT)


class _ReadableTimestampLoader(Loader):
    """Gives what Python cannot hold as UnholdableTime instead of raising."""

    def __init__(self, oid: int, context: Any = None) -> None:
        super().__init__(oid, context)
        self._load = _DRIVERS(oid, context).load

    def load(self, data: Any) -> Any:
        try:
            return self._load(data)
        except psycopg.DataError:
            return UnholdableTime(bytes(data).decode())


psycopg.adapters.register_loader("timestamp", _ReadableTimestampLoader)


class EnumField(models.TextField):  # type: ignore[type-arg]
    """A column of a PostgreSQL enum type, such as `"UserRole"`; made by SQL, never by Django."""

    def __init__(self, enum_type: str, **options: Any) -> None:
        self.enum_type = enum_type
        super().__init__(**options)

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Return the quoted type."""
        return f'"{self.enum_type}"'

    def deconstruct(self) -> Any:
        """Return the field with its type's name, for migrations."""
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "enum_type": self.enum_type}

    def get_prep_value(self, value: Any) -> Any:
        """Return VALUE to ask for; raise ValueError, which an admin's address survives, where PostgreSQL would fail."""
        known = {choice for choice, _ in self.flatchoices}
        if isinstance(value, str) and known and value not in known:
            raise ValueError(f"{value!r} is no value of the enum {self.enum_type}.")
        return super().get_prep_value(value)

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return VALUE to write; one that the enum got after this code was written is written back."""
        return str(value) if isinstance(value, str) else super().get_db_prep_save(value, connection)


class LineField(models.TextField):  # type: ignore[type-arg]
    """A `text` column that holds one line: edited in an input, not in a box."""

    def formfield(self, **options: Any) -> Any:
        """Return a form field with a one-line input."""
        return super().formfield(**{"widget": forms.TextInput, **options})


class AsInstant(models.Transform):
    """A naive UTC column as `timestamptz`, so that dates and hours come out right in any time zone."""

    template = "(%(expressions)s AT TIME ZONE 'UTC')"
    output_field = models.DateTimeField()


_CALENDAR = frozenset(
    [
        "date",
        "time",
        "year",
        "iso_year",
        "month",
        "day",
        "week",
        "week_day",
        "iso_week_day",
        "quarter",
        "hour",
        "minute",
    ]
)


class LegacyDateTimeField(models.DateTimeField):  # type: ignore[type-arg]
    """`timestamp(3) without time zone` holding UTC, seen as aware datetimes in UTC.

    Values Python cannot hold are given as text. `Trunc` and `Extract` on it need `AsInstant("column")` first; the
    lookups (`__date`, `__hour`, …) do that themselves.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Return the type with the precision the old application gave it."""
        return "timestamp(3) without time zone"

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return the column's value as an aware datetime, or as text."""
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value

    def to_python(self, value: Any) -> Any:
        """Return VALUE as a datetime; what came out of the database as text stays text."""
        return value if isinstance(value, UnholdableTime) else super().to_python(value)

    def get_prep_value(self, value: Any) -> Any:
        """Return VALUE as an aware datetime, or as the text that came out of the database."""
        return value if isinstance(value, UnholdableTime) else super().get_prep_value(value)

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        """Return VALUE as naive UTC, which is what the column holds."""
        if not prepared:
            value = self.get_prep_value(value)
        if isinstance(value, UnholdableTime):
            return str(value)
        aware = isinstance(value, datetime) and value.tzinfo is not None
        return value.astimezone(UTC).replace(tzinfo=None) if aware else value

    def get_transform(self, lookup_name: str) -> Any:
        """Return the lookup's transform, over the instant if it depends on the time zone."""
        transform: Callable[..., Any] | None = super().get_transform(lookup_name)
        if transform is None or lookup_name not in _CALENDAR:
            return transform
        return lambda lhs, *args, **kwargs: transform(AsInstant(lhs), *args, **kwargs)


class RawBCryptField(models.TextField):  # type: ignore[type-arg]
    """A password column that holds raw bcrypt, as the old application reads it, and that Django sees as `bcrypt$…`.

    Hashes of other kinds pass unchanged both ways: the old application's oddities stay what they are, and Argon2
    can live here after clean-up.
    """

    def from_db_value(self, value: str | None, expression: Any, connection: BaseDatabaseWrapper) -> str | None:
        """Return the hash with the prefix by which Django finds its hasher."""
        return BCRYPT_PREFIX + value if value and value.startswith("$2") else value

    def get_prep_value(self, value: Any) -> Any:
        """Return the hash without Django's prefix."""
        return value.removeprefix(BCRYPT_PREFIX) if isinstance(value, str) else value


class PlainJSONField(models.JSONField):
    """A column of type `json`, which keeps its text as it was written; the driver reads it."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Return `json`."""
        return "json"

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return VALUE, which the driver has read already."""
        return value

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        """Return VALUE as `json`, with its keys in order."""
        return None if value is None else Json(value, dumps=partial(json.dumps, ensure_ascii=False, cls=self.encoder))
