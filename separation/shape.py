"""The shape of a database: every model's columns against the catalog, column by column."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED

from config.fields import EnumField
from separation.kinds import legacy_apps

# Of two types of one family, what the models write and read is the same, or nearly so.
_FAMILIES = (
    {"text", "character varying", "citext", "enum"},
    {"integer", "bigint", "smallint"},
    {"json", "jsonb"},
    {"numeric"},
    {"timestamp without time zone"},
)

# The columns without which a table that was found means something else.
_NEEDED = {
    "customers": ("id", "email", "password"),
    "customer_restaurants": ("customer_id", "restaurant_id"),
    "customer_profiles": ("id",),
}

_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
       a.attidentity <> '' OR a.attgenerated <> ''
FROM pg_class c
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'f')
"""
_ENUMS = """
SELECT quote_ident(t.typname), array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid
WHERE t.typnamespace = current_schema()::regnamespace GROUP BY t.typname
"""


@dataclass(frozen=True)
class Difference:
    """One thing that is other than a model expects; fatal if the model cannot work with it."""

    table: str
    column: str
    what: str
    fatal: bool

    def __str__(self) -> str:
        return f"{self.table}{'.' if self.column else ''}{self.column} {self.what}"


@dataclass(frozen=True)
class _Column:
    """A column as the catalog has it."""

    type: str
    not_null: bool
    default: str | None
    fills_itself: bool


@dataclass(frozen=True)
class Catalog:
    """The columns of every table, and the labels of every enum type."""

    tables: dict[str, dict[str, _Column]]
    enums: dict[str, list[str]]


def differences(connection: BaseDatabaseWrapper, *, adopted: bool) -> list[Difference]:
    """Return what is other than the models expect, table by table, in the models' order.

    Before adoption the models are what they were when the legacy tables were first described: columns that `migrate`
    will add are not missed, and a whole table that is missing is one `migrate` will make. Reads the catalog alone.
    """
    catalog = _read(connection)
    expected = apps.get_models() if adopted else _legacy_models(connection)
    ours = {app.label for app in legacy_apps()} | {"customers", "separation"}
    checked = [model for model in expected if model._meta.app_label in ours]
    return [found for model in checked for found in _table(connection, model, catalog, adopted=adopted)]


def misfits(connection: BaseDatabaseWrapper) -> list[Difference]:
    """Return what of the tables of customers' own that were found cannot be taken over: columns of another type, and
    those that nobody can add. What else is missing, `migrate` adds; sessions it sets aside.
    """
    catalog = _read(connection)
    found = [model for model in apps.get_app_config("customers").get_models() if model._meta.db_table in _NEEDED]
    return [misfit for model in found for misfit in _misfits(connection, model, catalog)]


def _misfits(connection: BaseDatabaseWrapper, model: type[models.Model], catalog: Catalog) -> Iterator[Difference]:
    table = model._meta.db_table
    columns = catalog.tables.get(table)
    if columns is None:
        return
    for name in _NEEDED[table]:
        if name not in columns:
            yield Difference(table, name, "is missing", fatal=True)
    for field in model._meta.concrete_fields:
        if (name := str(field.column)) in columns:
            yield from (d for d in _column(connection, field, columns[name], catalog) if d.fatal)


def _legacy_models(connection: BaseDatabaseWrapper) -> Iterable[type[models.Model]]:
    """Return the models over the legacy tables as they were before anything was added."""
    first = [(app.label, "0001_initial") for app in legacy_apps()]
    return MigrationLoader(connection).project_state(first).apps.get_models()


def _read(connection: BaseDatabaseWrapper) -> Catalog:
    tables: dict[str, dict[str, _Column]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS)
        for table, column, *rest in cursor.fetchall():
            tables.setdefault(table, {})[column] = _Column(*rest)
        cursor.execute(_ENUMS)
        return Catalog(tables, dict(cursor.fetchall()))


def _table(
    connection: BaseDatabaseWrapper, model: type[models.Model], catalog: Catalog, *, adopted: bool
) -> Iterator[Difference]:
    table = model._meta.db_table
    columns = catalog.tables.get(table)
    if columns is None:
        yield Difference(table, "", "is missing" if adopted else "is missing; migrate will make it, empty", adopted)
        return
    fields = {str(field.column): field for field in model._meta.concrete_fields}
    for name, field in fields.items():
        if name not in columns:
            yield Difference(table, name, "is missing", fatal=True)
        else:
            yield from _column(connection, field, columns[name], catalog)
    for name, column in columns.items():
        if name not in fields and column.not_null and column.default is None and not column.fills_itself:
            yield Difference(table, name, "is unknown to the models, and rows without it are impossible", fatal=False)


def _column(
    connection: BaseDatabaseWrapper, field: "models.Field[object, object]", found: _Column, catalog: Catalog
) -> Iterator[Difference]:
    table, name = field.model._meta.db_table, str(field.column)
    wanted = _plain_type(field.db_parameters(connection)["type"] or "")
    if found.type != wanted:
        fatal = not _related(wanted, found.type, catalog)
        yield Difference(table, name, f"is {found.type}, the model's is {wanted}", fatal)
    elif isinstance(field, EnumField):
        yield from _labels(field, catalog.enums.get(wanted, []))
    if found.not_null and field.null:
        yield Difference(table, name, "cannot be null, in the model it can", fatal=False)
    if not found.not_null and not field.null:
        yield Difference(table, name, "can be null, in the model it cannot", fatal=False)
    yield from _default(field, found)


def _labels(field: EnumField, found: list[str]) -> Iterator[Difference]:
    """Compare an enum's labels with the model's choices."""
    table, name = field.model._meta.db_table, str(field.column)
    known = [str(label) for label, _ in field.flatchoices]
    if missing := [label for label in known if label not in found]:
        yield Difference(table, name, f"cannot be {', '.join(missing)}, in the model it can", fatal=False)
    if more := [label for label in found if label not in known]:
        yield Difference(table, name, f"can be {', '.join(more)}, which the model does not know", fatal=False)


def _default(field: "models.Field[object, object]", found: _Column) -> Iterator[Difference]:
    """Compare the default of the database with the model's constant; our own engine writes all columns."""
    table, name = field.model._meta.db_table, str(field.column)
    if isinstance(field, models.AutoField):
        if found.default is None and not found.fills_itself:
            yield Difference(table, name, "has no default, so that no row can be added", fatal=True)
        return
    wanted = field.default
    if wanted is NOT_PROVIDED or callable(wanted) or wanted is None or field.model._meta.app_label == "separation":
        return
    text = str(wanted).lower() if isinstance(wanted, bool) else str(getattr(wanted, "value", wanted))
    if _constant(found.default) != text:
        yield Difference(
            table, name, f"has the default {found.default or 'null'}, the model's is {text!r}", fatal=False
        )


def _constant(default: str | None) -> str | None:
    """Return the constant in an expression such as `'USER'::"UserRole"`."""
    return default and re.sub(r"::[\w\s\"(),.\[\]]+$", "", default).strip("'")


def _plain_type(db_type: str) -> str:
    """Return Django's name of a type as PostgreSQL prints it."""
    return re.sub(r"^varchar", "character varying", db_type).replace(", ", ",")


def _related(wanted: str, found: str, catalog: Catalog) -> bool:
    """Tell whether a column of type FOUND serves a model that wants WANTED."""
    both = {_family_name(wanted, catalog), _family_name(found, catalog)}
    return any(both <= family for family in _FAMILIES)


def _family_name(type_name: str, catalog: Catalog) -> str:
    """Return the type without its length or precision; `enum` for any enum."""
    return "enum" if type_name in catalog.enums or type_name.startswith('"') else re.sub(r"\(.*?\)", "", type_name)
