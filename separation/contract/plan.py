"""What the contract will do to the repository, known whole before the first change."""

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader

from separation.contract.imports import missing
from separation.contract.marks import GOES, Lines, is_history, is_in, mentions, unmarked, unreadable
from separation.database import has_table, name_of
from separation.environment import PRODUCTION, environment_of
from separation.errors import STATUS, CheckFailed, Refused
from separation.models import Phase
from separation.phases import phase_of

ITSELF = "python -m separation.contract"
_MIGRATION = Path(__file__).parent / "migration.txt"
_COMMANDS = Path(__file__).parent.parent / "management" / "commands"
_SHOWN_FAULTS = 20


@dataclass
class Plan:
    """The files that go, those that change with their new text and how many lines they lose, and those written."""

    base: Path
    gone: list[str] = field(default_factory=list)
    changed: dict[str, tuple[str, int]] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)

    def folders(self) -> dict[str, int]:
        """Return how many files of each thing that goes whole there are."""
        return {name: count for name in GOES if (count := sum(is_in(path, name) for path in self.gone))}

    @property
    def undo(self) -> str:
        """What to type to take it all back, as long as nothing is committed."""
        return f"git checkout -- . && rm -f {' '.join(self.written)}"


def require_clean(base: Path) -> None:
    """Raise Refused unless BASE is a git checkout without changes, so that this can be reviewed, and undone."""
    found = _git(base, "status", "--porcelain", "--", ".")
    if found is None:
        raise Refused("git", f"{base} is no git checkout: what this changes could be neither reviewed nor undone.")
    if changes := found.splitlines():
        raise Refused(
            "git",
            f"{base} has changes that are not committed ({changes[0].strip()}; {len(changes)} in all): what this "
            "changes could not be told from them.",
            f"git stash --include-untracked, then {ITSELF}",
        )


def require_separated(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused unless the database of DATABASE_URL was cleaned up."""
    phase = phase_of(connection) if has_table(connection, "separation_phase") else "not adopted"
    if phase != Phase.SEPARATED:
        raise Refused(
            "phase",
            f"The phase of database {name_of(connection)!r} is {phase}, not separated: it still needs this code. Set "
            "DATABASE_URL to the production database if it is another.",
            STATUS,
        )


def judged_by(connection: BaseDatabaseWrapper) -> str:
    """Return which database says that the code is needed no more, and what to see to if it is not production itself."""
    environment = environment_of(connection)
    also = "" if environment.name == PRODUCTION else " See that the production database is separated, too."
    return f"Database {name_of(connection)!r} is separated; it counts as {environment.name}.{also}"


def plan_of(base: Path) -> Plan:
    """Return what the contract does to the checkout at BASE; only reads.

    Raises CheckFailed, with every place, if something that stays mentions or imports what goes, marks do not pair, or
    what a file would be left with cannot be read.
    """
    plan = Plan(base)
    code: dict[str, Lines] = {}
    commands = sorted(path.stem for path in _COMMANDS.glob("[a-z]*.py") if path.stem != "migrate")
    faults: list[str] = []
    for path in (_git(base, "ls-files", "-z") or "").split("\0"):
        if any(is_in(path, name) for name in GOES):
            plan.gone.append(path)
        elif path and not is_history(path):
            lines, found = _look_into(plan, path, commands)
            faults += [f"{path}:{fault}" for fault in found]
            if path.endswith(".py"):
                code[path] = lines
    faults = faults or list(missing(code))
    if faults:
        more = [f"and {len(faults) - _SHOWN_FAULTS} more"] if len(faults) > _SHOWN_FAULTS else []
        raise CheckFailed(
            "\n  ".join(["These places must be marked `separation:`, or freed of it:", *faults[:_SHOWN_FAULTS], *more]),
            ITSELF,
        )
    plan.written |= _migration()
    return plan


def carry_out(plan: Plan) -> None:
    """Do what PLAN says; nothing of it is committed. Raises CheckFailed, with what undoes it, if it ends half done."""
    try:
        _carry_out(plan)
    except (OSError, KeyboardInterrupt) as error:
        raise CheckFailed(f"Half of it is done: {str(error) or 'it was interrupted'}.", plan.undo) from error


def _carry_out(plan: Plan) -> None:
    for path, (text, _) in plan.changed.items():
        (plan.base / path).write_text(text, encoding="utf-8")
    for path, text in plan.written.items():
        (plan.base / path).write_text(text, encoding="utf-8")
    for whole in map(plan.base.joinpath, GOES):
        if whole.is_dir():
            shutil.rmtree(whole)  # with its caches, or Python would still find a package there
        else:
            whole.unlink(missing_ok=True)


def _look_into(plan: Plan, path: str, commands: list[str]) -> tuple[Lines, list[str]]:
    """Add to PLAN how the file at PATH changes; return the lines that stay, and its faults."""
    file = plan.base / path
    try:
        text = file.read_text(encoding="utf-8")
    except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
        return [], []  # a picture, a link that leads nowhere, a submodule
    lines, faults = unmarked(text)
    left = "".join(line for _, line in lines)
    if left != text:
        plan.changed[path] = left, len(text.splitlines()) - len(lines)
    faults += mentions(lines, commands)
    if not faults and (why := unreadable(file, left)):
        faults.append(f" without what is marked it cannot be read: {why}")
    return lines, faults


def _migration() -> dict[str, str]:
    """Return the migration that ends the separation in a database, by its path."""
    graph = MigrationLoader(None).graph
    leaves = {app: graph.leaf_nodes(app)[0][1] for app in ("accounts", "customers")}
    number = (MigrationAutodetector.parse_number(leaves["accounts"]) or 0) + 1
    text = Template(_MIGRATION.read_text(encoding="utf-8")).substitute(leaves)
    return {f"accounts/migrations/{number:04}_contract.py": text}


def _git(base: Path, *arguments: str) -> str | None:
    """Return what git says in BASE, or None if it fails or is not there."""
    try:
        done = subprocess.run(["git", "-C", base, *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout
