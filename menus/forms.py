"""What staff type about recipes and menus in the admin; names stand for ingredients, units and categories."""

import re
from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.functional import cached_property
from unfold.widgets import UnfoldAdminTextInputWidget

from config.api.problems import DomainError
from menus.models import Menu, MenuItem, MenuSection, Recipe, RecipeIngredient
from menus.services import Line, menu_hold, recipe_hold, recipe_lines_check
from menus.values import item_version, menu_version, recipe_version, section_version

COLOUR = re.compile(r"#[0-9A-Fa-f]{3,8}|[A-Za-z]{3,20}")
FONT = re.compile(r"[\w ,'-]+")
# What a menu can be printed on, with its height in millimetres.
PAPER = {"A3": 420, "A4": 297, "A5": 210, "LETTER": 279, "LEGAL": 356}
# How many names or recipes a field offers at most.
OFFERED = 2000
HELP = {
    "instructions": "What the kitchen does, step by step.",
    "yield_quantity": "How much comes of it, such as 4; the kitchen's card is scaled by it.",
    "menu_title": "What guests read, where it differs from the name.",
    "menu_description": "What guests read below it.",
    "tags": "Parted by commas: vegan, gluten free",
    "photo_url": "Where the picture is, beginning with https://",
    "title": "What stands at the top of the menu; empty, its name does.",
    "page_size": "A3, A4, A5, Letter or Legal; empty, A4.",
    "page_margin": "In pixels, 0 to 150; empty, 14 mm.",
    "columns_count": "1 to 4.",
    "font": "As it is called on the computer that prints, such as Lora.",
    "base_font_size": "In points, 6 to 32; empty, as large as one page allows.",
    "item_spacing": "In pixels.",
    "background_color": "As #fdfbf7, or an English name. So are the other colours.",
    "show_dollar_sign": "Puts $ before a price that is typed as a number alone, unless another price says other money.",
    "show_decimals": "Without, 12.00 is printed as 12; 12.50 stays as it is.",
}
_WHAT_NOW = "What you typed is still below; to see what is there now, open this page in another tab."
# Of a line's field: what another recipe is called in it.
PART = "recipe: "


def _text(names: str = "", **attrs: str) -> UnfoldAdminTextInputWidget:
    return UnfoldAdminTextInputWidget({"list": names, "autocomplete": "off", **attrs} if names else attrs)


class SeenForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that is refused if somebody changed the row since it was shown; the row is locked when it is looked at."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["seen"].initial = self.version()
        if "restaurant" in self.fields:
            self.fields["restaurant"].required = True
        for name in HELP.keys() & self.fields.keys():
            self.fields[name].help_text = HELP[name]

    def version(self) -> str:
        """Return the version of what is shown."""
        raise NotImplementedError

    def hold(self, seen: str) -> Any:
        """Lock the row; raises DomainError unless it is as SEEN."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        """Compare what was shown with what is there."""
        super().clean()
        if self.instance.pk:
            try:
                self.hold(self.data.get("seen", ""))
            except DomainError as error:
                raise ValidationError(f"{error.detail} {_WHAT_NOW}") from error
        return self.cleaned_data


class RecipeForm(SeenForm):
    """A recipe, but what goes into it."""

    category_name = forms.CharField(
        label="Category",
        max_length=150,
        required=False,
        widget=_text("recipe-categories"),
        help_text="Type a new one, and it is made.",
    )
    yield_measure = forms.CharField(
        label="Yield unit",
        max_length=100,
        required=False,
        widget=_text("recipe-units"),
        help_text="What the yield counts: portions, l, kg.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tags"].show_hidden_initial = False  # `seen` knows better what was there
        self.fields["category_name"].initial = self.instance.category and self.instance.category.name
        self.fields["yield_measure"].initial = self.instance.yield_unit and self.instance.yield_unit.name

    def version(self) -> str:
        """Return the version of the recipe with its lines."""
        return recipe_version(self.instance)

    def hold(self, seen: str) -> Recipe:
        """Lock the recipe, and those of its restaurant."""
        return recipe_hold(recipe=self.instance, seen=seen)

    def clean(self) -> dict[str, Any]:
        """Refuse less than nothing, and a category where no restaurant is known that could have one."""
        data = super().clean()
        for name in ("yield_quantity", "prep_time_minutes", "cook_time_minutes"):
            if name in self.changed_data and (data.get(name) or 0) < 0:
                self.add_error(name, "This is 0 or more.")
        if "category_name" in self.changed_data and not (data.get("restaurant") or self.instance.restaurant_id):
            self.add_error("category_name", "Categories are a restaurant's, and this recipe has none yet.")
        return data

    def clean_photo_url(self) -> str:
        """Return the address of a picture; what was there may stay, whatever it is."""
        url = str(self.cleaned_data["photo_url"] or "")
        if url and "photo_url" in self.changed_data and not url.startswith(("https://", "http://")):
            raise ValidationError("The address of a picture begins with https://")
        return url


class LineForm(forms.ModelForm):  # type: ignore[type-arg]
    """A line of a recipe."""

    measure = forms.CharField(label="Unit", max_length=100, widget=_text("recipe-units", placeholder="g, ml, piece"))
    what = forms.CharField(
        label="Ingredient",
        max_length=300,
        widget=_text("recipe-ingredients", placeholder="Leeks, or recipe: Stock"),
    )

    class Meta:
        model = RecipeIngredient
        fields = ("quantity", "measure", "what", "order")

    def __init__(self, *args: Any, parts: Callable[[], dict[str, int]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parts = parts
        self.part: int | None = None
        self.fields["order"].required = False
        if not self.instance.pk:
            self.initial["order"] = None
        else:
            self.fields["measure"].initial = self.instance.unit.abbreviation or self.instance.unit.name
            self.fields["what"].initial = self._shown()

    def _shown(self) -> str:
        part, line = self.instance.sub_recipe, self.instance
        if part is None:
            return str(line.ingredient or "")
        if part.restaurant_id != line.recipe.restaurant_id:
            return f"recipe {part.pk} of another restaurant"
        return f"{PART}{part.name}"

    def has_changed(self) -> bool:
        """Return whether anything was typed: dragging numbers the empty lines, too."""
        return bool(set(self.changed_data) - (set() if self.instance.pk else {"order"}))

    def clean_what(self) -> str:
        """Return the ingredient's name; nothing if it is another recipe, whose number is then `part`."""
        what = str(self.cleaned_data["what"]).strip()
        if "what" not in self.changed_data and self.instance.sub_recipe_id:
            self.part = self.instance.sub_recipe_id
        elif what.lower().startswith(PART):
            name = what[len(PART) :].strip()
            self.part = self.parts().get(name.lower())
            if self.part is None:
                raise ValidationError(f"There is no recipe {name!r} here: write it down first.")
        return "" if self.part else what

    def clean_order(self) -> int:
        """Return the place in the list; the last, where none is typed."""
        return int(2**31 - 1 if self.cleaned_data["order"] is None else self.cleaned_data["order"])

    def line(self) -> Line:
        """Return what was typed."""
        data = self.cleaned_data
        return Line(data["quantity"], data["measure"], data["what"], self.part, self.instance.pk)


class LineFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    """All that goes into a recipe: `lines`, once it is valid."""

    lines: list[Line]

    @cached_property
    def _parts(self) -> dict[str, int]:
        recipes = Recipe.objects.filter(restaurant__isnull=False, restaurant=self.instance.restaurant_id)
        return {name.lower(): pk for pk, name in recipes.order_by("-pk").values_list("pk", "name")}

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        """Give each line a way to the numbers of the recipes that it may name; which restaurant's is known later.

        Where several recipes have one name, the oldest is meant.
        """
        return {**super().get_form_kwargs(index), "parts": lambda: self._parts}

    def clean(self) -> None:
        """Read the lines in their order, and refuse a recipe within itself."""
        super().clean()
        if any(self.errors):
            return
        kept: list[Any] = [form for form in self.forms if form not in self.deleted_forms]
        kept = [form for form in kept if form.has_changed() or form.instance.pk]
        self.lines = [form.line() for form in sorted(kept, key=lambda form: form.cleaned_data["order"])]
        try:
            recipe_lines_check(recipe=self.instance, lines=self.lines)
        except DomainError as error:
            raise ValidationError(error.detail) from error


class MenuForm(SeenForm):
    """What a menu is called and how it is printed."""

    def version(self) -> str:
        """Return the version of the menu without what is on it."""
        return menu_version(self.instance)

    def hold(self, seen: str) -> Menu:
        """Lock the menu."""
        return menu_hold(menu=self.instance, seen=seen)

    def clean(self) -> dict[str, Any]:
        """Refuse what no paper could be printed with; what was there may stay."""
        data = super().clean()
        for name in self.changed_data:
            value = data.get(name)
            if name.endswith("_color") and value and not COLOUR.fullmatch(value):
                self.add_error(name, "A colour is written #8c3b2e, or as its English name.")
            if name in ("font", "title_font") and value and not FONT.fullmatch(value):
                self.add_error(name, "A font is named by letters, as in Lora.")
            if name == "page_size" and value and value.upper() not in PAPER:
                self.add_error(name, f"Menus are printed on {', '.join(PAPER).title()}.")
            if name == "columns_count" and value is not None and not 1 <= value <= 4:
                self.add_error(name, "A menu has 1 to 4 columns.")
        return data


# --- The builder ---


class RecipeChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A recipe of the menu's restaurant; one of another is named by its number alone."""

    restaurant_id: int | None = None

    def label_from_instance(self, obj: Recipe) -> str:
        """Return what the choice is called."""
        return obj.name if obj.restaurant_id == self.restaurant_id else f"recipe {obj.pk} of another restaurant"

    def offer(self, there: QuerySet[Recipe]) -> None:
        """Offer as many as a list can show, and what is THERE already; any other is taken, too."""
        rows = self.queryset.only("name", "restaurant_id")[:OFFERED] if self.queryset is not None else []
        shown = {row.pk: self.label_from_instance(row) for row in [*there, *rows]}
        self.choices = [("", self.empty_label), *shown.items()]


class ItemForm(forms.Form):
    """A line of a menu."""

    name = forms.CharField(max_length=255, required=False)
    price = forms.CharField(
        max_length=100, required=False, help_text="As it is printed: 12,50 € or 8/14 or market price."
    )
    description = forms.CharField(required=False, widget=forms.Textarea({"rows": 2}))
    recipe = RecipeChoice(Recipe.objects.none(), required=False, empty_label="No recipe")
    section = forms.ModelChoiceField(MenuSection.objects.none(), empty_label=None)
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, menu: Menu, item: MenuItem | None = None, data: Any = None) -> None:
        super().__init__(data, initial=_initial(item), prefix="item", auto_id="item-%s")
        recipe: Any = self.fields["recipe"]
        recipe.restaurant_id = menu.restaurant_id
        ours = Recipe.objects.filter(restaurant__isnull=False, restaurant=menu.restaurant_id)
        there = Recipe.objects.filter(pk=(item.recipe_id if item else None) or 0)
        recipe.queryset = (ours | there).order_by("name", "pk")
        recipe.offer(there)
        self.fields["section"].queryset = menu.sections.order_by("position", "pk")  # type: ignore[attr-defined]
        if item is None:
            del self.fields["section"]
            recipe.help_text = "Without a name, the item takes the recipe's name and description."

    def clean(self) -> dict[str, Any]:
        """Ask for a name where no recipe says one."""
        data = super().clean() or {}
        if not data.get("name") and not (data.get("recipe") and "section" not in self.fields):
            self.add_error("name", "Type what guests read, or choose a recipe.")
        return data


def _initial(item: MenuItem | None) -> dict[str, Any]:
    if item is None:
        return {}
    columns = ("name", "price", "description", "recipe_id", "section_id")
    return {name.removesuffix("_id"): getattr(item, name) for name in columns} | {"seen": item_version(item)}


class SectionForm(forms.Form):
    """A section of a menu."""

    name = forms.CharField(max_length=255, error_messages={"required": "Type a name, such as Starters."})
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, section: MenuSection | None = None, data: Any = None) -> None:
        initial = {"name": section.name, "seen": section_version(section)} if section else {}
        super().__init__(data, initial=initial, prefix="section", auto_id="section-%s")
