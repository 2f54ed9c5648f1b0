"""The invariants of docs/architecture.md, each as a property of random plans, runs and replies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_kit import PATTERNS, Document, Run, SimulatedModel, Specialist, Task, measure, run
from orchestrator_kit.answer import Answer, merge
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import ModelError, RateLimited, Refused, ServerFailed
from orchestrator_kit.events import (
    Answered,
    CallEnded,
    CallRefused,
    CallStarted,
    SubtaskEnded,
    SubtaskStarted,
)
from orchestrator_kit.metrics import calls
from orchestrator_kit.models.base import Request
from orchestrator_kit.patterns import Pattern
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.roles import worker
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Budget
from tests.fakes import FunctionModel, findings

TEXT = """# Lease

## Rent

The tenant owes 900 crowns on the first day of each month. Rent rises by 3 percent in January.

## Repairs

The landlord repairs the roof within 14 days. Painting is a duty of the tenant.

## End

Either side ends the lease with 90 days of notice. A deposit of 1,800 crowns is paid back.
"""
TASK = Task(
    "Which duties, amounts and dates does the lease set?",
    (Document("a.md", TEXT),),
    (
        Specialist("accountant", "Amounts, rents, deposits and percentages."),
        Specialist("builder", "Repairs, painting and who must do them."),
        Specialist("lawyer", "Notice, duties and dates."),
    ),
)


@dataclass(frozen=True)
class Case:
    """A random plan with a duration and perhaps a failure for each subtask."""

    plan: Plan
    seconds: dict[str, float]
    failing: Mapping[str, type[ModelError]]
    workers: int


@st.composite
def cases(draw: st.DrawFn, *, failures: bool = True) -> Case:
    n = draw(st.integers(1, 9))
    ids = [f"s{i}" for i in range(n)]
    subtasks = []
    for i, name in enumerate(ids):
        needs = draw(st.lists(st.sampled_from(ids[:i]), unique=True)) if i else []
        subtasks.append(Subtask(name, "lawyer", f"subtask {name}.", needs=tuple(needs)))
    order = draw(st.permutations(subtasks))
    seconds = {name: draw(st.integers(1, 40)) / 8 for name in ids}
    kinds = st.sampled_from([None, None, ServerFailed, RateLimited, Refused])
    drawn = {name: draw(kinds) if failures else None for name in ids}
    failing = {name: kind for name, kind in drawn.items() if kind}
    return Case(Plan(tuple(order)), seconds, failing, draw(st.integers(1, 5)))


def dispatched(case: Case) -> tuple[Run, FunctionModel]:
    """The case run to its end: every subtask takes its seconds and reports one finding."""

    def respond(request: Request) -> tuple[str, float]:
        brief = request.messages[-1].content
        name = next(n for n in case.seconds if f"subtask {n}." in brief)
        if name in case.failing:
            raise case.failing[name](f"TROUBLE with {name}")
        return findings(f"finding of {name}"), case.seconds[name]

    async def pattern(crew: Crew, task: Task) -> Answer:
        reports = await crew.dispatch(
            case.plan,
            lambda subtask, received: worker.report(
                task, task.sections, subtask=subtask, received=received
            ),
        )
        assert [r.subtask for r in reports] == [s.id for s in case.plan.subtasks]
        return merge(reports, crew.count_tokens, 10_000)

    model = FunctionModel(respond)
    return run(TASK, pattern, model, workers=case.workers), model


@given(cases())
def test_a_subtask_starts_once_and_after_all_that_it_needs(case: Case) -> None:
    found, _ = dispatched(case)
    started = [e for e in found.events if isinstance(e, SubtaskStarted)]
    place = {e.subtask: n for n, e in enumerate(found.events) if isinstance(e, SubtaskStarted)}
    ended = {e.subtask: n for n, e in enumerate(found.events) if isinstance(e, SubtaskEnded)}
    assert sorted(e.subtask for e in started) == sorted(s.id for s in case.plan.subtasks)
    for s in case.plan.subtasks:
        assert all(ended[need] < place[s.id] for need in s.needs)


@given(cases())
def test_never_more_calls_are_in_flight_than_workers(case: Case) -> None:
    found, _ = dispatched(case)
    in_flight: set[int | None] = set()
    for event in found.events:
        if isinstance(event, SubtaskStarted):
            assert event.worker not in in_flight, "one worker, two subtasks"
            in_flight.add(event.worker)
            assert len(in_flight) <= case.workers
        if isinstance(event, SubtaskEnded):
            lane = next(
                e.worker
                for e in found.events
                if isinstance(e, SubtaskStarted) and e.subtask == event.subtask
            )
            in_flight.discard(lane)


@given(cases(failures=False))
def test_the_makespan_keeps_the_bounds_of_brent_and_graham(case: Case) -> None:
    found, _ = dispatched(case)
    m = measure(found)
    work = sum(case.seconds.values())
    longest: dict[str, float] = {}
    todo = list(case.plan.subtasks)
    while todo:  # an independent reckoning of the longest path
        for s in [s for s in todo if all(n in longest for n in s.needs)]:
            longest[s.id] = case.seconds[s.id] + max((longest[n] for n in s.needs), default=0)
            todo.remove(s)
    path = max(longest.values())
    assert m.work_s == pytest.approx(work)
    assert m.critical_path_s == pytest.approx(path)
    assert max(path, work / case.workers) <= m.latency_s + 1e-6
    assert m.latency_s <= work / case.workers + (1 - 1 / case.workers) * path + 1e-6


@given(cases())
def test_a_failure_is_an_event_and_a_declared_gap_and_never_text_in_a_prompt(case: Case) -> None:
    found, model = dispatched(case)
    failed = {e.subtask: e.failure for e in found.events if isinstance(e, SubtaskEnded)}
    assert {name: kind for name, kind in failed.items() if kind} == {
        name: kind.kind for name, kind in case.failing.items()
    }
    assert not measure(found).undeclared
    for name, kind in case.failing.items():
        assert any(g.startswith(f"{name} (") and kind.kind in g for g in found.answer.gaps)
    assert not any("TROUBLE" in m.content for r in model.requests for m in r.messages)
    assert not any("TROUBLE" in s.text for s in found.answer.statements)


@given(cases())
def test_the_finished_work_of_siblings_is_never_lost(case: Case) -> None:
    found, _ = dispatched(case)
    said = {s.text for s in found.answer.statements}
    assert said == {f"finding of {s.id}" for s in case.plan.subtasks if s.id not in case.failing}


every_pattern = pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)


@every_pattern
@given(seed=st.integers(0, 3), workers=st.integers(1, 6))
@settings(max_examples=12)
def test_tokens_of_the_run_are_the_sum_over_calls_and_over_roles(
    pattern: Pattern, seed: int, workers: int
) -> None:
    found = run(TASK, pattern, SimulatedModel(seed), workers=workers)
    m = measure(found)
    stated = [e.usage for e in found.events if isinstance(e, CallEnded)]
    assert m.input_tokens == sum(u.input_tokens for u in stated)
    assert m.output_tokens == sum(u.output_tokens for u in stated)
    assert m.input_tokens == sum(s.input_tokens for s in m.roles.values())
    assert m.output_tokens == sum(s.output_tokens for s in m.roles.values())
    assert m.calls == sum(s.calls for s in m.roles.values()) == len(calls(found))


@every_pattern
@given(seed=st.integers(0, 3), workers=st.integers(1, 6))
@settings(max_examples=12)
def test_the_critical_path_is_never_longer_than_the_run(
    pattern: Pattern, seed: int, workers: int
) -> None:
    m = measure(run(TASK, pattern, SimulatedModel(seed), workers=workers))
    assert m.critical_path_s <= m.latency_s + 1e-6
    assert m.critical_path_s <= m.work_s + 1e-6


@every_pattern
@given(seed=st.integers(0, 9), workers=st.integers(1, 6))
@settings(max_examples=12)
def test_every_call_uses_only_calls_that_had_ended_before_it_began(
    pattern: Pattern, seed: int, workers: int
) -> None:
    found = run(TASK, pattern, SimulatedModel(seed), workers=workers)
    ended: set[int] = set()
    for event in found.events:
        if isinstance(event, CallStarted):
            assert set(event.uses) <= ended
        if isinstance(event, CallEnded):
            ended.add(event.call)


@every_pattern
@given(seed=st.integers(0, 9), workers=st.integers(1, 6))
@settings(max_examples=12)
def test_in_every_pattern_at_most_the_workers_and_the_centre_have_calls_in_flight(
    pattern: Pattern, seed: int, workers: int
) -> None:
    found = run(TASK, pattern, SimulatedModel(seed), workers=workers)
    lanes: dict[int, int | None] = {}
    for event in found.events:
        if isinstance(event, CallStarted):
            assert event.worker not in lanes.values(), "one lane, two calls"
            lanes[event.call] = event.worker
            assert sum(lane is not None for lane in lanes.values()) <= workers
        elif isinstance(event, CallEnded):
            del lanes[event.call]


def test_the_centre_makes_one_call_at_a_time_even_where_a_pattern_asks_for_more() -> None:
    async def impatient(crew: Crew, task: Task) -> Answer:
        asks = [worker.report(task, task.sections, name=f"clerk {n}") for n in range(3)]
        reports = await asyncio.gather(*map(crew.ask, asks))
        return Answer(reports[0].findings)

    found = run(TASK, impatient, FunctionModel(lambda request: (findings("a"), 2.0)))
    assert measure(found).latency_s == 6.0


@every_pattern
@given(budget=st.integers(1, 12_000), workers=st.integers(1, 6))
@settings(max_examples=25)
def test_nothing_is_spent_beyond_the_budget_and_a_refused_call_is_an_event(
    pattern: Pattern, budget: int, workers: int
) -> None:
    task = replace(TASK, budget=Budget(budget, answer_tokens=400, report_tokens=200))
    found = run(task, pattern, SimulatedModel(), workers=workers)
    m = measure(found)
    assert m.tokens <= budget
    refused = [e for e in found.events if isinstance(e, CallRefused)]
    assert all(e.kind == "budget" for e in refused)
    whole = measure(run(replace(task, budget=Budget(None, 400, 200)), pattern, workers=workers))
    if not refused:
        assert m.tokens == whole.tokens, "where nothing was refused, nothing is missing"
    elif not found.answer.statements:
        assert found.answer.gaps, "an answer that has nothing must say so"


@every_pattern
@pytest.mark.parametrize(
    "name",
    [
        "a  b.md",
        "Screenshot at 5.04\u202fPM.md",
        "a\u00a0b.md",
        "a\u200db.md",
        "report[1].md",
        "Smith, 2020.md",
        "<b>'q\"&amp;.md",
        "договор #3.md",
        "$$$.md",
    ],
)
def test_a_document_of_any_name_is_cited_through_every_pattern(pattern: Pattern, name: str) -> None:
    task = replace(TASK, documents=(Document(name, TEXT),))
    found = run(task, pattern)
    assert found.status == "done"
    assert found.answer.statements
    assert all(s.sources for s in found.answer.statements)
    assert {i for s in found.answer.statements for i in s.sources} <= task.section_by_id.keys()
    assert score(task, found.answer).groundedness == 1.0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                "findings statements subtasks gaps claims handovers done statement source sources "
                "id specialist instruction sections needs why".split()
            )
            | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)
HOSTILE = st.one_of(
    st.text(max_size=200),
    JSON.map(json.dumps),
    JSON.map(lambda v: json.dumps(v)[:-1]),
    st.sampled_from(
        [
            "",
            "   ",
            "null",
            "<html><body>502 Bad Gateway</body></html>",
            "[" * 5_000,
            '{"findings": ' + "[" * 5_000,
            '{"findings": [{"statement": "' + "x" * 100_000 + '", "source": "a#1"}]}',
            '{"findings": [{"statement": "' + "x" * 100,
            "I cannot help with that.",
            '{"subtasks": [{"id": "s1", "specialist": "nobody", "instruction": "x", '
            '"sections": ["z#9"], "needs": ["s1"]}], "why": ""}',
            '{"done": "yes", "findings": [], "claims": [], "handovers": []}',
            "\x00\x1b[31m{}",
        ]
    ),
)


def well_formed(text: str) -> Callable[[str], bool]:
    """Whether a statement stands in this reply as a text of its JSON."""
    try:
        whole = json.loads(text[text.find("{") : text.rfind("}") + 1])
    except (ValueError, RecursionError):
        return lambda statement: False
    said: set[str] = set()

    def collect(value: object) -> None:
        if isinstance(value, str):
            said.add("".join(c if c.isprintable() else " " for c in value))
        for inner in value.values() if isinstance(value, dict) else ():
            collect(inner)
        for inner in value if isinstance(value, list) else ():
            collect(inner)

    collect(whole)
    return {" ".join(s.split()) for s in said}.__contains__


@every_pattern
@given(replies=st.lists(HOSTILE, min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_a_hostile_reply_never_hangs_crashes_or_becomes_a_finding(
    pattern: Pattern, replies: list[str]
) -> None:
    turn = iter(range(10**9))

    def respond(request: Request) -> tuple[str, float]:
        return replies[next(turn) % len(replies)], 0.1

    found = run(TASK, pattern, FunctionModel(respond), workers=3)
    assert found.status in ("done", "failed")
    assert not measure(found).undeclared
    readable = [well_formed(r) for r in replies]
    for statement in found.answer.statements:
        assert any(check(statement.text) for check in readable)


@every_pattern
def test_a_record_ends_with_its_answer_and_its_end(pattern: Pattern) -> None:
    found = run(TASK, pattern)
    assert isinstance(found.events[-2], Answered)
    assert found.status == "done"
    assert Run.from_jsonl(found.to_jsonl()) == found
