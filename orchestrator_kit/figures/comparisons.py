"""Patterns side by side, a bar each: tokens, money, time, quality. And all of it on one page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from orchestrator_kit import tables
from orchestrator_kit.comparison import Comparison
from orchestrator_kit.figures.canvas import (
    INK,
    LANE,
    Chart,
    Picture,
    describe,
    legend_below,
    literal,
    new_axes,
    plain,
    short,
    titled,
)
from orchestrator_kit.figures.looks import ACTIVITIES, Look, of_role
from orchestrator_kit.figures.runs import gantt, spans
from orchestrator_kit.figures.words import alt_text, count, listed
from orchestrator_kit.metrics import critical_path, measure
from orchestrator_kit.record import Run
from orchestrator_kit.svg import COLOURS, FAILED, INPUT, OUTPUT
from orchestrator_kit.trials import Trials

_UNITS = {
    "recall": "share of the gold facts",
    "groundedness": "share of the statements",
    "latency_s": "seconds",
    "cost_usd": "US dollars",
}
CENTRE = ("orchestrator", "synthesizer")  # the roles that coordinate


def tokens(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """What each pattern took: input and output tokens, a bar a pattern."""
    measured = [r.measures for r in comparison.rows]
    parts = {
        "input": (Look(INPUT, ""), [m.input_tokens for m in measured]),
        "output": (Look(OUTPUT, "..."), [m.output_tokens for m in measured]),
    }
    names = [r.pattern for r in comparison.rows]
    labels = [f"{m.tokens:,}" for m in measured]
    ax = _stacked(names, parts, labels, ax)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_xlabel("tokens")
    legend_below(ax)
    each = [
        f"{n} {m.tokens:,} ({m.input_tokens:,} and {m.output_tokens:,})"
        for n, m in zip(names, measured, strict=True)
    ]
    rows = [
        [n, f"{m.input_tokens:,}", f"{m.output_tokens:,}", f"{m.tokens:,}"]
        for n, m in zip(names, measured, strict=True)
    ]
    alt = f"Bars of tokens by pattern, in all (input and output): {listed(each)}"
    return describe(plain(ax), alt, ["pattern", "input", "output", "tokens"], rows)


def money(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """What each pattern cost, in US dollars; no bar where a model has no price."""
    names = [r.pattern for r in comparison.rows]
    costs = [r.measures.cost_usd for r in comparison.rows]
    labels = [tables.money(c) for c in costs]
    parts = {"cost": (Look(COLOURS["synthesizer"], "..."), [c or 0.0 for c in costs])}
    ax = _stacked(names, parts, labels, ax)
    ax.set_xlabel("US dollars")
    legend_below(ax)
    each = [
        f"{n} {'no price' if c is None else label}"
        for n, c, label in zip(names, costs, labels, strict=True)
    ]
    alt = f"Bars of the cost by pattern in US dollars: {listed(each)}"
    return describe(plain(ax), alt, ["pattern", "cost"], list(zip(names, labels, strict=True)))


def latency(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """How long each pattern took, in seconds, and what of it no further worker shortens.

    A bar is the latency: of the critical path first the workers' or peers' calls, then those of
    the orchestrator and the synthesizer, which coordinate; the rest is waiting for a free worker
    or before a retry. The last two are the overhead in time. A diamond marks the critical path.
    """
    measured = [r.measures for r in comparison.rows]
    names = [r.pattern for r in comparison.rows]
    central = [
        sum(c.seconds for c in critical_path(r.run) if c.role in CENTRE) for r in comparison.rows
    ]
    path = [m.critical_path_s for m in measured]
    took = [m.latency_s for m in measured]
    work = [p - c for p, c in zip(path, central, strict=True)]
    rest = [max(t - p, 0.0) for t, p in zip(took, path, strict=True)]
    parts = {
        "work on the critical path": (ACTIVITIES["working"], work),
        "coordination on it": (ACTIVITIES["planning"], central),
        "waiting": (ACTIVITIES["waiting"], rest),
    }
    labels = [tables.seconds(t) for t in took]
    ax = _stacked(names, parts, labels, ax)
    ax.plot(
        path,
        range(len(path)),
        linestyle="none",
        marker="D",
        color=FAILED,
        markeredgecolor="white",
        label="critical path",
    )
    ax.set_xlabel("seconds")
    legend_below(ax)
    rows = [
        [n, *map(tables.seconds, figures)]
        for n, *figures in zip(names, took, path, work, central, rest, strict=True)
    ]
    each = [
        f"{n} {tables.seconds(t)}, critical path {tables.seconds(p)}, coordination on it "
        f"{tables.seconds(c)}, waiting {tables.seconds(w)}"
        for n, t, p, c, w in zip(names, took, path, central, rest, strict=True)
    ]
    return describe(
        plain(ax),
        f"Bars of latency by pattern: {listed(each)}",
        ["pattern", "latency", "critical path", "work on it", "coordination on it", "waiting"],
        rows,
    )


def recall(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """How many of the gold facts each answer says; groundedness where a task has no gold facts."""
    names = [r.pattern for r in comparison.rows]
    judged_by, shares = comparison.quality()
    labels = [tables.percent(s) for s in shares]
    look = Look(COLOURS["synthesizer"], "")
    ax = _stacked(names, {judged_by: (look, [s or 0.0 for s in shares])}, labels, ax)
    ax.set_xlim(0, 1.25)
    ax.set_xticks([0, 0.5, 1.0])
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    graded = judged_by == "recall"
    ax.set_xlabel("share of the gold facts" if graded else "share of the statements")
    legend_below(ax)
    each = [f"{n} {label}" for n, label in zip(names, labels, strict=True)]
    alt = f"Bars of {judged_by} by pattern: {listed(each)}"
    return describe(plain(ax), alt, ["pattern", judged_by], list(zip(names, labels, strict=True)))


def roles(found: Comparison | Run, ax: Axes | None = None) -> Axes:
    """Tokens by role, stacked: a bar for each pattern of a comparison, or for one run."""
    if isinstance(found, Run):
        measured = {found.pattern: measure(found)}
    else:
        measured = {r.pattern: r.measures for r in found.rows}
    order = [*dict.fromkeys(role for m in measured.values() for role in m.roles)]
    order.sort(key=lambda role: ([*COLOURS, role].index(role), role))
    took = {
        role: [
            share.input_tokens + share.output_tokens if (share := m.roles.get(role)) else 0
            for m in measured.values()
        ]
        for role in order
    }
    parts = {role: (of_role(role), took[role]) for role in order}
    labels = [f"{m.tokens:,}" for m in measured.values()]
    ax = _stacked(list(measured), parts, labels, ax)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_xlabel("tokens")
    legend_below(ax)
    table = [
        [n, *(f"{took[role][i]:,}" for role in order), labels[i]] for i, n in enumerate(measured)
    ]
    each = [
        f"{n} {labels[i]} "
        f"({' and '.join(f'{role} {took[role][i]:,}' for role in order if took[role][i])})"
        for i, n in enumerate(measured)
    ]
    alt = f"Bars of tokens by pattern, in all (by role): {listed(each)}"
    return describe(plain(ax), alt, ["pattern", *order, "tokens"], table)


def means(trials: Trials, reading: str, ax: Axes | None = None) -> Axes:
    """A reading of each pattern over several trials: the mean, and its 95% interval as whiskers."""
    names = trials.patterns
    found = {name: trials.mean(name, reading) for name in names}
    labels = [tables.reading(reading, m.mean if m else None) for m in found.values()]
    look = Look(COLOURS["worker"], "///")
    alone = ax is None
    ax = _stacked(names, {reading: (look, [m.mean if m else 0.0 for m in found.values()])}, [], ax)
    if alone:
        titled(ax, f"{reading}: means of {count(len(trials.comparisons), 'trial')}, 95% intervals")
    room = max((m.high for m in found.values() if m), default=0.0) or 1.0
    for n, (m, label) in enumerate(zip(found.values(), labels, strict=True)):
        if m:
            reach = [[m.mean - m.low], [m.high - m.mean]]
            ax.errorbar([m.mean], [n], xerr=reach, color=INK, capsize=3, linestyle="none")
        at = (m.high if m else 0.0) + room * 0.05
        ax.text(at, n, literal(label), va="center", fontsize=8)
    ax.set_xlim(0, room * 1.45)
    if reading in ("recall", "groundedness"):
        ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    elif reading == "tokens":
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_xlabel(_UNITS.get(reading, reading))
    spans = {
        name: [tables.reading(reading, v) for v in ((m.low, m.high) if m else (None, None))]
        for name, m in found.items()
    }
    each = [
        f"{name} {label} ({' to '.join(spans[name])})"
        for name, label in zip(names, labels, strict=True)
    ]
    alt = f"Bars of {reading}, means of {len(trials.comparisons)} trials: {listed(each)}"
    rows = [[n, label, *spans[n]] for n, label in zip(names, labels, strict=True)]
    return describe(plain(ax), alt, ["pattern", reading, "95% from", "to"], rows)


def overview(found: Comparison | Trials, run: Run) -> Figure:
    """What the patterns took and found, side by side; below, the Gantt of one run.

    Tokens, latency and recall of a comparison; of several trials means with their intervals, of
    cost as well, and the Gantt is of one trial's run.
    """
    draws: list[Callable[[Axes], Axes]]
    if isinstance(found, Trials):
        comparison = found.comparisons[0]
        draws = [partial(means, found, reading) for reading in found.shown]
        which = f"\nmeans of {count(len(found.comparisons), 'trial')}, 95% intervals"
    else:
        comparison, which = found, ""
        draws = [partial(draw, found) for draw in (tokens, latency, recall)]
    rows = len(comparison.rows)
    lanes = len({s.lane for s in spans(run)}) or 1
    figure = Picture(figsize=(10.0, 3.9 + LANE * (rows + lanes)), layout="constrained")
    grid = figure.add_gridspec(2, len(draws), height_ratios=(rows + 3, lanes + 3))
    for n, draw in enumerate(draws):
        ax = draw(figure.add_subplot(grid[0, n], axes_class=Chart))
        if n:
            ax.tick_params(labelleft=False)
    gantt(run, figure.add_subplot(grid[1, :], axes_class=Chart))
    figure.alt = f"{alt_text(found)} {alt_text(run)}"
    title = short(comparison.task.title or comparison.task.prompt, 60)
    figure.suptitle(
        f"{literal(title)}: {count(rows, 'pattern')}, {tables.workers(comparison.workers)}, "
        f"{literal(comparison.model['name'])}{which}",
        fontsize=12,
        fontweight="bold",
    )
    return figure


def _stacked(
    names: Sequence[str],
    parts: Mapping[str, tuple[Look, Sequence[float]]],
    labels: Sequence[str],
    ax: Axes | None,
) -> Axes:
    """A bar for each name, of so many parts one after another, its label, if any, at its end."""
    ax = ax or new_axes(7.0, 1.3 + LANE * len(names))
    totals = [0.0] * len(names)
    for name, (look, values) in parts.items():
        ax.barh(range(len(names)), values, left=totals, label=literal(name), **look.bar)
        totals = [t + v for t, v in zip(totals, values, strict=True)]
    ax.set_yticks(range(len(names)), [literal(n) for n in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    room = max(totals, default=0) or 1
    for n, (value, label) in enumerate(zip(totals, labels, strict=True) if labels else ()):
        ax.text(value + room * 0.05, n, literal(label), va="center", fontsize=8)
    ax.set_xlim(0, room * 1.35)
    ax.locator_params(axis="x", nbins=4)
    return ax
