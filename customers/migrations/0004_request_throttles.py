from django.db import migrations, models

import config.fields
from config.ddl import CreateMissingTables


class Migration(migrations.Migration):
    dependencies = [("customers", "0003_rotation")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[CreateMissingTables("customers/sql/throttles.sql")],
            state_operations=[
                migrations.CreateModel(
                    name="RequestThrottle",
                    fields=[
                        ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                        ("count", models.IntegerField(default=0)),
                        ("expires_at", config.fields.LegacyDateTimeField()),
                        ("blocked_until", config.fields.LegacyDateTimeField(blank=True, null=True)),
                    ],
                    options={"db_table": "request_throttles"},
                ),
            ],
        ),
    ]
