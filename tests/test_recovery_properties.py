"""What no remedy may ever do, over random plans, faults, policies and budgets."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_kit.answer import Answer, merge
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import (
    Crashed,
    EmptyReply,
    Killed,
    ModelError,
    ModelTimeout,
    RateLimited,
    Refused,
)
from orchestrator_kit.events import CallStarted, PlanMade, Reported
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models.base import Reply, Request, Usage
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.record import Run
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.roles import worker
from orchestrator_kit.tasks import Budget, Document, Specialist, Task
from tests import audit
from tests.fakes import FunctionModel

TASK = Task(
    "What must the buyer know?",
    tuple(Document(f"{n}.md", f"Plate {n} of the hull is thin.") for n in range(1, 13)),
    (Specialist("shipwright", "Examines hulls."),),
)
IDS = [s.id for s in TASK.sections]


@dataclass(frozen=True)
class Storm:
    """A random plan, a crew, its policy, and a sea of troubles that comes from a seed."""

    plan: Plan
    workers: int
    recovery: Recovery
    seed: int
    trouble: float
    slow: float
    budget: int | None
    lies: bool  # some replies are longer than they were allowed to be


@st.composite
def storms(draw: st.DrawFn) -> Storm:
    n = draw(st.one_of(st.integers(1, 5), st.integers(8, 16)))
    chained = draw(st.booleans())
    subtasks: list[Subtask] = []
    for i in range(n):
        before = [s.id for s in subtasks]
        needs = []
        if chained and before:
            needs = draw(st.lists(st.sampled_from(before), unique=True, max_size=2))
        sections = draw(st.lists(st.sampled_from(IDS), unique=True, min_size=1, max_size=4))
        subtasks.append(Subtask(f"s{i}", "shipwright", "go", tuple(sections), tuple(needs)))
    recovery = Recovery(
        retries=draw(st.integers(0, 3)),
        reassign=draw(st.integers(0, 3)),
        split=draw(st.integers(0, 2)),
        hedge=draw(st.sampled_from([None, 0.25, 0.5, 0.75])),
        then=draw(st.sampled_from(["degrade", "degrade", "stop"])),
        deadline_s=draw(st.sampled_from([20.0, 300.0])),
    )
    return Storm(
        Plan(tuple(draw(st.permutations(subtasks)))),
        draw(st.sampled_from([1, 2, 3, 5, 8])),
        recovery,
        draw(st.integers(0, 10**6)),
        draw(st.sampled_from([0.0, 0.1, 0.3, 1.0])),
        draw(st.sampled_from([0.0, 0.2, 0.5])),
        draw(st.sampled_from([None, None, 1_000, 4_000, 12_000])),
        draw(st.booleans()),
    )


class Sea(FunctionModel):
    """Reports on each section it is shown; a call's fate comes from the seed and what it is for."""

    def __init__(self, storm: Storm) -> None:
        super().__init__(lambda _: ("", 0.0))
        self.storm = storm

    async def complete(self, request: Request) -> Reply:
        p = request.purpose
        assert p
        self.requests.append(request)
        shown = [i for i in IDS if any(f'<section id="{i}"' in m.content for m in request.messages)]
        fate = Random(f"{self.storm.seed} {p.subtask} {p.attempt} {shown}")
        slow = 10.0 if fate.random() < self.storm.slow else 1.0
        await asyncio.sleep(fate.choice((1.0, 2.0, 3.5)) * slow)
        size = sum(self.count_tokens(m.content) for m in request.messages)
        text = json.dumps(
            {"findings": [{"statement": f"{p.subtask} saw {i}", "source": i} for i in shown]}
        )
        written = self.count_tokens(text)
        if self.storm.lies and fate.random() < 0.3:
            written = request.max_output_tokens + fate.randrange(1, 500)
        usage = Usage(size, written)
        if fate.random() < self.storm.trouble:
            raise self._error(fate, usage)
        if self.storm.trouble and fate.random() < 0.1:
            text = text[: len(text) // 2]
        return Reply(text, usage)

    def _error(self, fate: Random, usage: Usage) -> ModelError:
        kind = fate.choice((Crashed, Killed, ModelTimeout, RateLimited, Refused, EmptyReply))
        error = kind("trouble")
        if kind in (Refused, EmptyReply):
            error.usage = usage
        return error


def weathered(storm: Storm) -> Run:
    async def pattern(crew: Crew, task: Task) -> Answer:
        crew.note(PlanMade(crew.now, storm.plan))
        found = await crew.dispatch(
            storm.plan,
            lambda s, received: worker.report(
                task, [task.section_by_id[i] for i in s.sections], subtask=s, received=received
            ),
        )
        return merge(found, crew.count_tokens, 100_000)

    budget = Budget(storm.budget, report_tokens=200, answer_tokens=10_000)
    return run(
        replace(TASK, budget=budget),
        pattern,
        Sea(storm),
        workers=storm.workers,
        recovery=storm.recovery,
    )


@given(storms())
@settings(max_examples=300)
def test_no_remedy_breaks_what_holds_for_every_run(storm: Storm) -> None:
    found = weathered(storm)
    assert audit.complaints(found, TASK, 10_000.0) == []


@given(storms())
@settings(max_examples=200)
def test_no_remedy_makes_a_finding_twice_or_loses_one_that_came_in(storm: Storm) -> None:
    found = weathered(storm)
    reported = [e.report for e in found.events if isinstance(e, Reported)]
    assert all(n == 1 for n in Counter(r.subtask for r in reported).values())
    said = [s.text for s in found.answer.statements]
    assert len(said) == len(set(said))
    assert set(said) == {f.text for r in reported for f in r.findings}
    if found.status == "done":
        assert {r.subtask for r in reported} == {s.id for s in storm.plan.subtasks}
    for report in reported:
        wanted = next(s.sections for s in storm.plan.subtasks if s.id == report.subtask)
        assert {s for f in report.findings for s in f.sources} <= set(wanted)


@given(storms())
@settings(max_examples=200)
def test_no_remedy_spends_beyond_the_budget_but_by_what_replies_were_too_long(
    storm: Storm,
) -> None:
    found = weathered(storm)
    if storm.budget is None:
        return
    allowed = {e.call: e.max_output_tokens for e in found.events if isinstance(e, CallStarted)}
    beyond = [
        max(0, c.usage.output_tokens - allowed[c.id]) for c in calls(found) if c.usage is not None
    ]
    assert measure(found).tokens <= storm.budget + sum(beyond)


@given(storms())
@settings(max_examples=100)
def test_a_storm_is_the_same_every_time(storm: Storm) -> None:
    assert weathered(storm) == weathered(storm)
