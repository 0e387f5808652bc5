import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import config.fields
from config.ddl import CreateMissingTables


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("restaurants", "0001_initial"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[CreateMissingTables("accounts/sql/legacy.sql")],
            state_operations=[
                migrations.CreateModel(
                    name="User",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("email", config.fields.LineField(unique=True)),
                        ("name", config.fields.LineField(blank=True, null=True)),
                        ("password", config.fields.RawBCryptField()),
                        (
                            "role",
                            config.fields.EnumField(
                                choices=[("USER", "User"), ("ADMIN", "Admin"), ("SUPERADMIN", "Superadmin")],
                                default="USER",
                                enum_type="UserRole",
                            ),
                        ),
                        ("is_customer", models.BooleanField(default=False)),
                        ("phone", models.CharField(blank=True, max_length=50, null=True)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                    ],
                    options={
                        "db_table": "users",
                        "ordering": ["id"],
                    },
                ),
                migrations.CreateModel(
                    name="RestaurantStaff",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        (
                            "role",
                            config.fields.EnumField(
                                choices=[("STAFF", "Staff"), ("MANAGER", "Manager"), ("OWNER", "Owner")],
                                default="STAFF",
                                enum_type="StaffRole",
                            ),
                        ),
                        ("is_active", models.BooleanField(default=True)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        (
                            "restaurant",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="staff",
                                to="restaurants.restaurant",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="restaurant_staff",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "restaurant staff",
                        "db_table": "restaurant_staff",
                        "unique_together": {("user", "restaurant")},
                    },
                ),
            ],
        ),
    ]
