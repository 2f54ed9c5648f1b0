"""The crew and its plans: what is refused before it costs, what is repaired, what is declared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from orchestrator_kit.answer import Answer, Statement
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import (
    EmptyReply,
    MalformedReply,
    ModelError,
    PlanRefused,
    Refused,
    RunError,
    ServerFailed,
)
from orchestrator_kit.events import (
    CallEnded,
    CallFailed,
    CallRefused,
    CallStarted,
    NotRead,
    PlanMade,
    PlanRejected,
)
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import failures, measure
from orchestrator_kit.models.base import Request, Usage
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.plan import Plan, Subtask, unsound
from orchestrator_kit.record import Run
from orchestrator_kit.roles import worker
from orchestrator_kit.tasks import Budget, Document, Specialist, Task
from tests.fakes import FunctionModel, findings

TASK = Task(
    "What must the buyer know?",
    (Document("a.md", "The hull is thin."), Document("b.md", "The loan is due in May.")),
    (
        Specialist("shipwright", "Examines hulls."),
        Specialist("bookkeeper", "Reads accounts."),
        Specialist("lawyer", "Reads contracts."),
    ),
)
LIMIT = 6  # subtasks: two for each specialist


def subtask(
    specialist: str = "shipwright",
    instruction: str = "Examine the hull.",
    sections: Sequence[str] = ("a#1",),
    needs: Sequence[str] = (),
) -> dict[str, Any]:
    """One subtask as an orchestrator would write it."""
    return {
        "specialist": specialist,
        "instruction": instruction,
        "sections": list(sections),
        "needs": list(needs),
    }


def plan_of(**subtasks: dict[str, Any]) -> str:
    return json.dumps({"why": "It needs no more.", "subtasks": subtasks})


SOUND = plan_of(s1=subtask(), s2=subtask("bookkeeper", "Read the accounts.", ["b#1"], needs=["s1"]))
CIRCLE = plan_of(s1=subtask(needs=["s2"]), s2=subtask("bookkeeper", needs=["s1"]))
WHOLE = json.dumps(
    {"statements": [{"statement": "The hull is thin.", "sources": ["a#1"]}], "gaps": []}
)


def crew_of(
    plans: Sequence[str] = (SOUND,),
    answer: str | ModelError = WHOLE,
    reports: Mapping[str, str] | None = None,
    window: int = 1_000_000,
) -> FunctionModel:
    """A model that is a whole crew: makes these plans in turn, reports, gives this answer."""
    left = list(plans)

    def respond(request: Request) -> tuple[str, float]:
        assert request.format
        assert len(model.requests) < 50, "it goes on without an end"
        if request.format.name == "plan":
            return left.pop(0), 1.0
        if request.format.name == "answer":
            if isinstance(answer, ModelError):
                raise answer
            return answer, 1.0
        brief = request.messages[-1].content
        for words, report in (reports or {}).items():
            if words in brief:
                return report, 1.0
        return findings("The hull is thin."), 1.0

    model = FunctionModel(respond, window)
    return model


def asked_for(model: FunctionModel) -> list[str]:
    """The forms of the replies that were asked for, in order."""
    return [r.format.name for r in model.requests if r.format]


def ended_as(record: Run) -> tuple[str, str | None]:
    assert record.ended
    return record.ended.status, record.ended.kind


# ---- a plan that nobody could work through ----


@pytest.mark.parametrize(
    ("subtasks", "fault"),
    [
        ([], "the plan is empty"),
        ([Subtask("", "lawyer", "go")], "a subtask has an empty id"),
        ([Subtask("s1", "lawyer", "go"), Subtask("s1", "lawyer", "on")], "'s1' is used 2 times"),
        ([Subtask("s1", "lawyer", "go", needs=("s9",))], "s1: needs 's9', which is no subtask"),
        ([Subtask("s1", "lawyer", "go", needs=("s1",))], "in a circle: s1 -> s1"),
        (
            [
                Subtask("s1", "lawyer", "go", needs=("s2",)),
                Subtask("s2", "lawyer", "on", needs=("s3",)),
                Subtask("s3", "lawyer", "end", needs=("s1",)),
                Subtask("s4", "lawyer", "free"),
            ],
            "these subtasks wait for each other in a circle",
        ),
    ],
    ids=["empty", "no id", "double id", "missing need", "self", "circle"],
)
def test_a_plan_that_cannot_be_worked_through_is_refused_before_any_call(
    subtasks: list[Subtask], fault: str
) -> None:
    plan = Plan(tuple(subtasks))
    (complaint,) = unsound(plan)
    assert fault in complaint
    refusals: list[str] = []

    async def pattern(crew: Crew, task: Task) -> Answer:
        try:
            await crew.dispatch(plan, lambda s, _: worker.report(task, task.sections, subtask=s))
        except PlanRefused as e:
            refusals.append(str(e))
            raise
        return Answer()

    model = crew_of()
    record = run(TASK, pattern, model)
    assert refusals == [f"the plan cannot be worked through: {complaint}"]
    assert ended_as(record) == ("failed", "plan")
    assert record.answer.gaps[0] == "no answer: plan"
    assert model.requests == []
    assert not any(isinstance(e, CallStarted | CallRefused) for e in record.events)


def test_a_sound_plan_has_no_fault_whatever_its_order() -> None:
    first, then = Subtask("s1", "lawyer", "go"), Subtask("s2", "lawyer", "on", needs=("s1",))
    assert unsound(Plan((first, then))) == unsound(Plan((then, first))) == []


# ---- a plan that is sent back ----

FAULTY = [
    pytest.param(CIRCLE, "these subtasks wait for each other in a circle", id="circle"),
    pytest.param(
        plan_of(s1=subtask(needs=["s7"])),
        "s1: needs 's7', which is no subtask of the plan",
        id="missing need",
    ),
    pytest.param(
        plan_of(s1=subtask("pilot")), "s1: 'pilot' is not on the roster", id="unknown specialist"
    ),
    pytest.param(
        plan_of(s1=subtask(sections=["c#1"])), "s1: there is no section 'c#1'", id="no section"
    ),
    pytest.param(plan_of(), "the plan is empty; it needs at least one subtask", id="empty"),
    pytest.param(
        plan_of(**{f"s{n}": subtask(instruction=f"{n}", sections=[]) for n in range(LIMIT + 1)}),
        f"the plan has {LIMIT + 1} subtasks; at most {LIMIT} are allowed",
        id="too many",
    ),
    pytest.param(
        plan_of(s1=subtask(sections=["a#1", "b#1"]), s2=subtask(instruction="Else.")),
        "s1 and s2 overlap: shipwright has 'a#1' in both",
        id="overlap of sections",
    ),
    pytest.param(
        plan_of(s1=subtask(sections=[]), s2=subtask(sections=[])),
        "s1 and s2 overlap: shipwright has 'Examine the hull.' in both",
        id="overlap of instructions",
    ),
]


@pytest.mark.parametrize(("plan", "fault"), FAULTY)
def test_an_unsound_plan_is_sent_back_once_with_the_fault_and_then_ends_the_run(
    plan: str, fault: str
) -> None:
    model = crew_of([plan, plan])
    record = run(TASK, "orchestrator_worker", model, workers=2)
    assert asked_for(model) == ["plan", "plan"]
    first, second = (r.messages[-1].content for r in model.requests)
    assert "<complaint>" not in first
    assert f"<complaint>{fault}" in second
    rejected = [e for e in record.events if isinstance(e, PlanRejected)]
    assert len(rejected) == 2
    assert all(len(e.complaints) == 1 and fault in e.complaints[0] for e in rejected)
    assert ended_as(record) == ("failed", "plan")
    assert record.ended
    assert fault in record.ended.message
    assert record.answer.statements == ()
    assert record.answer.gaps[0] == "no answer: plan"
    assert measure(record).calls == 2


@pytest.mark.parametrize(("plan", "fault"), FAULTY)
def test_a_plan_that_was_repaired_is_the_one_that_is_worked_through(plan: str, fault: str) -> None:
    model = crew_of([plan, SOUND])
    record = run(TASK, "orchestrator_worker", model, workers=2)
    assert asked_for(model) == ["plan", "plan", "report", "report", "answer"]
    (rejected,) = [e for e in record.events if isinstance(e, PlanRejected)]
    assert fault in rejected.complaints[0]
    (made,) = [e.plan for e in record.events if isinstance(e, PlanMade)]
    assert [(s.id, s.specialist) for s in made.subtasks] == [
        ("s1", "shipwright"),
        ("s2", "bookkeeper"),
    ]
    uses = {e.call: e.uses for e in record.events if isinstance(e, CallStarted)}
    assert uses == {1: (), 2: (1,), 3: (2,), 4: (2, 3), 5: (3, 4)}
    assert record.status == "done"
    assert record.answer == Answer((Statement("The hull is thin.", ("a#1",)),))


@pytest.mark.parametrize(
    "reply",
    ["I would ask the shipwright.", '{"subtasks": []}', plan_of(**{"": subtask()})],
    ids=["words", "a list", "no id"],
)
def test_a_plan_that_cannot_be_read_is_sent_back_once_too(reply: str) -> None:
    repaired = crew_of([reply, SOUND])
    record = run(TASK, "orchestrator_worker", repaired)
    assert record.status == "done"
    assert "<complaint>" in repaired.requests[1].messages[-1].content
    assert [f["kind"] for f in failures(record)] == ["malformed"]
    stubborn = crew_of([reply, reply])
    assert ended_as(run(TASK, "orchestrator_worker", stubborn)) == ("failed", "plan")
    assert len(stubborn.requests) == 2


# ---- without a synthesizer ----


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ServerFailed("500"), "server"),
        (Refused("no"), "refusal"),
        ("", "empty"),
        ("The hull is thin.", "malformed"),
        ('{"statements": "The hull is thin."}', "malformed"),
    ],
)
def test_where_the_synthesizer_fails_code_puts_the_reports_together_and_says_so(
    answer: str | ModelError, kind: str
) -> None:
    reports = {
        "Examine the hull.": findings("The hull is thin.", "It leaks."),
        "Read the accounts.": findings(
            "The loan is due in May.", "the hull is thin.", source="b#1"
        ),
    }
    model = crew_of(answer=answer, reports=reports)
    record = run(TASK, "orchestrator_worker", model, recovery="degrade")
    assert record.status == "done"
    assert record.answer.gaps == (f"synthesis: none ({kind}); reports put together by code",)
    assert [f["kind"] for f in failures(record)] == [kind]
    assert record.answer.statements == (
        Statement("The hull is thin.", ("a#1",)),
        Statement("The loan is due in May.", ("b#1",)),
        Statement("It leaks.", ("a#1",)),
    )


def test_a_master_whose_reduce_fails_keeps_what_the_slaves_found() -> None:
    record = run(TASK, "master_slave", crew_of(answer=ServerFailed("500")), workers=2)
    assert record.status == "done"
    assert record.answer == Answer(
        (Statement("The hull is thin.", ("a#1",)),),
        ("synthesis: none (server); reports put together by code",),
    )


# ---- replies that were paid for and of no use ----


def useless(kind: type[ModelError], usage: Usage | None) -> FunctionModel:
    """A model whose every reply is of no use, and costs a cent where it has a usage."""

    def respond(request: Request) -> tuple[str, float]:
        error = kind("nothing to read")
        error.usage, error.cost_usd = usage, 0.01 if usage else None
        raise error

    return FunctionModel(respond)


every_useless = pytest.mark.parametrize("kind", [EmptyReply, Refused])


@every_useless
def test_a_reply_of_no_use_counts_in_the_tokens_and_the_price_of_the_run(
    kind: type[ModelError],
) -> None:
    record = run(TASK, "parallelization", useless(kind, Usage(300, 7)), recovery="degrade")
    m = measure(record)
    assert (m.calls, m.input_tokens, m.output_tokens) == (3, 900, 21)
    assert (m.roles["worker"].input_tokens, m.roles["worker"].output_tokens) == (900, 21)
    assert m.cost_usd == pytest.approx(0.03)
    failed = [e for e in record.events if isinstance(e, CallFailed)]
    assert [(e.kind, e.usage, e.cost_usd) for e in failed] == [(kind.kind, Usage(300, 7), 0.01)] * 3
    assert not any(isinstance(e, CallEnded) for e in record.events)
    assert Run.from_jsonl(record.to_jsonl()) == record


@every_useless
def test_a_reply_of_no_use_counts_in_the_budget(kind: type[ModelError]) -> None:
    task = replace(TASK, budget=Budget(2_000, report_tokens=200))
    spent = useless(kind, Usage(1_780, 20))
    record = run(task, "parallelization", spent, workers=1, recovery="degrade")
    assert [e.kind for e in record.events if isinstance(e, CallFailed)] == [kind.kind]
    refused = [e for e in record.events if isinstance(e, CallRefused)]
    assert [e.kind for e in refused] == ["budget", "budget"]
    assert all(e.message.endswith("200 of 2,000 are left") for e in refused)
    assert measure(record).tokens == 1_800
    free = run(task, "parallelization", useless(kind, None), workers=1, recovery="degrade")
    assert (measure(free).calls, measure(free).tokens) == (3, 0)


# ---- what does not fit ----


def test_reports_that_do_not_fit_the_synthesizers_window_are_refused_and_joined_by_code() -> None:
    long = findings(*(f"Entry {n} of the accounts is a loan." for n in range(300)), source="b#1")
    model = crew_of(reports={"Read the accounts.": long}, window=2_400)
    record = run(TASK, partial(orchestrator_worker, synthesis="flat"), model)
    assert record.status == "done"
    assert record.answer.gaps == ("synthesis: none (context); reports put together by code",)
    assert Statement("The hull is thin.", ("a#1",)) in record.answer.statements
    assert len(record.answer.statements) > 50
    (refused,) = [e for e in record.events if isinstance(e, CallRefused)]
    assert refused.message.startswith("1 of 2 reports fit the 2,400 tokens of function")
    assert asked_for(model) == ["plan", "report", "report"]


def test_a_report_that_does_not_fit_the_window_of_who_needs_it_is_declared() -> None:
    long = findings(*(f"Plate {n} of the hull is thin." for n in range(300)))
    model = crew_of(reports={"Examine the hull.": long}, window=2_400)
    record = run(TASK, partial(orchestrator_worker, synthesis="flat"), model)
    assert [e.blocks for e in record.events if isinstance(e, NotRead)] == [("s1",)]
    assert "report s1 was left out: too long for the window" in record.answer.gaps


def test_the_first_failure_of_a_call_outside_the_workers_is_raised_as_it_is() -> None:
    seen: list[RunError] = []

    async def pattern(crew: Crew, task: Task) -> Answer:
        try:
            await crew.ask(worker.answer(task))
        except RunError as e:
            seen.append(e)
        return Answer()

    record = run(TASK, pattern, FunctionModel(lambda _: ("no JSON", 1.0)))
    assert [type(e) for e in seen] == [MalformedReply]
    assert ended_as(record) == ("failed", "malformed")
    assert record.ended
    assert record.ended.message == "no call brought a result: malformed"
