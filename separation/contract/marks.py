"""What goes with the separation, and how that is told: whole files by name, the rest by marks in comments.

A mark is a comment alone on its line, `separation: begin` or `separation: end`, with what goes between them, or the
comment `separation: line` at the end of a line that goes. Whatever mentions the separation without a mark is a fault,
so that no list of places has to be kept.
"""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path, PurePosixPath

# Lines of a file with their numbers in it.
Lines = list[tuple[int, str]]

# Files and folders that go whole.
GOES = (
    *(
        "separation",
        "separation.toml",
        "separation.toml.example",
        "tests/separation",
        "tests/legacy",
        "tests/databases.py",
        "tests/forking.py",
    ),
    *(
        "bench/__main__.py",
        "bench/loop.py",
        "bench/plain.sql",
        "bench/admin_records.sql",
        "bench/traffic.py",
        "bench/writes.py",
    ),
    *("tests/test_docs.py", "config/plugins.py", "docs/RUNBOOK.md", "docs/images"),
)
# History: what was, and why. It stays as it was written.
HISTORY = ("*/migrations/*", "*/sql/legacy.sql", "docs/adr/*")

_MARK = r"(?:\#|--|<!--)\s*separation: {}\s*(?:-->)?\s*"
_BEGIN = re.compile(r"\s*" + _MARK.format("begin"))
_END = re.compile(r"\s*" + _MARK.format("end"))
_LINE = re.compile(r".*\S.*" + _MARK.format("line"))
_CHECKS: dict[str, Callable[[str], object]] = {".py": ast.parse, ".toml": tomllib.loads}


def is_in(path: str, name: str) -> bool:
    """Return whether PATH is the file NAME, or lies in the folder NAME."""
    return path == name or path.startswith(f"{name}/")


def is_history(path: str) -> bool:
    """Return whether the file at PATH stays as it was written, whatever it mentions."""
    return any(PurePosixPath(path).match(pattern) for pattern in HISTORY)


def unmarked(text: str) -> tuple[Lines, list[str]]:
    """Return the lines of TEXT that are not marked, and the faults of its marks as `line number: what is wrong`.

    Where something went from between blank lines, as many stay as stood on the side that has more of them.
    """
    kept: Lines = []
    faults: list[str] = []
    begun = surplus = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        begins, ends = bool(_BEGIN.fullmatch(line)), bool(_END.fullmatch(line))
        if begins and begun:
            faults.append(f"{number}: begins in what began in line {begun}")
        if ends and not begun:
            faults.append(f"{number}: ends what has not begun")
        if begins or ends or begun or _LINE.fullmatch(line):
            begun = number if begins else 0 if ends else begun
            surplus = _blanks_at_end(kept)
        elif surplus and not line.strip():
            surplus -= 1
        else:
            surplus = 0
            kept.append((number, line))
    if begun:
        faults.append(f"{begun}: begins what never ends")
    while surplus and _blanks_at_end(kept):
        kept.pop()
    return kept, faults


def mentions(lines: Lines, commands: list[str]) -> Iterator[str]:
    """Give those of LINES that need something that goes, COMMANDS of manage.py among it, as `line number: the line`."""
    gone = "|".join(
        re.escape(path.removesuffix(".py")).replace("/", "[./]") if "/" in path else rf"\b{re.escape(path)}\b"
        for path in GOES
    )
    found = re.compile(rf"separation|is_customer|{gone}|RUNBOOK|manage\.py (?:{'|'.join(commands)})\b", re.IGNORECASE)
    for number, line in lines:
        if found.search(line):
            yield f"{number}: {line.strip()}"


def unreadable(path: Path, text: str) -> str:
    """Return why TEXT cannot be the content of PATH, or nothing."""
    try:
        if check := _CHECKS.get(path.suffix):
            check(text)
    except (SyntaxError, ValueError) as error:
        return str(error)
    return ""


def _blanks_at_end(lines: Lines) -> int:
    return sum(1 for _ in takewhile(lambda line: not line[1].strip(), reversed(lines)))
