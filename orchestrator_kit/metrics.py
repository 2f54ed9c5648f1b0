"""Numbers read from a run record. Knows no models and draws nothing.

Tokens and money are sums over calls. Latency is the makespan: seconds from the first event to the
last. Work (T1) is the sum of the calls' durations, the critical path (Tinf) the longest chain of
calls of which each used the one before (Brent, 1974; Blumofe and Leiserson, 1999).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from orchestrator_kit.answer import Report
from orchestrator_kit.events import (
    CallEnded,
    CallFailed,
    CallRefused,
    CallStarted,
    Recovered,
    Reported,
    SubtaskEnded,
)
from orchestrator_kit.models.base import Usage
from orchestrator_kit.record import Run
from orchestrator_kit.text import normalise


@dataclass(frozen=True, slots=True)
class Call:
    """One call, put together from its events; times in seconds since the run began.

    `usage` and `cost_usd` are None where no reply came, `failure` is its kind or None.
    """

    id: int
    role: str
    agent: str
    worker: int | None
    subtask: str | None
    uses: tuple[int, ...]
    started: float
    ended: float
    usage: Usage | None
    cost_usd: float | None
    failure: str | None
    step: str = "first"

    @property
    def seconds(self) -> float:
        return self.ended - self.started


@dataclass(frozen=True, slots=True)
class Share:
    """What one role took."""

    calls: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Price:
    """What a remedy took: calls, tokens, US dollars (None: unknown), seconds of calls and waits."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Measures:
    """A run in numbers. `estimated`: some usage was counted here, not stated by the server.

    `cost_usd` is None where any call has no price. `undeclared` are the subtasks without findings
    that no gap of the answer names. `recovery` is what each remedy took, and under "failed" what
    the calls took that brought nothing, remedies among them. `redundancy` is the share of reported
    findings that repeat one of another report, word for word; None where nothing was reported.
    """

    calls: int
    input_tokens: int
    output_tokens: int
    estimated: bool
    cost_usd: float | None
    latency_s: float
    work_s: float
    critical_path_s: float
    roles: dict[str, Share]
    failures: tuple[dict[str, str | None], ...]
    undeclared: tuple[str, ...]
    recovery: dict[str, Price]
    redundancy: float | None

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def speedup(self) -> float:
        """Work over latency: how many calls were in flight on average."""
        return self.work_s / self.latency_s if self.latency_s else 1.0

    def to_dict(self) -> dict[str, Any]:
        """What a run took, under the names that scripts read; times to the microsecond."""
        return {
            "calls": self.calls,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "tokens_estimated": self.estimated,
            "cost_usd": None if self.cost_usd is None else round(self.cost_usd, 9),
            "latency_s": round(self.latency_s, 6),
            "critical_path_s": round(self.critical_path_s, 6),
            "work_s": round(self.work_s, 6),
        }


@lru_cache(maxsize=512)
def calls(run: Run) -> tuple[Call, ...]:
    """The calls of a run in the order in which they began; one still open ends with the run."""
    ended: dict[int, CallEnded] = {}
    failed: dict[int, CallFailed] = {}
    for event in run.events:
        if isinstance(event, CallEnded):
            ended[event.call] = event
        elif isinstance(event, CallFailed):
            failed[event.call] = event
    last = run.events[-1].t
    found = []
    for start in run.events:
        if not isinstance(start, CallStarted):
            continue
        end, failure = ended.get(start.call), failed.get(start.call)
        closing = end or failure
        found.append(
            Call(
                start.call,
                start.role,
                start.agent,
                start.worker,
                start.subtask,
                start.uses,
                start.t,
                closing.t if closing else last,
                closing.usage if closing else None,
                closing.cost_usd if closing else None,
                failure.kind if failure else None if end else "cancelled",
                start.step,
            )
        )
    return tuple(found)


@lru_cache(maxsize=512)
def measure(run: Run) -> Measures:
    """All the numbers of a run."""
    made = calls(run)
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for call in made:
        share = totals[call.role]
        share[0] += 1
        share[1] += call.usage.input_tokens if call.usage else 0
        share[2] += call.usage.output_tokens if call.usage else 0
    return Measures(
        calls=len(made),
        input_tokens=sum(given for _, given, _ in totals.values()),
        output_tokens=sum(written for _, _, written in totals.values()),
        estimated=any(c.usage.estimated for c in made if c.usage),
        cost_usd=_cost(made),
        latency_s=run.events[-1].t,
        work_s=sum(c.seconds for c in made),
        critical_path_s=sum(c.seconds for c in critical_path(run)),
        roles={role: Share(*totals[role]) for role in sorted(totals)},
        failures=failures(run),
        undeclared=undeclared(run),
        recovery=recovery(run),
        redundancy=redundancy(run),
    )


def redundancy(run: Run) -> float | None:
    """The share of the findings that repeat one of another report.

    Of a subtask the latest report counts. The stages of a pipeline hand their draft on, and so
    repeat it.
    """
    reports: dict[object, Report] = {}
    for event in run.events:
        if isinstance(event, Reported):
            reports[event.report.subtask or len(reports)] = event.report
    each = [{normalise(f.text) for f in r.findings} for r in reports.values()]
    said = Counter(text for texts in each for text in texts)
    return 1 - len(said) / said.total() if said else None


def _cost(made: Iterable[Call]) -> float | None:
    """US dollars; None where no call has a price, or one lacks it that took something."""
    prices = [c.cost_usd for c in made if c.usage]
    priced = [p for p in prices if p is not None]
    return sum(priced) if priced and len(priced) == len(prices) else None


def recovery(run: Run) -> dict[str, Price]:
    """What each remedy took, and under "failed" what calls took that brought nothing."""
    by_step: dict[str, list[Call]] = defaultdict(list)
    for call in calls(run):
        if call.step != "first":
            by_step[call.step].append(call)
        if call.failure:
            by_step["failed"].append(call)
    waits: dict[str, float] = defaultdict(float)
    for event in run.events:
        if isinstance(event, Recovered):
            waits[event.step] += event.wait_s
    return {step: _price(made, waits[step]) for step, made in sorted(by_step.items())}


def _price(made: Sequence[Call], waits: float) -> Price:
    usages = [c.usage for c in made if c.usage]
    return Price(
        len(made),
        sum(u.input_tokens for u in usages),
        sum(u.output_tokens for u in usages),
        _cost(made),
        round(sum(c.seconds for c in made) + waits, 6),
    )


def critical_path(run: Run) -> tuple[Call, ...]:
    """The longest chain of calls, each using the one before: no number of workers can beat it."""
    chain: dict[int, tuple[float, int | None]] = {}
    by_id = {c.id: c for c in calls(run)}
    for call in by_id.values():  # a call uses only earlier ones
        before = max((u for u in call.uses if u in chain), key=lambda u: chain[u][0], default=None)
        chain[call.id] = (call.seconds + (chain[before][0] if before else 0.0), before)
    at = max(chain, key=lambda c: chain[c][0], default=None)
    path = []
    while at is not None:
        path.append(by_id[at])
        at = chain[at][1]
    return tuple(reversed(path))


def failures(run: Run) -> tuple[dict[str, str | None], ...]:
    """Every failed or refused call: its kind, who made it, for which subtask, and why."""
    by_id = {c.id: c for c in calls(run)}
    found = []
    for event in run.events:
        if isinstance(event, CallFailed):
            call = by_id[event.call]
            who = {"role": call.role, "agent": call.agent, "subtask": call.subtask}
        elif isinstance(event, CallRefused):
            who = {"role": event.role, "agent": event.agent, "subtask": event.subtask}
        else:
            continue
        found.append({"kind": event.kind, **who, "message": event.message})
    return tuple(found)


def undeclared(run: Run) -> tuple[str, ...]:
    """Subtasks that ended without findings and that no declared gap names."""
    gaps = run.answer.gaps
    return tuple(
        e.subtask
        for e in run.events
        if isinstance(e, SubtaskEnded)
        and not e.findings
        and not any(gap.startswith(f"{e.subtask} (") for gap in gaps)
    )
