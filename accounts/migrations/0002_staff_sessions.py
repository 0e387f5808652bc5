import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import config.fields
from config.ddl import CreateMissingTables


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[CreateMissingTables("accounts/sql/sessions.sql")],
            state_operations=[
                migrations.CreateModel(
                    name="StaffSession",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("token_hash", models.CharField(max_length=64)),
                        ("previous_token_hash", models.CharField(blank=True, max_length=64, null=True)),
                        ("rotated_at", config.fields.LegacyDateTimeField(blank=True, null=True)),
                        ("family", models.UUIDField()),
                        ("user_agent", models.TextField(blank=True, default="")),
                        ("ip", models.GenericIPAddressField(blank=True, null=True)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("last_used_at", config.fields.LegacyDateTimeField(blank=True, null=True)),
                        ("expires_at", config.fields.LegacyDateTimeField()),
                        ("revoked_at", config.fields.LegacyDateTimeField(blank=True, null=True)),
                        ("revoked_reason", models.CharField(blank=True, default="", max_length=40)),
                        ("password_hash", models.CharField(max_length=128)),
                        (
                            "user",
                            models.ForeignKey(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="sessions",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={"db_table": "staff_sessions"},
                ),
            ],
        ),
    ]
