"""Pictures as SVG text: fast enough to follow a slider, and free of matplotlib.

Each function reads records or comparisons and returns one `<svg>` whose title and description say
in words what it shows. All text is escaped. `figures` draws the same for print.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from orchestrator_kit import tables
from orchestrator_kit.metrics import Call, calls, critical_path, measure
from orchestrator_kit.record import Run

if TYPE_CHECKING:
    from orchestrator_kit.comparison import Comparison

# Okabe and Ito's palette, which colour-blind readers can tell apart; failures are hatched too.
COLOURS = {
    "orchestrator": "#0072B2",
    "worker": "#009E73",
    "synthesizer": "#E69F00",
    "peer": "#CC79A7",
}
OTHER = "#56B4E9"
FAILED = "#D55E00"
INPUT, OUTPUT = "#56B4E9", "#0072B2"

_LABEL = 150  # width of the names at the left
_LANE = 24  # height of a row


def gantt(run: Run, *, width: int = 820) -> str:
    """Who worked when: a row for the orchestrator and each worker, a bar for each call.

    Bars on the critical path have a dark edge, failed ones are hatched; the axis is in seconds.
    """
    made = calls(run)
    path = {c.id for c in critical_path(run)}
    m = measure(run)
    lanes = sorted({c.worker or 0 for c in made})
    scale = (width - _LABEL - 20) / max(m.latency_s, 1e-9)
    top = 48
    canvas = _Canvas()
    canvas.text(_LABEL, 14, f"{run.pattern}, {tables.workers(run.workers)}", size=13, weight="bold")
    for row, lane in enumerate(lanes):
        y = top + row * _LANE
        canvas.text(_LABEL - 8, y + 16, f"worker {lane}" if lane else "orchestrator", "end")
        for call in (c for c in made if (c.worker or 0) == lane):
            x, w = _LABEL + call.started * scale, max(call.seconds * scale, 1.0)
            edge = "currentColor" if call.id in path else "#fff"
            edge = f' stroke="{edge}" stroke-width="{2 if call.id in path else 1}"'
            fill = "url(#failed)" if call.failure else COLOURS.get(call.role, OTHER)
            canvas.bar(x, y + 3, w, _LANE - 6, fill, _about(call), edge)
            canvas.text(x + w / 2, y + 16, _fitting(call.agent, w), "middle", 10, "#000")
    bottom = top + len(lanes) * _LANE
    canvas.axis(_LABEL, bottom, scale, m.latency_s)
    roles = [(r, COLOURS.get(r, OTHER)) for r in dict.fromkeys(c.role for c in made)]
    canvas.legend(_LABEL, 26, [*roles, ("failed", "url(#failed)")] if m.failures else roles)
    words = (
        f"{run.pattern} with {tables.workers(run.workers)}: {m.calls} calls in "
        f"{tables.seconds(m.latency_s)}, critical path {tables.seconds(m.critical_path_s)}, "
        f"{m.tokens:,} tokens, {len(m.failures)} failed calls."
    )
    return canvas.svg(width, bottom + 34, f"Gantt of {run.pattern}", words)


def bars(found: Comparison, *, width: int = 820) -> str:
    """The patterns side by side: tokens, cost, latency and recall (or groundedness)."""
    rows = found.rows
    measured = [r.measures for r in rows]
    judged_by, quality = found.quality()
    tokens, latency = [m.tokens for m in measured], [m.latency_s for m in measured]
    columns = [
        _Column("tokens: input, output", tokens, [f"{n:,}" for n in tokens]),
        _Column("latency; critical path", latency, list(map(tables.seconds, latency))),
        _Column(
            judged_by, [q or 0.0 for q in quality], list(map(tables.percent, quality)), full=1.0
        ),
    ]
    each = (width - _LABEL) / len(columns)
    canvas = _Canvas()
    for n, column in enumerate(columns):
        x = _LABEL + n * each
        canvas.text(x, 16, column.title, size=12, weight="bold")
        unit = (each - 76) / (column.full or max(column.values) or 1)
        for k, (m, value, label) in enumerate(
            zip(measured, column.values, column.labels, strict=True)
        ):
            y = 26 + k * _LANE
            about = f"{rows[k].pattern}: {column.title} {label}"
            if n == 0:
                canvas.bar(x, y + 4, m.input_tokens * unit, _LANE - 8, INPUT, about)
                at = x + m.input_tokens * unit
                canvas.bar(at, y + 4, m.output_tokens * unit, _LANE - 8, OUTPUT, about)
            else:
                canvas.bar(x, y + 4, value * unit, _LANE - 8, COLOURS["worker"], about)
            if n == 1:
                at = x + m.critical_path_s * unit
                canvas.bar(at - 1, y + 1, 2.5, _LANE - 2, FAILED, "critical path")
            canvas.text(x + value * unit + 5, y + 16, label, size=11)
    for k, row in enumerate(rows):
        canvas.text(_LABEL - 8, 26 + k * _LANE + 16, row.pattern, "end")
    title = f"{found.task.title}: {len(rows)} patterns, {tables.workers(found.workers)}"
    words = "; ".join(
        f"{r.pattern} {r.measures.tokens:,} tokens, {tables.money(r.measures.cost_usd)}, "
        f"{tables.seconds(r.measures.latency_s)}, {tables.percent(q)}"
        for r, q in zip(rows, quality, strict=True)
    )
    return canvas.svg(width, 32 + len(rows) * _LANE, title, words)


def curve(runs: Mapping[int, Run], chosen: int, *, most: int, width: int = 820) -> str:
    """Latency against workers: the chosen number's point is large, the critical path dashed."""
    left, top, deep = _LABEL, 24, 128
    height = top + deep + 44
    took = {n: measure(r).latency_s for n, r in runs.items()}
    bound = {n: measure(r).critical_path_s for n, r in runs.items()}
    full = max(*took.values(), 1e-9)
    across = {n: left + (width - left - 60) * (n - 1) / max(most - 1, 1) for n in runs}

    def points(values: Mapping[int, float]) -> list[tuple[float, float]]:
        return [(across[n], top + deep * (1 - s / full)) for n, s in values.items()]

    canvas = _Canvas()
    frame = [(left - 12, top), (left - 12, top + deep + 8), (width - 48, top + deep + 8)]
    canvas.line(frame, "currentColor")
    canvas.line(points(bound), FAILED, 3, "7 5")
    canvas.line(points(took), "currentColor", 1.2)
    canvas.text(left - 18, top + 4, f"{full:.0f} s", "end", 11)
    canvas.text(left - 18, top + deep + 4, "0 s", "end", 11)
    canvas.text(left - 12, 12, "latency (line) and critical path (dashed), in seconds", size=11)
    canvas.text((left + width) / 2, height - 4, "workers", "middle", 11)
    each = {n: f"{tables.workers(n)}: {tables.seconds(s)}" for n, s in took.items()}
    for n, (x, y) in zip(took, points(took), strict=True):
        radius, fill = (7, FAILED) if n == chosen else (3, COLOURS["orchestrator"])
        canvas.dot(x, y, radius, fill, each[n])
        canvas.text(x, top + deep + 22, str(n), "middle", 11)
    canvas.text(width - 48, 12, each[chosen], "end", 11)
    return canvas.svg(width, height, "Latency against workers", "; ".join(each.values()))


def document(svg: str, *more: str) -> str:
    """Pictures one above the other in a file of their own, on white."""
    parts, y, width = [], 0.0, 0.0
    for part in (svg, *more):
        w, h = (float(n) for n in part.split('viewBox="0 0 ', 1)[1].split('"', 1)[0].split())
        parts.append(part.replace("<svg ", f'<svg x="12" y="{y + 12:g}" ', 1))
        y, width = y + h + 24, max(width, w + 24)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {y:g}" '
        f'width="{width:g}" height="{y:g}" style="color:#1b1b1b;background:#fff">'
        f"{''.join(parts)}</svg>\n"
    )


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    values: Sequence[float]
    labels: Sequence[str]
    full: float | None = None  # the value of a whole bar; None: the largest


def _about(call: Call) -> str:
    used = f", uses {', '.join(map(str, call.uses))}" if call.uses else ""
    tokens = f", {call.usage.total:,} tokens" if call.usage else ""
    failed = f", failed: {call.failure}" if call.failure else ""
    return f"call {call.id}: {call.agent}, {tables.seconds(call.seconds)}{tokens}{used}{failed}"


def _fitting(name: str, width: float) -> str:
    """As much of a name as a bar can hold, at about six pixels a letter; nothing below four."""
    letters = int((width - 6) / 6)
    if letters >= len(name):
        return name
    return f"{name[: letters - 1]}…" if letters >= 4 else ""


class _Canvas:
    """SVG elements in the making."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        words: str,
        anchor: str = "start",
        size: int = 12,
        fill: str = "currentColor",
        weight: str = "normal",
    ) -> None:
        if not words:
            return
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'font-weight="{weight}" fill="{fill}">{escape(words)}</text>'
        )

    def bar(
        self, x: float, y: float, w: float, h: float, fill: str, about: str, more: str = ""
    ) -> None:
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(w, 0):.1f}" height="{h:.1f}" '
            f'fill="{fill}"{more}><title>{escape(about)}</title></rect>'
        )

    def line(
        self, points: Sequence[tuple[float, float]], stroke: str, width: float = 1, dash: str = ""
    ) -> None:
        through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<polyline points="{through}" fill="none" stroke="{stroke}" '
            f'stroke-width="{width}"{dashed}/>'
        )

    def dot(self, x: float, y: float, radius: float, fill: str, about: str) -> None:
        self._parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}">'
            f"<title>{escape(about)}</title></circle>"
        )

    def axis(self, x: float, y: float, scale: float, seconds: float) -> None:
        step = _step(seconds)
        tick = 0.0
        while tick <= seconds:
            at = x + tick * scale
            self._parts.append(
                f'<path d="M{at:.1f} {y:.1f}v5" stroke="currentColor" stroke-width="1"/>'
            )
            self.text(at, y + 18, f"{tick:g} s", "middle", 11)
            tick += step

    def legend(self, x: float, y: float, entries: Sequence[tuple[str, str]]) -> None:
        for name, colour in entries:
            self.bar(x, y, 12, 12, colour, name)
            self.text(x + 17, y + 11, name, size=11)
            x += 30 + 7 * len(name)

    def svg(self, width: float, height: float, title: str, words: str) -> str:
        hatch = (
            '<defs><pattern id="failed" width="6" height="6" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate(45)"><rect width="6" height="6" fill="{FAILED}"/>'
            '<path d="M0 0v6" stroke="#fff" stroke-width="2"/></pattern></defs>'
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
            f'width="{width:g}" height="{height:g}" role="img" font-family="sans-serif" '
            'style="max-width:100%">'
            f"<title>{escape(title)}</title><desc>{escape(words)}</desc>"
            f"{hatch}{''.join(self._parts)}</svg>"
        )


def _step(seconds: float) -> float:
    """A round distance of ticks that gives about eight of them."""
    step = 1e-3
    for factor in (2, 2.5, 2) * 8:
        if seconds / step <= 8:
            break
        step *= factor
    return step
