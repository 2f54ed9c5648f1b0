"""The run record: what happened, event by event, and nothing else.

A run's only output. Every table, figure and check is a reading of it. Events are frozen, their
times are seconds since the run began, and JSON Lines hold them without loss. Knows nothing of how
calls are made or what the numbers mean.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from orchestrator_kit.answer import Answer, Statement
from orchestrator_kit.errors import RecordError
from orchestrator_kit.models.base import Message, Usage
from orchestrator_kit.plan import Plan, Subtask

SCHEMA = 1

Status = Literal["done", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """What is run: the settings that, with the model's replies, determine everything after."""

    t: float
    pattern: str
    task: str
    model: str
    workers: int
    seed: int | None = None
    budget_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A request is on its way. `uses` are the calls whose results it builds on.

    `agent` is who asks (a specialist's name, or the role's), `worker` the slot it runs in (None:
    the orchestrator's own), `subtask` the id it serves.
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
    reply that was empty or a refusal, for which there is no CallEnded.
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
    | NotRead
    | PlanMade
    | PlanRejected
    | SubtaskStarted
    | SubtaskEnded
    | Posted
    | Answered
    | RunEnded
)
_EVENTS: dict[str, type[Any]] = {c.__name__: c for c in Event.__args__}
_NESTED: dict[str, Callable[[Any], Any]] = {
    "usage": lambda v: v and Usage(**v),
    "messages": lambda v: tuple(Message(**m) for m in v),
    "answer": lambda v: Answer(
        tuple(Statement(s["text"], tuple(s["sources"])) for s in v["statements"]), tuple(v["gaps"])
    ),
    "plan": lambda v: Plan(tuple(_subtask(s) for s in v["subtasks"]), v["why"], v["call"]),
}


def _subtask(v: dict[str, Any]) -> Subtask:
    return Subtask(**(v | {"sections": tuple(v["sections"]), "needs": tuple(v["needs"])}))


@dataclass(frozen=True)
class Run:
    """A finished or interrupted run: its events, and the plainest readings of them."""

    events: tuple[Event, ...]

    @cached_property
    def started(self) -> RunStarted:
        first = self.events[0]
        if not isinstance(first, RunStarted):
            raise RecordError("a record begins with RunStarted; this one does not")
        return first

    @property
    def pattern(self) -> str:
        return self.started.pattern

    @property
    def workers(self) -> int:
        return self.started.workers

    @cached_property
    def answer(self) -> Answer:
        """The answer given, or an empty one that declares why there is none."""
        for event in reversed(self.events):
            if isinstance(event, Answered):
                return event.answer
        end = self.ended
        return Answer(gaps=(f"no answer: {end.kind or end.status}",) if end else ("no answer",))

    @cached_property
    def ended(self) -> RunEnded | None:
        last = self.events[-1]
        return last if isinstance(last, RunEnded) else None

    @property
    def status(self) -> Status:
        """done, failed or interrupted; a record that just stops was interrupted."""
        return self.ended.status if self.ended else "interrupted"

    def __hash__(self) -> int:  # in keeping with equality, without reading all events
        return hash((self.events[0], self.events[-1], len(self.events)))

    def __repr__(self) -> str:
        return f"Run({self.pattern}, {self.workers} workers, {self.status}, {self.answer!r})"

    def to_jsonl(self) -> str:
        """One JSON object a line, first the schema's number and the settings."""
        return "".join(to_json(event) + "\n" for event in self.events)

    @classmethod
    def from_jsonl(cls, text: str, *, origin: str = "record") -> Run:
        """The run that `to_jsonl` wrote; RecordError names the first bad line."""
        events = []
        for n, line in enumerate(text.splitlines(), 1):
            try:
                events.append(from_json(line))
            except (ValueError, KeyError, TypeError, AttributeError) as e:
                raise RecordError(f"{origin}, line {n}: not an event of this kit ({e})") from None
        if not events or not isinstance(events[0], RunStarted):
            raise RecordError(f"{origin}: is not a run record; it does not begin with RunStarted")
        return cls(tuple(events))

    def save(self, path: str | Path) -> Path:
        """Write the record as JSON Lines, all or nothing."""
        return write_atomic(path, self.to_jsonl())

    @classmethod
    def load(cls, path: str | Path) -> Run:
        """Read a saved record; RecordError where it is missing or not one."""
        try:
            text = Path(path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as e:
            raise RecordError(f"{path}: cannot be read ({e})") from None
        return cls.from_jsonl(text, origin=str(path))


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
    kind = _EVENTS[body.pop("event")]
    if body.pop("schema") != SCHEMA:
        raise ValueError(f"written by another version of the kit (this one reads schema {SCHEMA})")
    for name, value in body.items():
        if name in _NESTED:
            body[name] = _NESTED[name](value)
        elif isinstance(value, list):
            body[name] = tuple(value)
    event: Event = kind(**body)
    return event


def write_atomic(path: str | Path, content: str | bytes) -> Path:
    """Write a whole file or nothing: a reader never sees half of it. RecordError says why not."""
    path = Path(path)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        half.replace(path)
    except OSError as e:
        with suppress(OSError):
            half.unlink()
        raise RecordError(f"{path}: cannot be written ({e.strerror})") from None
    return path
