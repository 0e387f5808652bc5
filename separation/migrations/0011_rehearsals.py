from django.db import migrations, models

from separation.rehearsal.records import create_table


def create(apps, editor):
    """Make the table of rehearsals, unless a rehearsal before this migration has made it."""
    create_table(editor, apps.get_model("separation", "Rehearsal"))


def drop(apps, editor):
    """Drop it."""
    editor.execute("DROP TABLE IF EXISTS separation_rehearsals", params=None)


class Migration(migrations.Migration):
    dependencies = [("separation", "0010_note")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Rehearsal",
                    fields=[
                        (
                            "id",
                            models.AutoField(primary_key=True, serialize=False, auto_created=True, verbose_name="ID"),
                        ),
                        ("backup_id", models.CharField(max_length=60)),
                        ("backup_taken_at", models.DateTimeField(help_text="the data was rehearsed as it was then")),
                        ("identity", models.TextField(help_text="the database it was of: separation.identity")),
                        ("code", models.CharField(max_length=64, help_text="hash of the code that was rehearsed")),
                        (
                            "same_server",
                            models.BooleanField(
                                help_text="whether it was beside the database itself, and so takes as long there"
                            ),
                        ),
                        ("started_at", models.DateTimeField()),
                        ("finished_at", models.DateTimeField()),
                        ("passed", models.BooleanField()),
                        ("customers", models.IntegerField(help_text="customers in users of the backup")),
                        (
                            "steps",
                            models.JSONField(
                                help_text="each step's name, seconds, whether it was ok, its locks, what it said last"
                            ),
                        ),
                        (
                            "operator",
                            models.CharField(max_length=200, help_text="operating-system user, host and process id"),
                        ),
                        (
                            "note",
                            models.TextField(
                                default="", blank=True, help_text="what its operator said about it: --note"
                            ),
                        ),
                        ("log_path", models.TextField(default="", blank=True)),
                        (
                            "signature",
                            models.TextField(help_text="of all the others; without it the record counts for nothing"),
                        ),
                    ],
                    options={"db_table": "separation_rehearsals", "ordering": ["-finished_at", "-id"]},
                )
            ]
        ),
        migrations.RunPython(create, drop),
    ]
