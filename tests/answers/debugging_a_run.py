"""Answers to the exercises of 11_debugging_a_run."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from statistics import mean, median
from typing import Any

from orchestrator_kit import Run, SimulatedModel, load_task, run
from orchestrator_kit.events import (
    CallEnded,
    CallFailed,
    CallStarted,
    PlanMade,
    Reported,
    SubtaskEnded,
)
from orchestrator_kit.metrics import calls
from tests.answers import right, wrong

# --- gantt-1 ---

TASK = load_task("software")
TWO = run(TASK, model=SimulatedModel(3), workers=2)
THREE = run(TASK, model=SimulatedModel(5), workers=3)
ALONE = run(TASK, model=SimulatedModel(3), workers=1)


def reading(record: Run, digits: int | None = 1, **other: Any) -> dict[str, Any]:
    """Read from the events alone: who began what when, and when it ended."""
    began = {e.call: e for e in record.events if isinstance(e, CallStarted) and e.worker}
    ended = {e.call: e.t for e in record.events if isinstance(e, CallEnded) and e.call in began}
    took = {began[n].subtask: t - began[n].t for n, t in ended.items()}
    lanes: dict[Any, float] = defaultdict(float)
    for n, t in ended.items():
        lanes[began[n].worker] += t - began[n].t
    return {
        "busiest": sorted(lanes, key=lambda w: lanes[w])[-1],
        "longest": sorted(took, key=lambda s: took[s])[-1],
        "idle_from": round(max(ended.values()), digits),
    } | other


def most_bars(record: Run) -> object:
    return Counter(c.worker for c in reversed(calls(record)) if c.worker).most_common(1)[0][0]


A, B = reading(TWO), reading(THREE)
right("gantt-1", TWO, A, THREE, B)
right("gantt-1", THREE, reading(THREE, None), TWO, reading(TWO, 3))
wrong("gantt-1", "has the wider bar", TWO, A | {"longest": "s5"}, THREE, B)
wrong("gantt-1", "reading of run 1 lacks busiest", TWO, {}, THREE, {})
wrong("gantt-1", "as run 2", TWO, A, None, B)
wrong("gantt-1", "Expected a dict", TWO, (1, "s1", 55), THREE, B)
wrong("gantt-1", "One picture read twice", TWO, A, TWO, A)
wrong("gantt-1", "no two workers", ALONE, reading(ALONE), TWO, A)
wrong("gantt-1", "the centre, not a worker", TWO, A, THREE, B | {"idle_from": 68.4})
wrong("gantt-1", "still has a call", TWO, A | {"idle_from": 46}, THREE, B)
wrong("gantt-1", "Round it properly", TWO, A | {"idle_from": 56}, THREE, B)
wrong("gantt-1", "as many bars as anybody", TWO, A, THREE, B | {"busiest": 1})
wrong("gantt-1", "another worker than 3", TWO, A, THREE, B | {"busiest": 3})
wrong("gantt-1", "number of a worker", TWO, A | {"busiest": "worker 1"}, THREE, B)
wrong("gantt-1", "id of a subtask", TWO, A | {"longest": "performance engineer"}, THREE, B)
wrong("gantt-1", "number of seconds", TWO, A | {"idle_from": "55 s"}, THREE, B)

# --- culprit-1, right ---

Found = tuple[str | None, str] | None
DIGITS = re.compile(r"\d+(?:[.,]\d+)*")


@right("culprit-1")
def by_events(record: Run) -> Found:
    """One walk through the events, with the requests kept by their call."""
    asked: dict[int, CallStarted] = {}
    paces: dict[str, float] = {}
    lies: list[str | None] = []
    for event in record.events:
        if isinstance(event, CallStarted):
            asked[event.call] = event
        elif isinstance(event, CallFailed):
            return asked[event.call].subtask, event.kind
        elif isinstance(event, CallEnded) and (subtask := asked[event.call].subtask):
            paces[subtask] = event.usage.output_tokens / (event.t - asked[event.call].t)
        elif isinstance(event, Reported) and event.report.call is not None:
            read = " ".join(m.content for m in asked[event.report.call].messages)
            known = set(DIGITS.findall(read))
            if any(set(DIGITS.findall(f.text)) - known for f in event.report.findings):
                lies.append(event.report.subtask)
    if lies:
        return lies[0], "wrong"
    slowest = min(paces, key=lambda s: paces[s])
    return (slowest, "slow") if paces[slowest] < median(paces.values()) / 2 else None


@right("culprit-1")
def by_sentences(record: Run) -> list[Any] | None:
    """This reader only copies, so a sentence that it was not given is a lie."""
    flat = {
        e.call: " ".join("".join(m.content for m in e.messages).split())
        for e in record.events
        if isinstance(e, CallStarted)
    }
    for call in calls(record):
        if call.failure:
            return [call.subtask, call.failure]
    for e in record.events:
        if isinstance(e, Reported):
            for f in e.report.findings:
                if any(n not in flat[e.report.call or 0] for n in re.findall(r"[\d.,]*\d", f.text)):
                    return [e.report.subtask, "wrong"]
    rates = [(c.usage.output_tokens / c.seconds, c) for c in calls(record) if c.worker and c.usage]
    rate, call = min(rates, key=lambda pair: pair[0])
    return [call.subtask, "slow"] if rate < 0.6 * mean(r for r, _ in rates) else None


# --- culprit-1, plausible and wrong ---


def otherwise(loud: Callable[[Run], Found]) -> Callable[[Run], Found]:
    """The right answer, but with another look for failures."""

    def culprit(record: Run) -> Found:
        if found := loud(record):
            return found
        return by_events(Run(tuple(e for e in record.events if not isinstance(e, CallFailed))))

    return culprit


@wrong("culprit-1", "a call of a worker failed")
def not_written(record: Run) -> None:
    """The stub of the exercise."""


@wrong("culprit-1", "wrote less than half")
def only_loud(record: Run) -> Found:
    return next(((c.subtask, c.failure) for c in calls(record) if c.failure), None)


@wrong("culprit-1", "also where the subtask came to a good end")
def how_subtasks_ended(record: Run) -> Found:
    for e in record.events:
        if isinstance(e, SubtaskEnded) and e.failure:
            return e.subtask, e.failure
    return None


@wrong("culprit-1", "nothing was planted")
def longest_is_slow(record: Run) -> Found:
    if found := only_loud(record):
        return found
    longest = max((c for c in calls(record) if c.worker), key=lambda c: c.seconds)
    return longest.subtask, "slow"


@wrong("culprit-1", "nothing was planted")
def below_the_mean(record: Run) -> Found:
    """Takes whoever is a little slower than the others for a straggler."""
    if found := by_events(record):
        return found
    paces = {c.subtask: c.usage.output_tokens / c.seconds for c in calls(record) if c.usage}
    slowest = min(paces, key=lambda s: paces[s])
    return (slowest, "slow") if paces[slowest] < 0.95 * mean(paces.values()) else None


@wrong("culprit-1", "has figures that stood nowhere")
def against_all_that_was_said(record: Run) -> Found:
    """Looks for the figures in all messages of the run, the lies' own copies among them."""
    found = by_events(record)
    if found is None or found[1] != "wrong":
        return found
    said = " ".join(
        m.content for e in record.events if isinstance(e, CallStarted) for m in e.messages
    )
    known = set(DIGITS.findall(said))
    texts = [
        (e.report.subtask, f.text)
        for e in record.events
        if isinstance(e, Reported)
        for f in e.report.findings
    ]
    return next(((s, "wrong") for s, t in texts if set(DIGITS.findall(t)) - known), None)


@wrong("culprit-1", "Who said them first?")
def last_who_said_it(record: Run) -> Found:
    """Holds all reports against the documents, and blames the last one."""
    found = by_events(record)
    if found is None or found[1] != "wrong":
        return found
    plan = next(e.plan for e in record.events if isinstance(e, PlanMade))
    return next((s.id, "wrong") for s in plan.subtasks if found[0] in s.needs)


@wrong("culprit-1", "not the kind of fault")
def in_words(record: Run) -> Found:
    found = by_events(record)
    return found and (found[0], f"it was {found[1]}")


@wrong("culprit-1", "another subtask's call failed")
def off_by_one(record: Run) -> Found:
    found = by_events(record)
    return found and (f"{found[0]}0", found[1])


@wrong("culprit-1", "Expected a pair")
def only_the_subtask(record: Run) -> str | None:
    found = by_events(record)
    return found[0] if found else None
