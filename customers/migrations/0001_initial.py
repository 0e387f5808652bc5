import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
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
            database_operations=[CreateMissingTables("customers/sql/tables.sql")],
            state_operations=[
                migrations.CreateModel(
                    name="Customer",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("email", config.fields.LineField()),
                        ("password", config.fields.RawBCryptField()),
                        ("first_name", config.fields.LineField(blank=True, default="")),
                        ("last_name", config.fields.LineField(blank=True, default="")),
                        ("phone", config.fields.LineField(blank=True, null=True)),
                        ("email_verified", models.BooleanField(default=False)),
                        ("email_verified_at", config.fields.LegacyDateTimeField(blank=True, null=True)),
                        ("is_active", models.BooleanField(default=True)),
                        ("last_login", config.fields.LegacyDateTimeField(blank=True, null=True)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        ("anonymized_at", config.fields.LegacyDateTimeField(blank=True, null=True)),
                    ],
                    options={
                        "db_table": "customers",
                        "ordering": ["id"],
                        "constraints": [
                            models.UniqueConstraint(
                                django.db.models.functions.text.Lower("email"), name="customers_email_key"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="CustomerProfile",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("phone_verified", models.BooleanField(default=False)),
                        ("email_verified", models.BooleanField(default=False)),
                        ("preferred_contact_method", models.CharField(blank=True, max_length=20, null=True)),
                        ("dietary_restrictions", models.TextField(blank=True, null=True)),
                        ("special_requests", models.TextField(blank=True, null=True)),
                        ("vip_status", models.BooleanField(default=False)),
                        (
                            "tags",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.TextField(), blank=True, null=True, size=None
                            ),
                        ),
                        ("notes", models.TextField(blank=True, null=True)),
                        ("marketing_opt_in", models.BooleanField(default=False)),
                        ("birthday", models.DateField(blank=True, null=True)),
                        ("anniversary", models.DateField(blank=True, null=True)),
                        ("preferences", models.JSONField(blank=True, default=dict)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        (
                            "customer",
                            models.OneToOneField(
                                db_constraint=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="profile",
                                to="customers.customer",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "customer_profiles",
                    },
                ),
                migrations.CreateModel(
                    name="CustomerSession",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("token_hash", models.CharField(max_length=64)),
                        ("family", models.UUIDField()),
                        ("user_agent", models.TextField(blank=True, default="")),
                        ("ip", models.GenericIPAddressField(blank=True, null=True)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("last_used_at", config.fields.LegacyDateTimeField(blank=True, null=True)),
                        ("expires_at", config.fields.LegacyDateTimeField()),
                        ("revoked_at", config.fields.LegacyDateTimeField(blank=True, null=True)),
                        ("revoked_reason", models.CharField(blank=True, default="", max_length=40)),
                        (
                            "customer",
                            models.ForeignKey(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="sessions",
                                to="customers.customer",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "customer_sessions",
                    },
                ),
                migrations.CreateModel(
                    name="CustomerRestaurant",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("first_visit", config.fields.LegacyDateTimeField(blank=True, null=True)),
                        ("last_visit", config.fields.LegacyDateTimeField(blank=True, null=True)),
                        ("visit_count", models.IntegerField(default=0)),
                        ("total_spent", models.DecimalField(decimal_places=2, default=0, max_digits=12)),
                        ("notes", models.TextField(blank=True, null=True)),
                        ("vip_status", models.BooleanField(default=False)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        (
                            "customer",
                            models.ForeignKey(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="restaurants",
                                to="customers.customer",
                            ),
                        ),
                        (
                            "restaurant",
                            models.ForeignKey(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="customers",
                                to="restaurants.restaurant",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "customer_restaurants",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("customer", "restaurant"),
                                name="customer_restaurants_customer_id_restaurant_id_key",
                            )
                        ],
                    },
                ),
            ],
        ),
    ]
