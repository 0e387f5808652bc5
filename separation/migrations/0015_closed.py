from django.db import migrations, models

from config import ddl

CLOSE = "UPDATE separation_phase SET closed = true WHERE name = 'legacy' AND NOT closed"


def close(apps, editor):
    """Close the new tables to the new application in phase legacy, before the first move too."""
    ddl.change(editor, CLOSE)


def leave(apps, editor):
    """Leave them as they are: a roll-back may have closed them."""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("separation", "0014_cleanup")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(close, leave)],
            state_operations=[
                migrations.AlterField(
                    model_name="phase",
                    name="closed",
                    field=models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="whether the new tables refuse what the new application writes, as in phase legacy",
                    ),
                ),
            ],
        )
    ]
