"""Named SQL: blocks of a `.sql` file, each with a line that says what it guarantees."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_NAME_LINE = re.compile(r"^-- name:(.*)$", re.MULTILINE)
_DESCRIPTION = re.compile(r"\A(?:--.*\S.*\n)+")
_SHARED = re.compile(r"\{\{([A-Za-z_]\w*)\}\}")


class Queries:
    """The blocks of one `.sql` file: an attribute for each, and iteration over their names in the file's order.

    A block begins with `-- name: some_name` and at least one comment line that describes it. `{{earlier}}` in a
    block's text stands for the text of the block `earlier`, which must come before it in the same file, or is one of
    the texts in GIVEN. Raises ValueError, naming the file and the block, for a file that breaks these rules.
    """

    def __init__(self, path: Path, given: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._given = given or {}
        self._texts: dict[str, str] = {}
        head, *parts = _NAME_LINE.split(path.read_text(encoding="utf-8"))
        if any(line.strip() and not line.startswith("--") for line in head.splitlines()):
            raise ValueError(f"{path}: SQL stands before the first '-- name:' line.")
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            self._add(name.strip(), body.removeprefix("\n"))

    def _add(self, name: str, body: str) -> None:
        if not name.isidentifier() or name.startswith("_"):
            raise ValueError(f"{self._path}: {name!r} cannot be the name of a block.")
        if name in self._texts:
            raise ValueError(f"{self._path}: two blocks are named {name!r}.")
        description = _DESCRIPTION.match(body)
        if not description or not (text := body[description.end() :].strip()):
            raise ValueError(f"{self._path}: block {name!r} needs a comment line that describes it, then its SQL.")
        self._texts[name] = _SHARED.sub(lambda found: self._shared(name, found[1]), text)

    def _shared(self, name: str, other: str) -> str:
        if other in self._given:
            return self._given[other]
        if other not in self._texts:
            raise ValueError(f"{self._path}: block {name!r} uses {{{{{other}}}}}, which is no block before it.")
        return self._texts[other]

    def __getattr__(self, name: str) -> str:
        texts: dict[str, str] = self.__dict__.get("_texts", {})
        if name not in texts:
            raise AttributeError(f"{self.__dict__.get('_path')} has no block named {name!r}.")
        return texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)
