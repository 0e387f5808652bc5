r"""The form of a backup's rows: JSON lines, made from PostgreSQL's COPY text and turned back into it, in whole blocks.

A line is a JSON array of every column's text output, or null: `["7",<tab>"a \"quoted\" word",<tab>null]`. COPY's text
form escapes almost as JSON does, so a block of rows is translated by a handful of `bytes.replace` calls instead of a
loop over rows. It works both ways because of one detail: between two elements stands a comma *and a tab*. A JSON
string cannot hold a raw tab or newline, so these two bytes are structure wherever they appear.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

BLOCK_BYTES = 2 * 1024 * 1024

# COPY leaves these as they are, JSON must not; `\v` is COPY's alone. `\\` is matched so that `\\v` is not taken for it.
_COPY_ONLY = re.compile(rb"\\\\|\\v|[\x01-\x08\x0b-\x1f]")
_JSON_ONLY = re.compile(rb"\\\\|\\u00([01][0-9a-f])")


def blocks(rows: Iterable[bytes | bytearray | memoryview]) -> Iterator[bytes]:
    """Yield the rows of a COPY joined to blocks of about BLOCK_BYTES: memory does not grow with the table."""
    block = bytearray()
    for row in rows:
        block += row
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def to_json(block: bytes, columns: int) -> bytes:
    """Return whole rows of COPY text as JSON lines."""
    if not columns:
        return block.replace(b"\n", b"[]\n")
    text = block
    if _COPY_ONLY.search(text):
        text = _COPY_ONLY.sub(_escape_for_json, text)
    text = text.replace(b'"', rb"\"").replace(b"\t", b'",\t"').replace(b"\n", b'"]\n["')
    return (b'["' + text[:-2]).replace(rb'"\N"', b"null")


def to_copy(block: bytes, kept: Sequence[int] | None = None) -> bytes:
    r"""Return whole JSON lines, as `to_json` wrote them, as rows of COPY text.

    With KEPT, only those columns, by position. Each step below is exact because a raw tab or newline is structure, and
    because a quote that is content still has its own backslash before it.
    """
    if kept is not None:
        block = _select(block, kept)
    if block.startswith(b"[]"):
        return block.replace(b"[]", b"")
    text = b"\n" + block
    # Nulls first: once the quotes are gone, content could be taken for one.
    text = text.replace(b"\n[null", b"\n[\\N").replace(b"\tnull", b"\t\\N")
    text = text.replace(b"\\N,\t", b"\\N\t").replace(b"\\N]\n", b"\\N\n").replace(b"\n[\\N", b"\n\\N")
    text = text.replace(b'\n["', b"\n").replace(b'\t"', b"\t").replace(b'",\t', b"\t").replace(b'"]\n', b"\n")
    text = text.replace(rb"\"", b'"')
    if rb"\u00" in text:
        text = _JSON_ONLY.sub(_unescape_for_copy, text)
    return text[1:]


def _escape_for_json(found: re.Match[bytes]) -> bytes:
    match found[0]:
        case b"\\\\":
            return found[0]
        case b"\\v":
            return rb"\u000b"
        case byte:
            return b"\\u%04x" % byte[0]


def _unescape_for_copy(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)]) if found[1] else found[0]


def _select(block: bytes, kept: Sequence[int]) -> bytes:
    rows = (line[1:-1].split(b",\t") for line in block.splitlines())
    return b"".join(b"[" + b",\t".join(row[index] for index in kept) + b"]\n" for row in rows)
