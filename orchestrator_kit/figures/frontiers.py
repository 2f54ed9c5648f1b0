"""Quality against what it takes: which patterns no other one beats in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from orchestrator_kit import tables
from orchestrator_kit.comparison import Comparison
from orchestrator_kit.errors import UsageError
from orchestrator_kit.figures.canvas import INK, describe, legend_below, literal, new_axes, plain
from orchestrator_kit.figures.curves import SPENT
from orchestrator_kit.figures.looks import CYCLE
from orchestrator_kit.figures.words import amount, listed
from orchestrator_kit.trials import Interval, Trials


def frontier(found: Trials | Comparison, ax: Axes | None = None, *, x: str = "cost_usd") -> Axes:
    """Quality against cost, latency or tokens: a marker for each pattern.

    `x` is "cost_usd", "latency_s" or "tokens". Of trials a marker is the mean, with the 95%
    intervals of both; of one comparison the run itself. A line joins the efficient ones: no other
    pattern is at least as good for at most as much. A pattern without one of the two figures is
    left out; UsageError where that leaves none.
    """
    if x not in SPENT:
        raise UsageError(f"x is {x!r}; it can be {', '.join(SPENT)}")
    trials = found if isinstance(found, Trials) else Trials((found,))
    quality, _ = trials.comparisons[0].quality()
    points: dict[str, tuple[Interval, Interval]] = {}
    for name in trials.patterns:
        spent, good = trials.mean(name, x), trials.mean(name, quality)
        if spent and good:
            points[name] = (spent, good)
    if not points:
        raise UsageError(f"no pattern has both {quality} and {SPENT[x]}; choose another x")
    best = efficient({n: (s.mean, q.mean) for n, (s, q) in points.items()})
    ax = ax or new_axes(6.4, 4.2)
    keys = []
    for n, (name, (spent, good)) in enumerate(points.items()):
        colour, marker, _ = CYCLE[n % len(CYCLE)]
        ax.errorbar(
            [spent.mean],
            [good.mean],
            xerr=[[spent.mean - spent.low], [spent.high - spent.mean]],
            yerr=[[good.mean - good.low], [good.high - good.mean]],
            color=colour,
            marker=marker,
            markersize=10,
            markeredgecolor=INK if name in best else "white",
            linestyle="none",
            capsize=3,
            zorder=3,
        )
        keys.append(
            Line2D([], [], color=colour, marker=marker, linestyle="none", label=literal(name))
        )
    joined = ax.plot(
        [points[n][0].mean for n in best],
        [points[n][1].mean for n in best],
        color=INK,
        linestyle=(0, (4, 2)),
        linewidth=1.2,
        zorder=2,
        label="efficient",
    )
    ax.margins(0.12, 0.18)
    ax.set_xlim(left=0)
    ax.set_xlabel(SPENT[x])
    ax.set_ylabel(quality)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.locator_params(axis="x", nbins=6)
    legend_below(ax, [*keys, *joined])
    rows = [
        [
            name,
            str(good.n),
            amount(spent.mean, x),
            _around(spent, partial(amount, unit=x)),
            f"{good.mean:.1%}",
            _around(good, "{:.1%}".format),
            "yes" if name in best else "",
        ]
        for name, (spent, good) in points.items()
    ]
    each = [
        f"{name} {good.mean:.1%} for {amount(spent.mean, x)}"
        for name, (spent, good) in points.items()
    ]
    alt = (
        f"Points of {quality} against {SPENT[x]}, {len(trials.comparisons)} trials: {listed(each)} "
        f"Efficient: {', '.join(best)}."
    ).replace(" 1 trials", " 1 trial")
    head = ["pattern", "runs", SPENT[x], "95%", quality, "95%", "efficient"]
    return describe(plain(ax), alt, head, rows)


def efficient(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """The names that no other one beats, by what they take: (taken, quality) of each.

    Beaten is who has another one that takes no more and is no worse, and differs in one of both.
    """

    def beaten(name: str) -> bool:
        taken, good = points[name]
        return any(t <= taken and q >= good and (t, q) != (taken, good) for t, q in points.values())

    return sorted((n for n in points if not beaten(n)), key=lambda n: points[n])


def _around(interval: Interval, form: Callable[[float], str]) -> str:
    if interval.n < 2:
        return tables.NONE
    return f"{form(interval.low)} to {form(interval.high)}"
