"""Discretion: five switches, each of which gives one decision to the model or to code."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from itertools import chain, combinations

import pytest

from orchestrator_kit.errors import UnknownName
from orchestrator_kit.events import CallStarted, PlanMade, Reviewed
from orchestrator_kit.experiments import run
from orchestrator_kit.loading import load_task
from orchestrator_kit.models.base import Model, Request
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns.discretion import DECISIONS, by_relevance, by_roster
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.plan import Plan, complaints
from orchestrator_kit.record import Run
from orchestrator_kit.tasks import Task
from tests.fakes import FunctionModel

ALL = sorted(DECISIONS)
SUBSETS = list(chain.from_iterable(combinations(ALL, n) for n in range(len(ALL) + 1)))
WORKERS = 8  # more than the subtasks of a plan for the small task, so that a count can be seen


def named(subset: tuple[str, ...]) -> str:
    return "+".join(subset) or "none"


def decided(task: Task, *decides: str, model: Model | None = None, rounds: int = 0) -> Run:
    pattern = partial(orchestrator_worker, decides=frozenset(decides), rounds=rounds)
    return run(task, pattern, model, workers=WORKERS)


def plan_of(record: Run) -> Plan:
    (plan,) = [e.plan for e in record.events if isinstance(e, PlanMade)]
    return plan


def orchestrator_calls(record: Run) -> list[CallStarted]:
    starts = [e for e in record.events if isinstance(e, CallStarted)]
    return [e for e in starts if e.role == "orchestrator"]


def sections(plan: Plan) -> set[str]:
    return {i for s in plan.subtasks for i in s.sections}


@pytest.mark.parametrize("subset", SUBSETS, ids=named)
@pytest.mark.parametrize("name", ["ferry", "legal"])
def test_whatever_the_model_decides_a_sound_plan_leads_to_an_answer(
    subset: tuple[str, ...], name: str, small_task: Task
) -> None:
    task = small_task if name == "ferry" else load_task(name)
    record = decided(task, *subset, rounds=1)
    assert record.status == "done"
    assert record.answer.statements
    plan = plan_of(record)
    roster = [s.name for s in task.specialists]
    limit = 2 * max(len(roster), WORKERS)
    assert not complaints(plan, specialists=roster, sections=task.section_by_id, limit=limit)
    # Every section was put before a worker, or the answer says how many were not.
    requests = [e for e in record.events if isinstance(e, CallStarted)]
    read = {
        s.id
        for s in task.sections
        if any(m.content.startswith(f'<section id="{s.id}"') for e in requests for m in e.messages)
    }
    unread = len(task.sections) - len(read)
    told = [g for g in record.answer.gaps if "sections unread" in g]
    if unread:
        (gap,) = told
        assert gap.startswith(f"{unread} of {len(task.sections)} sections unread: ")
    else:
        assert told == []
    if "assign" not in subset:
        assert unread == 0


@pytest.mark.parametrize("rounds", [0, 2])
def test_where_the_model_decides_nothing_the_orchestrator_makes_no_call(
    rounds: int, small_task: Task
) -> None:
    for task in (small_task, load_task("legal")):
        record = decided(task, rounds=rounds)
        assert orchestrator_calls(record) == []
        assert plan_of(record).call is None
        assert not any(isinstance(e, Reviewed) for e in record.events)


def test_with_only_stop_left_to_it_the_model_is_asked_for_verdicts_and_for_no_plan() -> None:
    record = decided(load_task("legal"), "stop", rounds=1)
    assert {e.format for e in orchestrator_calls(record)} == {"verdict"}


# ---- each switch by itself, on a plan in which all five can be seen ----


@pytest.fixture(scope="module")
def legal() -> Task:
    return load_task("legal")


@pytest.fixture(scope="module")
def made(legal: Task) -> Plan:
    """The model's own plan; what the switches change of it."""
    plan = plan_of(decided(legal, *DECISIONS))
    assert any(s.needs for s in plan.subtasks)
    assert plan.workers is not None
    assert plan.call is not None
    return plan


def without(task: Task, switch: str) -> Plan:
    return plan_of(decided(task, *DECISIONS - {switch}))


def test_without_order_nothing_waits_for_anything(legal: Task, made: Plan) -> None:
    free = tuple(replace(s, needs=()) for s in made.subtasks)
    assert without(legal, "order") == replace(made, subtasks=free)


def test_without_count_as_many_work_as_may(legal: Task, made: Plan) -> None:
    assert without(legal, "count") == replace(made, workers=None)


def test_without_stop_the_plan_is_the_same_and_every_report_is_gone_over_each_round(
    legal: Task, made: Plan
) -> None:
    assert without(legal, "stop") == made
    record = decided(legal, *DECISIONS - {"stop"}, rounds=2)
    assert not any(isinstance(e, Reviewed) for e in record.events)
    starts = [e for e in record.events if isinstance(e, CallStarted)]
    improved = [e.subtask for e in starts if e.step == "improve"]
    assert sorted(filter(None, improved)) == sorted(2 * [s.id for s in made.subtasks])


def test_without_assign_code_gives_each_section_to_one_subtask(legal: Task, made: Plan) -> None:
    plan = without(legal, "assign")
    given = [i for s in plan.subtasks for i in s.sections]
    assert sorted(given) == sorted(legal.section_by_id)  # each once
    by_id = {s.id: s for s in made.subtasks}
    kept = {s.id for s in plan.subtasks}
    for s in plan.subtasks:
        own = by_id[s.id]
        needs = tuple(n for n in own.needs if n in kept)
        assert s == replace(own, sections=s.sections, needs=needs)
    assert (plan.workers, plan.why, plan.call) == (made.workers, made.why, made.call)


def test_without_split_there_is_one_subtask_a_specialist_who_reads_what_the_model_says(
    legal: Task, made: Plan
) -> None:
    plan = without(legal, "split")
    fixed = by_roster(legal)
    assert [s.specialist for s in plan.subtasks] == [
        s.specialist
        for s in fixed.subtasks
        if any(m.specialist == s.specialist for m in made.subtasks)
    ]
    for s in plan.subtasks:
        theirs = {i for m in made.subtasks if m.specialist == s.specialist for i in m.sections}
        assert set(s.sections) == theirs
    assert (plan.workers, plan.why, plan.call) == (made.workers, made.why, made.call)


@pytest.mark.parametrize(
    ("sections", "read"), [((["survey#1"],), ("survey#1",)), ((["survey#1"], []), ())]
)
def test_whom_the_model_gives_nothing_to_read_does_not_read_everything_instead(
    sections: tuple[list[str], ...], read: tuple[str, ...], small_task: Task
) -> None:
    rows = {
        f"s{n}": {"specialist": "shipwright", "instruction": f"go {n}", "sections": ids}
        for n, ids in enumerate(sections)
    }

    def respond(request: Request) -> tuple[str, float]:
        assert request.format
        if request.format.name == "plan":
            return json.dumps({"subtasks": rows}), 1.0
        return '{"findings": [], "statements": [], "gaps": []}', 1.0

    (only,) = plan_of(decided(small_task, "assign", model=FunctionModel(respond))).subtasks
    assert (only.specialist, only.sections) == ("shipwright", read)
    by_code = plan_of(decided(small_task, "count", model=FunctionModel(respond)))
    assert len(by_code.subtasks) > 1


def test_code_assigns_by_the_words_and_drops_who_gets_nothing(small_task: Task) -> None:
    plan = by_relevance(small_task, by_roster(small_task))
    assert sorted(i for s in plan.subtasks for i in s.sections) == sorted(small_task.section_by_id)
    by_name = {s.specialist: s.sections for s in plan.subtasks}
    assert "survey#1" in by_name["shipwright"]
    assert "accounts#1" in by_name["bookkeeper"]
    assert all(s.sections for s in plan.subtasks)


def test_a_decision_that_there_is_not_is_refused_before_anything_is_asked(
    small_task: Task,
) -> None:
    asked: list[object] = []
    pattern = partial(orchestrator_worker, decides={"split", "whom"})
    with pytest.raises(UnknownName, match="no decision called 'whom'; there are: assign, count"):
        run(small_task, pattern, SimulatedModel(), listen=asked.append)
    assert not any(isinstance(e, CallStarted) for e in asked)


def test_a_task_without_sections_is_still_planned_by_code() -> None:
    record = decided(Task("What is a ferry?"))
    assert plan_of(record).subtasks
    assert record.ended is not None
