"""How the list of restaurants can be narrowed."""

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from restaurants.models import Restaurant
from restaurants.selectors import restaurants_matching


class RestaurantFilter(filters.FilterSet):  # type: ignore[misc]
    """`city` and `cuisine` in any case; `search` in name, city and cuisine."""

    city = filters.CharFilter(lookup_expr="iexact", max_length=100)
    cuisine = filters.CharFilter(lookup_expr="iexact", max_length=100)
    # Restaurants are as many as there are tenants, and their columns are short: no index could do better.
    search = filters.CharFilter(method="matching", min_length=2, max_length=50, help_text="In name, city or cuisine.")

    class Meta:
        model = Restaurant
        fields = ()

    def matching(self, queryset: QuerySet[Restaurant], name: str, value: str) -> QuerySet[Restaurant]:
        """Return those that match."""
        return queryset.filter(restaurants_matching(value))
