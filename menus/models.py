"""Recipes, what goes into them, and the menus that present them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from config.fields import EnumField, LegacyDateTimeField, LineField


class Stamped(models.Model):
    """When a row was made and last changed; every writer sets both."""

    created_at = LegacyDateTimeField(auto_now_add=True)
    updated_at = LegacyDateTimeField(auto_now=True)

    class Meta:
        abstract = True


class Category(Stamped):
    """A group of recipes of one restaurant, such as starters."""

    name = models.CharField(max_length=150)
    description = models.TextField(null=True, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    restaurant = models.ForeignKey("restaurants.Restaurant", on_delete=models.PROTECT)

    class Meta:
        db_table = "categories"
        verbose_name_plural = "categories"
        unique_together = [("name", "user", "restaurant")]

    def __str__(self) -> str:
        return self.name


class UnitOfMeasure(Stamped):
    """A unit that quantities are given in."""

    class Type(models.TextChoices):
        """What a unit measures."""

        WEIGHT = "WEIGHT"
        VOLUME = "VOLUME"
        COUNT = "COUNT"
        OTHER = "OTHER"

    name = models.CharField(max_length=100)
    abbreviation = models.CharField(max_length=20, null=True, blank=True)
    type = EnumField("UnitType", choices=Type.choices, null=True, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)

    class Meta:
        db_table = "units_of_measure"
        verbose_name_plural = "units of measure"
        unique_together = [("name", "user"), ("abbreviation", "user")]

    def __str__(self) -> str:
        return self.name


class IngredientCategory(Stamped):
    """A group of ingredients, such as dairy."""

    name = models.CharField(max_length=150)
    description = models.TextField(null=True, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)

    class Meta:
        db_table = "ingredient_categories"
        verbose_name_plural = "ingredient categories"
        unique_together = [("name", "user")]

    def __str__(self) -> str:
        return self.name


class Ingredient(Stamped):
    """Something recipes are made of."""

    name = models.CharField(max_length=255)
    description = models.TextField(null=True, blank=True)
    ingredient_category = models.ForeignKey(IngredientCategory, null=True, blank=True, on_delete=models.SET_NULL)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)

    class Meta:
        db_table = "ingredients"
        unique_together = [("name", "user")]

    def __str__(self) -> str:
        return self.name


class Recipe(Stamped):
    """How a dish is made."""

    name = models.CharField(max_length=255)
    description = models.TextField(null=True, blank=True)
    instructions = models.TextField()
    yield_quantity = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    yield_unit = models.ForeignKey(UnitOfMeasure, null=True, blank=True, on_delete=models.SET_NULL)
    prep_time_minutes = models.IntegerField(null=True, blank=True)
    cook_time_minutes = models.IntegerField(null=True, blank=True)
    tags = ArrayField(models.TextField(), default=list, blank=True)
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.SET_NULL)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    menu_title = models.CharField(max_length=255, null=True, blank=True)
    menu_description = models.TextField(null=True, blank=True)
    photo_url = LineField(null=True, blank=True)
    photo_public_id = LineField(null=True, blank=True)
    restaurant = models.ForeignKey(
        "restaurants.Restaurant", null=True, blank=True, on_delete=models.DO_NOTHING, db_constraint=False
    )

    class Meta:
        db_table = "recipes"

    def __str__(self) -> str:
        return self.name


class RecipeIngredient(Stamped):
    """One line of a recipe: an ingredient or another recipe."""

    recipe = models.ForeignKey(Recipe, on_delete=models.CASCADE, related_name="ingredients")
    ingredient = models.ForeignKey(Ingredient, null=True, blank=True, on_delete=models.PROTECT)
    sub_recipe = models.ForeignKey(Recipe, null=True, blank=True, on_delete=models.PROTECT, related_name="used_in")
    quantity = models.DecimalField(max_digits=10, decimal_places=2)
    unit = models.ForeignKey(UnitOfMeasure, on_delete=models.PROTECT)
    order = models.IntegerField(default=0)

    class Meta:
        db_table = "recipe_ingredients"
        ordering = ["order", "id"]

    def __str__(self) -> str:
        return f"line {self.order} of recipe {self.recipe_id}"


class Menu(Stamped):
    """A menu as it is printed."""

    name = models.CharField(max_length=255)
    title = LineField(null=True, blank=True)
    subtitle = LineField(null=True, blank=True)
    font = models.CharField(max_length=100, null=True, blank=True)
    title_font = models.CharField(max_length=100, null=True, blank=True)
    layout = models.CharField(max_length=50, null=True, blank=True)
    columns_count = models.IntegerField(null=True, blank=True)
    page_size = models.CharField(max_length=20, null=True, blank=True)
    background_color = models.CharField(max_length=20, null=True, blank=True)
    text_color = models.CharField(max_length=20, null=True, blank=True)
    accent_color = models.CharField(max_length=20, null=True, blank=True)
    title_color = models.CharField(max_length=20, null=True, blank=True)
    base_font_size = models.IntegerField(null=True, blank=True)
    title_font_size = models.IntegerField(null=True, blank=True)
    section_font_size = models.IntegerField(null=True, blank=True)
    item_spacing = models.IntegerField(null=True, blank=True)
    page_margin = models.IntegerField(null=True, blank=True)
    logo_path = LineField(null=True, blank=True)
    logo_position = models.CharField(max_length=20, null=True, blank=True)
    logo_size = models.IntegerField(null=True, blank=True)
    logo_offset = models.IntegerField(null=True, blank=True)
    section_divider_url = LineField(null=True, blank=True)
    section_divider_style = models.CharField(max_length=50, null=True, blank=True)
    section_divider_color = models.CharField(max_length=20, null=True, blank=True)
    section_divider_size = models.IntegerField(null=True, blank=True)
    show_dollar_sign = models.BooleanField(default=True)
    show_decimals = models.BooleanField(default=True)
    show_section_dividers = models.BooleanField(default=True)
    rich_text_enabled = models.BooleanField(default=False)
    is_archived = models.BooleanField(default=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    restaurant = models.ForeignKey(
        "restaurants.Restaurant", null=True, blank=True, on_delete=models.DO_NOTHING, db_constraint=False
    )
    published_at = LegacyDateTimeField(null=True, blank=True)

    class Meta:
        db_table = "menus"

    def __str__(self) -> str:
        return self.name


class MenuSection(models.Model):
    """A part of a menu, such as desserts."""

    name = models.CharField(max_length=255)
    position = models.IntegerField(default=0)
    active = models.BooleanField(default=True)
    menu = models.ForeignKey(Menu, on_delete=models.CASCADE, related_name="sections")

    class Meta:
        db_table = "menu_sections"
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class MenuItem(models.Model):
    """A line of a menu; its price is text, as the old application lets people write it."""

    name = models.CharField(max_length=255)
    description = models.TextField(null=True, blank=True)
    price = LineField(null=True, blank=True)
    position = models.IntegerField(default=0)
    active = models.BooleanField(default=True)
    recipe = models.ForeignKey(Recipe, null=True, blank=True, on_delete=models.SET_NULL)
    section = models.ForeignKey(MenuSection, on_delete=models.CASCADE, related_name="items")

    class Meta:
        db_table = "menu_items"
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name
