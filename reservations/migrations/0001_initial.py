import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import config.fields
from config.ddl import CreateMissingTables


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("restaurants", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[CreateMissingTables("reservations/sql/legacy.sql")],
            state_operations=[
                migrations.CreateModel(
                    name="Reservation",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("customer_name", models.CharField(max_length=255)),
                        ("customer_phone", models.CharField(blank=True, max_length=50, null=True)),
                        ("customer_email", models.CharField(blank=True, max_length=255, null=True)),
                        ("party_size", models.IntegerField()),
                        ("reservation_date", config.fields.LegacyDateTimeField()),
                        ("reservation_time", models.CharField(max_length=10)),
                        (
                            "status",
                            config.fields.EnumField(
                                choices=[
                                    ("CONFIRMED", "Confirmed"),
                                    ("CANCELLED", "Cancelled"),
                                    ("COMPLETED", "Completed"),
                                    ("NO_SHOW", "No Show"),
                                ],
                                default="CONFIRMED",
                                enum_type="ReservationStatus",
                            ),
                        ),
                        ("notes", models.TextField(blank=True, null=True)),
                        ("special_requests", models.TextField(blank=True, null=True)),
                        ("duration_minutes", models.IntegerField(default=90)),
                        ("source", models.CharField(default="website", max_length=20)),
                        (
                            "table_ids",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.IntegerField(), blank=True, default=list, size=None
                            ),
                        ),
                        ("confirmation_sent", models.BooleanField(default=False)),
                        ("reminder_sent", models.BooleanField(default=False)),
                        ("actual_arrival_time", config.fields.LegacyDateTimeField(blank=True, null=True)),
                        ("actual_departure_time", config.fields.LegacyDateTimeField(blank=True, null=True)),
                        ("guest_notes", models.TextField(blank=True, null=True)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        (
                            "restaurant",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reservations",
                                to="restaurants.restaurant",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="reservations",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "reservations",
                    },
                ),
            ],
        ),
    ]
