"""What `migrate_customers` does, step by step, and what it tells the operator meanwhile."""

from typing import Protocol

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from separation import interlocks, rollback
from separation.database import loss_is_said, name_of
from separation.export import LABELS, exported_to, without_legacy_form
from separation.lock import exclusive
from separation.migrator import RESUME, Migration, StopRequest, stop_on_signals
from separation.mirror import drain
from separation.models import Finding, Phase, Run
from separation.phases import change_phase, phase_of, settle_phase
from separation.planner import Plan, Trial, make_plan, try_one_chunk
from separation.progress import progress
from separation.rollback import is_rolled_back, roll_back, to_purge
from separation.runs import recorded
from separation.status import open_findings
from separation.verification import Report, baseline_of, verify


class Operator(Protocol):
    """Whoever sits at the terminal."""

    def say(self, text: str = "") -> None:
        """Hear a result."""

    def note(self, text: str) -> None:
        """Hear what accompanies it."""

    def ask_phrase(self, phrase: str, consequence: str) -> None:
        """Type PHRASE, or end it here."""


def dry_run(connection: BaseDatabaseWrapper, operator: Operator) -> int:
    """Print the exact plan and try one real chunk, rolled back; changes nothing but the record of the run."""
    interlocks.require_adoption(connection)
    interlocks.require_reversible(connection)
    with exclusive(connection), recorded(connection, Run.DRY_RUN) as run:
        plan = make_plan(connection)
        run.total = plan.to_move
        trial = try_one_chunk(connection)
        run.counts = {"to_move": plan.to_move, "trial": trial.customers}
    _say_plan(operator, plan)
    if plan.nothing_to_do:
        operator.say(_nothing_to_do(plan))
        return 0
    _say_trial(operator, plan, trial)
    operator.say("\nNothing was changed. Next: python manage.py migrate_customers --execute")
    return 0


def execute(connection: BaseDatabaseWrapper, operator: Operator) -> int:
    """Move every customer who can be moved, or resume; ends with verification. Returns 0, or 1 if something failed."""
    interlocks.require_adoption(connection)
    interlocks.require_reversible(connection)
    with exclusive(connection):
        interlocks.require_whole_roll_back(connection)
        interlocks.require_rehearsal(connection)
        interlocks.require_backup(connection)
        interlocks.require_preflight(connection)
        drain(connection)
        plan = make_plan(connection)
        if plan.nothing_to_do:
            operator.say(_nothing_to_do(plan))
            return 0
        _say_plan(operator, plan)
        name = name_of(connection)
        operator.ask_phrase(f"MIGRATE {name}", f"This moves {plan.to_move:,} customers in database {name!r}.")
        with recorded(connection, Run.EXECUTE) as run, loss_is_said(connection, RESUME):
            report = _move(connection, operator, run, plan)
    _say_summary(connection, operator, run)
    return _say_verdict(operator, report, run)


def _move(connection: BaseDatabaseWrapper, operator: Operator, run: Run, plan: Plan) -> Report:
    starting = phase_of(connection) == Phase.LEGACY
    run.total = plan.to_examine
    run.baseline = baseline_of(connection) if starting else {}
    run.save(using=connection.alias)
    if starting:
        change_phase(connection, Phase.LEGACY, Phase.DUAL, operator.note)
    else:
        settle_phase(connection, operator.note)
    migration = Migration(connection, run, note=operator.note)
    migration.reopen()
    with stop_on_signals() as stop, progress("Moving customers", plan.to_examine, "customers") as advance:
        migration.move_all(stop, advance)
    migration.finish()
    drain(connection)
    return verify(connection)


def roll_back_all(connection: BaseDatabaseWrapper, operator: Operator) -> int:
    """Take everything back; every legacy row is then what it was."""
    interlocks.require_adoption(connection)
    interlocks.require_reversible(connection)
    with exclusive(connection):
        customers = to_purge(connection)
        if is_rolled_back(connection):
            operator.say("Nothing to roll back: the phase is legacy and the new tables are empty.")
            return 0
        name = name_of(connection)
        _say_what_is_lost(connection, operator)
        operator.ask_phrase(
            f"ROLLBACK {name}",
            f"This takes {customers:,} customers out of the new tables of database {name!r}; they stay in users, "
            "where the old application has them.",
        )
        with (
            recorded(connection, Run.ROLLBACK) as run,
            loss_is_said(connection, rollback.RESUME),
            stop_on_signals() as stop,
        ):
            run.total = customers
            with progress("Purging the new tables", customers, "customers") as advance:
                roll_back(connection, run, stop, advance, operator.note)
        path = exported_to(connection)
    _say_counts(operator, "Rolled back", run, ("customers", "reservations", "orders"))
    if path:
        operator.say(f"What has no legacy form is in {path}")
    operator.say(f"The phase is legacy again. Findings and runs stay on record; the log is {run.log_path}")
    return 0


def _say_what_is_lost(connection: BaseDatabaseWrapper, operator: Operator) -> None:
    """Print what has no legacy form, with counts; or where an earlier part of this roll-back exported it to."""
    path = exported_to(connection)
    lost = {name: count for name, (count, _) in without_legacy_form(connection).items() if count}
    if path:
        operator.say(f"What has no legacy form was exported to {path}")
    elif path is None and lost:
        operator.say(f"Has no legacy form: goes to a file in {settings.BACKUP_DIR} before it is gone")
        for name, count in lost.items():
            operator.say(f"  {LABELS[name]:<50}{count:>10,}")


def say_phase(connection: BaseDatabaseWrapper, operator: Operator) -> int:
    """Print the phase."""
    interlocks.require_adoption(connection)
    operator.say(phase_of(connection))
    return 0


def switch_mirror(connection: BaseDatabaseWrapper, operator: Operator, *, on: bool) -> int:
    """Change the phase to dual, or back to legacy while the new tables are empty, and print it."""
    interlocks.require_adoption(connection)
    interlocks.require_reversible(connection)
    with exclusive(connection):
        if on:
            interlocks.require_whole_roll_back(connection)
            interlocks.require_mirror(connection)
        wanted = Phase.DUAL if on else Phase.LEGACY
        if phase_of(connection) == wanted:
            settle_phase(connection, operator.note)
        elif on:
            change_phase(connection, Phase.LEGACY, Phase.DUAL, operator.note)
        else:
            _switch_off(connection, operator)
    return say_phase(connection, operator)


def _switch_off(connection: BaseDatabaseWrapper, operator: Operator) -> None:
    interlocks.require_nobody_moved(connection)
    # Whom the mirror moves while the phase is changing, and what it remembered, goes again.
    roll_back(connection, Run(kind=Run.ROLLBACK), StopRequest(), lambda _: None, operator.note)


def _nothing_to_do(plan: Plan) -> str:
    return f"Nothing to do: all {plan.moved_already:,} customers who can be moved are moved."


def _say_plan(operator: Operator, plan: Plan) -> None:
    operator.say(f"{'Moved already':<40}{plan.moved_already:>12,}")
    operator.say(f"{'To move':<40}{plan.to_move:>12,}")
    operator.say(f"{'  of these without a readable hash':<40}{plan.needs_password_reset:>12,}")
    for kind, label in Finding.KINDS:
        if kind in plan.kept_back:
            operator.say(f"{'Kept back: ' + label:<40}{plan.kept_back[kind]:>12,}")
    if plan.parked:
        operator.say(f"{'Rows of an earlier attempt':<40}{plan.parked:>12,}")
        operator.say(f"{'  passwords to put back from them':<40}{plan.put_back:>12,}")
    operator.say(f"{'Reservations to link':<40}{plan.reservations:>12,}")
    operator.say(f"{'Orders to link':<40}{plan.orders:>12,}")
    operator.say(f"{'Customers of each restaurant':<40}{sum(count for *_, count in plan.links):>12,}")
    for identifier, name, count in plan.links:
        operator.say(f"  {f'{identifier} {name}'[:37]:<38}{count:>12,}")


def _say_trial(operator: Operator, plan: Plan, trial: Trial) -> None:
    operator.say(
        f"\nOne real chunk of {trial.customers:,} customers took {trial.seconds:.2f} s and was rolled back: "
        f"all {plan.to_examine:,} will take about {trial.estimate(plan.to_examine):.0f} s."
    )


def _say_counts(operator: Operator, verb: str, run: Run, names: tuple[str, ...]) -> None:
    operator.say(f"{verb}: " + ", ".join(f"{run.counts.get(name, 0):,} {name}" for name in names) + ".")


def _say_summary(connection: BaseDatabaseWrapper, operator: Operator, run: Run) -> None:
    _say_counts(operator, "Moved", run, ("customers", "profiles", "reservations", "orders", "links"))
    deleted = run.counts.get("deleted", 0)
    if deleted:
        operator.say(f"The old application deleted {deleted:,} customers meanwhile; they are removed here as well.")
    if run.counts.get("adopted"):
        _say_counts(operator, "Of the earlier attempt", run, ("adopted", "put_back"))
    found = open_findings(connection)
    for kind, label in Finding.KINDS:
        if kind in found:
            operator.say(f"{'Finding: ' + label:<70}{found[kind]:>8,}")


def _say_verdict(operator: Operator, report: Report, run: Run) -> int:
    failed = [result.id for result in report.failures]
    operator.say(f"The log is {run.log_path}")
    if failed:
        operator.say(f"Verification FAILED: {', '.join(failed)}. Next: python manage.py verify_separation")
    if run.counts.get("failed"):
        operator.say(f"{run.counts['failed']:,} customers could not be moved; why is in their findings.")
    if failed or run.counts.get("failed"):
        return 1
    operator.say("Verified: every invariant holds. Next: python manage.py verify_separation, or look at /admin/")
    return 0
