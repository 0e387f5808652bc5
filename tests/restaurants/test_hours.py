"""Opening hours are read in whatever shape the old application left them; what cannot be read is closed, and named."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restaurants.hours import DAYS, Interval, clock, hours_written, intervals, minutes_of, opening_hours

NOON_TO_TEN = "12:00-22:00"
TWICE = "12:00-15:00, 18:00-23:00"


def shown(value: Any) -> dict[str, str]:
    """The open days of VALUE, by their first two letters."""
    week = zip(DAYS, opening_hours(value).week, strict=True)
    return {day[:2]: ", ".join(map(str, hours)) for day, hours in week if hours}


@pytest.mark.parametrize(
    ("value", "week"),
    [
        (None, {}),
        ({}, {}),
        ([], {}),
        ({"monday": None, "tuesday": {"open": "12:00", "close": "22:00"}}, {"tu": NOON_TO_TEN}),
        (
            {"Mon": NOON_TO_TEN, "TUESDAY": NOON_TO_TEN, "we.": NOON_TO_TEN},
            dict.fromkeys(["mo", "tu", "we"], NOON_TO_TEN),
        ),
        (
            {"Tues": NOON_TO_TEN, "thurs": NOON_TO_TEN, " Fri ": NOON_TO_TEN},
            dict.fromkeys(("tu", "th", "fr"), NOON_TO_TEN),
        ),
        ({"mon": ["18:00-23:00", "12:00-15:00"]}, {"mo": TWICE}),
        ({"mon": "12:00-15:00, 18:00–23:00"}, {"mo": TWICE}),
        (
            {"mon": [{"open": "12:00", "close": "15:00"}, {"from": "18:00", "to": "23:00"}]},
            {"mo": "12:00-15:00, 18:00-23:00"},
        ),
        ({"mon": {"intervals": [NOON_TO_TEN]}}, {"mo": NOON_TO_TEN}),
        ({"mon": {"open": "12:00", "close": "22:00", "closed": True}}, {}),
        ({"mon": {"open": "12:00", "close": "22:00", "closed": False}}, {"mo": NOON_TO_TEN}),
        ({"mon": {"open": "12:00", "close": "22:00", "isOpen": False}}, {}),
        ({"mon": {"open": "", "close": ""}, "tue": "closed", "wed": "", "thu": False, "fri": {}}, {}),
        ({"mon": "18:00-02:00"}, {"mo": "18:00-02:00"}),
        ({"mon": "18:00-24:00", "tue": "18:00-00:00"}, {"mo": "18:00-24:00", "tu": "18:00-24:00"}),
        ({"mon": "00:00-24:00", "tue": "00:00-00:00"}, {"mo": "00:00-24:00", "tu": "00:00-24:00"}),
        (
            {"mon": "9-17", "tue": "9:30 AM to 5 p.m.", "wed": "12 am - 12 pm"},
            {"mo": "09:00-17:00", "tu": "09:30-17:00", "we": "00:00-12:00"},
        ),
        (
            [
                {"day": "monday", "open": "12:00", "close": "22:00"},
                {"day": "monday", "open": "08:00", "close": "10:00"},
            ],
            {"mo": "08:00-10:00, 12:00-22:00"},
        ),
        ([{"day": "monday"}], {}),
    ],
)
def test_what_can_be_read(value: Any, week: dict[str, str]) -> None:
    assert shown(value) == week
    assert opening_hours(value).problems == ()
    assert opening_hours(value).is_known == bool(week)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("every day", "'every day' is no day of the week."),
        (7, "7 is no day of the week."),
        ({"0": NOON_TO_TEN}, "'0' is no day of the week."),
        ({"t": NOON_TO_TEN}, "'t' is no day of the week."),
        ([NOON_TO_TEN], "'12:00-22:00' is no day of the week."),
        ({"mon": "noon to ten"}, "Monday: 'noon' is no time."),
        ({"mon": "12:00"}, "Monday: '12:00' is no interval, such as 12:00-22:00."),
        ({"mon": "25:00-26:00"}, "Monday: '25:00' is no time."),
        ({"mon": "12:60-13:00"}, "Monday: '12:60' is no time."),
        ({"mon": "13 pm - 14 pm"}, "Monday: '13 pm' is no time."),
        ({"mon": "12:00-12:00"}, "Monday: 12:00-12:00 is no interval, such as 12:00-22:00."),
        ({"mon": "24:00-02:00"}, "Monday: 24:00-02:00 is no interval, such as 12:00-22:00."),
        ({"mon": {"open": "12:00"}}, "Monday: None is no time."),
        ({"mon": {"open": 12, "close": 22}}, "Monday: 12 is no time."),
        ({"mon": {"lunch": NOON_TO_TEN}}, "Monday: {'lunch': '12:00-22:00'} has no times."),
        ({"mon": 12}, "Monday: 12 is no time."),
        ({"mon": True}, "Monday: True is no time."),
        ({"mon": ["12:00-15:00", "14:00-18:00"]}, "Monday: 12:00-15:00 and 14:00-18:00 overlap."),
        ({"mon": "x" * 99}, "Monday: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… is no interval, such as 12:00-22:00."),
    ],
)
def test_what_cannot_be_read_is_closed_and_named(value: Any, problem: str) -> None:
    assert shown(value) == {}
    assert opening_hours(value).problems == (problem,)


def test_one_day_that_cannot_be_read_closes_no_other() -> None:
    value = {"mon": "?", "tue": NOON_TO_TEN}
    assert shown(value) == {"tu": NOON_TO_TEN}


def test_times_past_midnight_are_of_the_next_day() -> None:
    assert intervals("18:00-02:00") == (Interval(18 * 60, 26 * 60),)
    assert [clock(minutes) for minutes in (0, 90, 1440, 1441, 26 * 60)] == ["00:00", "01:30", "24:00", "00:01", "02:00"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text("a1:-", max_size=12)
    | st.sampled_from([NOON_TO_TEN, "22:00", "closed"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*DAYS, "mon", "open", "close", "day", "closed"]) | st.text("a1:-", max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_nothing_that_json_can_say_breaks_it(value: Any) -> None:
    for day in opening_hours(value).week:
        assert all(0 <= each.opens < each.closes <= each.opens + 1440 for each in day)
        assert all(before.closes <= after.opens for before, after in pairwise(day))


@given(st.integers(0, 1439))
def test_every_minute_is_read_as_it_is_written(minutes: int) -> None:
    assert minutes_of(clock(minutes)) == minutes


OBJECT = {"open": "12:00", "close": "22:00"}
LIST: list[dict[str, Any]] = [{"day": "Mon", "from": "12:00", "to": "22:00"}, {"day": "Sun", "closed": True}]


@pytest.mark.parametrize(
    ("value", "changed", "written"),
    [
        (None, {}, None),
        (None, {0: NOON_TO_TEN}, {"monday": OBJECT}),
        ("rubbish", {0: NOON_TO_TEN}, {"monday": OBJECT}),
        (
            {"monday": OBJECT},
            {0: "", 1: "18:00-02:00"},
            {"monday": {"closed": True}, "tuesday": {"open": "18:00", "close": "02:00"}},
        ),
        (
            {"monday": OBJECT},
            {0: TWICE},
            {"monday": [{"open": "12:00", "close": "15:00"}, {"open": "18:00", "close": "23:00"}]},
        ),
        ({"Mon": "12-22", "Tue": "?", "note": 1}, {2: TWICE}, {"Mon": "12-22", "Tue": "?", "note": 1, "Wed": TWICE}),
        ({"MONDAY": NOON_TO_TEN}, {0: "", 6: NOON_TO_TEN}, {"MONDAY": "closed", "SUNDAY": NOON_TO_TEN}),
        ({"mon": ["12-22"]}, {0: TWICE, 1: NOON_TO_TEN}, {"mon": TWICE.split(", "), "tue": [NOON_TO_TEN]}),
        ({"mon": NOON_TO_TEN, "monday": "08:00-09:00"}, {0: TWICE}, {"mon": TWICE}),
        (
            {"mon": {"isOpen": True, "from": "12:00", "to": "22:00"}},
            {0: "", 1: "08:00-24:00"},
            {"mon": {"isOpen": False}, "tue": {"isOpen": True, "from": "08:00", "to": "24:00"}},
        ),
        ({"mon": {"hours": [OBJECT]}}, {0: ""}, {"mon": {"hours": []}}),
        (LIST, {6: NOON_TO_TEN}, [LIST[0], {**LIST[0], "day": "Sun"}]),
        (
            LIST,
            {0: "", 1: "8-9"},
            [{"day": "Mon", "closed": True}, {"day": "Tue", "from": "08:00", "to": "09:00"}, LIST[1]],
        ),
    ],
)
def test_what_changes_is_written_in_the_shape_that_is_there(value: Any, changed: dict[int, str], written: Any) -> None:
    now = enumerate(opening_hours(value).week)
    week = [intervals(changed[number]) if number in changed else hours for number, hours in now]
    assert hours_written(value, week) == written
    assert opening_hours(written).week == tuple(week)
