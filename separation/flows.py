"""What `migrate_customers` does, step by step, and what it tells the operator meanwhile."""

from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from separation import interlocks
from separation.database import loss_is_said, name_of
from separation.errors import EXECUTE, PREFLIGHT, ROLL_BACK, STATUS, CheckFailed, Refused
from separation.export import LABELS, exported_to, room_for, without_legacy_form
from separation.lock import alone_if_free, exclusive, share, shared, workers
from separation.migrator import Migration, StopRequest, stop_on_signals
from separation.mirror import drain
from separation.models import Finding, Phase, Run
from separation.phases import change_phase, phase_of, settle_phase
from separation.planner import Plan, Trial, make_plan, try_one_chunk
from separation.preflight import run_preflight
from separation.progress import progress
from separation.requests import put, running, said_by
from separation.rollback import is_rolled_back, roll_back, to_purge
from separation.runs import joined, recorded
from separation.status import open_findings
from separation.verdicts import record_verdict
from separation.verification import baseline_of, verify
from separation.workers import Effort, Team, ends_the_run, examined


class Operator(Protocol):
    """Whoever sits at the terminal."""

    def say(self, text: str = "") -> None:
        """Hear a result."""

    def note(self, text: str) -> None:
        """Hear what accompanies it."""

    def ask_phrase(self, phrase: str, consequence: str) -> None:
        """Type PHRASE, or end it here."""


def dry_run(connection: BaseDatabaseWrapper, operator: Operator, note: str = "") -> int:
    """Print the exact plan and try one real chunk, rolled back; changes nothing but the record of the run."""
    interlocks.require_adoption(connection)
    interlocks.require_reversible(connection)
    with exclusive(connection), recorded(connection, Run.DRY_RUN, note) as run:
        plan = make_plan(connection)
        run.total = plan.to_move
        trial = try_one_chunk(connection)
        run.counts = {"to_move": plan.to_move, "trial": trial.customers, "trial_ms": round(trial.seconds * 1000)}
    _say_plan(operator, plan)
    if plan.nothing_to_do:
        operator.say(_nothing_to_do(plan))
        return 0
    _say_trial(operator, plan, trial)
    failing = ", ".join(failure.id for failure in run_preflight(connection).failures)
    if failing:
        operator.say(f"\nThe preflight fails ({failing}): an execute would be refused.")
    operator.say(f"\nNothing was changed. Next: {PREFLIGHT if failing else EXECUTE}")
    return 0


def execute(connection: BaseDatabaseWrapper, operator: Operator, effort: Effort, note: str = "") -> int:
    """Move every customer who can be moved, resume, or join the run that is under way; ends with verification.

    Returns 0, or 1 if something failed.
    """
    interlocks.require_adoption(connection)
    interlocks.require_reversible(connection)
    effort.manners.note = operator.note
    with alone_if_free(connection) as alone:
        if alone:
            return _start(connection, operator, effort, note)
    run = _under_way(connection)
    _ask_to_join(connection, operator, effort, run)
    with shared(connection):
        run = _still_under_way(connection, run)
        _lift(connection, operator, run)
        with joined(connection, run, note), loss_is_said(connection, EXECUTE):
            _take_part(connection, operator, effort, run, run.total)
    return _say_end(connection, operator, run)


def _start(connection: BaseDatabaseWrapper, operator: Operator, effort: Effort, note: str) -> int:
    """Begin a run, which others may join from its first chunk on; the caller holds the lock alone."""
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
    _say_lifted(connection, operator)
    name = name_of(connection)
    operator.ask_phrase(f"MIGRATE {name}", f"This moves {plan.to_move:,} customers in database {name!r}.")
    with recorded(connection, Run.EXECUTE, note) as run, loss_is_said(connection, EXECUTE):
        _open(connection, operator, run, plan)
        share(connection)
        _take_part(connection, operator, effort, run, plan.to_examine)
    return _say_end(connection, operator, run)


def _open(connection: BaseDatabaseWrapper, operator: Operator, run: Run, plan: Plan) -> None:
    starting = phase_of(connection) == Phase.LEGACY
    run.total = plan.to_examine
    run.baseline = baseline_of(connection) if starting else {}
    run.save(using=connection.alias, update_fields=["total", "baseline"])
    if starting:
        change_phase(connection, Phase.LEGACY, Phase.DUAL, operator.note)
    else:
        settle_phase(connection, operator.note)
    Migration(connection, run).reopen()


def _take_part(connection: BaseDatabaseWrapper, operator: Operator, effort: Effort, run: Run, total: int) -> None:
    """Move customers until none is left; whoever of all workers is the last ends and verifies the run."""
    with stop_on_signals() as stop, progress("Moving customers", total, "customers") as advance:
        Team(connection, run, effort, stop, advance).move_all()
        if not ends_the_run(connection, run, stop, effort.manners):
            return
    Migration(connection, run, note=operator.note).finish()
    drain(connection)
    report = verify(connection)
    record_verdict(connection, report)
    failed = [result.id for result in report.failures]
    run.error = f"Verification FAILED: {', '.join(failed)}." if failed else ""


def _under_way(connection: BaseDatabaseWrapper) -> Run:
    """Return the run to join; raises Refused if what is under way is none, or is about to end."""
    with shared(connection):
        run = running(connection)
    if run is None:
        raise Refused("one run at a time", "Another run ended just now.", "the same command again")
    if run.request == Run.ABORT:
        raise Refused("abort", f"Run {run.pk} is being aborted{said_by(run)}; its workers are leaving.", STATUS)
    return run


def _ask_to_join(connection: BaseDatabaseWrapper, operator: Operator, effort: Effort, run: Run) -> None:
    done = examined(connection, run)
    at_work = workers(connection)
    operator.say(f"Run {run.pk} ({run.kind}) is under way since {run.started_at:%Y-%m-%d %H:%M:%S} UTC.")
    operator.say(f"{'Customers to examine':<40}{run.total:>12,}")
    operator.say(f"{'Examined already':<40}{done:>12,}")
    operator.say(f"{'Workers':<40}{len(at_work):>12,}")
    for worker in at_work:
        operator.say(f"  {worker}: {worker.doing}")
    if run.request == Run.PAUSE:
        operator.say(f"It is paused{said_by(run)}; whoever joins ends the pause.")
    name, more = name_of(connection), effort.workers
    operator.ask_phrase(
        f"MIGRATE {name}",
        f"This joins run {run.pk} in database {name!r} with {more} more worker{'' if more == 1 else 's'}.",
    )


def _still_under_way(connection: BaseDatabaseWrapper, run: Run) -> Run:
    """Return RUN as it is on record now; raises Refused if it ended, or the phase changed, since it was looked at.

    Its row is held while that is read: a worker who leaves at this moment sees this one, or has ended the run before.
    """
    with transaction.atomic(connection.alias):
        now = Run.objects.using(connection.alias).select_for_update(no_key=True).get(pk=run.pk)
    if now.state != Run.RUNNING:
        raise Refused("run", f"Run {run.pk} has ended meanwhile ({now.state}).", EXECUTE)
    if (phase := phase_of(connection)) != Phase.DUAL:
        raise Refused("phase", f"Run {run.pk} works in phase {Phase.DUAL!r}, and the phase is {phase!r}.", STATUS)
    return now


def _lift(connection: BaseDatabaseWrapper, operator: Operator, run: Run) -> None:
    if run.request == Run.PAUSE and put(connection, run, ""):
        operator.note(f"The pause{said_by(run)}, is over.")


def _say_lifted(connection: BaseDatabaseWrapper, operator: Operator) -> None:
    last = Run.objects.using(connection.alias).filter(kind=Run.EXECUTE).first()
    if last and last.request:
        what = "aborted" if last.request == Run.ABORT else "paused"
        operator.say(f"Run {last.pk} was {what}{said_by(last)}; this one goes on where it stopped.")


def roll_back_all(connection: BaseDatabaseWrapper, operator: Operator, note: str = "") -> int:
    """Take everything back; every legacy row is then what it was."""
    interlocks.require_adoption(connection)
    interlocks.require_reversible(connection)
    with exclusive(connection):
        customers = to_purge(connection)
        if is_rolled_back(connection):
            operator.say("Nothing to roll back: the phase is legacy and the new tables are empty.")
            return 0
        name = name_of(connection)
        room = _say_what_is_lost(connection, operator)
        operator.ask_phrase(
            f"ROLLBACK {name}",
            f"This takes {customers:,} customers out of the new tables of database {name!r}; they stay in users, "
            "where the old application has them.",
        )
        with (
            recorded(connection, Run.ROLLBACK, note) as run,
            loss_is_said(connection, ROLL_BACK),
            stop_on_signals() as stop,
        ):
            run.total = customers
            with progress("Purging the new tables", customers, "customers") as advance:
                roll_back(connection, run, stop, advance, operator.note, room)
        path = exported_to(connection)
    _say_counts(operator, "Rolled back", run, ("customers", "reservations", "orders"))
    if path:
        operator.say(f"What has no legacy form is in {path}")
    operator.say(f"The phase is legacy again. Findings and runs stay on record; the log is {run.log_path}")
    return 0


def _say_what_is_lost(connection: BaseDatabaseWrapper, operator: Operator) -> int:
    """Print what has no legacy form, with counts; or where an earlier part of this roll-back exported it to.

    Returns how many bytes its export takes, 0 if it has been taken.
    """
    path = exported_to(connection)
    if path is not None:
        if path:
            operator.say(f"What has no legacy form was exported to {path}")
        return 0
    extents = without_legacy_form(connection)
    lost = {name: count for name, (count, _) in extents.items() if count}
    if lost:
        operator.say(f"Has no legacy form: goes to a file in {settings.BACKUP_DIR} before it is gone")
        for name, count in lost.items():
            operator.say(f"  {LABELS[name]:<50}{count:>10,}")
    return room_for(extents)


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
    if "merged" in plan.kept_back:
        operator.say(f"{'Merged into another customer':<40}{plan.kept_back['merged']:>12,}")
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


def _say_end(connection: BaseDatabaseWrapper, operator: Operator, run: Run) -> int:
    """Print what all workers of RUN did, and how it ended; return the exit code."""
    if run.state != Run.DONE:
        raise CheckFailed(f"Run {run.pk} ended as {run.state}: {run.error}", EXECUTE)
    _say_summary(connection, operator, run)
    return _say_verdict(operator, run)


def _say_summary(connection: BaseDatabaseWrapper, operator: Operator, run: Run) -> None:
    _say_counts(operator, "Moved", run, ("customers", "profiles", "reservations", "orders", "links"))
    deleted = run.counts.get("deleted", 0)
    if deleted:
        operator.say(f"The old application deleted {deleted:,} customers meanwhile; they are removed here as well.")
    if run.counts.get("adopted"):
        rows, passwords = run.counts["adopted"], run.counts["put_back"]
        operator.say(
            f"Of the earlier attempt {rows:,} rows were taken over, {passwords:,} passwords put back in users."
        )
    found = open_findings(connection)
    for kind, label in Finding.KINDS:
        if kind in found:
            operator.say(f"{'Finding: ' + label:<70}{found[kind]:>8,}")


def _say_verdict(operator: Operator, run: Run) -> int:
    operator.say(f"The log is {run.log_path}")
    if run.error:
        operator.say(f"{run.error} Next: python manage.py verify_separation")
    if run.counts.get("failed"):
        operator.say(f"{run.counts['failed']:,} customers could not be moved; why is in their findings.")
    if run.error or run.counts.get("failed"):
        return 1
    operator.say("Verified: every invariant holds. Next: python manage.py verify_separation, or look at /admin/")
    return 0
