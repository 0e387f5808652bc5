"""Who has looked at a run or a finding, and signs for that: a note for whoever asks later. It decides nothing."""

from datetime import datetime

from django.db.models.functions import Now

from separation.errors import Refused
from separation.models import Finding, Run

BOARD = "the page again, to see what is written there now"


def review_sign(*, record: Run | Finding, by: str, note: str, seen: datetime | None = None) -> None:
    """Write down that BY has looked at RECORD; SEEN is when the review that this one replaces was signed.

    Raises Refused if somebody else signed meanwhile, or the run is still under way.
    """
    if isinstance(record, Run) and record.state == Run.RUNNING:
        raise Refused("review", f"{_named(record)} is still under way: sign it off once it has ended.", BOARD)
    if not _write(record, seen, reviewed_by=by, reviewed_at=Now(), review=note.strip()):
        raise _overtaken(record)


def review_withdraw(*, record: Run | Finding, seen: datetime) -> None:
    """Take the review of RECORD that was signed at SEEN back; raises Refused if it is not that one any more."""
    if not _write(record, seen, reviewed_by="", reviewed_at=None, review=""):
        raise _overtaken(record)


def _write(record: Run | Finding, seen: datetime | None, **columns: object) -> bool:
    return type(record)._default_manager.filter(pk=record.pk, reviewed_at=seen).update(**columns) == 1


def _overtaken(record: Run | Finding) -> Refused:
    record.refresh_from_db(fields=["reviewed_by", "reviewed_at"])
    if record.reviewed_at is None:
        return Refused("review", f"The review of {_named(record)} has been withdrawn meanwhile.", BOARD)
    return Refused(
        "review",
        f"{_named(record)} was signed off meanwhile by {record.reviewed_by} at "
        f"{record.reviewed_at:%Y-%m-%d %H:%M:%S} UTC.",
        BOARD,
    )


def _named(record: Run | Finding) -> str:
    return f"{record._meta.verbose_name} {record.pk}".capitalize()
