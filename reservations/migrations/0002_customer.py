import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from config import ddl


def add(apps, editor):
    """Add the customer beside the user, and let the user be null for the day the legacy rows go."""
    ddl.add_column(editor, "reservations", "customer_id", "integer")
    ddl.add_index(editor, "reservations_customer_id_idx", "ON reservations (customer_id)")
    ddl.add_foreign_key(editor, "reservations", "customer_id", "customers")
    ddl.drop_not_null(editor, "reservations", "user_id")


def remove(apps, editor):
    """Take away what was added; a column that the legacy database brought along stays."""
    ddl.restore_not_null(editor, "reservations", "user_id")
    ddl.drop_added_index(editor, "reservations_customer_id_idx")
    ddl.drop_added_column(editor, "reservations", "customer_id")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("customers", "0002_extend_profiles"),
        ("reservations", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(add, remove)],
            state_operations=[
                migrations.AddField(
                    model_name="reservation",
                    name="customer",
                    field=models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="reservations",
                        to="customers.customer",
                    ),
                ),
                migrations.AlterField(
                    model_name="reservation",
                    name="user",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reservations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
