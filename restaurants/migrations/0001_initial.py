from django.db import migrations, models

import config.fields
from config.ddl import CreateMissingTables


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[CreateMissingTables("restaurants/sql/legacy.sql")],
            state_operations=[
                migrations.CreateModel(
                    name="Restaurant",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("name", models.CharField(max_length=255)),
                        ("slug", models.CharField(max_length=255, unique=True)),
                        ("description", models.TextField(blank=True, null=True)),
                        ("cuisine", models.CharField(blank=True, max_length=100, null=True)),
                        ("address", models.TextField(blank=True, null=True)),
                        ("city", models.CharField(blank=True, max_length=100, null=True)),
                        ("state", models.CharField(blank=True, max_length=50, null=True)),
                        ("zip_code", models.CharField(blank=True, max_length=20, null=True)),
                        ("country", models.CharField(blank=True, max_length=100, null=True)),
                        ("phone", models.CharField(blank=True, max_length=50, null=True)),
                        ("email", models.CharField(blank=True, max_length=255, null=True)),
                        ("website", config.fields.LineField(blank=True, null=True)),
                        ("logo_url", config.fields.LineField(blank=True, null=True)),
                        ("cover_image_url", config.fields.LineField(blank=True, null=True)),
                        ("opening_hours", models.JSONField(blank=True, null=True)),
                        ("is_active", models.BooleanField(default=True)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                    ],
                    options={
                        "db_table": "restaurants",
                        "ordering": ["name", "id"],
                    },
                ),
            ],
        ),
    ]
