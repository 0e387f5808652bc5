"""Reads that nearly every request makes: their SQL is made once in a process and planned once in a connection.

Making and planning it takes many times longer than executing it. This stands on how Django's compiler is divided into
parts; tests/config/test_compiled.py holds what comes out to what the queryset itself gives.
"""

from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import QuerySet
from psycopg.errors import FeatureNotSupported
from psycopg.pq import TransactionStatus
from psycopg.sql import Literal

_Row = TypeVar("_Row")
_Form = Callable[[Any], Any]
_ServerBindingCursor: Any = ServerBindingCursor


class Compiled(Generic[_Row]):
    """A queryset of which only some values differ from one time to the next: BUILD gets a sample of each by name.

    A sample has to be equal to nothing else in the query. A value is put where its sample was, so it must be of the
    same type, and nothing that would make another query, as None is.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, _Row]], **samples: Any) -> None:
        self._build = build
        self._samples = samples

    def __call__(self, **values: Any) -> list[_Row]:
        """Return the rows for these VALUES, by one query."""
        made = self._made
        params = tuple(form(values[name]) for name, form in made.places)
        compiler = copy(made.compiler)
        compiler.connection = _Connection(connections[made.queryset.db])
        compiler.as_sql = lambda *_, **__: (made.sql, params)
        compiler.get_converters = lambda _: made.converters
        query: Any = copy(made.queryset.query)
        query.get_compiler = lambda *_, **__: compiler
        ready = QuerySet.__new__(type(made.queryset))
        ready.__dict__ = made.queryset.__dict__ | {"_query": query}
        rows: Any = made.queryset._iterable_class(ready)
        return list(rows)

    @cached_property
    def _made(self) -> "_Made":
        return _Made(self._build(**self._samples), self._samples)


class _Made:
    """What of a query is the same each time: its SQL, where values go in it and in what form, and how rows are read."""

    def __init__(self, queryset: QuerySet[Any, Any], samples: dict[str, Any]) -> None:
        self.queryset = queryset
        self.compiler: Any = queryset.query.get_compiler(using=queryset.db)
        self.places: list[tuple[str, _Form]] = []
        sql, params = self.compiler.as_sql()
        parts = sql.split("%s")
        self.sql = parts[0] + "".join(
            f"{self._written(param, samples)}{part}" for param, part in zip(params, parts[1:], strict=True)
        )
        columns = [each[0] for each in self.compiler.select[0 : self.compiler.col_count]]
        self.converters = self.compiler.get_converters(columns)

    def _written(self, param: Any, samples: dict[str, Any]) -> str:
        """Return what stands in the SQL for PARAM: a place for a value, or what it always is."""
        for name, sample in samples.items():
            for form in (_unchanged, _naive) if isinstance(sample, datetime) else (_unchanged,):
                if type(param) is type(sample) and param == form(sample):
                    self.places.append((name, form))
                    return "%s"
        with connections[self.queryset.db].cursor() as cursor:
            return Literal(param).as_string(cursor.cursor).replace("%", "%%")


class _Connection:
    """A connection whose cursors let the server plan a statement once."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self) -> Any:
        """Return Django's cursor around one that prepares."""
        cursor = self._connection.cursor()
        connection = self._connection.connection
        if connection.prepare_threshold is None:
            # Both concern cursors of this kind alone: Django's others never prepare.
            connection.execute("SET plan_cache_mode = force_generic_plan")
            connection.prepare_threshold = 0
        cursor.cursor = _Cursor(connection)
        return cursor


class _Cursor(_ServerBindingCursor):  # type: ignore[misc]
    """A cursor that prepares, and remembers for Django's log what it executed."""

    def execute(self, query: Any, *args: Any, **options: Any) -> Any:
        try:
            found = super().execute(query, *args, **options)
        except FeatureNotSupported:
            # A column has another type by now. In a transaction, the roll-back of this error forgets all plans, too.
            if self.connection.info.transaction_status != TransactionStatus.IDLE:
                raise
            self.connection.execute("DEALLOCATE ALL")
            found = super().execute(query, *args, **options)
        self._query = SimpleNamespace(query=query.encode())
        return found


def _unchanged(value: Any) -> Any:
    return value


def _naive(value: datetime) -> datetime:
    """Return an instant as the legacy columns hold it."""
    return value.astimezone(UTC).replace(tzinfo=None)
