"""Opening hours as the old application wrote them: any shape that can be read, and why one cannot.

`restaurants.opening_hours` has no schema. Read are: days by name in any case, in full or short; of a day one interval
or several, as `{"open": "12:00", "close": "22:00"}` or `"12:00-22:00"`; `"24:00"`; past midnight, `"18:00-02:00"`;
and null, `"closed"` or `{"closed": true}`. What cannot be read is closed, and named in `problems`.
What is changed is written in the shape that is there.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_MINUTES = 24 * 60

_OPENS = ("open", "opens", "from", "start")
_CLOSES = ("close", "closes", "to", "until", "end")
_SHUT = ("closed", "is_closed", "isClosed")
_UNSHUT = ("is_open", "isOpen", "enabled")
_SEVERAL = ("intervals", "hours", "slots", "periods")
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


def hours_written(value: Any, week: Sequence[Day]) -> Any:
    """Return VALUE, a `restaurants.opening_hours`, with the hours of WEEK, Monday first.

    Days that stay as they are stay as they are written. Those that change are written as the others are, so that
    whoever reads the old ones, as another application does, reads the new ones.
    """
    changed = {number: day for number, day in enumerate(week) if day != opening_hours(value).week[number]}
    if not changed:
        return value
    if isinstance(value, list) and all(isinstance(each, dict) and "day" in each for each in value):
        return _list_written(value, changed)
    told = dict(value) if isinstance(value, dict) else {}
    usual = _sample(told.values())
    for number, day in changed.items():
        names = [name for name in told if _weekday(name) == number]
        sample = told[names[0]] if names and _is_open(told[names[0]]) else usual
        for name in names[1:]:
            del told[name]
        told[names[0] if names else _spelled(number, told)] = _shaped(day, sample)
    return told


def _list_written(value: list[dict[Any, Any]], changed: dict[int, Day]) -> list[Any]:
    """Return a list of days, each an object that names its own, with those that CHANGED."""
    sample = _sample(value)
    told = [each for each in value if _weekday(each["day"]) not in changed]
    spelled = {str(each["day"]): None for each in value}
    for number, day in changed.items():
        names = [each["day"] for each in value if _weekday(each["day"]) == number]
        shaped = _shaped(day, sample)
        objects = shaped if isinstance(shaped, list) else [shaped]
        told += [{**each, "day": names[0] if names else _spelled(number, spelled)} for each in objects]
    return sorted(told, key=lambda each: number if (number := _weekday(each["day"])) is not None else len(DAYS))


def _sample(told: Iterable[Any]) -> Any:
    """Return a day that shows how days are written here; where none does, the plainest."""
    return next((each for each in told if _is_open(each)), {"open": "", "close": ""})


def _is_open(told: Any) -> bool:
    try:
        return bool(intervals(told))
    except ValueError:
        return False


def _spelled(number: int, names: Iterable[str]) -> str:
    """Return a day's name as the other NAMES are spelled."""
    other = next((name for name in names if _weekday(name) is not None), DAYS[0])
    name = DAYS[number][:3] if len(other) <= 4 else DAYS[number]
    return name.upper() if other.isupper() else name.title() if other[0].isupper() else name


def _shaped(day: Day, sample: Any) -> Any:
    """Return a day as SAMPLE is written."""
    if isinstance(sample, str):
        return ", ".join(map(str, day)) or "closed"
    if isinstance(sample, list):
        return [_shaped((each,), sample[0]) for each in day]
    several = next((name for name in _SEVERAL if name in sample), None)
    rest = {name: told for name, told in sample.items() if name not in (*_OPENS, *_CLOSES, *_SHUT, *_UNSHUT)}
    flags = {name: not day for name in _SHUT if name in sample} | {
        name: bool(day) for name in _UNSHUT if name in sample
    }
    if several is not None:
        return rest | flags | {several: _shaped(day, sample[several])}
    if not day:
        return rest | (flags or {"closed": True})
    opens, closes = (next((name for name in names if name in sample), names[0]) for names in (_OPENS, _CLOSES))
    objects = [rest | flags | {opens: clock(each.opens), closes: clock(each.closes)} for each in day]
    return objects if len(objects) > 1 else objects[0]


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
    for several in _SEVERAL:
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
