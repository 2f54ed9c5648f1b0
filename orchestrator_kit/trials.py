"""Trials: the same comparison several times over, with intervals. Draws nothing.

Trials are paired: trial n of every pattern has the same seed, so what one pattern has over another
is judged trial by trial. Intervals are bootstrap percentiles (Efron, 1979, Bootstrap Methods:
Another Look at the Jackknife): of means of trials drawn again with replacement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean
from typing import Any

from orchestrator_kit import tables
from orchestrator_kit.comparison import Comparison, Row
from orchestrator_kit.errors import RunInterrupted, UsageError
from orchestrator_kit.experiments import WORKERS, Listener, compare
from orchestrator_kit.models.base import Model
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.models.tape import Tape
from orchestrator_kit.patterns import Pattern
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.tasks import Task

RESAMPLES, CONFIDENCE = 2_000, 0.95
Reading = Callable[[Row], float | None]

# What a row is read for, by the names of the contract for scripts.
READINGS: dict[str, Reading] = {
    "recall": lambda row: row.score.recall,
    "groundedness": lambda row: row.score.groundedness,
    "tokens": lambda row: float(row.measures.tokens),
    "cost_usd": lambda row: row.measures.cost_usd,
    "latency_s": lambda row: row.measures.latency_s,
    "calls": lambda row: float(row.measures.calls),
}


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over trials and its 95% interval; `n` is how many trials had a value."""

    mean: float
    low: float
    high: float
    n: int


def bootstrap(values: Sequence[float], seed: int = 0) -> Interval:
    """The mean of the values and its bootstrap interval; UsageError where there are none.

    With one value the interval is that value: it then says nothing.
    """
    if not values:
        raise UsageError("there are no values to have a mean")
    rng, n = Random(seed), len(values)  # noqa: S311 - a simulation, not a secret
    means = sorted(fmean(rng.choices(values, k=n)) for _ in range(RESAMPLES))
    cut = int(RESAMPLES * (1 - CONFIDENCE) / 2)
    return Interval(fmean(values), means[cut], means[-1 - cut], n)


@dataclass(frozen=True)
class Trials:
    """Comparisons that differ in nothing but the seed."""

    comparisons: tuple[Comparison, ...]

    @property
    def patterns(self) -> list[str]:
        return [row.pattern for row in self.comparisons[0].rows]

    @property
    def quality(self) -> str:
        """What answers are judged by: recall, or groundedness where there are no gold facts."""
        return self.comparisons[0].quality()[0]

    @property
    def shown(self) -> tuple[str, ...]:
        """The readings that a picture shows, without those that no trial has."""
        wanted = (self.quality, "tokens", "latency_s", "cost_usd")
        return tuple(r for r in wanted if any(v is not None for v in self._all(r)))

    def _all(self, reading: str) -> list[float | None]:
        return [value for name in self.patterns for value in self.values(name, reading)]

    def values(self, pattern: str, reading: str) -> list[float | None]:
        """A reading of each trial's run of a pattern."""
        return [READINGS[reading](c.row(pattern)) for c in self.comparisons]

    def mean(self, pattern: str, reading: str) -> Interval | None:
        """The mean of a reading over trials; None where no trial has it."""
        known = [v for v in self.values(pattern, reading) if v is not None]
        return bootstrap(known) if known else None

    def difference(self, pattern: str, other: str, reading: str) -> Interval | None:
        """What a pattern has over another one in a reading, pair by pair."""
        pairs = zip(self.values(pattern, reading), self.values(other, reading), strict=True)
        both = [a - b for a, b in pairs if a is not None and b is not None]
        return bootstrap(both) if both else None

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain data: each trial's comparison, and the intervals."""
        return {
            "schema": self.comparisons[0].to_dict()["schema"],
            "trials": [c.to_dict() for c in self.comparisons],
            "intervals": {
                name: {
                    reading: None if found is None else [found.mean, found.low, found.high]
                    for reading in READINGS
                    for found in (self.mean(name, reading),)
                }
                for name in self.patterns
            },
        }

    def to_json(self) -> str:
        """`to_dict` as JSON text; the same runs give the same bytes."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n"

    def __repr__(self) -> str:
        return f"Trials({len(self.comparisons)} of {len(self.patterns)} patterns)"

    def __str__(self) -> str:
        return tables.as_text(*table(self))

    def _repr_html_(self) -> str:
        return tables.as_html(*table(self))


def table(found: Trials) -> tuple[tables.Columns, tables.Rows]:
    """A row a pattern: means, its quality's interval, and how that differs from the first's."""
    quality = found.quality
    base, *_ = found.patterns
    columns = ["pattern", "calls", "tokens", "cost", "latency", quality, "95%"]
    columns += [f"over {base}", "verdict"]
    rows = []
    for name in found.patterns:
        means = {reading: found.mean(name, reading) for reading in READINGS}
        q = means[quality]
        over = found.difference(name, base, quality) if name != base else None
        rows.append(
            [
                name,
                _mean(means["calls"], "{:.1f}"),
                _mean(means["tokens"], "{:,.0f}"),
                _mean(means["cost_usd"], "${:.4f}"),
                _mean(means["latency_s"], "{:.1f} s"),
                _mean(q, "{:.1%}"),
                tables.NONE if q is None else f"{q.low:.1%} to {q.high:.1%}",
                tables.NONE if over is None else f"{100 * over.mean:+.1f} points",
                "" if name == base else verdict(over),
            ]
        )
    return columns, rows


def _mean(interval: Interval | None, form: str) -> str:
    return tables.NONE if interval is None else form.format(interval.mean)


def compare_trials(
    task: Task,
    model: Model | None = None,
    *,
    trials: int,
    patterns: Iterable[Pattern | str] = (),
    workers: int = WORKERS,
    models: Mapping[str, Model] | None = None,
    recovery: Recovery | str = "retry",
    listen: Listener | None = None,
) -> Trials:
    """Compare patterns so many times, each time with the next seed of the model and its faults.

    A model without a seed is asked again. UsageError for a tape, whose runs share the answers to
    equal requests and so would be the same trial over and over.
    """
    if trials < 1:
        raise UsageError(f"trials is {trials}; at least 1 is needed")
    chosen, first, own = list(patterns), model or SimulatedModel(), models or {}
    made = [  # all of them before anything is spent
        (_of_trial(first, n), {name: _of_trial(m, n) for name, m in own.items()})
        for n in range(trials)
    ]
    found: list[Comparison] = []
    for one, others in made:
        try:
            found.append(
                compare(
                    task,
                    one,
                    patterns=chosen,
                    workers=workers,
                    models=others,
                    recovery=recovery,
                    listen=listen,
                )
            )
        except RunInterrupted as e:
            raise RunInterrupted((*(r.run for c in found for r in c.rows), *e.runs)) from None
    return Trials(tuple(found))


def verdict(difference: Interval | None) -> str:
    """A difference in words."""
    if difference is None:
        return "not measured"
    if difference.n < 2 or difference.low <= 0 <= difference.high:
        return "no difference shown"
    return "more" if difference.mean > 0 else "less"


def _of_trial(model: Model, n: int) -> Model:
    """The model with the n-th seed after its own."""
    if not n:
        return model
    if isinstance(model, Tape):
        raise UsageError("trials on one tape would share their answers; record each on its own")
    if isinstance(model, Faults):
        return Faults(_of_trial(model.model, n), model.plan, model.fault_seed + n)
    if isinstance(model, SimulatedModel):
        return SimulatedModel(model.seed + n, model.profile)
    return model
