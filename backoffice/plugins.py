"""What other apps add to the staff's pages: the setting SEPARATION_PLUGINS names functions by place and dotted path.

The admin works the same with the setting empty or gone.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string


def plugged(place: str) -> list[Callable[..., Any]]:
    """Return the functions plugged into PLACE, in order.

    Places are `index` (request → HTML), `customer` (request, customer → HTML) and `moved_at` (→ an expression over
    customers: when each came from the legacy table, null for who registered here).
    """
    return [import_string(path) for path in getattr(settings, "SEPARATION_PLUGINS", {}).get(place, ())]
