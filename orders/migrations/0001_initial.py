import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import config.fields
from config.ddl import CreateMissingTables


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("menus", "0001_initial"),
        ("reservations", "0001_initial"),
        ("restaurants", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[CreateMissingTables("orders/sql/legacy.sql")],
            state_operations=[
                migrations.CreateModel(
                    name="Order",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("order_number", models.CharField(max_length=50, unique=True)),
                        ("customer_name", models.CharField(blank=True, max_length=255, null=True)),
                        (
                            "status",
                            config.fields.EnumField(
                                choices=[
                                    ("NEW", "New"),
                                    ("IN_PROGRESS", "In Progress"),
                                    ("READY", "Ready"),
                                    ("COMPLETED", "Completed"),
                                    ("CANCELLED", "Cancelled"),
                                ],
                                default="NEW",
                                enum_type="OrderStatus",
                            ),
                        ),
                        (
                            "order_type",
                            config.fields.EnumField(
                                choices=[("DINE_IN", "Dine In"), ("TAKEOUT", "Takeout"), ("DELIVERY", "Delivery")],
                                default="DINE_IN",
                                enum_type="OrderType",
                            ),
                        ),
                        ("notes", models.TextField(blank=True, null=True)),
                        ("total_amount", models.DecimalField(blank=True, decimal_places=2, max_digits=10, null=True)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        (
                            "reservation",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="orders",
                                to="reservations.reservation",
                            ),
                        ),
                        (
                            "restaurant",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="orders",
                                to="restaurants.restaurant",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="orders",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "orders",
                    },
                ),
                migrations.CreateModel(
                    name="OrderItem",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("quantity", models.IntegerField(default=1)),
                        ("price", models.DecimalField(decimal_places=2, max_digits=10)),
                        ("modifiers", config.fields.PlainJSONField(blank=True, null=True)),
                        (
                            "status",
                            config.fields.EnumField(
                                choices=[
                                    ("PENDING", "Pending"),
                                    ("PREPARING", "Preparing"),
                                    ("READY", "Ready"),
                                    ("SERVED", "Served"),
                                    ("CANCELLED", "Cancelled"),
                                ],
                                default="PENDING",
                                enum_type="OrderItemStatus",
                            ),
                        ),
                        ("notes", models.TextField(blank=True, null=True)),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        (
                            "menu_item",
                            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="menus.menuitem"),
                        ),
                        (
                            "order",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="items", to="orders.order"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "order_items",
                    },
                ),
            ],
        ),
    ]
