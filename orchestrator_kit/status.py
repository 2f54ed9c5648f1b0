"""Where a run stands: a fold over its events, as they happen or from a saved record.

Knows the words for what it finds, and no screen: a terminal, a widget or a test reads it. Times
are seconds since the run began.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, replace
from typing import Literal

from orchestrator_kit.events import (
    CallEnded,
    CallFailed,
    CallRefused,
    CallStarted,
    ConflictFound,
    Event,
    Heartbeat,
    PlanMade,
    PlanRejected,
    PlanRevised,
    Recovered,
    Reported,
    Reviewed,
    RunEnded,
    RunStarted,
    Staffed,
    Step,
    SubtaskEnded,
    SubtaskStarted,
    TookOver,
)
from orchestrator_kit.models.base import Usage
from orchestrator_kit.text import one_line

NOTES = 20  # notable events that are kept
LONGEST = 200  # characters of one note

_REMEDIES = {
    "reassign": "to another worker",
    "split": "in halves",
    "hedge": "a second call beside it",
    "degrade": "going on without it",
    "stop": "the run ends",
}


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A call under way: who makes it, in which slot (None: the centre's own), since when.

    `subtask` is the one it serves or, in a review, judges; `format` what is to come back. `heard`
    and `tokens` are those of the last sign of life; a model that gives none has None and 0.
    """

    call: int
    role: str
    agent: str
    worker: int | None
    subtask: str | None
    format: str | None
    since: float
    step: Step = "first"
    attempt: int = 1
    heard: float | None = None
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait before another attempt, after a failure of that kind."""

    agent: str
    subtask: str | None
    kind: str
    until: float


@dataclass(frozen=True, slots=True)
class Slot:
    """A worker's place (None: the centre's): at a call, waiting to try again, or idle."""

    worker: int | None
    call: UnderWay | None = None
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A subtask of the plan and how far it is.

    `agent` is who works on it or did, `round` the round of review it is in or was last in,
    `findings` those of its latest report, `failure` a kind.
    """

    id: str
    specialist: str
    needs: tuple[str, ...] = ()
    state: Literal["waiting", "running", "reviewed", "improved", "done", "failed", "dropped"] = (
        "waiting"
    )
    agent: str | None = None
    round: int = 0
    findings: int = 0
    failure: str | None = None

    def __str__(self) -> str:
        """Its state in words."""
        found = "1 finding" if self.findings == 1 else f"{self.findings} findings"
        if self.state == "running":
            return f"running: {line(self.agent or self.specialist)}"
        if self.state in ("reviewed", "improved"):
            return f"being {self.state}, round {self.round}"
        if self.state == "failed":
            return f"failed: {line(self.failure or '')}"
        return f"done, {found}" if self.state == "done" else self.state


class RunStatus:
    """What is known of a run at any moment of it; `hear` takes its events one after another.

    Events may be missing at the end (a run under way, a record that was cut); RunStarted begins
    anew. `started` and `ended` are the events of that name, `t` the time of the last event,
    `refused` the calls that were not made, `notes` the last notable events as time and sentence.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._begin(None)
        for event in events:
            self.hear(event)

    def _begin(self, started: RunStarted | None) -> None:
        self.started = started
        self.ended: RunEnded | None = None
        self.t = 0.0
        self.under_way: dict[int, UnderWay] = {}
        self.refused = 0
        self.input_tokens = self.output_tokens = 0
        self.estimated = False  # whether any usage was counted here, not stated by the server
        self.notes: deque[tuple[float, str]] = deque(maxlen=NOTES)
        self._made: dict[int, UnderWay] = {}
        self._done: set[int] = set()
        self._failed: set[int] = set()
        self._usd: list[float | None] = []
        self._parts: dict[str, Part] = {}
        self._improvements: dict[str, int] = {}
        self._here = set(range(1, started.workers + 1 if started else 1))
        self._pauses: dict[int | None, Pause] = {}

    @property
    def pattern(self) -> str:
        """The pattern's name; "" before the run has begun."""
        return self.started.pattern if self.started else ""

    @property
    def done(self) -> int:
        """Calls whose reply came and was understood."""
        return len(self._done)

    @property
    def failed(self) -> int:
        """Calls that brought nothing; those still under way when the run ended are among them."""
        return len(self._failed)

    @property
    def tokens(self) -> int:
        """Input and output tokens of the calls that ended."""
        return self.input_tokens + self.output_tokens

    @property
    def cost_usd(self) -> float | None:
        """US dollars so far; None while no call has a price, or where one lacks it."""
        priced = [usd for usd in self._usd if usd is not None]
        return sum(priced) if priced and len(priced) == len(self._usd) else None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The plan's subtasks in its order, as they are now; none where there is no plan."""
        now = dict(self._parts)
        for call in self.under_way.values():
            part = now.get(call.subtask or "")
            if part and call.format == "verdict":
                now[part.id] = replace(part, state="reviewed", round=part.round + 1)
            elif part and call.format == "improvement":
                n = max(part.round, self._improvements.get(part.id, 1))
                now[part.id] = replace(part, state="improved", round=n)
        return tuple(now.values())

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The centre, while it is at something, and every worker, in the order of their numbers."""
        at = {call.worker: call for call in self.under_way.values()}
        pauses = {w: p for w, p in self._pauses.items() if p.until >= self.t and w not in at}
        workers = sorted(self._here | {w for w in (*at, *pauses) if w is not None})
        centre = [None] if None in at or None in pauses else []
        return tuple(Slot(w, at.get(w), pauses.get(w)) for w in (*centre, *workers))

    def copy(self) -> RunStatus:
        """One that knows as much, and hears by itself from now on."""
        twin = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict | set | list | deque):  # of things that never change
                setattr(twin, name, copy(value))
        return twin

    def hear(self, event: Event) -> None:
        """Take in the next event."""
        if isinstance(event, RunStarted):
            self._begin(event)
        self.t = max(self.t, event.t)
        if note := self._noted(event):
            self.notes.append((event.t, note))
        match event:
            case CallStarted():
                self._call_begins(event)
            case Heartbeat() if call := self.under_way.get(event.call):
                beat = replace(call, heard=event.t, tokens=event.tokens)
                self.under_way[event.call] = beat
            case CallEnded() if self.under_way.pop(event.call, None):
                self._done.add(event.call)
                self._pay(event.usage, event.cost_usd)
            case CallFailed() if event.call in self._made:
                if self.under_way.pop(event.call, None):
                    self._pay(event.usage, event.cost_usd)
                self._done.discard(event.call)  # a reply that came and could not be understood
                self._failed.add(event.call)
            case CallRefused():
                self.refused += 1
            case Recovered(step="retry"):
                worker = self._made[event.call].worker if event.call in self._made else None
                until = event.t + event.wait_s
                self._pauses[worker] = Pause(event.agent, event.subtask, event.kind, until)
            case Staffed():
                change = self._here.add if event.change == "added" else self._here.discard
                change(event.worker)
            case RunEnded():
                self._end(event)
            case _:
                self._plan_goes_on(event)

    def _call_begins(self, event: CallStarted) -> None:
        judged = (self._made[c].subtask for c in event.uses if c in self._made)
        subtask = event.subtask
        if event.format == "verdict":  # it is the centre's, and uses the report's calls
            subtask = next(filter(None, judged), None)
        if event.step == "improve" and subtask:
            self._improvements[subtask] = self._improvements.get(subtask, 0) + 1
        self._pauses.pop(event.worker, None)
        call = UnderWay(
            *(event.call, event.role, event.agent, event.worker, subtask, event.format),
            *(event.t, event.step, event.attempt),
        )
        self._made[event.call] = self.under_way[event.call] = call

    def _pay(self, usage: Usage | None, usd: float | None) -> None:
        if usage:
            self.input_tokens += usage.input_tokens
            self.output_tokens += usage.output_tokens
            self.estimated |= usage.estimated
            self._usd.append(usd)

    def _plan_goes_on(self, event: Event) -> None:
        match event:
            case PlanMade():
                made = event.plan.subtasks
                self._parts = {s.id: Part(s.id, s.specialist, s.needs) for s in made}
            case PlanRevised():
                for s in event.plan.subtasks:
                    self._parts.setdefault(s.id, Part(s.id, s.specialist, s.needs))
                for dropped in event.dropped:
                    self._change(dropped, state="dropped")
            case SubtaskStarted():
                self._parts.setdefault(event.subtask, Part(event.subtask, event.agent))
                self._change(event.subtask, state="running", agent=event.agent)
            case SubtaskEnded():
                state = "failed" if event.failure else "done"
                found = {"findings": event.findings, "failure": event.failure}
                self._change(event.subtask, state=state, agent=event.agent, **found)
            case Reported() if event.report.subtask and not event.report.failure:
                self._change(event.report.subtask, findings=len(event.report.findings))
            case Reviewed():
                self._change(event.subtask, round=event.round)
            case TookOver():  # what the standby does not know is done again
                for part in self._parts.values():
                    if part.state == "running" and part.id not in event.known:
                        self._change(part.id, state="waiting", agent=None)

    def _change(self, subtask: str, **changes: object) -> None:
        if subtask in self._parts:
            self._parts[subtask] = replace(self._parts[subtask], **changes)  # type: ignore[arg-type]

    def _end(self, event: RunEnded) -> None:
        self.ended = event
        self._failed |= self.under_way.keys()
        self.under_way.clear()
        self._pauses.clear()
        for part in self._parts.values():
            if part.state == "running":
                self._change(part.id, state="failed", failure=event.kind or event.status)

    def _noted(self, event: Event) -> str | None:
        """A notable event as a sentence on one line; None for any other."""
        match event:
            case CallFailed():
                call = self._made.get(event.call)
                who = _who(call.agent, call.subtask) if call else f"call {event.call}"
                said = f"{who}: {event.kind}: {event.message}"
            case CallRefused():
                who = _who(event.agent, event.subtask)
                said = f"{who}: not asked, {event.kind}: {event.message}"
            case Recovered():
                remedy = _REMEDIES.get(event.step, event.step)
                if event.step == "retry":
                    remedy = f"again in {event.wait_s:.1f} s"
                said = f"{_who(event.agent, event.subtask)}: {event.kind}, so {remedy}"
            case Staffed():
                said = f"worker {event.worker} {event.change}: {event.why}"
            case TookOver():
                said = f"{event.agent} took over, knows {', '.join(event.known) or 'no reports'}"
            case PlanRejected():
                said = f"plan rejected: {'; '.join(event.complaints)}"
            case PlanRevised():
                changes = [f"+{i}" for i in event.added] + [f"-{i}" for i in event.dropped]
                said = f"plan revised: {' '.join(changes)} {event.why}"
            case Reviewed(verdict="improve"):
                said = f"{event.subtask}: to be improved, round {event.round}: {event.reason}"
            case ConflictFound():
                kept = f"kept '{event.kept.text}'" if event.kept else "both are told"
                said = f"conflict: '{event.first.text}' against '{event.second.text}', {kept}"
            case _:
                return None
        return line(said)


def line(text: str, longest: int = LONGEST) -> str:
    """Any text as data on one line: no line breaks, no control or formatting characters."""
    clean = one_line(text[: 4 * longest])  # cut, so that a huge text costs nothing
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"


def _who(agent: str, subtask: str | None) -> str:
    return f"{subtask} ({agent})" if subtask else agent
