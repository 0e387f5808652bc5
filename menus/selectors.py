"""Reads of menus."""

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from menus.models import Menu, MenuItem, MenuSection


def menus_published(slug: str) -> QuerySet[Menu]:
    """Return the menus an active restaurant shows, newest first, with active sections and items in order: 3 queries."""
    items = MenuItem.objects.filter(active=True).order_by("position", "pk")
    sections = MenuSection.objects.filter(active=True).order_by("position", "pk")
    return (
        Menu.objects.filter(restaurant__slug=slug, restaurant__is_active=True)
        .filter(is_archived=False, published_at__lte=timezone.now())
        .only("name", "title", "subtitle", "published_at")
        .prefetch_related(Prefetch("sections", sections.prefetch_related(Prefetch("items", items))))
        .order_by("-published_at", "-pk")
    )
