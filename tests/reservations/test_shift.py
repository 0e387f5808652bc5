"""What staff mark in passing: come, left, not come, and the last mark taken back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reservations import errors
from reservations.models import BookingLog, Reservation
from reservations.services import (
    Actor,
    reservation_complete,
    reservation_no_show,
    reservation_note,
    reservation_reopen,
    reservation_seat,
)
from reservations.stages import STEPS, Stage, Step, stage_of
from tests.factories import BookingPolicyFactory, CustomerFactory, ReservationFactory, RestaurantFactory

pytestmark = pytest.mark.django_db

DUE = datetime(2026, 6, 1, 18, 30, tzinfo=UTC)
CAME, LEFT = DUE + timedelta(minutes=5), DUE + timedelta(minutes=95)
WAITER = Actor("staff", 7)
# The columns of each stage: status, whether it has come, whether it has gone.
AT: dict[Stage, dict[str, Any]] = {
    Stage.EXPECTED: {"status": "CONFIRMED"},
    Stage.SEATED: {"status": "CONFIRMED", "actual_arrival_time": CAME},
    Stage.LEFT: {"status": "COMPLETED", "actual_arrival_time": CAME, "actual_departure_time": LEFT},
    Stage.NO_SHOW: {"status": "NO_SHOW"},
    Stage.CANCELLED: {"status": "CANCELLED"},
}
MARKS: dict[Step, Callable[..., Reservation]] = {
    Step.SEAT: reservation_seat,
    Step.COMPLETE: reservation_complete,
    Step.NO_SHOW: reservation_no_show,
    Step.REOPEN: reservation_reopen,
}


def columns(row: Reservation) -> tuple[Any, ...]:
    row.refresh_from_db()
    return row.status, row.actual_arrival_time, row.actual_departure_time


def logged() -> list[tuple[str, str, int | None, dict[str, Any], dict[str, Any]]]:
    return list(BookingLog.objects.values_list("action", "actor_kind", "actor_id", "before", "after"))


def test_an_evening() -> None:
    row = ReservationFactory.create()
    assert columns(reservation_seat(reservation=row, actor=WAITER, table_ids=[4, 5], now=CAME))[1:] == (CAME, None)
    assert columns(reservation_complete(reservation=row, actor=WAITER, now=LEFT)) == ("COMPLETED", CAME, LEFT)
    assert columns(reservation_reopen(reservation=row, actor=WAITER, now=LEFT)) == ("CONFIRMED", CAME, None)
    assert columns(reservation_reopen(reservation=row, actor=WAITER, now=LEFT)) == ("CONFIRMED", None, None)
    assert columns(reservation_no_show(reservation=row, actor=WAITER, now=CAME)) == ("NO_SHOW", None, None)
    assert columns(reservation_seat(reservation=row, actor=WAITER, now=LEFT)) == ("CONFIRMED", LEFT, None)
    who = ("changed", "staff", 7)
    assert logged() == [
        (*who, {"arrived": None, "tables": None}, {"arrived": "2026-06-01T18:35Z", "tables": [4, 5]}),
        (*who, {"left": None, "status": "CONFIRMED"}, {"left": "2026-06-01T20:05Z", "status": "COMPLETED"}),
        (*who, {"left": "2026-06-01T20:05Z", "status": "COMPLETED"}, {"left": None, "status": "CONFIRMED"}),
        (*who, {"arrived": "2026-06-01T18:35Z"}, {"arrived": None}),
        (*who, {"status": "CONFIRMED"}, {"status": "NO_SHOW"}),
        (*who, {"arrived": None, "status": "NO_SHOW"}, {"arrived": "2026-06-01T20:05Z", "status": "CONFIRMED"}),
    ]


def test_every_step_from_every_stage_leads_where_the_table_says_or_nowhere() -> None:
    restaurant = RestaurantFactory.create()
    found: dict[tuple[Step, Stage], Stage] = {}
    refused: dict[tuple[Step, Stage], str] = {}
    unchanged = set()
    for step, mark in MARKS.items():
        for stage, given in AT.items():
            row = ReservationFactory.create(restaurant=restaurant, customer_name="Lena", **given)
            try:
                mark(reservation=row, actor=WAITER, now=LEFT)
            except errors.NotChangeable as error:
                refused[step, stage] = error.detail.replace(f"Booking {row.pk} ", "Booking N ")
            row.refresh_from_db()
            if stage_of(row) != stage:
                found[step, stage] = stage_of(row)
            elif (step, stage) not in refused:
                unchanged.add((step, stage))
    assert found == STEPS
    # Whoever marks what is marked already is not bothered.
    assert (
        unchanged
        == {(Step.SEAT, Stage.SEATED), (Step.COMPLETE, Stage.LEFT), (Step.NO_SHOW, Stage.NO_SHOW)}
        | {(Step.REOPEN, Stage.EXPECTED)} & unchanged
    )
    assert refused[Step.SEAT, Stage.CANCELLED] == "Booking N (Lena, 18:30) is cancelled by now. Look again."
    assert refused[Step.NO_SHOW, Stage.SEATED] == "Booking N (Lena, 18:30) is seated by now. Look again."


def test_who_left_without_having_been_marked_as_come_gets_no_times() -> None:
    row = ReservationFactory.create()
    assert columns(reservation_complete(reservation=row, actor=WAITER, now=LEFT)) == ("COMPLETED", None, None)
    assert columns(reservation_reopen(reservation=row, actor=WAITER, now=LEFT)) == ("CONFIRMED", None, None)


def test_who_sits_by_the_old_application_s_marks_can_leave() -> None:
    row = ReservationFactory.create(status="COMPLETED", actual_arrival_time=CAME)
    assert stage_of(row) == Stage.SEATED
    assert columns(reservation_complete(reservation=row, actor=WAITER, now=LEFT)) == ("COMPLETED", CAME, LEFT)


def test_a_second_tap_takes_nothing_back_twice_and_a_colleague_s_mark_is_told() -> None:
    row = ReservationFactory.create(customer_name="Lena", **AT[Stage.LEFT])
    for _ in range(2):
        reservation_reopen(reservation=row, actor=WAITER, seen=Stage.LEFT, now=LEFT)
    assert stage_of(Reservation.objects.get()) == Stage.SEATED
    with pytest.raises(errors.NotChangeable, match=r"\(Lena, 18:30\) is seated by now. Look again."):
        reservation_no_show(reservation=row, actor=WAITER, seen=Stage.EXPECTED, now=LEFT)
    assert BookingLog.objects.count() == 1


def test_nothing_is_marked_before_its_day() -> None:
    row = ReservationFactory.create(customer_name="Lena")
    for now, mark, said in (
        (
            DUE - timedelta(minutes=1),
            reservation_no_show,
            "is not due yet. Cancel it if they said that they do not come.",
        ),
        (
            DUE - timedelta(hours=13),
            reservation_seat,
            "is for Monday, 1 June 2026, 18:30. Move it first if they come today.",
        ),
        (
            DUE - timedelta(days=3),
            reservation_complete,
            "is for Monday, 1 June 2026, 18:30. Move it first if they come",
        ),
    ):
        with pytest.raises(errors.NotChangeable, match=said):
            mark(reservation=row, actor=WAITER, now=now)
    assert not BookingLog.objects.exists()


def test_a_no_show_who_comes_takes_a_table_that_is_free_or_knowingly_one_that_is_not() -> None:
    restaurant = RestaurantFactory.create(opening_hours={"mon": "12:00-23:00"})
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_slot=4)
    late = ReservationFactory.create(restaurant=restaurant, status="NO_SHOW")
    sitting = ReservationFactory.create(restaurant=restaurant, party_size=3)
    with pytest.raises(errors.BeyondPolicy) as caught:
        reservation_seat(reservation=late, actor=WAITER, now=CAME)
    assert caught.value.detail == "5 people would sit at 18:30; the limit is 4."
    assert [(each.code, each.message) for each in caught.value.errors] == [("slot_full", caught.value.detail)]
    reservation_seat(reservation=late, actor=WAITER, override=True, now=CAME)
    assert logged()[-1][4]["beyond"] == ["slot_full"]
    sitting.delete()
    reservation_reopen(reservation=late, actor=WAITER, now=CAME)


def test_a_closed_account_keeps_nobody_from_their_table() -> None:
    row = ReservationFactory.create(customer=CustomerFactory.create(is_active=False))
    reservation_seat(reservation=row, actor=WAITER, now=CAME)
    assert columns(row)[1] == CAME


def test_notes_at_any_stage() -> None:
    row = ReservationFactory.create(notes="by the window", guest_notes="tips well", **AT[Stage.LEFT])
    reservation_note(reservation=row, actor=WAITER, notes="", special_requests="Cake", table_ids=[3])
    row.refresh_from_db()
    assert (row.notes, row.guest_notes, row.special_requests, row.table_ids) == (None, "tips well", "Cake", [3])
    reservation_note(reservation=row, actor=WAITER, notes="", special_requests="Cake", table_ids=[3])
    ((*_, before, after),) = logged()
    assert before == {"notes": "by the window", "special_requests": None, "tables": None}
    assert after == {"notes": None, "special_requests": "Cake", "tables": [3]}
