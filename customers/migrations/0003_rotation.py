from django.db import migrations, models

import config.fields
from config import ddl

COLUMNS = {"previous_token_hash": "varchar(64)", "rotated_at": "timestamp(3)"}


def add(apps, editor):
    """Let a session remember its refresh token before this one."""
    for column, definition in COLUMNS.items():
        ddl.add_column(editor, "customer_sessions", column, definition)


def drop(apps, editor):
    """Take those columns away again."""
    for column in COLUMNS:
        ddl.drop_added_column(editor, "customer_sessions", column)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("customers", "0002_extend_profiles")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(add, drop)],
            state_operations=[
                migrations.AddField(
                    "customersession",
                    "previous_token_hash",
                    models.CharField(blank=True, max_length=64, null=True),
                ),
                migrations.AddField(
                    "customersession", "rotated_at", config.fields.LegacyDateTimeField(blank=True, null=True)
                ),
            ],
        ),
    ]
