from django.db import migrations, models

from config import ddl

COLUMNS = {
    "request": "varchar(10) NOT NULL DEFAULT ''",
    "requested_by": "varchar(200) NOT NULL DEFAULT ''",
    "requested_at": "timestamptz",
}


def add(apps, editor):
    """Give each run a place for what somebody asks of its workers."""
    for name, kind in COLUMNS.items():
        ddl.add_column(editor, "separation_runs", name, kind)


def remove(apps, editor):
    """Drop what was added."""
    for name in COLUMNS:
        ddl.drop_added_column(editor, "separation_runs", name)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("separation", "0006_truncated")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(add, remove)],
            state_operations=[
                migrations.AddField(
                    "run",
                    "request",
                    models.CharField(
                        max_length=10,
                        choices=[("pause", "pause"), ("abort", "abort")],
                        default="",
                        db_default="",
                        blank=True,
                    ),
                ),
                migrations.AddField(
                    "run", "requested_by", models.CharField(max_length=200, default="", db_default="", blank=True)
                ),
                migrations.AddField("run", "requested_at", models.DateTimeField(null=True, blank=True)),
            ],
        )
    ]
