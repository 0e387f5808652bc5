import django.db.models.fields.json
from django.db import migrations, models

from config import ddl

DECISIONS = [
    ("staff", "is staff, and stays in users"),
    ("customer", "is a customer, and moves"),
    ("both", "is both, and moves; the row in users stays at clean-up"),
    ("merge", "merged into another person"),
    ("keep", "moves, of all with this email"),
    ("left", "stays in users, since another with this email moves"),
    ("rename", "given another email"),
]
COLUMNS = [
    ("separation_findings", "decision", "varchar(20) NOT NULL DEFAULT ''"),
    ("separation_findings", "decided_by", "varchar(200) NOT NULL DEFAULT ''"),
    ("separation_findings", "decided_at", "timestamp with time zone"),
    ("separation_findings", "note", "text NOT NULL DEFAULT ''"),
    ("separation_merges", "filled", "jsonb NOT NULL DEFAULT '{}'"),
]
KEPT_ONCE = "separation_findings_kept_once"


def add(apps, editor):
    """Give findings what a decision needs, and merges what they filled; of one email at most one person is kept."""
    for table, column, definition in COLUMNS:
        ddl.add_column(editor, table, column, definition)
    ddl.add_index(editor, KEPT_ONCE, "UNIQUE ON separation_findings ((detail ->> 'email')) WHERE decision = 'keep'")


def remove(apps, editor):
    """Drop it again; refused while the mirror reads it."""
    phase = ddl.one(editor, "SELECT name FROM separation_phase")
    if phase != "legacy":
        raise RuntimeError(f"The phase is {phase!r}. Next: python manage.py migrate_customers --rollback")
    ddl.drop_index(editor, KEPT_ONCE)
    for table, column, _ in COLUMNS:
        ddl.drop_added_column(editor, table, column)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("separation", "0008_set_aside")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(add, remove)],
            state_operations=[
                migrations.AddField("finding", "decided_at", models.DateTimeField(blank=True, null=True)),
                migrations.AddField(
                    "finding", "decided_by", models.CharField(blank=True, db_default="", default="", max_length=200)
                ),
                migrations.AddField(
                    "finding",
                    "decision",
                    models.CharField(blank=True, choices=DECISIONS, db_default="", default="", max_length=20),
                ),
                migrations.AddField("finding", "note", models.TextField(blank=True, db_default="", default="")),
                migrations.AddField(
                    "merge",
                    "filled",
                    models.JSONField(
                        db_default=models.Value({}, models.JSONField()),
                        default=dict,
                        help_text="what the other's profile got from this one's: column, then what stood there and "
                        "what stands there",
                    ),
                ),
                migrations.AddConstraint(
                    "finding",
                    models.UniqueConstraint(
                        django.db.models.fields.json.KeyTextTransform("email", "detail"),
                        condition=models.Q(("decision", "keep")),
                        name=KEPT_ONCE,
                    ),
                ),
            ],
        )
    ]
