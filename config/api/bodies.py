"""What a request brings, checked."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


class Exact(serializers.Serializer[Any]):
    """Refuses fields that there are not, so that a misspelt one is not taken for a change that was made."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the fields of DATA, checked."""
        unknown = [name for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        if unknown:
            fault = serializers.ErrorDetail("There is no such field.", code="unknown")
            raise serializers.ValidationError({str(name)[:80]: [fault] for name in unknown})
        return super().to_internal_value(data)


def valid(body: type[serializers.Serializer[Any]], request: Request, *, partial: bool = False) -> dict[str, Any]:
    """Return what REQUEST brings, checked as BODY says; raises ValidationError."""
    given = body(data=request.data, partial=partial)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)
