"""What pictures show, in words and with their figures, for those who cannot see them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orchestrator_kit import tables
from orchestrator_kit.comparison import Comparison
from orchestrator_kit.errors import UsageError
from orchestrator_kit.events import Recovered
from orchestrator_kit.figures.canvas import words_of
from orchestrator_kit.metrics import calls, critical_path, measure
from orchestrator_kit.record import Run
from orchestrator_kit.text import one_line
from orchestrator_kit.trials import Trials


@singledispatch
def alt_text(shown: Run | Comparison | Trials | Axes | Figure) -> str:
    """What a picture shows, in words and with its figures: a picture, or one of a run or more."""
    raise UsageError(
        f"no picture is drawn of a {type(shown).__name__}; "
        "give a run, a comparison, trials or a picture"
    )


@alt_text.register
def _of_axes(shown: Axes) -> str:
    return words_of(shown)


@alt_text.register
def _of_figure(shown: Figure) -> str:
    return words_of(shown)


@alt_text.register
def _of_run(run: Run) -> str:
    m = measure(run)
    path = ", then ".join(one_line(c.agent) for c in critical_path(run)) or "nobody"
    busy = len({c.worker for c in calls(run) if c.worker})
    off = sum(f["kind"] == "cancelled" for f in m.failures)
    failed = len(m.failures) - off
    said = [
        f"Gantt chart of {run.pattern}: {count(m.calls, 'call')} in "
        f"{tables.seconds(m.latency_s)}, {busy} of {run.workers} workers had work.",
        f"The critical path takes {tables.seconds(m.critical_path_s)}: {path}.",
    ]
    if failed:
        said.append(
            f"{count(failed, 'call')} failed or {'was' if failed == 1 else 'were'} refused."
        )
    if off:
        said.append(f"{count(off, 'call')} {'was' if off == 1 else 'were'} called off.")
    remedies = [f"{step} {price.calls}" for step, price in m.recovery.items() if step != "failed"]
    if remedies:
        said.append(f"Calls made as a remedy: {', '.join(remedies)}.")
    waited = sum(e.wait_s for e in run.events if isinstance(e, Recovered))
    if waited:
        said.append(f"Pauses before a retry take {tables.seconds(waited)}.")
    return " ".join(said)


@alt_text.register
def _of_comparison(comparison: Comparison) -> str:
    name, shares = comparison.quality()
    each = [
        f"{r.pattern} {r.measures.tokens:,} tokens, {tables.seconds(r.measures.latency_s)}, "
        f"{name} {tables.percent(s)}"
        for r, s in zip(comparison.rows, shares, strict=True)
    ]
    return f"Bars of {count(len(each), 'pattern')}. {listed(each)}"


@alt_text.register
def _of_trials(trials: Trials) -> str:
    each = []
    for name in trials.patterns:
        told = []
        for reading in trials.shown:
            m = trials.mean(name, reading)
            mean, low, high = (
                tables.reading(reading, v) for v in ((m.mean, m.low, m.high) if m else [None] * 3)
            )
            told.append(f"{reading} {mean} ({low} to {high})")
        each.append(f"{name} {', '.join(told)}")
    of = f"{count(len(each), 'pattern')}, means of {count(len(trials.comparisons), 'trial')}"
    return f"Bars of {of} with 95% intervals. {listed(each)}"


def count(n: int, noun: str) -> str:
    """So many of something."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def amount(value: float, unit: str) -> str:
    """A value of a reading by its unit: tokens, cost_usd or latency_s."""
    if unit == "cost_usd":
        return tables.money(value)
    return tables.seconds(value) if unit == "latency_s" else f"{value:,.0f}"


def listed(parts: Iterable[str]) -> str:
    """Several figures as one sentence."""
    return "; ".join(parts) + "."
