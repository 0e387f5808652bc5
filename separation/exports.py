"""The lists of the engine's records as CSV: streamed, and safe to open in a spreadsheet."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone

# With one of these a spreadsheet takes a text for a formula, and computes it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_ROWS_AT_ONCE = 2000


class _Echo:
    """A file that hands on what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_answer(name: str, rows: QuerySet[Any], columns: Sequence[str]) -> StreamingHttpResponse:
    """Return COLUMNS of ROWS as a file to be kept under NAME; never holds more than a few thousand rows."""
    values = rows.values_list(*columns).iterator(chunk_size=_ROWS_AT_ONCE)
    answer = StreamingHttpResponse(lines(columns, values), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}-{timezone.now():%Y-%m-%d-%H%M%S}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer


def lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Give the lines of the file; a byte order mark tells spreadsheets that it is UTF-8."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(columns)
    for row in rows:
        yield writer.writerow([_cell(value) for value in row])


def _cell(value: Any) -> Any:
    """Return VALUE as text that no spreadsheet computes; numbers as they are."""
    if value is None or isinstance(value, (bool, int, float)):
        return "" if value is None else value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(" ", "seconds").removesuffix("+00:00")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
