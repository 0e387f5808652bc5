"""Lists, page by page: a cursor says where the next one begins, so that rows which come and go shift nothing."""

from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError
from django.db.models import Model, QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

MOST = 100


class CursorPages(CursorPagination):
    """Pages `{"next", "previous", "results"}` with addresses to follow, in the order of the view's `ordering`.

    One query a page, whatever its length. Rows that are equal in the first column of the order are counted.
    """

    page_size = 20
    max_page_size = MOST
    page_size_query_param = "page_size"

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """Return the rows of the page; a cursor that is not one of ours is an invalid field."""
        try:
            return super().paginate_queryset(queryset, request, view)
        # What a cursor holds is compared with a column: in one that somebody made up it may be anything.
        except (NotFound, ValueError, OverflowError, DjangoValidationError, DataError) as error:
            raise ValidationError({"cursor": "This is no cursor of this list."}) from error

    def get_page_size(self, request: Request) -> int:
        """Return how many rows are asked for; 1 to 100."""
        given = request.query_params.get("page_size", str(self.page_size))
        if not (given.isascii() and given.isdecimal() and len(given) <= 3 and 1 <= int(given) <= MOST):
            raise ValidationError({"page_size": f"A page has 1 to {MOST} rows."})
        return int(given)

    def get_paginated_response_schema(self, schema: Any) -> dict[str, Any]:
        """Return how a page looks, for the OpenAPI document."""
        address = {"type": ["string", "null"], "format": "uri"}
        properties = {"next": address, "previous": address, "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Return what can be said about the page wanted, for the OpenAPI document."""
        size = {"type": "integer", "minimum": 1, "maximum": MOST, "default": self.page_size}
        return [
            _parameter("cursor", "Where the page begins; taken from `next` or `previous`.", {"type": "string"}),
            _parameter("page_size", "How many rows a page has.", size),
        ]


class FirstPage:
    """Stands for a queryset in the first page of a list that nobody narrowed: READ gives so many rows, in order."""

    def __init__(self, read: Callable[[int], list[Any]]) -> None:
        self._read = read

    def order_by(self, *ordering: str) -> "FirstPage":
        """Return it as it is."""
        return self

    def __getitem__(self, rows: slice) -> list[Any]:
        return self._read(rows.stop)


class Ordering(OrderingFilter):
    """`?ordering=date` or `-date`, by one of the view's `ordering_fields`; another is an invalid field."""

    def get_ordering(self, request: Request, queryset: QuerySet[Model], view: APIView) -> tuple[str, ...]:
        """Return the columns to order by, the primary key last."""
        given = request.query_params.get(self.ordering_param)
        default = getattr(view, "ordering", ())
        if given is None:
            return tuple([default] if isinstance(default, str) else default)
        known = dict(self.get_valid_fields(queryset, view))
        if given.removeprefix("-") not in known:
            raise ValidationError({"ordering": f"It is one of {', '.join(sorted(known))}, with a - for descending."})
        return given, "-pk" if given.startswith("-") else "pk"

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Return what can be ordered by, for the OpenAPI document."""
        fields = [sign + field for field in getattr(view, "ordering_fields", ()) for sign in ("", "-")]
        text = "What to order by; a - in front is descending."
        return [_parameter("ordering", text, {"type": "string", "enum": fields})] if fields else []


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"in": "query", "name": name, "required": False, "description": description, "schema": schema}
