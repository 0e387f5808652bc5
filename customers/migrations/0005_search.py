from django.conf import settings
from django.db import migrations

from config import ddl
from config.sql import Queries

SEARCH = Queries(settings.BASE_DIR / "customers/sql/search.sql")
# What the lists of the admin filter and search by. Few are closed, and few of those who were moved have proved their
# address: a list of either would read everybody.
INDEXES = {
    "customers_search_idx": (
        "ON customers USING gin (customer_search_keys(customer_search_text(first_name, last_name, email, phone)))"
    ),
    "customers_closed_idx": "ON customers (id) WHERE NOT is_active",
    "customers_verified_idx": "ON customers (email_verified, id)",
}


def add(apps, editor):
    """Find customers by any part of a name, an address or a phone number."""
    ddl.change(editor, SEARCH.text)
    ddl.change(editor, SEARCH.keys)
    for name, definition in INDEXES.items():
        ddl.add_index(editor, name, definition)


def remove(apps, editor):
    """Do without."""
    for name in INDEXES:
        ddl.drop_added_index(editor, name)
    ddl.change(editor, "DROP FUNCTION IF EXISTS customer_search_keys(text)")
    ddl.change(editor, "DROP FUNCTION IF EXISTS customer_search_text(text, text, text, text)")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("customers", "0004_request_throttles")]

    operations = [migrations.RunPython(add, remove)]
