"""The patterns of a comparison or of trials side by side, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator_kit import tables
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


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    values: Sequence[float]
    labels: Sequence[str]
    full: float | None = None  # the value of a whole bar; None: the largest
