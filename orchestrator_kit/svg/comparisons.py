"""Runs side by side: the patterns of a comparison or of trials, a curve over workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_kit import tables
from orchestrator_kit.metrics import measure
from orchestrator_kit.record import Run
from orchestrator_kit.svg.canvas import COLOURS, FAILED, INPUT, LABEL, LANE, OUTPUT, Canvas

if TYPE_CHECKING:
    from orchestrator_kit.comparison import Comparison
    from orchestrator_kit.trials import Trials

_TITLES = {"latency_s": "latency", "cost_usd": "cost"}


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
    each = (width - LABEL) / len(columns)
    canvas = Canvas()
    for n, column in enumerate(columns):
        x = LABEL + n * each
        canvas.text(x, 16, column.title, size=12, weight="bold")
        unit = (each - 76) / (column.full or max(column.values) or 1)
        for k, (m, value, label) in enumerate(
            zip(measured, column.values, column.labels, strict=True)
        ):
            y = 26 + k * LANE
            about = f"{rows[k].pattern}: {column.title} {label}"
            if n == 0:
                canvas.bar(x, y + 4, m.input_tokens * unit, LANE - 8, INPUT, about)
                at = x + m.input_tokens * unit
                canvas.bar(at, y + 4, m.output_tokens * unit, LANE - 8, OUTPUT, about)
            else:
                canvas.bar(x, y + 4, value * unit, LANE - 8, COLOURS["worker"], about)
            if n == 1:
                at = x + m.critical_path_s * unit
                canvas.bar(at - 1, y + 1, 2.5, LANE - 2, FAILED, "critical path")
            canvas.text(x + value * unit + 5, y + 16, label, size=11)
    for k, row in enumerate(rows):
        canvas.text(LABEL - 8, 26 + k * LANE + 16, row.pattern, "end")
    title = f"{found.task.title}: {len(rows)} patterns, {tables.workers(found.workers)}"
    words = "; ".join(
        f"{r.pattern} {r.measures.tokens:,} tokens, {tables.money(r.measures.cost_usd)}, "
        f"{tables.seconds(r.measures.latency_s)}, {tables.percent(q)}"
        for r, q in zip(rows, quality, strict=True)
    )
    return canvas.svg(width, 32 + len(rows) * LANE, title, words)


def intervals(found: Trials, *, width: int = 820) -> str:
    """The patterns over several trials: means as bars, their 95% intervals as whiskers.

    A column for recall (or groundedness), tokens, latency and cost, each from zero.
    """
    each = (width - LABEL) / max(len(found.shown), 1)
    told: dict[str, list[str]] = {name: [] for name in found.patterns}
    canvas = Canvas()
    for n, reading in enumerate(found.shown):
        x = LABEL + n * each
        means = {name: found.mean(name, reading) for name in found.patterns}
        unit = (each - 76) / (max(m.high for m in means.values() if m) or 1)
        title = _TITLES.get(reading, reading)
        canvas.text(x, 16, title, size=12, weight="bold")
        for k, (name, mean) in enumerate(means.items()):
            y = 26 + k * LANE
            if mean is None:
                told[name].append(f"{title} not measured")
                canvas.text(x + 5, y + 16, tables.NONE, size=11)
                continue
            value, low, high = (
                tables.reading(reading, v) for v in (mean.mean, mean.low, mean.high)
            )
            told[name].append(f"{title} {value} ({low} to {high})")
            about = f"{name}: {told[name][-1]}, {mean.n} trials"
            canvas.bar(x, y + 4, mean.mean * unit, LANE - 8, COLOURS["worker"], about)
            canvas.whisker(x + mean.low * unit, x + mean.high * unit, y + LANE / 2, 4)
            canvas.text(x + mean.high * unit + 5, y + 16, value, size=11)
    bottom = 26 + len(found.patterns) * LANE
    for k, name in enumerate(found.patterns):
        canvas.text(LABEL - 8, 26 + k * LANE + 16, name, "end")
    first, trials = found.comparisons[0], len(found.comparisons)
    meaning = f"bars: means of {trials} trials; whiskers: 95% intervals, by bootstrap"
    canvas.text(LABEL, bottom + 18, meaning, size=11)
    workers = tables.workers(first.workers)
    title = f"{first.task.title}: {len(found.patterns)} patterns, {workers}, {trials} trials"
    words = "; ".join(f"{name} {', '.join(parts)}" for name, parts in told.items())
    return canvas.svg(width, bottom + 30, title, f"Means and 95% intervals: {words}")


def curve(runs: Mapping[int, Run], chosen: int, *, most: int, width: int = 820) -> str:
    """Latency against workers: the chosen number's point is large, the critical path dashed."""
    left, top, deep = LABEL, 24, 128
    height = top + deep + 44
    took = {n: measure(r).latency_s for n, r in runs.items()}
    bound = {n: measure(r).critical_path_s for n, r in runs.items()}
    full = max(*took.values(), 1e-9)
    across = {n: left + (width - left - 60) * (n - 1) / max(most - 1, 1) for n in runs}

    def points(values: Mapping[int, float]) -> list[tuple[float, float]]:
        return [(across[n], top + deep * (1 - s / full)) for n, s in values.items()]

    canvas = Canvas()
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


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    values: Sequence[float]
    labels: Sequence[str]
    full: float | None = None  # the value of a whole bar; None: the largest
