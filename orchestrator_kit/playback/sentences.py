"""Each event as a sentence on one line; what comes from a model or a task is data in it."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator_kit.events import (
    Answered,
    CallEnded,
    CallStarted,
    Event,
    NotRead,
    PlanMade,
    Posted,
    Reported,
    Reviewed,
    RunEnded,
    RunStarted,
    SubtaskEnded,
)
from orchestrator_kit.playback.messages import posted, work
from orchestrator_kit.status import line


def who(call: CallStarted) -> str:
    """Who makes a call, and where."""
    place = "" if call.worker is None else f"worker {call.worker}"
    return call.agent if place in ("", call.agent) else f"{call.agent} ({place})"


def sentence(event: Event, made: Mapping[int, CallStarted]) -> str | None:
    """What an event says; None where `status` has a note for it, or where it says nothing new."""
    match event:
        case RunStarted():
            places = "1 worker" if event.workers == 1 else f"{event.workers} workers"
            said = f"{event.pattern} begins on '{event.task}' with {places}"
        case CallStarted():
            said = f"{who(event)} is asked for {work(event)}"
        case CallEnded():
            call = made.get(event.call)
            agent = who(call) if call else f"call {event.call}"
            said = f"{agent} has replied, {event.usage.output_tokens:,} tokens"
        case PlanMade():
            said = f"the plan is made: {', '.join(s.id for s in event.plan.subtasks)}"
        case Reported():
            report = event.report
            about = f" on {report.subtask}" if report.subtask else ""
            found = f"{len(report.findings)} findings"
            result = f"no findings, {report.failure.kind}" if report.failure else found
            said = f"{report.agent} reports{about}: {result}"
        case SubtaskEnded() if event.failure:
            said = f"{event.subtask} has failed: {event.failure}"
        case Reviewed(verdict="accept"):
            said = f"{event.subtask}: accepted in round {event.round}"
        case NotRead():
            said = f"call {event.call} has no room for {', '.join(event.blocks)}"
        case Posted():
            said = f"{event.agent} {'posts ' * (event.what == 'findings')}{posted(event)}"
        case Answered():
            gaps = f", {len(event.answer.gaps)} gaps declared" if event.answer.gaps else ""
            said = f"the answer is given: {len(event.answer.statements)} statements{gaps}"
        case RunEnded():
            why = f": {event.kind}: {event.message}" if event.kind else ""
            over = {"done": "is done", "failed": "has failed", "interrupted": "was interrupted"}
            said = f"the run {over[event.status]}{why}"
        case _:
            return None
    return line(said)
