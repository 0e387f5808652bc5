import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Backup",
            fields=[
                (
                    "id",
                    models.CharField(
                        help_text="the folder's name, backup-<timestamp>",
                        max_length=60,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("path", models.TextField()),
                ("identity", models.TextField(help_text="the database it was taken of: separation.identity")),
                ("taken_at", models.DateTimeField()),
                ("verified_at", models.DateTimeField(blank=True, null=True)),
                ("tables", models.IntegerField()),
                ("rows", models.BigIntegerField()),
                ("bytes", models.BigIntegerField()),
                ("manifest_sha256", models.CharField(max_length=64)),
            ],
            options={
                "db_table": "separation_backups",
                "ordering": ["-taken_at"],
            },
        ),
        migrations.CreateModel(
            name="Pending",
            fields=[
                ("user_id", models.IntegerField(primary_key=True, serialize=False)),
                ("queued_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "separation_pending",
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("dry-run", "dry-run"),
                            ("execute", "execute"),
                            ("rollback", "rollback"),
                            ("cleanup", "cleanup"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "running"),
                            ("done", "done"),
                            ("failed", "failed"),
                            ("interrupted", "interrupted"),
                        ],
                        default="running",
                        max_length=20,
                    ),
                ),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("operator", models.CharField(help_text="operating-system user, host and process id", max_length=200)),
                ("database", models.CharField(default="", max_length=63)),
                ("total", models.IntegerField(default=0, help_text="customers this run set out to move or to purge")),
                ("counts", models.JSONField(default=dict, help_text="what was done, by table")),
                (
                    "baseline",
                    models.JSONField(
                        default=dict, help_text="rows and checksum of each table no model knows, at the start"
                    ),
                ),
                ("error", models.TextField(blank=True, default="")),
                ("log_path", models.TextField(blank=True, default="")),
            ],
            options={
                "db_table": "separation_runs",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Phase",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                (
                    "name",
                    models.CharField(
                        choices=[
                            ("legacy", "legacy"),
                            ("dual", "dual"),
                            ("cleaning", "cleaning"),
                            ("separated", "separated"),
                        ],
                        default="legacy",
                        max_length=20,
                    ),
                ),
                ("changed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "separation_phase",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="separation_phase_one_row"),
                    models.CheckConstraint(
                        condition=models.Q(("name__in", ["legacy", "dual", "cleaning", "separated"])),
                        name="separation_phase_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Merge",
            fields=[
                ("user_id", models.IntegerField(primary_key=True, serialize=False)),
                ("customer_id", models.IntegerField(db_index=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "run",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to="separation.run"),
                ),
            ],
            options={
                "db_table": "separation_merges",
            },
        ),
        migrations.CreateModel(
            name="Undo",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("table_name", models.CharField(max_length=63)),
                ("row_id", models.IntegerField()),
                ("customer_id", models.IntegerField()),
            ],
            options={
                "db_table": "separation_undo",
                "constraints": [models.UniqueConstraint(fields=("table_name", "row_id"), name="separation_undo_once")],
            },
        ),
        migrations.CreateModel(
            name="Finding",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("staff_marked_as_customer", "staff marked as customer"),
                            ("duplicate_email", "duplicate email"),
                            ("invalid_email", "invalid email"),
                            ("needs_password_reset", "needs a password reset"),
                            ("orphan", "reservation or order of a user who does not exist"),
                            ("no_restaurant", "recipe or menu whose restaurant cannot be told"),
                            ("restaurant_mismatch", "order at another restaurant than its reservation"),
                            ("row_failed", "could not be moved"),
                            ("deleted_meanwhile", "deleted by the old application meanwhile"),
                        ],
                        max_length=40,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "open"), ("settled", "settled"), ("gone", "no longer there")],
                        db_default="open",
                        default="open",
                        max_length=20,
                    ),
                ),
                ("table_name", models.CharField(help_text="the legacy table of the row this is about", max_length=63)),
                ("row_id", models.BigIntegerField()),
                ("detail", models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "run",
                    models.ForeignKey(
                        help_text="the run that saw it first",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="separation.run",
                    ),
                ),
            ],
            options={
                "db_table": "separation_findings",
                "ordering": ["id"],
                "indexes": [models.Index(fields=["table_name", "row_id"], name="separation_findings_row_idx")],
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "table_name", "row_id"), name="separation_findings_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Chunk",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first_id", models.IntegerField(unique=True)),
                ("last_id", models.IntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("moved", "moved"),
                            ("linked", "linked"),
                            ("failed", "failed"),
                        ],
                        default="pending",
                        max_length=20,
                    ),
                ),
                ("counts", models.JSONField(default=dict)),
                (
                    "written",
                    models.JSONField(
                        default=dict, help_text="rows written by its transaction, by table, as PostgreSQL counted"
                    ),
                ),
                ("milliseconds", models.IntegerField(null=True)),
                ("moved_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True, default="")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="chunks", to="separation.run"
                    ),
                ),
            ],
            options={
                "db_table": "separation_chunks",
                "ordering": ["first_id"],
                "indexes": [models.Index(fields=["state", "first_id"], name="separation_chunks_state_idx")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("last_id__gte", models.F("first_id"))), name="separation_chunks_range"
                    )
                ],
            },
        ),
    ]
