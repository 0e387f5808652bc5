"""Small tables on the staff's pages, readable on a phone too."""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

EMPTY = "–"


def table(
    title: str, headers: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str, note: Any = ""
) -> SafeString:
    """Return a titled table as HTML; EMPTY is the sentence shown in its place when there are no rows."""
    shown = [[shown_value(cell) for cell in row] for row in rows]
    context = {"title": title, "table": {"headers": headers, "rows": shown}, "empty": empty, "note": note}
    return render_to_string("backoffice/table.html", context)


def shown_value(value: Any) -> Any:
    """Return VALUE as a person reads it: times to the minute, nothing as a dash, texts in their own direction."""
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "minutes")[:16]
    if value is None or value == "":
        return EMPTY
    if isinstance(value, str) and not isinstance(value, SafeString):
        return format_html('<bdi class="break-words min-w-0">{}</bdi>', value)
    return value


def link(url: str, text: Any) -> SafeString:
    """Return a link."""
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, text)
