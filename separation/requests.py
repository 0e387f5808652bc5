"""What an operator asks of the run that is under way, on any host: a row in the database that its workers look at."""

from django.db.backends.base.base import BaseDatabaseWrapper

from separation.database import execute
from separation.errors import EXECUTE, STATUS, Refused
from separation.lock import workers
from separation.manners import MANNERS
from separation.models import Run
from separation.runs import operator

_ALLOWED = {Run.PAUSE: ("",), "": (Run.PAUSE,), Run.ABORT: ("", Run.PAUSE)}
_WHAT = {Run.PAUSE: "paused", "": "going on", Run.ABORT: "being aborted"}


def ask(connection: BaseDatabaseWrapper, request: str, by: str = "") -> str:
    """Ask the workers of the run that is under way to pause, to go on ('') or to abort; return what to tell.

    BY is who asks: whoever types, unless given. Raises Refused if no run is under way, or somebody asked otherwise
    meanwhile. They act between two chunks.
    """
    run = running(connection)
    if run is None or not workers(connection):
        raise Refused("run", "No execute is under way, so there is nobody to ask.", STATUS)
    if run.request == request:
        return f"Run {run.pk} is {_WHAT[request]} already{said_by(run)}."
    if run.request not in _ALLOWED[request] or not put(connection, run, request, by):
        raise Refused("request", f"Run {run.pk} is {_WHAT[run.request]}{said_by(run)}.", STATUS)
    return {
        Run.PAUSE: f"Run {run.pk} pauses once its workers have finished their chunks.",
        "": f"Run {run.pk} goes on.",
        Run.ABORT: f"Run {run.pk} ends once its workers have finished their chunks. To go on: {EXECUTE}",
    }[request]


def running(connection: BaseDatabaseWrapper) -> Run | None:
    """Return the execute that is under way, by its record."""
    return Run.objects.using(connection.alias).filter(state=Run.RUNNING, kind=Run.EXECUTE).first()


def put(connection: BaseDatabaseWrapper, run: Run, request: str, by: str = "") -> bool:
    """Change what is asked of RUN, unless it is not as it was read any more."""
    return execute(connection, MANNERS.ask, run=run.pk, before=run.request, request=request, by=by or operator()) == 1


def said_by(run: Run) -> str:
    """Return by whom and when something was asked of RUN."""
    return f", by {run.requested_by} at {run.requested_at:%Y-%m-%d %H:%M:%S} UTC" if run.requested_at else ""
