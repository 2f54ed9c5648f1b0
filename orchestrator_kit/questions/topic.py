"""A topic: one question to think about, what to predict, and the experiment that bears on it.

An experiment is two functions: one that makes runs, and one that reads figures off them. The
figures are always read anew, so that none can be put in by hand. Knows no learner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from orchestrator_kit.events import PlanMade, SubtaskEnded
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models.base import Model
from orchestrator_kit.plan import Plan
from orchestrator_kit.questions.reading import SECONDS, SHARE, Reading
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Task

Runs = Mapping[str, Run]
TRIALS = 6  # seeds, where a question asks how far runs differ


@dataclass(frozen=True, slots=True)
class Topic:
    """A question with its experiment; all texts are marked for the catalogue.

    `asks` is the question. `predicts` says what to predict; it is held against the reading called
    `outcome`, within that share of it (a share of 1 is predicted in percent). `tries` says what is
    run on the packaged task `task` unless the learner has another. `follow_ups` has a question for
    each key point of the rubric, by its name.
    """

    name: str
    title: str
    asks: str
    predicts: str
    tries: str
    task: str
    outcome: str
    within: float
    make: Callable[[Task, Model], dict[str, Run]]
    read: Callable[[Task, Runs], Iterator[Reading]]
    follow_ups: Mapping[str, str]


def plan_of(run: Run) -> Plan:
    """The plan that was worked through, an empty one where there was none."""
    return next((e.plan for e in run.events if isinstance(e, PlanMade)), Plan(()))


def usual(label: str, run: Run, task: Task) -> Iterator[Reading]:
    """What can be said of any run: its tokens, its latency, how good its answer is."""
    measures, marks = measure(run), score(task, run.answer)
    yield Reading(f"{label}: tokens", measures.tokens, "tokens", (label,))
    yield Reading(f"{label}: latency", measures.latency_s, SECONDS, (label,))
    if marks.recall is not None:
        yield Reading(f"{label}: recall", marks.recall, SHARE, (label,))
    if marks.groundedness is not None:
        yield Reading(f"{label}: groundedness", marks.groundedness, SHARE, (label,))


def coordination(label: str, run: Run) -> Iterator[Reading]:
    """The share of tokens and of latency that goes into calls of the centre."""
    measures = measure(run)
    centre = [c for c in calls(run) if c.role in ("orchestrator", "synthesizer")]
    if measures.tokens and measures.latency_s:
        tokens = sum(c.usage.total for c in centre if c.usage) / measures.tokens
        seconds = sum(c.seconds for c in centre) / measures.latency_s
        yield Reading(f"{label}: coordination, share of tokens", tokens, SHARE, (label,))
        yield Reading(f"{label}: coordination, share of latency", seconds, SHARE, (label,))


def losses(label: str, run: Run) -> Iterator[Reading]:
    """How many subtasks of the plan brought nothing to the answer, and whether there is one."""
    planned = {s.id for s in plan_of(run).subtasks}
    kept = {e.subtask for e in run.events if isinstance(e, SubtaskEnded) and e.findings}
    lost = planned if run.status != "done" else planned - kept
    yield Reading(f"{label}: lost subtasks", len(lost), "subtasks", (label,))
    yield Reading(f"{label}: answers", int(bool(run.answer.statements)), "answers", (label,))
