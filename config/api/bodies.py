"""What a request brings, checked."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


class Exact(serializers.Serializer[Any]):
    """Refuses fields that there are not, so that a misspelt one is not taken for a change that was made.

    A row of a list is whole, also in a change of something else's fields: the framework would let it lack any.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Return the fields of DATA, checked."""
        if isinstance(data, Mapping):
            self._require_no_more(data)
            if isinstance(self.parent, serializers.ListSerializer):
                self._require_all(data)
        return super().to_internal_value(data)

    def _require_no_more(self, data: Mapping[Any, Any]) -> None:
        if unknown := [name for name in data if name not in self.fields]:
            fault = serializers.ErrorDetail("There is no such field.", code="unknown")
            raise serializers.ValidationError({str(name)[:80]: [fault] for name in unknown})

    def _require_all(self, data: Mapping[Any, Any]) -> None:
        missing = [name for name, field in self.fields.items() if field.required and name not in data]
        if missing:
            fault = serializers.ErrorDetail("This field is required.", code="required")
            raise serializers.ValidationError({name: [fault] for name in missing})


def valid(body: type[serializers.Serializer[Any]], request: Request, *, partial: bool = False) -> dict[str, Any]:
    """Return what REQUEST brings, checked as BODY says; raises ValidationError."""
    given = body(data=request.data, partial=partial)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)
