"""Opening hours as the old application wrote them: any shape that can be read, and why one cannot.

`restaurants.opening_hours` has no schema. Read are: days by name in any case, in full or short; of a day one interval
or several, as `{"open": "12:00", "close": "22:00"}` or `"12:00-22:00"`; `"24:00"`; past midnight, `"18:00-02:00"`;
and null, `"closed"` or `{"closed": true}`. What cannot be read is closed, and named in `problems`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_MINUTES = 24 * 60

_OPENS = ("open", "opens", "from", "start")
_CLOSES = ("close", "closes", "to", "until", "end")
_SHUT = ("closed", "is_closed", "isClosed")
_UNSHUT = ("is_open", "isOpen", "enabled")
_WORDS = ("", "closed", "-", "none")
_TIME = re.compile(r"\s*(\d{1,2})(?:[:.h](\d{2}))?(?::\d{2})?\s*([ap])?\.?(?:m\.?)?\s*", re.IGNORECASE)
_DASH = re.compile(r"\s*(?:-|–|—|\bto\b)\s*", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Interval:
    """When a restaurant is open: minutes since midnight of the day; past midnight `closes` is more than a day's."""

    opens: int
    closes: int

    def __str__(self) -> str:
        return f"{clock(self.opens)}-{clock(self.closes)}"


Day = tuple[Interval, ...]


@dataclass(frozen=True)
class OpeningHours:
    """A week, Monday first, and a sentence on each thing in it that could not be read."""

    week: tuple[Day, Day, Day, Day, Day, Day, Day]
    problems: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether there is any time at which the restaurant is open."""
        return any(self.week)


def clock(minutes: int) -> str:
    """Return minutes since midnight as `HH:MM`, those past midnight as of the next day, the end of a day as `24:00`."""
    if minutes != DAY_MINUTES:
        minutes %= DAY_MINUTES
    return f"{minutes // 60:02}:{minutes % 60:02}"


def opening_hours(value: Any) -> OpeningHours:
    """Return the hours in VALUE, a `restaurants.opening_hours`; never raises."""
    if value is None:
        return OpeningHours(((),) * 7)
    week: list[list[Interval]] = [[] for _ in DAYS]
    problems = []
    for name, told in _days(value):
        number = _weekday(name)
        if number is None:
            problems.append(f"{_short(name)} is no day of the week.")
            continue
        try:
            week[number].extend(intervals(told))
            _check(week[number])
        except ValueError as error:
            week[number] = []
            problems.append(f"{DAYS[number].title()}: {error}")
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = (tuple(sorted(day)) for day in week)
    return OpeningHours((monday, tuesday, wednesday, thursday, friday, saturday, sunday), tuple(problems))


def intervals(told: Any) -> Day:
    """Return the intervals of one day, in order; raises ValueError, saying what cannot be read."""
    found = sorted(_intervals(told))
    _check(found)
    return tuple(found)


def _days(value: Any) -> Iterator[tuple[Any, Any]]:
    """Give the days in VALUE: an object by day, or a list of objects that name theirs."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        for each in value:
            named = isinstance(each, dict) and "day" in each
            yield (each["day"], each) if named else (each, None)
    else:
        yield value, None


def _weekday(name: Any) -> int | None:
    text = name.strip().lower().rstrip(".") if isinstance(name, str) else ""
    found = [number for number, day in enumerate(DAYS) if len(text) >= 2 and day.startswith(text)]
    if not found and text in ("tues", "wednes", "thur", "thurs"):
        found = [number for number, day in enumerate(DAYS) if day.startswith(text[:3])]
    return found[0] if len(found) == 1 else None


def _intervals(told: Any) -> Iterator[Interval]:
    if told is None or told is False:
        return
    if isinstance(told, list):
        for each in told:
            yield from _intervals(each)
    elif isinstance(told, str):
        for part in re.split(r"[,;]", told):
            if part.strip().lower() not in _WORDS:
                yield _interval(*_ends(part))
    elif isinstance(told, dict):
        yield from _of_object(told)
    else:
        raise ValueError(f"{_short(told)} is no time.")


def _of_object(told: dict[Any, Any]) -> Iterator[Interval]:
    if any(told.get(name) is True for name in _SHUT) or any(told.get(name) is False for name in _UNSHUT):
        return
    for several in ("intervals", "hours", "slots", "periods"):
        if several in told:
            yield from _intervals(told[several])
            return
    opens, closes = (next((told[name] for name in names if name in told), None) for names in (_OPENS, _CLOSES))
    if opens in (None, "") and closes in (None, ""):
        if not told or told.keys() & {*_OPENS, *_CLOSES, "day"}:
            return
        raise ValueError(f"{_short(told)} has no times.")
    yield _interval(opens, closes)


def _ends(text: str) -> tuple[str, str]:
    parts = _DASH.split(text.strip())
    if len(parts) != 2:
        raise ValueError(f"{_short(text)} is no interval, such as 12:00-22:00.")
    return parts[0], parts[1]


def _interval(opens: Any, closes: Any) -> Interval:
    first, last = minutes_of(opens), minutes_of(closes)
    if first == DAY_MINUTES or (first == last and first != 0):
        raise ValueError(f"{clock(first)}-{clock(last)} is no interval, such as 12:00-22:00.")
    return Interval(first, last if last > first else last + DAY_MINUTES)


def minutes_of(time: Any) -> int:
    """Return the minutes since midnight of a time such as `18:30`, `9`, `6:30 PM` or `24:00`; raises ValueError."""
    found = _TIME.fullmatch(time) if isinstance(time, str) else None
    if not found:
        raise ValueError(f"{_short(time)} is no time.")
    hours, minutes, half = int(found[1]), int(found[2] or 0), (found[3] or "").lower()
    if half:
        if not 1 <= hours <= 12:
            raise ValueError(f"{_short(time)} is no time.")
        hours = hours % 12 + (12 if half == "p" else 0)
    if minutes > 59 or hours * 60 + minutes > DAY_MINUTES:
        raise ValueError(f"{_short(time)} is no time.")
    return hours * 60 + minutes


def _check(day: list[Interval]) -> None:
    ordered = sorted(day)
    for before, after in pairwise(ordered):
        if after.opens < before.closes:
            raise ValueError(f"{before} and {after} overlap.")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
