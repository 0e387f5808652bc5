"""What the verifications of a database came to, on record and signed: clean-up asks for days of clean ones."""

from datetime import datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from separation.database import execute, has_table, now_of, scalar
from separation.identity import identity_of
from separation.models import Phase, Verdict
from separation.signing import is_signed, sign
from separation.verification import Report
from separation.waiting import patiently

_SALT = "separation.verdict"
_MAY_WRITE = """
SELECT current_setting('transaction_read_only') = 'off' AND has_table_privilege('separation_verdicts', 'INSERT')
"""


def record_verdict(connection: BaseDatabaseWrapper, report: Report, *, whole: bool = True) -> None:
    """Put on record what a verification came to; WHOLE says whether it looked at everything, not only at what changed.

    Each record is signed together with the one before it, so that none can be altered or taken out unnoticed. Does
    nothing where the database takes no writes, or not of this role: a verification needs only to read.
    """
    if connection.in_atomic_block or not has_table(connection, "separation_verdicts"):
        return
    if not scalar(connection, _MAY_WRITE):
        return
    patiently(connection, lambda: _append(connection, report, whole))


def _append(connection: BaseDatabaseWrapper, report: Report, whole: bool) -> None:
    execute(connection, "LOCK TABLE separation_verdicts IN SHARE ROW EXCLUSIVE MODE")
    verdict = Verdict(
        reached_at=now_of(connection),
        identity=identity_of(connection).key(),
        phase=report.phase,
        whole=whole,
        failures=[result.id for result in report.failures],
    )
    before = Verdict.objects.using(connection.alias).first()
    verdict.signature = sign(_SALT, _signed(verdict, before))
    verdict.save(using=connection.alias)


def clean_since(connection: BaseDatabaseWrapper) -> tuple[datetime, datetime] | None:
    """Return when the first and the newest whole verdict were reached, of those since which every one was clean.

    Since this database is in phase `dual`; None if the newest failed, or there is none. A verdict that was altered, or
    before which one was taken out, counts as failed; those of other databases, from which this one was copied, do not
    count, nor those of a time still to come.
    """
    now, identity = now_of(connection), identity_of(connection).key()
    begun = Phase.objects.using(connection.alias).get(pk=1).changed_at
    found = list(Verdict.objects.using(connection.alias).order_by("id"))
    clean: list[datetime] = []
    for before, verdict in zip([None, *found], found, strict=False):
        sound = is_signed(_SALT, _signed(verdict, before), verdict.signature)
        if not sound or (verdict.identity == identity and verdict.failures):
            clean = []
        elif verdict.identity == identity and verdict.whole and verdict.phase == Phase.DUAL:
            clean += [verdict.reached_at] if begun <= verdict.reached_at <= now else []
    return (min(clean), max(clean)) if clean else None


def _signed(verdict: Verdict, before: Verdict | None) -> dict[str, Any]:
    return {
        "reached_at": verdict.reached_at,
        "identity": verdict.identity,
        "phase": verdict.phase,
        "whole": verdict.whole,
        "failures": verdict.failures,
        "after": before.signature if before else "",
    }
