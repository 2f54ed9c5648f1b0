"""What the laws let one expect of more workers, from runs that differ in nothing else.

Puts records and `laws` together: an `Outlook` is read from the run with one worker, and holds for
the same calls on any number; a fit is read from all runs. Knows no models and draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator_kit import laws
from orchestrator_kit.errors import UsageError
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.record import Run

CENTRE = ("orchestrator", "synthesizer")
FEW = 200  # resamples of the fit: enough for an interval to one figure, and fast


@dataclass(frozen=True, slots=True)
class Outlook:
    """A run with one worker, and what follows from it for others with the same calls.

    Seconds throughout. `overhead_s` is how long no worker was at work: planning, review and
    synthesis. `rate` is the most calls a second that may begin, None where nothing caps them.
    """

    latency_s: float
    work_s: float
    path_s: float
    overhead_s: float
    calls: int
    rate: float | None = None

    def amdahl(self, workers: float) -> float:
        """The latency if all but the overhead could be divided at will (Amdahl, 1967)."""
        divisible = 1 - self.overhead_s / self.latency_s if self.latency_s else 0.0
        return self.latency_s / laws.amdahl(min(max(divisible, 0.0), 1.0), workers)

    def least(self, workers: float) -> float:
        """No schedule of the same calls ends sooner: max(T1 / p, Tinf)."""
        return laws.least_makespan(self.work_s, self.path_s, workers)

    def most(self, workers: float) -> float:
        """The latest that a schedule ends which leaves nobody idle needlessly (Brent, Graham)."""
        return laws.brent(self.work_s, self.path_s, workers)

    @property
    def least_by_rate(self) -> float | None:
        """The calls over the rate: no number of workers makes them in less."""
        return self.calls / self.rate if self.rate else None

    @property
    def useful(self) -> float | None:
        """How many calls the rate keeps in flight, L = lambda W (Little, 1961); more only wait."""
        if self.rate is None or not self.calls:
            return None
        return laws.little(self.rate, self.work_s / self.calls)


def outlook(run: Run, rate: float | None = None) -> Outlook:
    """What the run with one worker says of others. UsageError for another, or a rate of nothing."""
    if run.workers != 1:
        raise UsageError(f"this run had {run.workers} workers; an outlook needs the one with 1")
    if rate is not None and not 0 < rate < float("inf"):
        raise UsageError(f"rate is {rate}; give the calls a second, above 0")
    m = measure(run)
    spans = sorted((c.started, c.ended) for c in calls(run) if c.worker)
    busy, until = 0.0, 0.0
    for started, ended in spans:
        busy += max(ended - max(started, until), 0.0)
        until = max(until, ended)
    idle = max(m.latency_s - busy, 0.0)
    return Outlook(m.latency_s, m.work_s, m.critical_path_s, idle, m.calls, rate)


def fit(runs: Mapping[int, Run]) -> laws.Scalability | None:
    """The Universal Scalability Law nearest to the runs a second of each number of workers.

    None where the points are too few for it, or of no one curve.
    """
    points = [(n, 1 / s) for n, run in sorted(runs.items()) if (s := measure(run).latency_s)]
    alone = dict(points).get(1)
    try:
        return laws.fit_universal(points, alone=alone, resamples=FEW)
    except UsageError:
        return None


def at_the_centre(run: Run) -> tuple[int, float | None]:
    """Tokens and dollars of the orchestrator and the synthesizer; None without prices."""
    made = [c for c in calls(run) if c.role in CENTRE and c.usage]
    prices = [c.cost_usd for c in made]
    cost = None if None in prices else sum(p for p in prices if p is not None)
    return sum(c.usage.total for c in made if c.usage), cost
