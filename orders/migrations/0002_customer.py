import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from config import ddl
from config.sql import Queries

VISITS = Queries(settings.BASE_DIR / "orders/sql/customer_visits.sql")


def add(apps, editor):
    """Add the customer beside the user, and let the user be null for the day the legacy rows go."""
    ddl.add_column(editor, "orders", "customer_id", "integer")
    ddl.add_index(editor, "orders_customer_id_idx", "ON orders (customer_id)")
    ddl.add_foreign_key(editor, "orders", "customer_id", "customers")
    ddl.drop_not_null(editor, "orders", "user_id")
    ddl.change(editor, VISITS.customer_visits)


def remove(apps, editor):
    """Take away what was added; a column that the legacy database brought along stays."""
    ddl.change(editor, "DROP FUNCTION IF EXISTS customer_visits(integer, integer)")
    ddl.restore_not_null(editor, "orders", "user_id")
    ddl.drop_added_index(editor, "orders_customer_id_idx")
    ddl.drop_added_column(editor, "orders", "customer_id")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("customers", "0002_extend_profiles"),
        ("orders", "0001_initial"),
        ("reservations", "0002_customer"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(add, remove)],
            state_operations=[
                migrations.AddField(
                    model_name="order",
                    name="customer",
                    field=models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="orders",
                        to="customers.customer",
                    ),
                ),
                migrations.AlterField(
                    model_name="order",
                    name="user",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
