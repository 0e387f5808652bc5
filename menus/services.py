"""What is done to menus; each function is one transaction."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from menus.models import Menu


def menus_publish(*, menus: QuerySet[Menu]) -> list[Menu]:
    """Show these menus to everybody from now on, but those that nobody could find; return what was not shown yet.

    Nobody finds an archived menu, or one of no known restaurant. Only `published_at` is written: to the other
    application that reads the table nothing about the menu has changed.
    """
    return _switch(menus.filter(published_at=None, is_archived=False, restaurant__isnull=False), published=True)


def menus_withdraw(*, menus: QuerySet[Menu]) -> list[Menu]:
    """Show these menus to nobody any more; return those that were shown."""
    return _switch(menus.exclude(published_at=None), published=False)


def _switch(menus: QuerySet[Menu], *, published: bool) -> list[Menu]:
    with transaction.atomic():
        chosen = list(menus.select_for_update(no_key=True, of=("self",)).order_by("pk"))
        moment = timezone.now() if published else None
        Menu.objects.filter(pk__in=[menu.pk for menu in chosen]).update(published_at=moment)
    return chosen
