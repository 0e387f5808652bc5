"""JSON as the framework's renderer writes it, several times as fast."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

_DEFAULT = JSONEncoder().default
# Two characters that JSON allows in strings, and JavaScript does not.
_ESCAPED = {"\u2028".encode(): b"\\u2028", "\u2029".encode(): b"\\u2029"}


class Renderer(JSONRenderer):
    """Writes JSON; what the fast way does not take is written the slow one: other keys than text, larger numbers."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return DATA as JSON, indented where a client asks for that."""
        if data is None or "indent" in (accepted_media_type or "") or "indent" in (renderer_context or ()):
            return super().render(data, accepted_media_type, renderer_context)
        try:
            written = orjson.dumps(data, default=_DEFAULT, option=orjson.OPT_PASSTHROUGH_DATETIME)
        except TypeError:
            return super().render(data, accepted_media_type, renderer_context)
        for character, escape in _ESCAPED.items():
            written = written.replace(character, escape)
        return written
