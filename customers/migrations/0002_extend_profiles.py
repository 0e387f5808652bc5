from django.conf import settings
from django.db import migrations

from config import ddl
from config.sql import Queries

TABLES = Queries(settings.BASE_DIR / "customers/sql/tables.sql")
NOW = "timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')"
CUSTOMER_COLUMNS = {
    "id": "integer",
    "email": "text",
    "password": "text",
    "first_name": "text NOT NULL DEFAULT ''",
    "last_name": "text NOT NULL DEFAULT ''",
    "phone": "text",
    "email_verified": "boolean NOT NULL DEFAULT false",
    "email_verified_at": "timestamp(3)",
    "is_active": "boolean NOT NULL DEFAULT true",
    "last_login": "timestamp(3)",
    "created_at": NOW,
    "updated_at": NOW,
    "anonymized_at": "timestamp(3)",
}
LINK_COLUMNS = {
    "id": "serial",
    "customer_id": "integer",
    "restaurant_id": "integer",
    "first_visit": "timestamp(3)",
    "last_visit": "timestamp(3)",
    "visit_count": "integer NOT NULL DEFAULT 0",
    "total_spent": "numeric(12,2) NOT NULL DEFAULT 0",
    "notes": "text",
    "vip_status": "boolean NOT NULL DEFAULT false",
    "created_at": NOW,
    "updated_at": NOW,
}

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
    "created_at": NOW,
    "updated_at": NOW,
}


def extend(apps, editor):
    """Give tables that were found what they lack: profiles of the old application, and what an earlier attempt left."""
    ddl.complete(editor, "customers", CUSTOMER_COLUMNS)
    ddl.relax(editor, "customers", CUSTOMER_COLUMNS)
    ddl.set_aside(editor, "customer_sessions", TABLES.customer_sessions)
    ddl.complete(editor, "customer_restaurants", LINK_COLUMNS)
    ddl.relax(editor, "customer_restaurants", LINK_COLUMNS)
    if not ddl.table_is_ours(editor, "customer_restaurants"):
        ddl.add_index(editor, "customer_restaurants_id_key", "UNIQUE ON customer_restaurants (id)")
        ddl.add_index(editor, "customer_restaurants_restaurant_id_idx", "ON customer_restaurants (restaurant_id)")
    for column, definition in PROFILE_COLUMNS.items():
        ddl.add_column(editor, "customer_profiles", column, definition)
    ddl.relax(editor, "customer_profiles", ["id", "user_id", *PROFILE_COLUMNS])
    ddl.add_index(editor, "customer_profiles_customer_id_key", "UNIQUE ON customer_profiles (customer_id)")
    ddl.add_foreign_key(editor, "customer_profiles", "customer_id", "customers")
    if ddl.foreign_key_of(editor, "customer_profiles", "user_id"):
        ddl.drop_not_null(editor, "customer_profiles", "user_id")


def restore(apps, editor):
    """Take from tables that were found what was added; those of our own go with the migration before."""
    ddl.drop_added_index(editor, "customer_profiles_customer_id_key")
    ddl.uncomplete(editor, "customer_profiles")
    ddl.drop_added_index(editor, "customer_restaurants_restaurant_id_idx")
    ddl.uncomplete(editor, "customer_restaurants")
    ddl.bring_back(editor, "customer_sessions")
    ddl.uncomplete(editor, "customers")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("customers", "0001_initial")]

    operations = [migrations.RunPython(extend, restore)]
