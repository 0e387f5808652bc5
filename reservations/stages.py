"""How far an evening with a booking has got, and which step leads from where to where.

The old application's columns say it together: `status`, `actual_arrival_time` and `actual_departure_time`.
"""

from datetime import datetime
from typing import Any

from django.db import models

from reservations.models import Reservation


class Stage(models.TextChoices):
    """Where a party is."""

    EXPECTED = "expected", "Expected"
    SEATED = "seated", "Seated"
    LEFT = "left", "Left"
    NO_SHOW = "no_show", "No-show"
    CANCELLED = "cancelled", "Cancelled"


# Who takes a table, as `seated()` in `reservations.availability` asks the database.
PRESENT = (Stage.EXPECTED, Stage.SEATED)


class Step(models.TextChoices):
    """What staff mark in passing."""

    SEAT = "seat", "Seat"
    COMPLETE = "complete", "Left"
    NO_SHOW = "no_show", "No-show"
    REOPEN = "reopen", "Undo"


# Which stages a step leads from, and where to; what is not in here is refused.
STEPS: dict[tuple[Step, Stage], Stage] = {
    # The party has come.
    (Step.SEAT, Stage.EXPECTED): Stage.SEATED,
    # It came after all; its table may be somebody else's by now, which is asked first.
    (Step.SEAT, Stage.NO_SHOW): Stage.SEATED,
    # It has paid and gone.
    (Step.COMPLETE, Stage.SEATED): Stage.LEFT,
    # It was here, but in the rush nobody marked that; when it came and went is not made up.
    (Step.COMPLETE, Stage.EXPECTED): Stage.LEFT,
    # Nobody came, and the table is free again.
    (Step.NO_SHOW, Stage.EXPECTED): Stage.NO_SHOW,
    # The wrong row was tapped: back by one step.
    (Step.REOPEN, Stage.SEATED): Stage.EXPECTED,
    (Step.REOPEN, Stage.LEFT): Stage.SEATED,
    (Step.REOPEN, Stage.NO_SHOW): Stage.EXPECTED,
}


def stage_of(row: Reservation) -> Stage:
    """Return where the party of ROW is, whichever application wrote it.

    Who is `seated()` in `reservations.availability` and has come is seated; so is who has come and is confirmed.
    """
    if row.status == Reservation.Status.CANCELLED:
        return Stage.CANCELLED
    if row.status == Reservation.Status.NO_SHOW:
        return Stage.NO_SHOW
    has_come = row.actual_arrival_time is not None
    if row.status == Reservation.Status.CONFIRMED:
        return Stage.SEATED if has_come else Stage.EXPECTED
    return Stage.SEATED if has_come and row.actual_departure_time is None else Stage.LEFT


def target_of(step: Step, row: Reservation, stage: Stage) -> Stage | None:
    """Return where STEP leads from STAGE; None if nowhere. Whose arrival nobody marked was never seated."""
    target = STEPS.get((step, stage))
    never_came = step == Step.REOPEN and stage == Stage.LEFT and row.actual_arrival_time is None
    return Stage.EXPECTED if never_came else target


def columns_of(stage: Stage, row: Reservation, now: datetime) -> dict[str, Any]:
    """Return the columns that ROW has at STAGE, reached at NOW, as the old application writes them."""
    came = row.actual_arrival_time
    if stage == Stage.SEATED:
        return {"status": "CONFIRMED", "actual_arrival_time": came or now, "actual_departure_time": None}
    if stage == Stage.LEFT:
        return {"status": "COMPLETED", "actual_departure_time": now if came else None}
    status = "NO_SHOW" if stage == Stage.NO_SHOW else "CONFIRMED"
    return {"status": status, "actual_arrival_time": None, "actual_departure_time": None}
