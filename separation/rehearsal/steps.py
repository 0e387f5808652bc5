"""What a rehearsal goes through, in this order: what an operator types on the day, and after it."""

from collections.abc import Callable
from dataclasses import dataclass

from separation.models import Phase
from separation.rehearsal.rows import LegacyRows

RESTORE, REMEMBER, COMPARE = "restore", "remember every row", "compare every row"
# The step that a clean-up on production asks for.
CLEANED_UP = "clean up"
# Nobody does these on the day.
ONLY_HERE = (RESTORE, REMEMBER, COMPARE)


@dataclass(frozen=True)
class Step:
    """One step: a command, with the first word of the phrase that it asks for; or a look at the rows.

    `phase` is the only one of the restored database in which it is taken. A step that `may_be_refused` is left out if
    it is, and so are those after it: the clean-up comes weeks later, when findings that keep it from starting are
    settled.
    """

    name: str
    command: tuple[str, ...] = ()
    phrase: str = ""
    look: Callable[[LegacyRows], str] | None = None
    phase: str = ""
    may_be_refused: bool = False


STEPS = (
    Step(REMEMBER, look=LegacyRows.remember, phase=Phase.LEGACY),
    Step("migrate", ("migrate", "--verbosity", "0")),
    # Where customers are moved already, first the way back; the rest is then as of any other database.
    Step("roll back what is moved", ("migrate_customers", "--rollback"), "ROLLBACK", phase=Phase.DUAL),
    Step(REMEMBER, look=LegacyRows.remember, phase=Phase.DUAL),
    Step("backup", ("backup",)),
    Step("preflight", ("preflight",)),
    Step("dry run", ("migrate_customers",)),
    Step("execute", ("migrate_customers", "--execute"), "MIGRATE"),
    Step("verify", ("verify_separation",)),
    Step("rollback", ("migrate_customers", "--rollback"), "ROLLBACK"),
    Step(COMPARE, look=LegacyRows.compare),
    Step("execute again", ("migrate_customers", "--execute"), "MIGRATE"),
    Step("verify again", ("verify_separation",)),
    Step("backup again", ("backup",)),
    Step(CLEANED_UP, ("cleanup_legacy", "--execute"), "CLEANUP", may_be_refused=True),
    Step("verify what is left", ("verify_separation",)),
)


def steps_for(phase: str) -> list[Step]:
    """Return the steps of a database that stands in PHASE."""
    return [step for step in STEPS if step.phase in ("", phase)]
