"""The kind of a database: the state in which it is found, told from its catalog alone."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from django.apps import AppConfig, apps
from django.db.backends.base.base import BaseDatabaseWrapper

from config.ddl import MADE_BY_MIGRATE
from separation.errors import MIGRATE

EMPTY, PLAIN, AHEAD, HALF, CAMEL, ADOPTED, UNKNOWN = "empty", "plain", "ahead", "half", "camel", "adopted", "unknown"

_REMEDIES = {
    EMPTY: MIGRATE,
    PLAIN: MIGRATE,
    AHEAD: MIGRATE,
    HALF: MIGRATE,
    CAMEL: "point DATABASE_URL at a database whose columns are in snake_case, then: python manage.py preflight",
    ADOPTED: "",
    UNKNOWN: "point DATABASE_URL at the legacy database, or at an empty one, then: python manage.py preflight",
}

_COLUMNS = """
SELECT c.relname, coalesce(obj_description(c.oid, 'pg_class') = %s, false) AS ours,
       array_remove(array_agg(a.attname::text ORDER BY a.attnum), NULL)
FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'f')
GROUP BY c.oid, c.relname ORDER BY c.relname
"""
_KEYS = """
SELECT c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text
FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace
"""


@dataclass(frozen=True)
class Kind:
    """One of the kinds, with the evidence in one sentence, and what to do where something has to be done."""

    name: str
    why: str

    @property
    def remedy(self) -> str:
        """What to type, or to do, next."""
        return _REMEDIES[self.name]

    @property
    def is_legacy(self) -> bool:
        """Whether `migrate` would adopt it."""
        return self.name in (PLAIN, AHEAD, HALF)

    @property
    def is_refused(self) -> bool:
        """Whether nothing of ours may be put into it."""
        return self.name in (CAMEL, UNKNOWN)


@dataclass(frozen=True)
class _Found:
    """The tables of the schema with their columns, those that `migrate` made, and the foreign keys."""

    columns: dict[str, list[str]]
    ours: set[str]
    keys: set[tuple[str, str, str]] = field(default_factory=set)

    def brought_along(self, table: str) -> bool:
        """Whether the table is there and was not made by us."""
        return table in self.columns and table not in self.ours


def kind_of(connection: BaseDatabaseWrapper) -> Kind:
    """Return the kind of the database behind CONNECTION; reads nothing but its catalog."""
    found = _look(connection)
    for judge in (_adopted, _camel, _empty, _unknown, _half, _ahead):
        if kind := judge(found):
            return kind
    return Kind(PLAIN, "users holds everybody, and nothing of customers' own is there")


def legacy_apps() -> list[AppConfig]:
    """Return the apps whose tables the old application made."""
    return [app for app in apps.get_app_configs() if (Path(app.path) / "sql" / "legacy.sql").exists()]


def legacy_columns() -> dict[str, set[str]]:
    """Return the columns of the models over each legacy table."""
    models = [model for app in legacy_apps() for model in app.get_models()]
    return {model._meta.db_table: {str(column.column) for column in model._meta.concrete_fields} for model in models}


def _look(connection: BaseDatabaseWrapper) -> _Found:
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [MADE_BY_MIGRATE])
        rows = cursor.fetchall()
        cursor.execute(_KEYS)
        keys = set(cursor.fetchall())
    return _Found({table: columns for table, _, columns in rows}, {table for table, ours, _ in rows if ours}, keys)


def _adopted(found: _Found) -> Kind | None:
    return Kind(ADOPTED, "it has our table separation_phase") if "separation_phase" in found.columns else None


def _camel(found: _Found) -> Kind | None:
    known = legacy_columns()
    quoted = [
        f'{table}."{column}"'
        for table, columns in found.columns.items()
        for column in columns
        if (snake := _snake(column)) != column and snake in _columns_of(table, known) and snake not in columns
    ]
    if not quoted:
        return None
    some = ", ".join(quoted[:3]) + (f" and {len(quoted) - 3} more" if len(quoted) > 3 else "")
    return Kind(CAMEL, f"columns are named in camelCase ({some}), and renaming them would break the old application")


def _empty(found: _Found) -> Kind | None:
    own = _tables_of_other_apps() | found.ours
    return None if set(found.columns) - own else Kind(EMPTY, "it has no table of the old application")


def _unknown(found: _Found) -> Kind | None:
    if "users" not in found.columns:
        return Kind(UNKNOWN, f"it has {len(found.columns)} tables, but none of them is users")
    missing = [column for column in ("id", "email", "password") if column not in found.columns["users"]]
    return Kind(UNKNOWN, f"its table users has no {' and no '.join(missing)}") if missing else None


def _half(found: _Found) -> Kind | None:
    if not found.brought_along("customers"):
        return None
    return Kind(HALF, "an earlier attempt at a separation left its table customers, which migrate did not make")


def _ahead(found: _Found) -> Kind | None:
    if ("reservations", "customer_id", "users") in found.keys:
        return Kind(AHEAD, "reservations.customer_id is there and references users")
    if found.brought_along("customer_profiles"):
        return Kind(AHEAD, "customer_profiles is there, made by the old application")
    if "customer_id" in found.columns.get("reservations", ()) and "customers" not in found.columns:
        return Kind(AHEAD, "reservations.customer_id is there, and customers is not")
    return None


def _tables_of_other_apps() -> set[str]:
    """Return the tables that Django, the libraries and the engine make, which say nothing of the old application."""
    legacy = legacy_apps()
    models = apps.get_models(include_auto_created=True)
    own = {
        str(m._meta.db_table) for m in models if m._meta.app_config not in legacy and m._meta.app_label != "customers"
    }
    return own | {"django_migrations", "separation_environment"}


def _columns_of(table: str, known: dict[str, set[str]]) -> set[str]:
    """Return the columns of the legacy table that is meant by TABLE, be it called users, Users or User."""
    return known.get(_snake(table)) or known.get(_snake(table) + "s") or set()


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
