from django.db import migrations, models

from config import ddl

COLUMNS = {"closed": "boolean NOT NULL DEFAULT false", "export_path": "text"}


def add(apps, editor):
    """Let the phase say whether the new tables are closed, and where a roll-back exported to."""
    for column, definition in COLUMNS.items():
        ddl.add_column(editor, "separation_phase", column, definition)


def remove(apps, editor):
    """Take both away; the mirror, which reads them, goes with the migration before."""
    for column in COLUMNS:
        ddl.drop_added_column(editor, "separation_phase", column)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("separation", "0003_mirror")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(add, remove)],
            state_operations=[
                migrations.AddField(
                    model_name="phase",
                    name="closed",
                    field=models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="whether the new tables refuse what the new application writes, since a roll-back "
                        "empties them",
                    ),
                ),
                migrations.AddField(
                    model_name="phase",
                    name="export_path",
                    field=models.TextField(
                        blank=True,
                        help_text="where the roll-back since then wrote what has no legacy form; empty if there was "
                        "nothing",
                        null=True,
                    ),
                ),
            ],
        )
    ]
