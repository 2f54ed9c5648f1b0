"""Runs that differ in their workers only, as a curve: measured, expected, and predicted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator_kit import tables
from orchestrator_kit.laws import Scalability
from orchestrator_kit.metrics import measure
from orchestrator_kit.record import Run
from orchestrator_kit.scaling import Outlook, at_the_centre
from orchestrator_kit.svg.canvas import COLOURS, FAILED, LABEL, OTHER, Canvas

VIEWS = ("latency", "speedup", "tokens", "cost")
GUESS = COLOURS["peer"]

_TITLES = {
    "latency": "latency in seconds",
    "speedup": "speedup: how many times as fast as with 1 worker",
    "tokens": "tokens, input and output",
    "cost": "cost in US dollars",
}
_TOP, _DEEP, _ROW = 28, 190, 18
_ROOM = 2.0  # a prediction may stretch the picture so many times
_LETTER = 6.1  # width of a letter of the legend, in pixels
_Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the picture: told apart by colour and by dash, or by the mark at its points."""

    name: str
    points: Sequence[_Point]
    colour: str
    dash: str = ""
    width: float = 2
    mark: str = ""


def curve(
    runs: Mapping[int, Run],
    chosen: int | None,
    *,
    most: int,
    show: str = "latency",
    outlook: Outlook | None = None,
    law: Scalability | None = None,
    guess: tuple[int, float] | None = None,
    room: bool = False,
    width: int = 820,
) -> str:
    """A figure of runs against their workers; the chosen number's point is large.

    `show` is one of `VIEWS`. Latency and speedup have the critical path of each run, what the
    `outlook` expects and the `law` that was fitted; `guess` is a learner's: the fewest workers of
    the shortest run, and its seconds, joined to the run with 1 worker. `room` leaves room above.
    """
    values = {n: v for n, run in sorted(runs.items()) if (v := _value(show, run, runs)) is not None}
    timed = show in ("latency", "speedup")
    turned = _turned(show, outlook.latency_s if outlook else _alone(runs))
    lines = [_Line("measured", list(values.items()), "currentColor", width=1.2, mark="dot")]
    if timed and turned:
        lines += _bounds(runs, turned)
        lines += _expected(outlook, law, most, turned) if outlook else []
        if guess:
            highest = _ROOM * max(values.values(), default=math.inf)
            lines.append(_guessed(guess, _alone(runs), turned, highest))
    elif not timed and values:
        lines.append(_centre(show, runs))
    lines = [line for line in lines if line.points[1:] or (line.points and line.mark)]
    tallest = max((v for line in lines if line.mark for _, v in line.points), default=0.0)
    if show == "latency" and outlook and outlook.least_by_rate:
        tallest = max(tallest, min(outlook.least_by_rate, _ROOM * tallest))
    full = (1.5 if room else 1.08) * tallest or 1.0
    return _draw(lines, values, chosen, show, most, full, width)


def _value(show: str, run: Run, runs: Mapping[int, Run]) -> float | None:
    m = measure(run)
    if show == "tokens":
        return m.tokens
    if show == "cost":
        return m.cost_usd
    alone = _alone(runs)
    if show == "speedup":
        return alone / m.latency_s if alone and m.latency_s else None
    return m.latency_s


def _alone(runs: Mapping[int, Run]) -> float | None:
    return measure(runs[1]).latency_s if 1 in runs else None


def _turned(show: str, alone: float | None) -> Callable[[float], float] | None:
    """Seconds as what is shown; None where one worker's seconds are wanted and not known."""
    if show == "latency":
        return lambda s: s
    return (lambda s: alone / max(s, 1e-9)) if alone else None


def _bounds(runs: Mapping[int, Run], turned: Callable[[float], float]) -> list[_Line]:
    paths = [(n, measure(r).critical_path_s) for n, r in sorted(runs.items())]
    points = [(float(n), turned(s)) for n, s in paths if s]
    return [_Line("critical path of each run", points, FAILED, "7 5", 2.5)]


def _expected(
    o: Outlook, law: Scalability | None, most: int, turned: Callable[[float], float]
) -> list[_Line]:
    """The laws, from the run with 1 worker; the fit, from all runs."""
    each = [1 + k * (most - 1) / 60 for k in range(61)] if most > 1 else [1.0]
    ends = (1.0, float(most))

    def line(name: str, of: Callable[[float], float], colour: str, dash: str) -> _Line:
        return _Line(name, [(n, turned(s)) for n in each if (s := of(n)) > 0], colour, dash)

    green = COLOURS["worker"]
    found = [
        line("Brent: at least", o.least, green, ""),
        line("Brent: at most", o.most, green, "2 3"),
        line("Amdahl: all but overhead", o.amdahl, COLOURS["synthesizer"], "10 3 2 3"),
    ]
    if o.overhead_s:
        flat = [(n, turned(o.overhead_s)) for n in ends]
        found.append(_Line("overhead: no worker busy", flat, "#888888", "1 5"))
    if law:
        found.append(line("Universal Scalability", lambda n: 1 / law.throughput(n), OTHER, "14 3"))
        if 1 < law.peak <= most:
            at = [(law.peak, turned(1 / law.throughput(law.peak)))]
            name = f"its peak: {law.peak:.1f} workers"
            found.append(_Line(name, at, OTHER, mark="triangle"))
    if o.least_by_rate is not None:
        flat = [(n, turned(o.least_by_rate)) for n in ends]
        name = f"rate cap: {o.useful:.1f} at once are useful"
        found.append(_Line(name, flat, "currentColor", "18 6"))
    return found


def _guessed(
    guess: tuple[int, float],
    alone: float | None,
    turned: Callable[[float], float],
    highest: float,
) -> _Line:
    """From the run with 1 worker to the prediction; one far above what was run stays in sight."""
    n, seconds = guess
    start = [(1.0, turned(alone))] if alone and n > 1 else []
    name = f"your prediction: {tables.workers(n)}, {tables.seconds(seconds)}"
    end = (float(n), min(turned(seconds), highest))
    return _Line(name, [*start, end], GUESS, "3 4", 2.5, "diamond")


def _centre(show: str, runs: Mapping[int, Run]) -> _Line:
    tokens, cost = zip(*(at_the_centre(r) for _, r in sorted(runs.items())), strict=True)
    points = zip(sorted(runs), tokens if show == "tokens" else cost, strict=True)
    kept = [(float(n), float(v)) for n, v in points if v is not None]
    return _Line("of these, orchestrator and synthesizer", kept, FAILED, "7 5", 2.5)


def _draw(
    lines: Sequence[_Line],
    values: Mapping[int, float],
    chosen: int | None,
    show: str,
    most: int,
    full: float,
    width: int,
) -> str:
    left, right, bottom = LABEL - 60, width - 24, _TOP + _DEEP
    wide = (right - left - 24) / max(most - 1, 1)

    def at(point: _Point) -> _Point:
        return left + 12 + wide * (point[0] - 1), bottom - _DEEP * point[1] / full

    canvas = Canvas()
    step = _step(full)
    for tick in (k * step for k in range(int(full / step) + 1)):
        y = at((1, tick))[1]
        canvas.line([(left, y), (right, y)], "#88888844" if tick else "currentColor")
        canvas.text(left - 6, y + 4, _said(show, tick, round_=True), "end", 11)
    canvas.line([(left, _TOP), (left, bottom)], "currentColor")
    canvas.text(left, 16, f"{_TITLES[show]}, by workers", size=12, weight="bold")
    for number in range(1, most + 1, math.ceil(most / 20)):
        canvas.text(at((number, 0))[0], bottom + 16, str(number), "middle", 11)
    each = {n: f"{tables.workers(n)}: {_said(show, v)}" for n, v in values.items()}
    for line in reversed(lines):  # what was measured lies on top
        inside = [p for p in line.points if 0 <= p[1] <= full]
        canvas.line([at(p) for p in inside], line.colour, line.width, line.dash)
        for n, v in inside:
            if line.mark == "dot":
                radius, fill = (7, FAILED) if n == chosen else (3.5, COLOURS["orchestrator"])
                canvas.dot(*at((n, v)), radius, fill, each[int(n)])
            elif line.mark and (n, v) == inside[-1]:
                _mark(canvas, line, *at((n, v)))
    seen = [line for line in lines if any(v <= full for _, v in line.points)]
    height = _legend(canvas, seen, left, bottom + 32, right)
    known = each.get(chosen or 0, "")
    canvas.text(right, 16, known, "end", 12, weight="bold")
    words = "; ".join(each.values()) or f"no figures of {show} yet"
    words += "".join(f"; {line.name}" for line in lines if line.mark in ("diamond", "triangle"))
    return canvas.svg(width, height, f"{show.capitalize()} against workers", words)


def _mark(canvas: Canvas, line: _Line, x: float, y: float) -> None:
    r = 6
    corners = {
        "diamond": [(x, y - r), (x + r, y), (x, y + r), (x - r, y), (x, y - r)],
        "triangle": [(x - r, y + r - 1), (x, y - r), (x + r, y + r - 1), (x - r, y + r - 1)],
        "dot": [],
    }[line.mark]
    if corners:
        canvas.line([*corners, corners[1]], line.colour, 2.5)
    else:
        canvas.dot(x, y, 3.5, COLOURS["orchestrator"], line.name)


def _legend(canvas: Canvas, lines: Sequence[_Line], left: float, y: float, right: float) -> float:
    """A piece of each line and its name, in as many rows as it takes; the height at the end."""
    x = left
    for line in lines:
        wide = 40 + _LETTER * len(line.name) + 14
        if x + wide > right and x > left:
            x, y = left, y + _ROW
        if line.mark != "triangle":
            canvas.line([(x, y), (x + 32, y)], line.colour, line.width, line.dash)
        if line.mark:
            _mark(canvas, line, x + 16, y)
        canvas.text(x + 38, y + 4, line.name, size=11)
        x += wide
    return y + 12


def _step(full: float) -> float:
    """A round distance that gives three to six ticks."""
    ten = 10.0 ** math.floor(math.log10(full / 3))
    return max(ten * f for f in (1, 2, 5) if ten * f <= full / 3)


def _said(show: str, value: float, *, round_: bool = False) -> str:
    if show == "latency":
        return f"{value:g} s" if round_ else tables.seconds(value)
    if show == "speedup":
        return f"{value:g}" if round_ else f"{value:.2f} times as fast"
    if show == "tokens":
        return f"{value:,.0f}" if round_ else f"{value:,.0f} tokens"
    return tables.money(value)
