"""Series of points: any that a notebook has, speedup against workers, quality against review."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter, StrMethodFormatter

from orchestrator_kit import tables
from orchestrator_kit.errors import UsageError
from orchestrator_kit.figures.canvas import (
    INK,
    describe,
    legend_below,
    literal,
    new_axes,
    plain,
    titled,
)
from orchestrator_kit.figures.looks import CYCLE
from orchestrator_kit.figures.words import amount, count, listed
from orchestrator_kit.laws import Scalability, amdahl, brent, fit_universal, universal
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Task
from orchestrator_kit.trials import Interval, bootstrap

Band = Mapping[float, tuple[float, float]]
LAWS = ("linear", "amdahl", "brent", "universal")
SPENT = {"tokens": "tokens", "cost_usd": "cost in US dollars", "latency_s": "latency in seconds"}


def lines(
    series: Mapping[str, Mapping[float, float]],
    ax: Axes | None = None,
    *,
    x: str,
    y: str,
    bands: Mapping[str, Band] | None = None,
) -> Axes:
    """Several named series of points, each with a colour, a marker and a line of its own.

    `x` and `y` are the titles of the axes with their units; `bands` are (low, high) around some
    of the series. UsageError for a band of no series.
    """
    ax = ax or new_axes(6.4, 3.8)
    if stray := [name for name in bands or {} if name not in series]:
        raise UsageError(
            f"there is no series {stray[0]!r} for a band; there are: {', '.join(series)}"
        )
    for n, (name, points) in enumerate(series.items()):
        colour, marker, line = CYCLE[n % len(CYCLE)]
        at = sorted(points)
        ax.plot(
            at,
            [points[k] for k in at],
            color=colour,
            marker=marker,
            linestyle=line,
            markeredgecolor="white",
            markersize=7,
            label=literal(name),
        )
        if bands and name in bands:
            _band(ax, bands[name], colour)
    ax.set_xlabel(literal(x))
    ax.set_ylabel(literal(y))
    drawn = [p for points in series.values() for p in points.items()]
    for axis, values in zip((ax.xaxis, ax.yaxis), zip(*drawn, strict=True), strict=False):
        if all(float(v).is_integer() for v in values):
            axis.set_major_locator(MaxNLocator(integer=True))
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.10g}"))
    legend_below(ax)
    everywhere = sorted({k for points in series.values() for k in points})
    rows = [
        [f"{k:g}", *(f"{p[k]:.4g}" if k in p else tables.NONE for p in series.values())]
        for k in everywhere
    ]
    each = []
    for name, points in series.items():
        told = ", ".join(f"{points[k]:.4g} at {k:g}" for k in sorted(points)) or "no points"
        each.append(f"{name}: {told}")
    alt = f"Lines of {y} against {x}. {listed(each)}"
    return describe(plain(ax), alt, [x, *series], rows)


def _band(ax: Axes, band: Band, colour: str) -> None:
    at = sorted(band)
    ax.fill_between(
        at,
        [band[k][0] for k in at],
        [band[k][1] for k in at],
        facecolor=(colour, 0.16),
        edgecolor=colour,
        linewidth=0.7,
    )


def speedup(runs: Mapping[int, Run], ax: Axes | None = None, *, laws: Sequence[str] = LAWS) -> Axes:
    """How many times faster a run is with more workers, and what the laws say of it.

    `runs` are by their number of workers, one with 1 among them: its latency over another's is
    that one's speedup. From the run with 1 worker alone come "linear" (N workers, N times as
    fast), "amdahl" (what workers do can be divided, the centre's own calls cannot) and "brent"
    (the least that a schedule without idling brings, from work and critical path). "universal" is
    fitted to the points, its band spanned by the intervals of both its parameters; it needs 3
    points, 2 of them beyond 1 worker. UsageError without a run with 1 worker.
    """
    if 1 not in runs:
        raise UsageError("speedup is measured against 1 worker; give the run with 1 as well")
    if unknown := [law for law in laws if law not in LAWS]:
        raise UsageError(f"there is no law {unknown[0]!r}; there are: {', '.join(LAWS)}")
    took = {n: measure(runs[n]).latency_s for n in sorted(runs)}
    if not all(took.values()):
        raise UsageError("a run that took no time has no speedup")
    alone = measure(runs[1])
    shared = sum(c.seconds for c in calls(runs[1]) if c.worker) / alone.work_s
    measured = {n: took[1] / t for n, t in took.items()}
    fit, why = _fitted(measured) if "universal" in laws else (None, "")
    most = max(max(took), 2)
    fine = [1 + (most - 1) * i / 60 for i in range(61)]
    ax = ax or new_axes(6.4, 4.2)
    drawn: dict[str, tuple[str, Callable[[float], float]]] = {
        "linear": ("linear", lambda n: n),
        "amdahl": (f"Amdahl, {shared:.0%} divisible", lambda n: amdahl(min(shared, 1.0), n)),
        "brent": (
            "Brent, at least",
            lambda n: alone.latency_s / brent(alone.work_s, alone.critical_path_s, n),
        ),
        "universal": ("universal, fitted", lambda n: fit.throughput(n) if fit else 0.0),
    }
    rows = {n: [str(n), tables.seconds(t), f"{measured[n]:.2f}"] for n, t in took.items()}
    head, told = ["workers", "latency", "speedup"], []
    for k, law in enumerate(law for law in LAWS if law in laws and (fit or law != "universal")):
        name, at = drawn[law]
        colour, _, _ = CYCLE[k + 1]
        _, _, line = CYCLE[LAWS.index(law) + 1]
        ax.plot(fine, [at(n) for n in fine], color=colour, linestyle=line, label=name)
        head.append(name)
        for n, row in rows.items():
            row.append(f"{at(n):.2f}")
        told.append(f"{name} {at(max(took)):.2f}")
        if law == "universal" and fit:
            _band(ax, {n: _between(fit, n) for n in fine}, colour)
    ax.plot(
        list(measured),
        list(measured.values()),
        color=CYCLE[0][0],
        marker="o",
        markersize=8,
        markeredgecolor="white",
        linestyle="none",
        label="measured",
        zorder=5,
    )
    ax.set_xlabel("workers")
    ax.set_ylabel("speedup over 1 worker, times")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(0, max(*measured.values(), 1.0) * 1.6)
    titled(ax, f"{runs[1].pattern}: {max(measured.values()):.1f} times as fast at best")
    legend_below(ax)
    points = ", ".join(f"{s:.2f} with {n}" for n, s in measured.items())
    alt = f"Speedup of {runs[1].pattern} against workers: measured {points}."
    if told:
        alt += f" By the laws, with {tables.workers(max(took))}: {listed(told)}"
    if fit:
        alt += f" {fit!r}."
    return describe(plain(ax), alt + why, head, list(rows.values()))


def _fitted(measured: Mapping[int, float]) -> tuple[Scalability | None, str]:
    """The universal law of the points, or why there is none."""
    try:
        return fit_universal(measured.items(), alone=1.0), ""
    except UsageError as e:
        return None, f" The universal law is not fitted: {e}."


def _between(fit: Scalability, n: float) -> tuple[float, float]:
    """The least and the most that the intervals of the parameters allow."""
    (a, contended), (b, apart) = fit.contention_interval, fit.coherence_interval
    return fit.alone * universal(contended, apart, n), fit.alone * universal(a, b, n)


def review_gain(
    task: Task,
    runs: Mapping[int, Run | Sequence[Run]],
    ax: Axes | None = None,
    *,
    x: str = "tokens",
) -> Axes:
    """What each round of review brings, against what it takes: quality over cost, round by round.

    `runs` are by rounds of review (`orchestrator_worker` with `rounds=`), each one run or several
    by seeds; of several it is the mean, with its 95% interval. `x` is "tokens", "cost_usd" or
    "latency_s". Recall is drawn where the task has gold facts, groundedness in any case.
    """
    if x not in SPENT:
        raise UsageError(f"x is {x!r}; it can be {', '.join(SPENT)}")
    made = {n: [r] if isinstance(r := runs[n], Run) else list(r) for n in sorted(runs)}
    if not made or not all(made.values()):
        raise UsageError("give at least one run for each number of rounds")
    spent = {n: _spent(several, x) for n, several in made.items()}
    quality: dict[str, dict[int, Interval]] = {}
    for name in ("recall", "groundedness"):
        for n, several in made.items():
            known = [q for r in several if (q := getattr(score(task, r.answer), name)) is not None]
            if known:
                quality.setdefault(name, {})[n] = bootstrap(known)
    ax = ax or new_axes(6.4, 4.0)
    for k, (name, found) in enumerate(quality.items()):
        colour, marker, line = CYCLE[k]
        ax.errorbar(
            [spent[n] for n in found],
            [i.mean for i in found.values()],
            yerr=[
                [i.mean - i.low for i in found.values()],
                [i.high - i.mean for i in found.values()],
            ],
            color=colour,
            marker=marker,
            markersize=8,
            markeredgecolor="white",
            linestyle=line,
            capsize=3,
            label=name,
        )
        for n, i in found.items():
            ax.annotate(
                str(n),
                (spent[n], i.mean),
                (5, 6),
                textcoords="offset points",
                fontsize=8.5,
                fontweight="bold",
                color=INK,
            )
    ax.margins(0.1, 0.2)
    ax.set_xlabel(SPENT[x])
    if x == "tokens":
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.locator_params(axis="x", nbins=6)
    ax.set_ylabel("quality of the answer")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    titled(ax, "Quality by rounds of review (the number at a point)")
    legend_below(ax)
    rows, each, before = [], [], None
    for n in made:
        more = tables.NONE if before is None else _change(spent[n] - spent[before], x)
        row, told = [str(n), str(len(made[n])), amount(spent[n], x), more], []
        for name, found in quality.items():
            here = found.get(n)
            gain = tables.NONE
            if here and before is not None and before in found:
                gain = f"{100 * (here.mean - found[before].mean):+.1f} points"
            row += [f"{here.mean:.1%}" if here else tables.NONE, gain]
            told.append(f"{name} {row[-2]}" + (f" ({gain})" if gain != tables.NONE else ""))
        rows.append(row)
        said = f"{count(n, 'round')}: {', '.join(told)} for {amount(spent[n], x)}"
        each.append(said + (f" ({more})" if before is not None else ""))
        before = n
    head = ["rounds", "runs", SPENT[x], "more"]
    for name in quality:
        head += [name, f"{name} gained"]
    alt = f"Quality against {SPENT[x]} by rounds of review. {listed(each)}"
    return describe(plain(ax), alt, head, rows)


def _change(value: float, x: str) -> str:
    return f"{'-' if value < 0 else '+'}{amount(abs(value), x)}"


def _spent(several: Sequence[Run], x: str) -> float:
    found = [getattr(measure(r), x) for r in several]
    if None in found:
        raise UsageError("a model without a price has no cost; choose another x")
    return float(fmean(found))
