"""Charts of the board: shapes for an inline SVG, and the same figures as a table for whoever reads that instead."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

# The drawing is stretched over the page; texts stand beside it, so that they keep their size on a phone.
WIDTH, HEIGHT = 480.0, 120.0


@dataclass(frozen=True)
class Shape:
    """A bar, or the way of a line, of the series with this number; TITLE is what a pointer is told."""

    series: int
    title: str = ""
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0
    points: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart with its legend and its table; without shapes, `empty` says why."""

    id: str
    title: str
    hint: str
    series: Sequence[str]
    empty: str
    shapes: Sequence[Shape] = ()
    highest: str = ""
    begins: str = ""
    ends: str = ""
    rows: Sequence[Sequence[str]] = field(default_factory=tuple)

    @property
    def summary(self) -> str:
        """What it shows, in a sentence."""
        return f"{self.title}, {self.begins} to {self.ends}: at most {self.highest}."


def bars(chart: Chart, points: Sequence[tuple[datetime, Sequence[float | None]]]) -> Chart:
    """Return CHART with a bar for each value of each point, those of one point beside each other."""
    highest = max((value for _, values in points for value in values if value is not None), default=0)
    if not points:
        return chart
    if not highest:
        return replace(chart, empty="None in these hours.")
    step = WIDTH / len(points)
    each = step * 0.8 / len(chart.series)
    shapes = []
    for number, (at, values) in enumerate(points):
        for series, value in enumerate(values):
            if value:
                height = max(1.5, value / highest * HEIGHT)
                title = f"{_moment(at)}: {_figure(value)} {chart.series[series]}"
                x = number * step + step * 0.1 + series * each
                x, y = _rounded(x), _rounded(HEIGHT - height)
                shapes.append(Shape(series, title, x, y, _rounded(each), _rounded(height)))
    return _drawn(chart, shapes, points, highest)


def area(chart: Chart, points: Sequence[tuple[datetime, Sequence[float | None]]]) -> Chart:
    """Return CHART with the area under the first value of each point, of which each is at least the one before."""
    if not points:
        return chart
    values = [values[0] or 0 for _, values in points]
    highest = max(values[-1], 1)
    begins, ends = points[0][0], points[-1][0]
    length = (ends - begins).total_seconds() or 1
    places = [
        (_rounded((at - begins).total_seconds() / length * WIDTH), _rounded(HEIGHT - value / highest * HEIGHT))
        for (at, _), value in zip(points, values, strict=True)
    ]
    if len(places) == 1:
        places = [(0, places[0][1]), (WIDTH, places[0][1])]
    way = [(0.0, HEIGHT), *places, (WIDTH, HEIGHT)]
    return _drawn(chart, [Shape(0, points=" ".join(f"{x:g},{y:g}" for x, y in way))], points, highest)


def _drawn(
    chart: Chart, shapes: list[Shape], points: Sequence[tuple[datetime, Sequence[float | None]]], highest: float
) -> Chart:
    return replace(
        chart,
        shapes=shapes,
        highest=_figure(highest),
        begins=_moment(points[0][0]),
        ends=_moment(points[-1][0]),
        rows=[[_moment(at), *map(_figure, values)] for at, values in points],
    )


def _rounded(number: float) -> float:
    return round(number, 1)


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{round(value):,}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
