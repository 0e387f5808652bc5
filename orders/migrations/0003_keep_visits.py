from django.apps import apps as installed
from django.conf import settings
from django.db import migrations

from config import ddl
from config.sql import Queries

KEEPER = settings.BASE_DIR / "orders/sql/keep_visits.sql"
FUNCTIONS = ("keep", "again", "on_reservations", "on_orders")
TABLES = ("reservations", "orders")
SCHEMA = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'customer_restaurants'::regclass"
OVER = "SELECT name IN ('cleaning', 'separated') FROM separation_phase"
SIGNATURES = {
    "customer_visits_on_orders": "",
    "customer_visits_on_reservations": "",
    "customer_visits_again": "integer, integer",
    "customer_visits_keep": "integer[], integer[]",
}


def keep(apps, editor):
    """Make what keeps visits and spend right; switched off as long as the mirror between two schemas does it."""
    queries = Queries(KEEPER, {"schema": ddl.one(editor, SCHEMA)})
    for name in FUNCTIONS:
        ddl.change(editor, getattr(queries, name))
    for name, arguments in SIGNATURES.items():
        ddl.change(editor, f"REVOKE EXECUTE ON FUNCTION {name}({arguments}) FROM PUBLIC")
    needed = is_needed(editor)
    for table in TABLES:
        made = queries.triggers.format(table=table)
        ddl.change(editor, made if needed else f"{made}; {switched_off(table)}")
    if needed:
        catch_up(editor, queries.parts)


def switched_off(table):
    """Return the statement that switches the triggers of one table off."""
    actions = ", ".join(f"DISABLE TRIGGER customer_visits_{on}" for on in ("insert", "update", "delete"))
    return f"ALTER TABLE {table} {actions}"


def is_needed(editor):
    """Return whether nothing else keeps visits and spend right in this database, now or soon."""
    if not installed.is_installed("separation"):
        return True
    return bool(ddl.one(editor, "SELECT to_regclass('separation_phase')::text") and ddl.one(editor, OVER))


def catch_up(editor, parts):
    """Bring what is there into step."""
    with editor.connection.cursor() as cursor:
        cursor.execute(parts)
        ranges = cursor.fetchall()
    for first, last in ranges:
        ddl.change(editor, f"SELECT customer_visits_again({first}, {last})")


def leave(apps, editor):
    """Take it away again; the figures stay as they are."""
    for table in TABLES:
        for on in ("insert", "update", "delete"):
            ddl.change(editor, f"DROP TRIGGER IF EXISTS customer_visits_{on} ON {table}")
    for name, arguments in SIGNATURES.items():
        ddl.change(editor, f"DROP FUNCTION IF EXISTS {name}({arguments})")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("orders", "0002_customer")]

    operations = [migrations.RunPython(keep, leave)]
