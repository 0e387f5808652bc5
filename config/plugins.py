"""What plugs into the other apps: the setting SEPARATION_PLUGINS names functions by place and dotted path.

Everything works the same with the setting empty or gone.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string


def plugged(place: str) -> list[Callable[..., Any]]:
    """Return the functions plugged into PLACE, in order.

    Places are, on the staff's pages, `pages` (→ entries of the sidebar), `index` (request → HTML), `customer` (request,
    customer → HTML), `customer_filters` (filters of the list of customers) and `moved_at` (→ an expression over
    customers: when each came from the legacy table, null for who registered here); for customers, `password_algorithm`
    (→ the name of the hasher of new passwords) and `customer_missing` (email → nothing: moves whoever has that address
    in the legacy table only); for mail, `mail_held` (→ why none may be sent, and the command that changes it, or None)
    and `reminders_since` (→ the time before which reminders are let pass, or None).
    """
    return [import_string(path) for path in getattr(settings, "SEPARATION_PLUGINS", {}).get(place, ())]
