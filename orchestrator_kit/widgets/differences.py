"""Two runs held against each other, figure by figure: what changed, and by how much of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator_kit import tables
from orchestrator_kit.comparison import Row


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure of a run: how it is read, written, and how a difference of two is written."""

    name: str
    read: Callable[[Row], float | None]
    write: Callable[[float | None], str]
    difference: Callable[[float], str]


def _count(n: float | None) -> str:
    return tables.NONE if n is None else f"{n:,.0f}"


def _more(n: float) -> str:
    return f"{n:+,.0f}"


def _dollars(usd: float) -> str:
    return f"{'-' if round(usd, 4) < 0 else '+'}${abs(usd):.4f}"


def _seconds(s: float) -> str:
    return f"{s:+.1f} s"


def _points(share: float) -> str:
    return f"{100 * share:+.0f} points"


FIGURES = (
    _Figure("tokens", lambda r: r.measures.tokens, _count, _more),
    _Figure("input tokens", lambda r: r.measures.input_tokens, _count, _more),
    _Figure("output tokens", lambda r: r.measures.output_tokens, _count, _more),
    _Figure("cost", lambda r: r.measures.cost_usd, tables.money, _dollars),
    _Figure("latency", lambda r: r.measures.latency_s, tables.seconds, _seconds),
    _Figure(
        "critical path",
        lambda r: r.measures.critical_path_s,
        tables.seconds,
        _seconds,
    ),
    _Figure("calls", lambda r: r.measures.calls, _count, _more),
    _Figure("failed calls", lambda r: len(r.measures.failures), _count, _more),
    _Figure("recall", lambda r: r.score.recall, tables.percent, _points),
    _Figure("groundedness", lambda r: r.score.groundedness, tables.percent, _points),
    _Figure("gaps declared", lambda r: len(r.run.answer.gaps), _count, _more),
)


def table(
    before: Row, after: Row, names: tuple[str, str] = ("before", "after")
) -> tuple[tables.Columns, tables.Rows]:
    """Each figure of both runs, the difference, and the difference in per cent of the first.

    What one of the two has not has no difference, and what was nothing no percentage.
    """
    rows = []
    for figure in FIGURES:
        old, new = figure.read(before), figure.read(after)
        change = share = tables.NONE
        if old is not None and new is not None:
            change = figure.difference(new - old)
            if old:
                share = f"{(new - old) / old:+.0%}"
        rows.append([figure.name, figure.write(old), figure.write(new), change, share])
    return ["figure", *names, "difference", "in %"], rows
