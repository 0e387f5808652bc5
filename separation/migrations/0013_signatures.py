from django.db import migrations, models

from config import ddl

COLUMNS = [
    ("checked_at", "timestamp with time zone"),
    ("check_failed", "text NOT NULL DEFAULT ''"),
    ("signature", "varchar(64) NOT NULL DEFAULT ''"),
]


def add(apps, editor):
    """Give the records of backups the outcome of their trial restore, and a signature.

    Rows that are there get theirs from the signed files, which `migrate` takes over afterwards.
    """
    for column, definition in COLUMNS:
        ddl.add_column(editor, "separation_backups", column, definition)


def remove(apps, editor):
    """Drop what was added."""
    for column, _ in COLUMNS:
        ddl.drop_added_column(editor, "separation_backups", column)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("separation", "0012_looks")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(add, remove)],
            state_operations=[
                migrations.AddField(
                    "backup",
                    "checked_at",
                    models.DateTimeField(null=True, blank=True, help_text="when it was last restored for a check"),
                ),
                migrations.AddField(
                    "backup",
                    "check_failed",
                    models.TextField(default="", db_default="", blank=True, help_text="why that failed, if it did"),
                ),
                migrations.AddField(
                    "backup", "signature", models.CharField(max_length=64, default="", db_default="", blank=True)
                ),
            ],
        )
    ]
