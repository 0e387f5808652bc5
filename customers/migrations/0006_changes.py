import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import config.fields
from config import ddl
from config.sql import Queries

NOTES = settings.BASE_DIR / "customers/sql/note_changes.sql"
SCHEMA = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'customer_changes'::regclass"
# Of each table: what its rows are about, the column with the customer's id, and the columns whose changes are noted.
NOTED = {
    "customers": (
        *("account", "id", "email", "password", "first_name", "last_name", "phone", "email_verified", "is_active"),
    ),
    "customer_profiles": (
        *("profile", "customer_id", "phone_verified", "preferred_contact_method", "dietary_restrictions"),
        *("special_requests", "vip_status", "tags", "notes", "marketing_opt_in", "birthday", "anniversary"),
        "preferences",
    ),
    "customer_restaurants": ("restaurant", "customer_id", "notes", "vip_status"),
}
MAIL_INDEX = "post_office_email_to_idx"


def note(apps, editor):
    """Begin to note changes; and find the mails to an address without reading all of them."""
    queries = Queries(NOTES, {"schema": ddl.one(editor, SCHEMA)})
    ddl.change(editor, queries.note)
    ddl.change(editor, "REVOKE EXECUTE ON FUNCTION customer_changes_note() FROM PUBLIC")
    for table, arguments in NOTED.items():
        columns = arguments[2:]
        given = {
            "table": table,
            "person": arguments[1],
            "old": ", ".join(f"OLD.{name}" for name in columns),
            "new": ", ".join(f"NEW.{name}" for name in columns),
            "arguments": ", ".join(f"'{each}'" for each in arguments),
        }
        ddl.change(editor, queries.triggers.format(**given))
    ddl.add_index(editor, MAIL_INDEX, 'ON post_office_email (upper("to"))')


def forget(apps, editor):
    """Note no more."""
    ddl.drop_added_index(editor, MAIL_INDEX)
    for table in NOTED:
        ddl.change(editor, f"DROP TRIGGER IF EXISTS customer_changes ON {table}")
    ddl.change(editor, "DROP FUNCTION IF EXISTS customer_changes_note()")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("customers", "0005_search"),
        ("post_office", "0013_email_recipient_delivery_status_alter_log_status"),
        ("restaurants", "0001_initial"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[ddl.CreateMissingTables("customers/sql/changes.sql")],
            state_operations=[
                migrations.CreateModel(
                    name="CustomerChange",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "about",
                            models.CharField(
                                choices=[
                                    ("account", "account"),
                                    ("profile", "profile"),
                                    ("restaurant", "what a restaurant wrote"),
                                ],
                                default="account",
                                max_length=10,
                            ),
                        ),
                        ("changed_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("changed_by", models.CharField(blank=True, default="", max_length=60)),
                        ("role", models.TextField(blank=True, default="")),
                        ("indirect", models.BooleanField(default=False)),
                        ("before", models.JSONField(blank=True, default=dict)),
                        ("after", models.JSONField(blank=True, default=dict)),
                        (
                            "customer",
                            models.ForeignKey(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="changes",
                                to="customers.customer",
                            ),
                        ),
                        (
                            "restaurant",
                            models.ForeignKey(
                                blank=True,
                                db_constraint=False,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="customer_changes",
                                to="restaurants.restaurant",
                            ),
                        ),
                    ],
                    options={"db_table": "customer_changes"},
                ),
            ],
        ),
        migrations.RunPython(note, forget),
    ]
