from django.db import migrations

from config import ddl

PROFILE_COLUMNS = {
    "customer_id": "integer",
    "phone_verified": "boolean NOT NULL DEFAULT false",
    "email_verified": "boolean NOT NULL DEFAULT false",
    "preferred_contact_method": "varchar(20)",
    "dietary_restrictions": "text",
    "special_requests": "text",
    "vip_status": "boolean NOT NULL DEFAULT false",
    "tags": "text[]",
    "notes": "text",
    "marketing_opt_in": "boolean NOT NULL DEFAULT false",
    "birthday": "date",
    "anniversary": "date",
    "preferences": "jsonb NOT NULL DEFAULT '{}'",
}


def extend(apps, editor):
    """Give a table of profiles that the old application made what it lacks."""
    for column, definition in PROFILE_COLUMNS.items():
        ddl.add_column(editor, "customer_profiles", column, definition)
    ddl.add_index(editor, "customer_profiles_customer_id_key", "UNIQUE ON customer_profiles (customer_id)")
    ddl.add_foreign_key(editor, "customer_profiles", "customer_id", "customers")
    if ddl.foreign_key_of(editor, "customer_profiles", "user_id"):
        ddl.drop_not_null(editor, "customer_profiles", "user_id")


def restore(apps, editor):
    """Take from the old application's table what was added; a table of our own goes with the migration before."""
    ddl.drop_added_index(editor, "customer_profiles_customer_id_key")
    for column in PROFILE_COLUMNS:
        ddl.drop_added_column(editor, "customer_profiles", column)
    ddl.restore_not_null(editor, "customer_profiles", "user_id")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("customers", "0001_initial")]

    operations = [migrations.RunPython(extend, restore)]
