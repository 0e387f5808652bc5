import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import config.fields
import reservations.models
from config import ddl
from config.ddl import CreateMissingTables
from config.sql import Queries

BOOKING = Queries(settings.BASE_DIR / "reservations/sql/booking.sql")
INDEX = "reservations_restaurant_id_reservation_date_idx"


def add(apps, editor):
    """Guard the log, and find a restaurant's bookings of a day at once."""
    ddl.change(editor, BOOKING.guard_logs)
    ddl.add_index(editor, INDEX, "ON reservations (restaurant_id, reservation_date)")


def remove(apps, editor):
    """Take both away; the guard goes before the table it guards."""
    ddl.drop_added_index(editor, INDEX)
    ddl.change(editor, BOOKING.unguard_logs)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("reservations", "0002_customer"),
        ("restaurants", "0001_initial"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                CreateMissingTables("reservations/sql/tables.sql"),
                migrations.RunPython(add, remove),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="BookingSlot",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "restaurant_id",
                                "day",
                                "minute",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("restaurant_id", models.IntegerField()),
                        ("day", models.DateField()),
                        ("minute", models.SmallIntegerField()),
                    ],
                    options={
                        "db_table": "booking_slots",
                    },
                ),
                migrations.CreateModel(
                    name="BookingTerms",
                    fields=[
                        (
                            "reservation",
                            models.OneToOneField(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="terms",
                                serialize=False,
                                to="reservations.reservation",
                            ),
                        ),
                        ("cancel_cutoff_minutes", models.IntegerField(default=0)),
                        ("change_cutoff_minutes", models.IntegerField(default=0)),
                        ("reminder_hours", models.SmallIntegerField(null=True)),
                        ("sequence", models.IntegerField(default=0)),
                        ("created_by", models.CharField(default="system", max_length=10)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                    ],
                    options={
                        "verbose_name_plural": "booking terms",
                        "db_table": "booking_terms",
                    },
                ),
                migrations.CreateModel(
                    name="BookingLog",
                    fields=[
                        (
                            "action",
                            models.CharField(
                                choices=[("created", "Created"), ("changed", "Changed"), ("cancelled", "Cancelled")],
                                max_length=10,
                            ),
                        ),
                        ("actor_kind", models.CharField(default="system", max_length=10)),
                        ("actor_id", models.IntegerField(null=True)),
                        ("before", models.JSONField(default=dict)),
                        ("after", models.JSONField(default=dict)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "reservation",
                            models.ForeignKey(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="booking_log",
                                to="reservations.reservation",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "booking_logs",
                        "ordering": ["id"],
                    },
                ),
                migrations.CreateModel(
                    name="BookingPolicy",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        (
                            "is_online",
                            models.BooleanField(
                                default=True,
                                help_text="Whether tables are booked online. What is booked can be cancelled either way.",
                            ),
                        ),
                        (
                            "time_zone",
                            config.fields.LineField(
                                default=reservations.models.default_time_zone,
                                help_text="Where the restaurant is, as in Europe/Berlin: its opening hours and bookings are in this time.",
                                validators=[reservations.models.validate_time_zone],
                            ),
                        ),
                        (
                            "slot_interval_minutes",
                            models.SmallIntegerField(
                                choices=[(15, "every 15 minutes"), (30, "every 30 minutes"), (60, "every hour")],
                                default=30,
                                help_text="How often a booking may begin, counted from opening.",
                            ),
                        ),
                        (
                            "duration_minutes",
                            models.SmallIntegerField(
                                default=90,
                                help_text="How long a party stays, 15 to 720 minutes, unless the next field knows better. A booking ends by closing time.",
                                validators=[
                                    django.core.validators.MinValueValidator(15),
                                    django.core.validators.MaxValueValidator(720),
                                ],
                            ),
                        ),
                        (
                            "durations",
                            models.JSONField(
                                blank=True,
                                default=list,
                                help_text='How long by party size: [{"up_to": 2, "minutes": 90}, {"up_to": 6, "minutes": 120}]; larger parties stay as long as the field above says.',
                                validators=[reservations.models.validate_durations],
                            ),
                        ),
                        (
                            "covers_per_slot",
                            models.IntegerField(
                                blank=True,
                                help_text="How many people may sit at the same time, whoever booked them. Empty: no limit.",
                                null=True,
                                validators=[django.core.validators.MinValueValidator(1)],
                            ),
                        ),
                        (
                            "covers_per_day",
                            models.IntegerField(
                                blank=True,
                                help_text="How many people in one day. Empty: no limit.",
                                null=True,
                                validators=[django.core.validators.MinValueValidator(1)],
                            ),
                        ),
                        (
                            "overbooking_percent",
                            models.SmallIntegerField(
                                default=0,
                                help_text="How many per cent beyond both limits are sold, for those who do not come.",
                                validators=[
                                    django.core.validators.MinValueValidator(0),
                                    django.core.validators.MaxValueValidator(100),
                                ],
                            ),
                        ),
                        (
                            "minimum_notice_minutes",
                            models.IntegerField(
                                default=60,
                                help_text="How long before it begins a booking has to be made.",
                                validators=[
                                    django.core.validators.MinValueValidator(0),
                                    django.core.validators.MaxValueValidator(525600),
                                ],
                            ),
                        ),
                        (
                            "horizon_days",
                            models.SmallIntegerField(
                                default=90,
                                help_text="How many days ahead bookings are taken.",
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(730),
                                ],
                            ),
                        ),
                        (
                            "min_party_size",
                            models.SmallIntegerField(
                                default=1, validators=[django.core.validators.MinValueValidator(1)]
                            ),
                        ),
                        (
                            "max_party_size",
                            models.SmallIntegerField(
                                default=12,
                                help_text="Larger parties are asked to call.",
                                validators=[django.core.validators.MinValueValidator(1)],
                            ),
                        ),
                        (
                            "cancel_cutoff_minutes",
                            models.IntegerField(
                                default=120,
                                help_text="How long before it begins a booking can be cancelled online.",
                                validators=[django.core.validators.MinValueValidator(0)],
                            ),
                        ),
                        (
                            "change_cutoff_minutes",
                            models.IntegerField(
                                default=120,
                                help_text="How long before it begins a booking can be changed online.",
                                validators=[django.core.validators.MinValueValidator(0)],
                            ),
                        ),
                        (
                            "reminder_hours",
                            models.SmallIntegerField(
                                blank=True,
                                default=24,
                                help_text="How many hours before it begins guests are reminded by mail. Empty: never.",
                                null=True,
                                validators=[
                                    django.core.validators.MinValueValidator(1),
                                    django.core.validators.MaxValueValidator(336),
                                ],
                            ),
                        ),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        (
                            "restaurant",
                            models.OneToOneField(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="booking_policy",
                                to="restaurants.restaurant",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "booking policies",
                        "db_table": "booking_policies",
                    },
                ),
                migrations.CreateModel(
                    name="IdempotencyKey",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("scope", models.TextField()),
                        ("key_hash", models.CharField(max_length=64)),
                        ("fingerprint", models.CharField(max_length=64)),
                        ("status", models.SmallIntegerField(null=True)),
                        ("body", models.JSONField(null=True)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                    ],
                    options={
                        "db_table": "booking_requests",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("scope", "key_hash"), name="booking_requests_scope_key_hash_key"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="OpeningException",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("date", models.DateField()),
                        (
                            "hours",
                            config.fields.LineField(
                                blank=True,
                                default="",
                                help_text="As in 12:00-15:00, 18:00-23:00. Empty: closed.",
                                validators=[reservations.models.validate_hours],
                            ),
                        ),
                        (
                            "note",
                            config.fields.LineField(
                                blank=True, default="", help_text="Shown to guests, as in: Closed for a wedding."
                            ),
                        ),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        (
                            "restaurant",
                            models.ForeignKey(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="opening_exceptions",
                                to="restaurants.restaurant",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "booking_exceptions",
                        "ordering": ["-date", "id"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("restaurant", "date"), name="booking_exceptions_restaurant_id_date_key"
                            )
                        ],
                    },
                ),
            ],
        ),
    ]
