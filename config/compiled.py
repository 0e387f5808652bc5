"""Reads that nearly every request makes: their SQL is made once in a process and planned once in a connection.

Making and planning it takes many times longer than executing it, and so does making models of rows by the way that is
open to signals. This stands on how Django's compiler is divided into parts; tests/config/test_compiled.py holds what
comes out to what the queryset itself gives.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, cached_property
from operator import itemgetter
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from django.db import connections, router
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.query import FlatValuesListIterable, ModelIterable, ValuesIterable
from psycopg.errors import FeatureNotSupported
from psycopg.pq import TransactionStatus
from psycopg.sql import Literal

_Row = TypeVar("_Row")
_Form = Callable[[Any], Any]
_ServerBindingCursor: Any = ServerBindingCursor


class Compiled(Generic[_Row]):
    """A queryset of which only some values differ from one time to the next: BUILD gets a sample of each by name.

    A sample has to be equal to nothing else in the query. A value is put where its sample was, so it must be of the
    same type, and nothing that would make another query, as None is. Of models no signals are sent.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, _Row]], **samples: Any) -> None:
        self._build = build
        self._samples = samples

    def __call__(self, **values: Any) -> list[_Row]:
        """Return the rows for these VALUES, by one query."""
        made = self._made
        connection = connections[made.queryset.db]
        with prepared_cursor(connection) as cursor:
            cursor.execute(made.sql, [form(values[name]) for name, form in made.places])
            rows = cursor.fetchall()
        return [made.read(row) for row in made.converted(rows, connection)]

    @cached_property
    def _made(self) -> "_Made":
        return _Made(self._build(**self._samples), self._samples)


def prepared_cursor(connection: Any) -> Any:
    """Return a cursor of Django's CONNECTION by which the server plans a statement once, whatever its values."""
    connection.ensure_connection()
    driver = connection.connection
    if driver.prepare_threshold is None:
        # Both concern cursors of this kind alone: Django's others never prepare.
        driver.execute("SET plan_cache_mode = force_generic_plan")
        driver.prepare_threshold = 0
    return connection._prepare_cursor(_Cursor(driver))


def insert(row: Model) -> None:
    """Insert a new ROW, which has its key, as `save` would: planned once, and without signals."""
    sql, fields = _insertion(type(row))
    connection = connections[router.db_for_write(type(row), instance=row)]
    with prepared_cursor(connection) as cursor:
        cursor.execute(sql, [each.get_db_prep_save(each.pre_save(row, add=True), connection) for each in fields])
    row._state.adding, row._state.db = False, connection.alias


@cache
def _insertion(model: type[Model]) -> tuple[str, Any]:
    """Return the SQL that inserts a row of MODEL, and the fields whose values it takes."""
    fields: Any = model._meta.local_concrete_fields
    columns = ", ".join(f'"{each.column}"' for each in fields)
    places = ", ".join(["%s"] * len(fields))
    return f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({places})', fields  # noqa: S608 (a model's names)


class _Made:
    """What of a query is the same each time: its SQL, where values go in it and in what form, and how rows are read."""

    def __init__(self, queryset: QuerySet[Any, Any], samples: dict[str, Any]) -> None:
        self.queryset = queryset
        self.places: list[tuple[str, _Form]] = []
        compiler: Any = queryset.query.get_compiler(using=queryset.db)
        sql, params = compiler.as_sql()
        parts = sql.split("%s")
        self.sql = parts[0] + "".join(
            f"{self._written(param, samples)}{part}" for param, part in zip(params, parts[1:], strict=True)
        )
        columns = [each[0] for each in compiler.select[0 : compiler.col_count]]
        self._converters = list(compiler.get_converters(columns).items())
        self.read = _reader(queryset, compiler)

    def converted(self, rows: Sequence[Any], connection: Any) -> Iterator[list[Any]]:
        """Give ROWS with what fields make of their columns."""
        for row in map(list, rows):
            for place, (converters, expression) in self._converters:
                for convert in converters:
                    row[place] = convert(row[place], expression, connection)
            yield row

    def _written(self, param: Any, samples: dict[str, Any]) -> str:
        """Return what stands in the SQL for PARAM: a place for a value, or what it always is."""
        for name, sample in samples.items():
            for form in (_unchanged, _naive) if isinstance(sample, datetime) else (_unchanged,):
                if type(param) is type(sample) and param == form(sample):
                    self.places.append((name, form))
                    return "%s"
        with connections[self.queryset.db].cursor() as cursor:
            return Literal(param).as_string(cursor.cursor).replace("%", "%%")


def _reader(queryset: QuerySet[Any, Any], compiler: Any) -> Callable[[Sequence[Any]], Any]:
    """Return what makes of a row what QUERYSET gives: a model, a dictionary, a tuple or its one value."""
    kind = queryset._iterable_class
    if issubclass(kind, ModelIterable):
        return _Models(compiler.klass_info, compiler, queryset.db, compiler.annotation_col_map or {})
    if issubclass(kind, ValuesIterable):
        query: Any = queryset.query
        names = tuple(query.selected or (*query.extra_select, *query.values_select, *query.annotation_select))
        return lambda row: dict(zip(names, row, strict=False))
    return itemgetter(0) if issubclass(kind, FlatValuesListIterable) else tuple


class _Models:
    """Makes a model of a row, with those that `select_related` brought along: as Django does, but for its signals."""

    def __init__(self, info: Any, compiler: Any, db: str, annotations: Mapping[str, int]) -> None:
        places = info["select_fields"]
        self._model = info["model"]
        self._db = db
        self._columns = slice(places[0], places[-1] + 1)
        self._names = [compiler.select[place][0].target.attname for place in places]
        self._key = places[self._names.index(self._model._meta.pk.attname)]
        self._annotations = annotations
        self._related = [
            (_Models(each, compiler, db, {}), each["local_setter"], each["remote_setter"])
            for each in info.get("related_klass_infos", ())
        ]

    def __call__(self, row: Sequence[Any]) -> Any:
        if row[self._key] is None:
            return None
        made = self._model.__new__(self._model)
        state = ModelState()
        state.adding, state.db = False, self._db
        columns = vars(made)
        columns.update(zip(self._names, row[self._columns], strict=True))
        columns["_state"] = state
        for name, place in self._annotations.items():
            columns[name] = row[place]
        for read, set_here, set_there in self._related:
            other = read(row)
            set_here(made, other)
            if other is not None:
                set_there(other, made)
        return made


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
