r"""The form of a backup's rows: JSON lines, made from what PostgreSQL's COPY sends and turned back, in whole blocks.

A line is a JSON array of every column's text output, or null: `["7",<tab>"a \"quoted\" word",<tab>null]`. COPY's text
form escapes almost as JSON does, so a block of rows is translated by a handful of `bytes.replace` calls instead of a
loop over rows. It works both ways because of one detail: between two elements stands a comma *and a tab*. A JSON
string cannot hold a raw tab or newline, so these two bytes are structure wherever they appear.
"""

import re
from collections.abc import Sequence

# How PostgreSQL reads what `to_csv` makes.
CSV = r"""FORMAT csv, DELIMITER E'\t', QUOTE '"', ESCAPE E'\\', NULL 'null'"""

# COPY leaves these as they are, JSON must not; `\v` is COPY's alone. `\\` is matched so that `\\v` is not taken for it.
_COPY_ONLY = re.compile(rb"\\\\|\\v|[\x01-\x08\x0b-\x1f]")
_SAME_IN_BOTH = bytes(sorted({*range(256)} - {*range(0x09), *range(0x0B, 0x20)}))
_ESCAPE = re.compile(rb"\\([\\\x22bfnrt]|u00([01][0-9a-f]))")
_OTHER_ESCAPE = re.compile(rb"\\[^\\\x22]")
_SHORT = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def to_json(block: bytes, columns: int) -> bytes:
    """Return whole rows of COPY text as JSON lines."""
    if not columns:
        return block.replace(b"\n", b"[]\n")
    text = block
    if rb"\v" in text or text.translate(None, _SAME_IN_BOTH):
        text = _COPY_ONLY.sub(_escape_for_json, text)
    text = text.replace(b'"', rb"\"").replace(b"\t", b'",\t"').replace(b"\n", b'"]\n["')
    return (b'["' + text[:-2]).replace(rb'"\N"', b"null")


def to_csv(block: bytes, kept: Sequence[int] | None = None) -> bytes:
    """Return whole JSON lines, as `to_json` wrote them, as rows for a COPY with the options CSV; only the columns KEPT.

    Without the brackets and the commas a line *is* CSV whose delimiter is a tab, whose escape is a backslash and whose
    null is a bare `null`: the server tells it from the quoted word. Other escapes than these two are undone here.
    """
    if kept is not None:
        block = _select(block, kept)
    text = block.replace(b",\t", b"\t").replace(b"]\n[", b"\n")[1:-2] + b"\n"
    if _OTHER_ESCAPE.search(text):
        text = _ESCAPE.sub(_unescape, text)
    return text


def _escape_for_json(found: re.Match[bytes]) -> bytes:
    match found[0]:
        case b"\\\\":
            return found[0]
        case b"\\v":
            return rb"\u000b"
        case byte:
            return b"\\u%04x" % byte[0]


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[2], 16)]) if found[2] else _SHORT.get(found[1], found[0])


def _select(block: bytes, kept: Sequence[int]) -> bytes:
    rows = (line[1:-1].split(b",\t") for line in block.splitlines())
    return b"".join(b"[" + b",\t".join(row[index] for index in kept) + b"]\n" for row in rows)
