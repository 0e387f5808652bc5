from django.db import migrations, models

from config import ddl


def add(apps, editor):
    """Give each run a place for what its operator says about it."""
    ddl.add_column(editor, "separation_runs", "note", "text NOT NULL DEFAULT ''")


def remove(apps, editor):
    """Drop what was added."""
    ddl.drop_added_column(editor, "separation_runs", "note")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("separation", "0009_decisions")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(add, remove)],
            state_operations=[
                migrations.AddField(
                    "run",
                    "note",
                    models.TextField(
                        default="", db_default="", blank=True, help_text="what its operators said about it: --note"
                    ),
                ),
            ],
        )
    ]
