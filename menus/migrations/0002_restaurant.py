import django.db.models.deletion
from django.db import migrations, models

import config.fields
from config import ddl

# The author has exactly one restaurant; whoever has several or none is a finding for staff to settle.
FILL = """
UPDATE {table} t SET restaurant_id = s.restaurant_id
FROM (SELECT user_id, min(restaurant_id) AS restaurant_id FROM restaurant_staff GROUP BY user_id
      HAVING count(DISTINCT restaurant_id) = 1) s
WHERE s.user_id = t.user_id AND t.restaurant_id IS NULL
"""


def add(apps, editor):
    """Say whose menu and whose recipe it is, where that can be told."""
    ddl.add_column(editor, "menus", "published_at", "timestamp(3)")
    for table in ("menus", "recipes"):
        ddl.add_column(editor, table, "restaurant_id", "integer")
        if ddl.is_ours(editor, table, "restaurant_id"):
            ddl.change(editor, FILL.format(table=table))
        ddl.add_index(editor, f"{table}_restaurant_id_idx", f"ON {table} (restaurant_id)")
        ddl.add_foreign_key(editor, table, "restaurant_id", "restaurants")


def remove(apps, editor):
    """Take away what was added; a column that the legacy database brought along stays."""
    ddl.drop_added_column(editor, "menus", "published_at")
    for table in ("menus", "recipes"):
        ddl.drop_added_index(editor, f"{table}_restaurant_id_idx")
        ddl.drop_added_column(editor, table, "restaurant_id")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("menus", "0001_initial"), ("restaurants", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(add, remove)],
            state_operations=[
                migrations.AddField(
                    model_name="menu",
                    name="published_at",
                    field=config.fields.LegacyDateTimeField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="menu",
                    name="restaurant",
                    field=models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="restaurants.restaurant",
                    ),
                ),
                migrations.AddField(
                    model_name="recipe",
                    name="restaurant",
                    field=models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="restaurants.restaurant",
                    ),
                ),
            ],
        ),
    ]
