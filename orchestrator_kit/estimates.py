"""Estimates: what a run would take, found by rehearsing it before anything is spent.

The pattern is executed on the simulated reader, which for that wears the real model's window,
output limit, tokenizer and prices. Nothing is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator_kit import tables
from orchestrator_kit.events import CallStarted
from orchestrator_kit.experiments import WORKERS, run
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models.base import Model, Usage, innermost
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns import Pattern
from orchestrator_kit.tasks import Task


@dataclass(frozen=True, slots=True)
class Estimate:
    """The expected bill of a run, and the most that its calls could come to.

    `seconds` is None for models on real time, of which a rehearsal knows no speed; prices are None
    where they are not known.
    """

    pattern: str
    model: str
    workers: int
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    seconds: float | None
    at_most_tokens: int
    at_most_usd: float | None

    def __str__(self) -> str:
        time = "" if self.seconds is None else f", {tables.seconds(self.seconds)}"
        return (
            f"{self.pattern} on {self.model}, {tables.workers(self.workers)}: about {self.calls} "
            f"calls, {self.input_tokens:,} tokens in and {self.output_tokens:,} out, "
            f"{tables.money(self.cost_usd)}{time}; those calls at most "
            f"{self.at_most_tokens:,} tokens, {tables.money(self.at_most_usd)}. "
            "From a rehearsal on the simulated reader: real replies differ"
        )


def table(found: Sequence[Estimate]) -> tuple[tables.Columns, tables.Rows]:
    """A row a pattern, and their sum where there are several."""
    columns = ["pattern", "calls", "input", "output", "cost", "at most", "cost at most", "latency"]
    rows = [
        [
            e.pattern,
            str(e.calls),
            f"{e.input_tokens:,}",
            f"{e.output_tokens:,}",
            tables.money(e.cost_usd),
            f"{e.at_most_tokens:,}",
            tables.money(e.at_most_usd),
            tables.seconds(e.seconds),
        ]
        for e in (*found, *([_sum(found)] if len(found) > 1 else []))
    ]
    return columns, rows


def _sum(found: Sequence[Estimate]) -> Estimate:
    """What several take in all; a figure that one of them lacks has no sum."""

    def total(values: Iterable[float | None]) -> float | None:
        known = list(values)
        return None if None in known else sum(v for v in known if v is not None)

    return replace(
        found[0],
        pattern="all",
        calls=sum(e.calls for e in found),
        input_tokens=sum(e.input_tokens for e in found),
        output_tokens=sum(e.output_tokens for e in found),
        cost_usd=total(e.cost_usd for e in found),
        seconds=total(e.seconds for e in found),
        at_most_tokens=sum(e.at_most_tokens for e in found),
        at_most_usd=total(e.at_most_usd for e in found),
    )


class Rehearsal(SimulatedModel):
    """The simulated reader in the place of a model: its window, limits, tokenizer and prices."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def window(self) -> int:
        return self._model.window

    @property
    def max_output_tokens(self) -> int:
        return self._model.max_output_tokens

    def count_tokens(self, text: str) -> int:
        return self._model.count_tokens(text)

    def price(self, usage: Usage) -> float | None:
        return self._model.price(usage)


def estimate(
    task: Task,
    pattern: Pattern | str = "orchestrator_worker",
    workers: int = WORKERS,
    model: Model | None = None,
    *,
    models: Mapping[str, Model] | None = None,
) -> Estimate:
    """What a pattern would take on a task, with so many workers, on a model.

    On a virtual model that is a run of its own; failures, retries and the whims of a real model
    are not foreseen.
    """
    real = model or SimulatedModel()
    record = run(
        task,
        pattern,
        _stand_in(real),
        workers=workers,
        models={name: _stand_in(m) for name, m in (models or {}).items()},
    )
    m = measure(record)
    limits = {e.call: e.max_output_tokens for e in record.events if isinstance(e, CallStarted)}
    most = [
        Usage(c.usage.input_tokens if c.usage else 0, limits[c.id]) for c in calls(record)
    ]  # each by itself: a price may go by the length of one prompt
    prices = [p for usage in most if (p := real.price(usage)) is not None]
    return Estimate(
        record.pattern,
        real.name,
        workers,
        m.calls,
        m.input_tokens,
        m.output_tokens,
        m.cost_usd,
        m.latency_s if all(x.virtual for x in (real, *(models or {}).values())) else None,
        sum(usage.total for usage in most),
        sum(prices) if prices and len(prices) == len(most) and not models else None,
    )


def _stand_in(model: Model) -> Model:
    """A simulated model itself, without the tapes and faults around it; or one in its place."""
    inner = innermost(model)
    return inner if isinstance(inner, SimulatedModel) else Rehearsal(model)
