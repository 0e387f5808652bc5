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
            database_operations=[CreateMissingTables("menus/sql/legacy.sql")],
            state_operations=[
                migrations.CreateModel(
                    name="Category",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        ("name", models.CharField(max_length=150)),
                        ("description", models.TextField(blank=True, null=True)),
                        (
                            "restaurant",
                            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="restaurants.restaurant"),
                        ),
                        (
                            "user",
                            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "categories",
                        "db_table": "categories",
                        "unique_together": {("name", "user", "restaurant")},
                    },
                ),
                migrations.CreateModel(
                    name="IngredientCategory",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        ("name", models.CharField(max_length=150)),
                        ("description", models.TextField(blank=True, null=True)),
                        (
                            "user",
                            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "ingredient categories",
                        "db_table": "ingredient_categories",
                        "unique_together": {("name", "user")},
                    },
                ),
                migrations.CreateModel(
                    name="Ingredient",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        ("name", models.CharField(max_length=255)),
                        ("description", models.TextField(blank=True, null=True)),
                        (
                            "user",
                            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
                        ),
                        (
                            "ingredient_category",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                to="menus.ingredientcategory",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "ingredients",
                        "unique_together": {("name", "user")},
                    },
                ),
                migrations.CreateModel(
                    name="Menu",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        ("name", models.CharField(max_length=255)),
                        ("title", config.fields.LineField(blank=True, null=True)),
                        ("subtitle", config.fields.LineField(blank=True, null=True)),
                        ("font", models.CharField(blank=True, max_length=100, null=True)),
                        ("title_font", models.CharField(blank=True, max_length=100, null=True)),
                        ("layout", models.CharField(blank=True, max_length=50, null=True)),
                        ("columns_count", models.IntegerField(blank=True, null=True)),
                        ("page_size", models.CharField(blank=True, max_length=20, null=True)),
                        ("background_color", models.CharField(blank=True, max_length=20, null=True)),
                        ("text_color", models.CharField(blank=True, max_length=20, null=True)),
                        ("accent_color", models.CharField(blank=True, max_length=20, null=True)),
                        ("title_color", models.CharField(blank=True, max_length=20, null=True)),
                        ("base_font_size", models.IntegerField(blank=True, null=True)),
                        ("title_font_size", models.IntegerField(blank=True, null=True)),
                        ("section_font_size", models.IntegerField(blank=True, null=True)),
                        ("item_spacing", models.IntegerField(blank=True, null=True)),
                        ("page_margin", models.IntegerField(blank=True, null=True)),
                        ("logo_path", config.fields.LineField(blank=True, null=True)),
                        ("logo_position", models.CharField(blank=True, max_length=20, null=True)),
                        ("logo_size", models.IntegerField(blank=True, null=True)),
                        ("logo_offset", models.IntegerField(blank=True, null=True)),
                        ("section_divider_url", config.fields.LineField(blank=True, null=True)),
                        ("section_divider_style", models.CharField(blank=True, max_length=50, null=True)),
                        ("section_divider_color", models.CharField(blank=True, max_length=20, null=True)),
                        ("section_divider_size", models.IntegerField(blank=True, null=True)),
                        ("show_dollar_sign", models.BooleanField(default=True)),
                        ("show_decimals", models.BooleanField(default=True)),
                        ("show_section_dividers", models.BooleanField(default=True)),
                        ("rich_text_enabled", models.BooleanField(default=False)),
                        ("is_archived", models.BooleanField(default=False)),
                        (
                            "user",
                            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
                        ),
                    ],
                    options={
                        "db_table": "menus",
                    },
                ),
                migrations.CreateModel(
                    name="MenuSection",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("name", models.CharField(max_length=255)),
                        ("position", models.IntegerField(default=0)),
                        ("active", models.BooleanField(default=True)),
                        (
                            "menu",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="sections", to="menus.menu"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "menu_sections",
                        "ordering": ["position", "id"],
                    },
                ),
                migrations.CreateModel(
                    name="Recipe",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        ("name", models.CharField(max_length=255)),
                        ("description", models.TextField(blank=True, null=True)),
                        ("instructions", models.TextField()),
                        ("yield_quantity", models.DecimalField(blank=True, decimal_places=2, max_digits=10, null=True)),
                        ("prep_time_minutes", models.IntegerField(blank=True, null=True)),
                        ("cook_time_minutes", models.IntegerField(blank=True, null=True)),
                        (
                            "tags",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.TextField(), blank=True, default=list, size=None
                            ),
                        ),
                        ("menu_title", models.CharField(blank=True, max_length=255, null=True)),
                        ("menu_description", models.TextField(blank=True, null=True)),
                        ("photo_url", config.fields.LineField(blank=True, null=True)),
                        ("photo_public_id", config.fields.LineField(blank=True, null=True)),
                        (
                            "category",
                            models.ForeignKey(
                                blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to="menus.category"
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
                        ),
                    ],
                    options={
                        "db_table": "recipes",
                    },
                ),
                migrations.CreateModel(
                    name="MenuItem",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("name", models.CharField(max_length=255)),
                        ("description", models.TextField(blank=True, null=True)),
                        ("price", config.fields.LineField(blank=True, null=True)),
                        ("position", models.IntegerField(default=0)),
                        ("active", models.BooleanField(default=True)),
                        (
                            "section",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="items",
                                to="menus.menusection",
                            ),
                        ),
                        (
                            "recipe",
                            models.ForeignKey(
                                blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to="menus.recipe"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "menu_items",
                        "ordering": ["position", "id"],
                    },
                ),
                migrations.CreateModel(
                    name="UnitOfMeasure",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        ("name", models.CharField(max_length=100)),
                        ("abbreviation", models.CharField(blank=True, max_length=20, null=True)),
                        (
                            "type",
                            config.fields.EnumField(
                                blank=True,
                                choices=[
                                    ("WEIGHT", "Weight"),
                                    ("VOLUME", "Volume"),
                                    ("COUNT", "Count"),
                                    ("OTHER", "Other"),
                                ],
                                enum_type="UnitType",
                                null=True,
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "units of measure",
                        "db_table": "units_of_measure",
                        "unique_together": {("abbreviation", "user"), ("name", "user")},
                    },
                ),
                migrations.CreateModel(
                    name="RecipeIngredient",
                    fields=[
                        (
                            "id",
                            models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("created_at", config.fields.LegacyDateTimeField(auto_now_add=True)),
                        ("updated_at", config.fields.LegacyDateTimeField(auto_now=True)),
                        ("quantity", models.DecimalField(decimal_places=2, max_digits=10)),
                        ("order", models.IntegerField(default=0)),
                        (
                            "ingredient",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                to="menus.ingredient",
                            ),
                        ),
                        (
                            "recipe",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="ingredients",
                                to="menus.recipe",
                            ),
                        ),
                        (
                            "sub_recipe",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="used_in",
                                to="menus.recipe",
                            ),
                        ),
                        (
                            "unit",
                            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="menus.unitofmeasure"),
                        ),
                    ],
                    options={
                        "db_table": "recipe_ingredients",
                        "ordering": ["order", "id"],
                    },
                ),
                migrations.AddField(
                    model_name="recipe",
                    name="yield_unit",
                    field=models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to="menus.unitofmeasure"
                    ),
                ),
            ],
        ),
    ]
