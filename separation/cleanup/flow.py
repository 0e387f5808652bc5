"""What `cleanup_legacy` does, step by step, and what it tells the operator meanwhile."""

from django.db.backends.base.base import BaseDatabaseWrapper

from separation import interlocks
from separation.backups import BackupRecord, latest_verified
from separation.cleanup.archive import CLEANUP
from separation.cleanup.plan import OUTCOMES, Plan, make_plan, obstacles
from separation.cleanup.run import CleanUp, begin
from separation.database import execute, loss_is_said, name_of, scalar
from separation.errors import CLEAN_UP, VERIFY, CheckFailed, Refused
from separation.flows import Operator
from separation.lock import exclusive
from separation.manners import Manners
from separation.migrator import stop_on_signals
from separation.models import Phase, Run
from separation.phases import change_phase, phase_of
from separation.progress import progress
from separation.runs import recorded
from separation.verdicts import record_verdict
from separation.verification import Report, verify


def dry_run(connection: BaseDatabaseWrapper, operator: Operator) -> int:
    """Print what would go and stay, the fate of every foreign key, and all that keeps it from starting; only reads."""
    interlocks.require_adoption(connection)
    if phase_of(connection) == Phase.SEPARATED:
        operator.say(_done(connection))
        return 0
    _say_plan(operator, make_plan(connection))
    found = [] if phase_of(connection) == Phase.CLEANING else obstacles(connection)
    for refused in found:
        operator.say(f"\nKeeps it from starting ({refused.interlock}): {refused.message}\n  {refused.next_command}")
    operator.say("\nNothing was changed." if found else f"\nNothing was changed. Next: {CLEAN_UP}")
    return 0


def clean_up(connection: BaseDatabaseWrapper, operator: Operator, note: str = "") -> int:
    """Take the customers out of `users`, or go on with it; from the phrase on only `restore` leads back.

    Returns 0; raises CheckFailed if anything is not as it has to be, with the phase still `cleaning`.
    """
    interlocks.require_adoption(connection)
    with exclusive(connection), loss_is_said(connection, CLEAN_UP):
        phase = phase_of(connection)
        if phase == Phase.SEPARATED:
            _forget(connection)
            operator.say(_done(connection))
            return 0
        if phase == Phase.DUAL:
            _require_all(connection, operator)
        elif phase == Phase.CLEANING:
            # The policy may be another by now, or not be found.
            interlocks.require_decided_keys(connection)
            interlocks.require_nothing_torn(connection)
        else:
            interlocks.require_dual(connection)
        plan = make_plan(connection)
        _say_plan(operator, plan)
        _ask(connection, operator, plan, phase)
        with recorded(connection, Run.CLEANUP, note) as run:
            run.total = plan.customers
            _clean_up(connection, operator, run, plan.customers)
    _say_end(operator, run)
    return 0


def _clean_up(connection: BaseDatabaseWrapper, operator: Operator, run: Run, customers: int) -> None:
    with stop_on_signals() as stop, progress("Cleaning up", customers, "customers") as advance:
        if phase_of(connection) == Phase.DUAL:
            begin(connection, operator.note)
        work = CleanUp(connection, run, operator.note, manners=Manners(note=operator.note))
        work.prepare()
        work.let_go(stop, advance)
        work.finish()
    report = _verified(connection)
    if not report.ok:
        raise CheckFailed(f"{report.verdict()} The phase stays {Phase.CLEANING!r}.", f"{VERIFY}, then: {CLEAN_UP}")
    change_phase(connection, Phase.CLEANING, Phase.SEPARATED, operator.note)
    _forget(connection)


def _verified(connection: BaseDatabaseWrapper) -> Report:
    """Verify everything, and put on record what came of it."""
    report = verify(connection)
    record_verdict(connection, report)
    return report


def _forget(connection: BaseDatabaseWrapper) -> None:
    """Empty what only the way back needed."""
    if scalar(connection, CLEANUP.to_forget):
        execute(connection, CLEANUP.forget_engine)


def _require_all(connection: BaseDatabaseWrapper, operator: Operator) -> None:
    """Raise the first Refused of all that keep it from starting, after naming the others; then verify once more."""
    first, *others = [*obstacles(connection), None]
    for refused in others[:-1]:
        if refused:
            operator.note(f"Also refused ({refused.interlock}): {refused.message}\nNext: {refused.next_command}")
    if first:
        raise first
    report = _verified(connection)
    if not report.ok:
        raise Refused("verification", report.verdict(), VERIFY)


def _ask(connection: BaseDatabaseWrapper, operator: Operator, plan: Plan, phase: str) -> None:
    name, backup = name_of(connection), latest_verified(connection)
    again = "This goes on where it stopped. " if phase == Phase.CLEANING else ""
    operator.ask_phrase(
        f"CLEANUP {name}",
        f"{again}This deletes {plan.leaving:,} customers from users of database {name!r}; they live in customers. "
        f"From here on no command leads back but restore, into another database: {_way_back(backup)}",
    )


def _way_back(backup: BackupRecord | None) -> str:
    if backup is None:
        return "and no backup is where its record says."
    return (
        f"python manage.py restore {backup.path} --into URL, from the backup of "
        f"{backup.taken_at:%Y-%m-%d %H:%M:%S} UTC."
    )


def _say_plan(operator: Operator, plan: Plan) -> None:
    operator.say(f"{'Customers in users':<55}{plan.customers:>12,}")
    for outcome, label in OUTCOMES.items():
        if count := plan.people.get(outcome, 0):
            operator.say(f"{'  ' + label:<55}{count:>12,}")
    if plan.parked:
        operator.say(f"{'Rows of an earlier attempt, archived and deleted':<55}{plan.parked:>12,}")
    operator.say("\nWhat refers to users, with the rows of those who leave:")
    for fate in plan.fates:
        operator.say(f"  {str(fate)[:45]:<47}{fate.rows_of_customers:>12,}  {fate.fate}: {fate.why}")


def _say_end(operator: Operator, run: Run) -> None:
    done = ", ".join(f"{count:,} {name}" for name, count in sorted(run.counts.items()) if count)
    operator.say(f"Dealt with: {done or 'nothing'}.")
    operator.say(f"The log is {run.log_path}")
    operator.say("Verified: every invariant holds. The phase is separated: nobody in users is a customer.")


def _done(connection: BaseDatabaseWrapper) -> str:
    return f"Nothing to do: database {name_of(connection)!r} is separated; nobody in users is a customer."
