"""Who takes part in a run and who tells whom what, as the record says it.

Three shapes, read from what happened and not from a pattern's name: a hub (a centre, which may be
code, and workers around it), a chain (one after another), a mesh (peers who all read one board).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from orchestrator_kit.events import (
    Answered,
    CallEnded,
    CallFailed,
    CallStarted,
    PlanMade,
    Posted,
    Reported,
    Staffed,
)
from orchestrator_kit.record import Run

CENTRE = "centre"
Node = int | str  # a worker's number, an agent's name, or CENTRE

# What a call is for, by the format of its reply; the others are named as they are.
WORK = {
    "plan": "the plan",
    "verdict": "the review",
    "improvement": "the improvement",
    "revision": "a revision of the plan",
    "conflicts": "the conflicts",
    "answer": "the answer",
    "part": "a part of the answer",
    "report": "a report",
    "turn": "a turn",
}


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part: the shape, the nodes but for the centre, and what the centre is."""

    shape: Literal["hub", "chain", "mesh"]
    nodes: tuple[Node, ...]
    centre: str = ""

    def node(self, call: CallStarted) -> Node:
        """Where a call is made."""
        if self.shape != "hub":
            return call.agent
        return CENTRE if call.worker is None else call.worker


@dataclass(frozen=True, slots=True)
class Sent:
    """A message: from whom, to whom (nobody: to whoever started the run), and what, in words."""

    t: float
    sender: Node
    receivers: tuple[Node, ...]
    what: str
    failed: bool = False


def cast_of(run: Run) -> Cast:
    """Who takes part in a run."""
    made = [e for e in run.events if isinstance(e, CallStarted)]
    agents = tuple(dict.fromkeys(e.agent for e in made))
    if any(e.role == "peer" for e in made):
        return Cast("mesh", agents)
    planned = any(isinstance(e, PlanMade) for e in run.events)
    if made and not planned and all(e.worker is not None for e in made) and _one_by_one(run):
        handed_on = any(e.uses for e in made) or run.pattern == "pipeline"
        if handed_on or len(agents) == 1:
            return Cast("chain", agents)
    most = max(
        (e.worker or 0 for e in run.events if isinstance(e, CallStarted | Staffed)), default=0
    )
    roles = [e.role for e in made if e.worker is None]
    centre = "orchestrator" if planned or "orchestrator" in roles else (*roles, "code")[0]
    return Cast("hub", tuple(range(1, max(most, run.workers) + 1)), centre)


def messages(run: Run, cast: Cast) -> tuple[Sent, ...]:
    """All messages of a run in the order in which they were sent."""
    shapes = {"hub": _of_hub, "chain": _of_chain, "mesh": _of_mesh}
    return tuple(shapes[cast.shape](run, cast))


def _one_by_one(run: Run) -> bool:
    """Whether there was never more than one call under way."""
    under_way: set[int] = set()
    for event in run.events:
        if isinstance(event, CallStarted):
            under_way.add(event.call)
            if len(under_way) > 1:
                return False
        elif isinstance(event, CallEnded | CallFailed):
            under_way.discard(event.call)
    return True


def _of_hub(run: Run, cast: Cast) -> Iterator[Sent]:
    """The centre asks, the worker replies; what the centre does by itself is no message."""
    made: dict[int, CallStarted] = {}
    found = _found(run)
    unread = {e.call for e in run.events if isinstance(e, CallFailed)}
    for event in run.events:
        if isinstance(event, CallStarted):
            made[event.call] = event
            if event.worker is not None:
                yield Sent(event.t, CENTRE, (event.worker,), work(event))
        elif isinstance(event, CallEnded | CallFailed):
            call = made.get(event.call)
            if call is None or call.worker is None:
                continue
            if isinstance(event, CallFailed):
                yield Sent(event.t, call.worker, (CENTRE,), event.kind, failed=True)
            elif event.call not in unread:  # a reply that could not be read is its CallFailed
                what = found.get(event.call, "a reply")
                yield Sent(event.t, call.worker, (CENTRE,), what)


def _of_chain(run: Run, cast: Cast) -> Iterator[Sent]:
    """What a call builds on is handed to it by whoever made that."""
    made: dict[int, CallStarted] = {}
    found = _found(run)
    last: Node | None = None
    for event in run.events:
        if isinstance(event, CallStarted):
            made[event.call] = event
            last = event.agent
            for used in event.uses[-1:]:
                if used in made:
                    what = f"draft: {found.get(used, 'a reply')}"
                    yield Sent(event.t, made[used].agent, (event.agent,), what)
        elif isinstance(event, CallFailed) and event.call in made:
            yield Sent(event.t, made[event.call].agent, (), event.kind, failed=True)
        elif isinstance(event, Answered) and last is not None:
            yield Sent(event.t, last, (), f"answer: {_count(event.answer.statements, 'statement')}")


def _of_mesh(run: Run, cast: Cast) -> Iterator[Sent]:
    """What a peer puts on the board goes to all others, a section that it hands over to one."""
    made: dict[int, CallStarted] = {}
    for event in run.events:
        if isinstance(event, CallStarted):
            made[event.call] = event
        elif isinstance(event, CallFailed) and event.call in made:
            yield Sent(event.t, made[event.call].agent, (), event.kind, failed=True)
        elif isinstance(event, Posted):
            others = tuple(n for n in cast.nodes if n != event.agent)
            if event.what == "handover":
                others = tuple(n for n in others if n in event.items[1:])
            yield Sent(event.t, event.agent, others, posted(event))


def posted(event: Posted) -> str:
    """What was put on the board, in words."""
    match event.what:
        case "claim":
            return f"claims {_count(event.items, 'section')}"
        case "claim_lost":
            return f"came too late for {_count(event.items, 'section')}"
        case "handover":
            return f"hands over {' to '.join(event.items)}"
        case "findings":
            return _count(event.items, "finding")
        case "done":
            return "is done"
    return event.what


def work(call: CallStarted) -> str:
    """What a call is for, in a few words; which try it is, where it is not the first."""
    name = WORK.get(call.format or "", call.format or "a reply")
    if call.subtask:
        name = call.subtask if call.format == "report" else f"{name} of {call.subtask}"
    return name if call.step == "first" else f"{name} ({call.step} {call.attempt})"


def _found(run: Run) -> dict[int, str]:
    """For each call that brought a report, how much it found."""
    return {
        e.report.call: _count(e.report.findings, "finding")
        for e in run.events
        if isinstance(e, Reported) and e.report.call is not None
    }


def _count(things: tuple[object, ...], name: str) -> str:
    return f"{len(things)} {name}" if len(things) == 1 else f"{len(things)} {name}s"
