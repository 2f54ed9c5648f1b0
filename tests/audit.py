"""An audit of a run that met faults: what of it may not be, whatever went wrong.

Each check is an independent reading of the events; none asks the crew what it did. Used by the
matrix of faults, where it must find nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from orchestrator_kit import errors
from orchestrator_kit.events import (
    Answered,
    CallEnded,
    CallFailed,
    CallRefused,
    CallStarted,
    Heartbeat,
    PlanMade,
    PlanRevised,
    Recovered,
    Reported,
    RunEnded,
    RunStarted,
    SubtaskEnded,
    SubtaskStarted,
    TookOver,
)
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.record import Run
from orchestrator_kit.tasks import Task

# A planner is told what was wrong with its own reply, and that quotes it.
_COMPLAINT = re.compile(r"<complaint>.*?</complaint>", re.DOTALL)
_SECTION = re.compile(r'<section id="([^"]*)"')
_LOST = re.compile(r"^(?:(?P<subtask>\S+) \((?P<agent>[^)]*)\)|(?P<who>[^:]*)): no report")


def kinds_of_errors() -> set[str]:
    """The kinds that a record may name."""
    found, ahead = set(), [errors.RunError]
    while ahead:
        one = ahead.pop()
        found.add(one.kind)
        ahead += one.__subclasses__()
    return found | {"cancelled"}


def complaints(run: Run, task: Task, deadline_s: float) -> list[str]:
    """What is wrong with a run, a sentence each; none may be."""
    return [
        *_ends(run, deadline_s),
        *_hangs_together(run),
        *_keeps_to_its_workers(run),
        *_says_why_it_repeats(run),
        *_declares_what_is_missing(run, task),
        *_declares_only_what_is_missing(run),
        *_loses_nothing(run),
    ]


def _ends(run: Run, deadline_s: float) -> Iterator[str]:
    end = run.events[-1]
    if not isinstance(run.events[0], RunStarted) or not isinstance(end, RunEnded):
        yield "it does not begin and end as a run"
        return
    if not isinstance(run.events[-2], Answered):
        yield "it has no answer before its end"
    if end.t > deadline_s:
        yield f"it took {end.t} s, more than {deadline_s}"
    if end.status == "failed" and end.kind not in kinds_of_errors():
        yield f"it failed as {end.kind!r}, which is no kind of error"
    if end.status == "done" and not run.answer.statements and not run.answer.gaps:
        yield "it is done with an answer that has neither statements nor gaps"
    if end.status not in ("done", "failed"):
        yield f"it was {end.status}"


def _hangs_together(run: Run) -> Iterator[str]:
    closed: Counter[int] = Counter()
    begun: set[int] = set()
    last = 0.0
    for event in run.events:
        if event.t < last:
            yield f"time goes back at {event}"
        last = event.t
        if isinstance(event, CallStarted):
            if event.call in begun:
                yield f"call {event.call} begins twice"
            begun.add(event.call)
            if early := [u for u in event.uses if not closed[u]]:
                yield f"call {event.call} uses {early}, which had not ended"
        elif isinstance(event, CallEnded | CallFailed):
            if event.call not in begun:
                yield f"call {event.call} ends before it begins"
            closed[event.call] += 1
        elif isinstance(event, Heartbeat) and closed[event.call]:
            yield f"call {event.call} gives a sign of life after its end"
    if still := [c for c in begun if not closed[c]]:
        yield f"calls {still} never end"
    m = measure(run)
    usages = [c.usage for c in calls(run) if c.usage]
    if m.tokens != sum(u.total for u in usages):
        yield "its tokens are not the sum over its calls"
    if m.tokens != sum(s.input_tokens + s.output_tokens for s in m.roles.values()):
        yield "its tokens are not the sum over its roles"
    if m.critical_path_s > m.latency_s + 1e-6:
        yield f"its critical path of {m.critical_path_s} s is longer than itself"


def _keeps_to_its_workers(run: Run) -> Iterator[str]:
    lanes: dict[int, int | None] = {}
    for event in run.events:
        if isinstance(event, CallStarted):
            if event.worker in lanes.values():
                yield f"worker {event.worker or 'none'} makes two calls at once"
            lanes[event.call] = event.worker
            if sum(lane is not None for lane in lanes.values()) > run.workers:
                yield f"more than {run.workers} workers are at work"
        elif isinstance(event, CallEnded | CallFailed):
            lanes.pop(event.call, None)


def _says_why_it_repeats(run: Run) -> Iterator[str]:
    allowed: Counter[tuple[str, str | None, str]] = Counter()
    for event in run.events:
        if isinstance(event, Recovered):
            # A split is as many calls as there are halves.
            more = 2 if event.step == "split" else 1
            allowed[event.agent, event.subtask, event.step] += more
        elif isinstance(event, CallStarted) and event.step not in ("first", "improve"):
            key = event.agent, event.subtask, event.step
            allowed[key] -= 1
            if allowed[key] < 0:
                yield f"call {event.call} is a {event.step} that no event gives a reason for"
    begun = Counter(e.subtask for e in run.events if isinstance(e, SubtaskStarted))
    takeovers = sum(isinstance(e, TookOver) for e in run.events)
    for subtask, times in begun.items():
        if times > 1 + takeovers:
            yield f"{subtask} begins {times} times"


def _declares_what_is_missing(run: Run, task: Task) -> Iterator[str]:
    if run.status != "done":
        return  # it says that it has no answer, and why
    gaps = run.answer.gaps
    yield from (f"{s} ended without findings, undeclared" for s in measure(run).undeclared)
    ended = {e.subtask for e in run.events if isinstance(e, SubtaskEnded)}
    for event in reversed(run.events):
        if isinstance(event, PlanMade | PlanRevised):
            for s in event.plan.subtasks:
                dropped = any(s.id in e.dropped for e in run.events if isinstance(e, PlanRevised))
                if s.id not in ended and not dropped:
                    yield f"{s.id} of the plan was never ended nor dropped"
            break
    understood = {e.call for e in run.events if isinstance(e, CallEnded)}
    understood -= {e.call for e in run.events if isinstance(e, CallFailed)}
    read: set[str] = set()
    for event in run.events:
        if isinstance(event, CallStarted) and event.call in understood:
            read.update(i for m in event.messages for i in _SECTION.findall(m.content))
    unread = [s.id for s in task.sections if s.id not in read]
    if unread and not any(
        g.startswith(f"{len(unread)} of {len(task.sections)} sections unread: {unread[0]}")
        for g in gaps
    ):
        yield f"{unread} were not read, undeclared"
    if not unread and any("sections unread" in g for g in gaps):
        yield "it declares sections unread that were read"
    made = [e for e in run.events if isinstance(e, CallFailed | CallRefused)]
    synthesis = [
        e
        for e in made
        if (isinstance(e, CallRefused) and e.role == "synthesizer")
        or (isinstance(e, CallFailed) and _call(run, e.call).agent == "synthesizer")
    ]
    succeeded = any(
        isinstance(e, CallStarted) and e.role == "synthesizer" and e.call in understood
        for e in run.events
    )
    if synthesis and not succeeded and not any(g.startswith("synthesis: ") for g in gaps):
        yield "nobody made the synthesis, undeclared"


def _declares_only_what_is_missing(run: Run) -> Iterator[str]:
    last: dict[str, Reported] = {}
    for event in run.events:
        if isinstance(event, Reported) and event.report.subtask:
            last[event.report.subtask] = event
    for gap in run.answer.gaps:
        found = _LOST.match(gap)
        if found and (subtask := found["subtask"]) in last and ", on " not in gap:
            if last[subtask].report.findings:
                yield f"it declares {gap!r}, and has findings of it"
            if not any(isinstance(e, CallFailed | CallRefused) for e in run.events):
                yield f"it declares {gap!r}, and nothing failed"


def _loses_nothing(run: Run) -> Iterator[str]:
    """Findings that came in stand in the answer, or a synthesizer chose among them.

    Where the centre is gone for good they went with it: the run then says so.
    """
    if run.ended is None:
        return
    found = [e.report for e in run.events if isinstance(e, Reported) and e.report.findings]
    killed = [e.call for e in run.events if isinstance(e, CallFailed) and e.kind == "killed"]
    if any(_call(run, call).worker is None for call in killed) and run.status == "failed":
        return
    if found and not run.answer.statements:
        yield f"{len(found)} reports had findings and the answer has none"
    for text in (*run.answer.gaps, *(s.text for s in run.answer.statements)):
        if "injected" in text:
            yield f"the text of an error stands in the answer: {text!r}"
    for event in run.events:
        if isinstance(event, CallStarted):
            asked = "".join(_COMPLAINT.sub("", m.content) for m in event.messages)
            if "injected" in asked:
                yield f"the text of an error stands in the prompt of call {event.call}"


def _call(run: Run, number: int) -> CallStarted:
    return next(e for e in run.events if isinstance(e, CallStarted) and e.call == number)
