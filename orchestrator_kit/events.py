"""What happens in a run, as events: frozen, timed in seconds since it began, one line of JSON each.

Knows nothing of how calls are made or what the numbers mean.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from orchestrator_kit.answer import Answer, Failure, Report, Statement
from orchestrator_kit.models.base import Message, Usage
from orchestrator_kit.plan import Plan, Subtask

SCHEMA = 1

Status = Literal["done", "failed", "interrupted"]
# Why a call was made: for the first time, or as which remedy (`recovery` says what each is).
Step = Literal["first", "retry", "reassign", "split", "hedge", "improve"]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """What is run: the settings that, with the model's replies, determine everything after.

    `options` are the pattern's own, `recovery` the steps taken when a call fails, `faults` the
    faults that are injected, a line each, and `fault_seed` what their chances come from.
    """

    t: float
    pattern: str
    task: str
    model: str
    workers: int
    seed: int | None = None
    budget_tokens: int | None = None
    budget_usd: float | None = None
    budget_seconds: float | None = None
    options: tuple[str, ...] = ()
    recovery: str = "degrade"
    faults: tuple[str, ...] = ()
    fault_seed: int | None = None


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A request is on its way. `uses` are the calls whose results it builds on.

    `agent` is who asks (a specialist's name, or the role's), `worker` the slot it runs in (None:
    the orchestrator's own), `subtask` the id it serves. `step` says whether it is the first of its
    kind or a remedy, and `attempt` counts those for one piece of work.
    """

    t: float
    call: int
    role: str
    agent: str
    worker: int | None
    subtask: str | None
    uses: tuple[int, ...]
    format: str | None
    messages: tuple[Message, ...]
    max_output_tokens: int
    step: Step = "first"
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The reply of a call, as it came."""

    t: float
    call: int
    text: str
    usage: Usage
    cost_usd: float | None
    finish: str


@dataclass(frozen=True, slots=True)
class CallFailed:
    """A call without a usable reply; its kind is that of the error.

    A reply that came but could not be parsed has its CallEnded before this; `usage` is that of a
    reply that was empty or a refusal, for which there is no CallEnded, or what a call is taken to
    have used that was cancelled under way.
    """

    t: float
    call: int
    kind: str
    message: str
    usage: Usage | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class CallRefused:
    """A call that was not made: it might go beyond the budget, or cannot fit the window."""

    t: float
    role: str
    agent: str
    subtask: str | None
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life of a call under way, and the tokens written so far."""

    t: float
    call: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """What the crew does about a failed or slow call: a remedy after `wait_s`, or none.

    `step` is a remedy, "degrade" (go on without it) or "stop" (end the run); `call` is the one it
    is about, `kind` that one's failure or "slow".
    """

    t: float
    call: int | None
    agent: str
    subtask: str | None
    kind: str
    step: str
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Staffed:
    """A worker was added or retired while the run went on, and why."""

    t: float
    worker: int
    change: Literal["added", "retired"]
    why: str


@dataclass(frozen=True, slots=True)
class TookOver:
    """A standby took the centre's place; it knows the plan and these reports from the record."""

    t: float
    agent: str
    kind: str
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotRead:
    """Material that was chosen for a call but does not fit into its model's window."""

    t: float
    call: int
    blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanMade:
    """A sound plan; its `call` made it."""

    t: float
    plan: Plan


@dataclass(frozen=True, slots=True)
class PlanRejected:
    """An unsound plan, and what was wrong with it."""

    t: float
    plan: Plan
    complaints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanRevised:
    """The plan as it is from now on, with what was added to it and dropped from it."""

    t: float
    plan: Plan
    added: tuple[str, ...]
    dropped: tuple[str, ...]
    why: str
    call: int | None = None


@dataclass(frozen=True, slots=True)
class SubtaskStarted:
    """A worker begins on a subtask."""

    t: float
    subtask: str
    agent: str
    worker: int


@dataclass(frozen=True, slots=True)
class SubtaskEnded:
    """A worker is through with a subtask; `failure` is a kind, or None."""

    t: float
    subtask: str
    agent: str
    findings: int
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """A worker's report, as it was understood; a better one of the same subtask replaces it."""

    t: float
    report: Report


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The orchestrator's verdict on a report, in its round of review, counted from 1."""

    t: float
    call: int
    subtask: str
    round: int
    verdict: Literal["accept", "improve"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ConflictFound:
    """Two findings that cannot both hold; `kept` is the one that stays, None: both are told."""

    t: float
    call: int
    first: Statement
    second: Statement
    kept: Statement | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """A peer put something on the board: `what` is claim, claim_lost, handover, findings, done."""

    t: float
    call: int
    agent: str
    what: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """The run's answer."""

    t: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The end: done, failed (with the error's kind) or interrupted."""

    t: float
    status: Status
    kind: str | None = None
    message: str = ""


Event = (
    RunStarted
    | CallStarted
    | CallEnded
    | CallFailed
    | CallRefused
    | Heartbeat
    | Recovered
    | Staffed
    | TookOver
    | NotRead
    | PlanMade
    | PlanRejected
    | PlanRevised
    | SubtaskStarted
    | SubtaskEnded
    | Reported
    | Reviewed
    | ConflictFound
    | Posted
    | Answered
    | RunEnded
)
_EVENTS: dict[str, type[Any]] = {c.__name__: c for c in Event.__args__}


def _statement(v: dict[str, Any] | None) -> Statement | None:
    return None if v is None else Statement(v["text"], tuple(v["sources"]))


def _statements(v: list[dict[str, Any]]) -> tuple[Statement, ...]:
    return tuple(Statement(s["text"], tuple(s["sources"])) for s in v)


def _subtask(v: dict[str, Any]) -> Subtask:
    return Subtask(**(v | {"sections": tuple(v["sections"]), "needs": tuple(v["needs"])}))


def _plan(v: dict[str, Any]) -> Plan:
    return Plan(**(v | {"subtasks": tuple(_subtask(s) for s in v["subtasks"])}))


def _report(v: dict[str, Any]) -> Report:
    failure = None if v["failure"] is None else Failure(**v["failure"])
    body = {"findings": _statements(v["findings"]), "failure": failure}
    return Report(**(v | body | {"parts": tuple(v["parts"])}))


_NESTED: dict[str, Callable[[Any], Any]] = {
    "usage": lambda v: None if v is None else Usage(**v),
    "messages": lambda v: tuple(Message(**m) for m in v),
    "answer": lambda v: Answer(_statements(v["statements"]), tuple(v["gaps"])),
    "plan": _plan,
    "report": _report,
    "first": _statement,
    "second": _statement,
    "kept": _statement,
}


def to_json(event: Event) -> str:
    """One line of JSON with the event's name, its schema and its fields."""
    body = {"event": type(event).__name__, "schema": SCHEMA} | _plain(event)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """A dataclass as nested dicts and lists; the library's `asdict` copies every leaf."""
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return value


def from_json(line: str) -> Event:
    """The event of one line; ValueError, KeyError or TypeError where it is none."""
    body = json.loads(line)
    if body.pop("schema") != SCHEMA:
        raise ValueError(f"written by another version of the kit (this one reads schema {SCHEMA})")
    kind = _EVENTS[body.pop("event")]
    for name, value in body.items():
        if name in _NESTED:
            body[name] = _NESTED[name](value)
        elif isinstance(value, list):
            body[name] = tuple(value)
    event: Event = kind(**body)
    for name, hint in _hints(kind.__name__).items():
        if not _fits(getattr(event, name), hint):
            raise TypeError(f"{name} is {getattr(event, name)!r}")
    return event


@cache
def _hints(event: str) -> dict[str, Any]:
    return get_type_hints(_EVENTS[event])


def _fits(value: object, hint: Any) -> bool:
    """Whether a value is of the type that a field's hint says."""
    kind, inner = get_origin(hint), get_args(hint)
    if kind is Literal:
        return value in inner
    if kind is tuple:
        return isinstance(value, tuple) and all(_fits(v, inner[0]) for v in value)
    if inner:  # one of several
        return any(_fits(value, one) for one in inner)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
