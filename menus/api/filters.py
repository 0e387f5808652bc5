"""By what staff narrow their lists of recipes and menus."""

from django_filters import BooleanFilter, CharFilter, FilterSet


class StaffRecipeFilter(FilterSet):  # type: ignore[misc]
    """What `GET staff/recipes` takes."""

    restaurant = CharFilter(field_name="restaurant__slug", max_length=255, label="The restaurant's slug.")
    search = CharFilter(field_name="name", lookup_expr="icontains", max_length=100, label="In the name.")
    category = CharFilter(field_name="category__name", lookup_expr="iexact", max_length=150, label="Its name.")


class StaffMenuFilter(FilterSet):  # type: ignore[misc]
    """What `GET staff/menus` takes."""

    restaurant = CharFilter(field_name="restaurant__slug", max_length=255, label="The restaurant's slug.")
    search = CharFilter(field_name="name", lookup_expr="icontains", max_length=100, label="In the name.")
    archived = BooleanFilter(field_name="is_archived", label="Whether it is put away.")
    published = BooleanFilter(
        field_name="published_at", lookup_expr="isnull", exclude=True, label="Whether everybody is shown it."
    )
