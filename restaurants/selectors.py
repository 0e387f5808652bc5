"""Reads of restaurants."""

from django.db.models import Q, QuerySet

from restaurants.models import Restaurant


def restaurants_active() -> QuerySet[Restaurant]:
    """Return the restaurants that take guests, by name."""
    return Restaurant.objects.filter(is_active=True).order_by("name", "pk")


def restaurants_matching(search: str) -> Q:
    """Return the condition that a restaurant's name, city or cuisine holds SEARCH, in whatever case."""
    return Q(name__icontains=search) | Q(city__icontains=search) | Q(cuisine__icontains=search)


def restaurant_by_slug(slug: str) -> Restaurant:
    """Return an active restaurant; raises Restaurant.DoesNotExist, also for one that is closed for good."""
    return restaurants_active().get(slug=slug)
