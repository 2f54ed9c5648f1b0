"""What the curve of the worker slider shows, in words and as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping

from orchestrator_kit import tables
from orchestrator_kit.laws import Scalability
from orchestrator_kit.metrics import measure
from orchestrator_kit.record import Run
from orchestrator_kit.scaling import Outlook


def in_words(
    runs: Mapping[int, Run], chosen: int, outlook: Outlook | None, law: Scalability | None
) -> list[str]:
    """What the laws expect of the chosen number of workers, and what the fit says of all."""
    said = []
    if outlook:
        low, high = tables.seconds(outlook.least(chosen)), tables.seconds(outlook.most(chosen))
        said.append(
            f"From the run with 1 worker, {tables.workers(chosen)} would take {low} to {high} "
            f"(Brent), {tables.seconds(outlook.amdahl(chosen))} if all but the overhead of "
            f"{tables.seconds(outlook.overhead_s)} could be divided (Amdahl)."
        )
        counts = sorted(measure(run).calls for run in runs.values())
        if chosen in runs and measure(runs[chosen]).latency_s < outlook.least(chosen) - 1e-6:
            said.append(
                "This run is shorter than that: its calls are others than those of the run with 1 "
                "worker, and the laws speak of the same calls."
            )
        elif counts[0] != counts[-1]:
            said.append(
                f"The laws speak of the same calls; these runs have {counts[0]} to {counts[-1]}."
            )
    if law:
        said.append(_fitted(law))
    if outlook and outlook.rate and outlook.useful is not None:
        said.append(
            f"At {outlook.rate:g} calls a second {outlook.useful:.1f} calls would be in flight "
            "(Little: rate times seconds a call); more workers would wait. These runs keep no "
            "such cap."
        )
    return said


def curve_table(
    runs: Mapping[int, Run],
    outlook: Outlook | None,
    law: Scalability | None,
    guess: tuple[int, float] | None,
) -> tuple[tables.Columns, tables.Rows]:
    """The points of the curve as rows."""
    columns = ["workers", "latency", "critical path", "times as fast as 1", "calls", "tokens"]
    columns += ["cost", "Brent", "Amdahl", "fit", "your prediction"]
    rows = []
    for n, run in sorted(runs.items()):
        m = measure(run)
        said = (
            outlook and f"{tables.seconds(outlook.least(n))} to {tables.seconds(outlook.most(n))}"
        )
        rows.append(
            [
                str(n),
                tables.seconds(m.latency_s),
                tables.seconds(m.critical_path_s),
                f"{outlook.latency_s / m.latency_s:.2f}"
                if outlook and m.latency_s
                else tables.NONE,
                str(m.calls),
                f"{m.tokens:,}",
                tables.money(m.cost_usd),
                said or tables.NONE,
                tables.seconds(outlook.amdahl(n) if outlook else None),
                tables.seconds(1 / law.throughput(n) if law else None),
                tables.seconds(guess[1]) if guess and guess[0] == n else "",
            ]
        )
    return columns, rows


def _fitted(law: Scalability) -> str:
    low, high = law.peak_interval
    fit = (
        f"Universal Scalability, fitted to all: contention {law.contention:.2g}, "
        f"coherence {law.coherence:.2g}, "
    )
    if law.peak <= 1:
        return f"{fit}shortest with 1 worker."
    if math.isinf(law.peak):
        return f"{fit}no peak: no number of workers makes it longer again."
    upper = "no bound" if math.isinf(high) else f"{high:.1f}"
    return f"{fit}peak at {law.peak:.1f} workers (95% interval {low:.1f} to {upper})."
