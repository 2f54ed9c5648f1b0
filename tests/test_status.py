"""Where a run stands: the fold over its events, held against the numbers of the whole record."""

from __future__ import annotations

from functools import cache, partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit.answer import Statement
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
    Reviewed,
    RunEnded,
    RunStarted,
    Staffed,
    SubtaskEnded,
    SubtaskStarted,
    TookOver,
)
from orchestrator_kit.experiments import run
from orchestrator_kit.loading import load_task
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models.base import Message, Usage
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns import PATTERNS, VARIANTS, Pattern
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.record import Run, taken_down
from orchestrator_kit.status import LONGEST, NOTES, Part, RunStatus, line

TROUBLE = (
    ((), "degrade"),
    (("crash:role=worker,p=0.5", "crash:role=peer,p=0.5"), "retry"),
    (("crash:worker=1", "refusal:p=0.2"), "reassign"),
    (("malformed:p=0.4", "empty:p=0.2"), "split"),
    (("straggler:p=0.3,factor=20", "timeout:p=0.1"), "hedge"),
    (("kill:role=orchestrator,nth=2", "hang:role=worker,p=0.2"), "full"),
    (("truncated:p=0.6",), "none"),
)
SUPERVISED = partial(orchestrator_worker, rounds=2, revisions=2, conflicts=True)


@cache
def records() -> tuple[Run, ...]:
    """Each pattern in each kind of trouble, and one that is supervised, on a small budget too."""
    task = load_task("research")
    made = []
    for seed, (plan, policy) in enumerate(TROUBLE):
        patterns: list[Pattern] = [*PATTERNS.values(), *VARIANTS.values(), SUPERVISED]
        for pattern in patterns:
            model = Faults(SimulatedModel(seed), plan, seed)
            made.append(run(task, pattern, model, workers=3, recovery=policy))
    return tuple(made)


def test_the_records_have_every_kind_of_event_that_the_fold_knows() -> None:
    seen = {type(e) for r in records() for e in r.events}
    assert seen >= {
        *(CallFailed, Heartbeat, Recovered, Staffed, TookOver, PlanMade, PlanRevised, Reviewed),
        *(CallEnded, CallStarted, RunStarted, RunEnded, SubtaskStarted),
    }


@given(st.data())
def test_after_any_number_of_events_the_counts_are_those_of_the_measures(
    data: st.DataObject,
) -> None:
    record = data.draw(st.sampled_from(records()))
    n = data.draw(st.integers(1, len(record.events)))
    status = RunStatus(record.events[:n])
    so_far = Run(record.events[:n])
    measures = measure(so_far)
    open_ = {c.id for c in calls(so_far) if c.failure == "cancelled"} & status.under_way.keys()
    assert status.done + status.failed + len(status.under_way) == measures.calls
    assert status.failed == sum(c.failure is not None for c in calls(so_far)) - len(open_)
    assert (status.input_tokens, status.output_tokens) == (
        measures.input_tokens,
        measures.output_tokens,
    )
    assert status.estimated == measures.estimated
    assert status.cost_usd == pytest.approx(measures.cost_usd)
    assert status.t == measures.latency_s
    assert status.refused == sum(isinstance(e, CallRefused) for e in so_far.events)


@pytest.mark.parametrize("n", range(len(TROUBLE)))
def test_at_the_end_nothing_is_under_way_and_each_subtask_has_come_to_something(n: int) -> None:
    size = len(PATTERNS) + len(VARIANTS) + 1
    for record in records()[n * size : (n + 1) * size]:
        status = RunStatus(record.events)
        assert (status.pattern, status.ended) == (record.pattern, record.ended)
        assert not status.under_way
        assert not any(slot.call or slot.pause for slot in status.slots)
        assert len(status.slots) == record.workers
        plan, _ = taken_down(record.events)
        assert [p.id for p in status.parts] == [s.id for s in plan.subtasks] if plan else True
        for part in status.parts:
            assert part.state not in ("running", "reviewed", "improved")
            if record.status == "done":
                assert part.state in ("done", "failed", "dropped")


@given(st.data())
def test_a_slot_has_one_call_at_most_and_a_part_under_way_is_somebodys(data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(records()))
    status = RunStatus(record.events[: data.draw(st.integers(0, len(record.events)))])
    slots = status.slots
    assert len({slot.worker for slot in slots}) == len(slots)
    assert sum(slot.call is not None for slot in slots) == len(status.under_way)
    assert not any(slot.call and slot.pause for slot in slots)
    for part in status.parts:
        if part.state in ("reviewed", "improved"):
            assert part.id in {c.subtask for c in status.under_way.values()}
            assert part.round >= 1


@given(st.data())
def test_events_that_are_missing_do_no_harm(data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(records()))
    kept = data.draw(st.lists(st.sampled_from(record.events), max_size=60))
    status = RunStatus(kept)
    assert all(isinstance(str(part), str) for part in status.parts)
    assert {c.worker for c in status.under_way.values()} <= {s.worker for s in status.slots}


def test_a_new_run_begins_anew() -> None:
    first, second = records()[0], records()[-1]
    both = RunStatus((*first.events, *second.events))
    alone = RunStatus(second.events)
    assert (both.done, both.failed, both.tokens) == (alone.done, alone.failed, alone.tokens)
    assert (both.parts, both.slots, both.notes) == (alone.parts, alone.slots, alone.notes)


# ---- a run told by hand ----


def start(workers: int = 2) -> RunStarted:
    return RunStarted(0.0, "orchestrator_worker", "a task", "a model", workers)


def call(
    n: int, t: float, *, worker: int | None = 1, subtask: str | None = "s1", **more: object
) -> CallStarted:
    role = "worker" if worker else "orchestrator"
    given_: dict[str, object] = {"uses": (), "format": "report", **more}
    return CallStarted(
        *(t, n, role, "shipwright" if worker else "orchestrator", worker, subtask),
        messages=(Message("user", "go"),),
        max_output_tokens=10,
        **given_,  # type: ignore[arg-type]
    )


def reply(n: int, t: float, usd: float | None = 0.5) -> CallEnded:
    return CallEnded(t, n, "…", Usage(100, 10), usd, "stop")


PLAN = PlanMade(0.0, Plan((Subtask("s1", "shipwright", "go"), Subtask("s2", "clerk", "go"))))


def state(*events: Event) -> dict[str, str]:
    return {part.id: str(part) for part in RunStatus(events).parts}


def test_a_subtask_goes_its_way_from_waiting_to_reviewed_improved_and_done() -> None:
    told: list[Event] = [start(), PLAN]
    assert state(*told) == {"s1": "waiting", "s2": "waiting"}
    told += [SubtaskStarted(1.0, "s1", "shipwright", 1), call(1, 1.0)]
    assert state(*told)["s1"] == "running: shipwright"
    ended = SubtaskEnded(2.0, "s1", "shipwright", 1)
    told += [reply(1, 2.0), ended]
    assert state(*told)["s1"] == "done, 1 finding"
    told += [call(2, 2.0, worker=None, subtask=None, uses=(1,), format="verdict")]
    assert state(*told)["s1"] == "being reviewed, round 1"
    told += [reply(2, 3.0), Reviewed(3.0, 2, "s1", 1, "improve", "say more")]
    told += [call(3, 3.0, uses=(1, 2), format="improvement", step="improve")]
    assert state(*told)["s1"] == "being improved, round 1"
    told += [reply(3, 4.0), call(4, 4.0, worker=None, subtask=None, uses=(3,), format="verdict")]
    assert state(*told)["s1"] == "being reviewed, round 2"
    told += [RunEnded(5.0, "interrupted")]
    assert state(*told) == {"s1": "done, 1 finding", "s2": "waiting"}
    assert RunStatus(told).failed == 1


def test_rounds_that_code_decides_are_counted_without_a_verdict() -> None:
    told: list[Event] = [start(), PLAN]
    for n in (1, 2, 3):
        step = "improve" if n < 3 else "retry"
        told += [call(n, float(n), uses=(n - 1,), format="improvement", step=step)]
        assert state(*told)["s1"] == f"being improved, round {min(n, 2)}"
        told += [CallFailed(float(n), n, "crash", "x")]


def test_the_formats_of_review_are_those_that_the_roles_ask_for() -> None:
    supervised = [r for r in records() if "rounds=2" in r.started.options]
    states = {
        part.state
        for record in supervised
        for n in range(len(record.events))
        for part in RunStatus(record.events[:n]).parts
    }
    assert states >= {"waiting", "running", "reviewed", "improved", "done", "failed"}


def test_what_fails_and_what_is_dropped_says_so() -> None:
    failed = SubtaskEnded(2.0, "s1", "shipwright", 0, "crash")
    plan = Plan((*PLAN.plan.subtasks, Subtask("s3", "clerk", "go")))
    revised = PlanRevised(3.0, plan, ("s3",), ("s2",), "s1 failed")
    assert state(start(), PLAN, failed, revised) == {
        "s1": "failed: crash",
        "s2": "dropped",
        "s3": "waiting",
    }


def test_after_a_takeover_what_the_standby_does_not_know_waits_again() -> None:
    running = [SubtaskStarted(1.0, s, "shipwright", n) for n, s in enumerate(("s1", "s2"), 1)]
    took = TookOver(2.0, "standby orchestrator", "killed", ("s1",))
    parts = RunStatus((start(), PLAN, *running, took)).parts
    assert [p.state for p in parts] == ["running", "waiting"]


def test_a_heartbeat_says_what_is_written_and_when_it_was_heard() -> None:
    status = RunStatus((start(), PLAN, call(1, 1.0), Heartbeat(4.0, 1, 120)))
    one, two = status.slots
    assert one.call is not None
    assert (one.worker, one.call.since, one.call.heard, one.call.tokens) == (1, 1.0, 4.0, 120)
    assert (two.worker, two.call, two.pause) == (2, None, None)


def test_a_wait_before_a_retry_is_shown_until_the_next_call() -> None:
    failed = CallFailed(2.0, 1, "rate_limit", "slow down")
    again = Recovered(2.0, 1, "shipwright", "s1", "rate_limit", "retry", 3.0)
    status = RunStatus((start(), PLAN, call(1, 1.0), failed, again))
    pause = status.slots[0].pause
    assert pause is not None
    assert (pause.until, pause.kind, pause.subtask) == (5.0, "rate_limit", "s1")
    status.hear(call(2, 5.0, step="retry", attempt=2))
    slot = status.slots[0]
    assert slot.pause is None
    assert slot.call is not None
    assert (slot.call.step, slot.call.attempt) == ("retry", 2)
    status.hear(reply(2, 5.0))
    assert status.slots[0].pause is None


def test_a_retired_worker_leaves_and_another_one_comes() -> None:
    changes = Staffed(1.0, 2, "retired", "gone"), Staffed(1.0, 3, "added", "in place of worker 2")
    status = RunStatus((start(), *changes))
    assert [slot.worker for slot in status.slots] == [1, 3]


def test_the_centre_has_a_slot_while_it_is_at_something() -> None:
    status = RunStatus((start(), call(1, 0.0, worker=None, subtask=None, format="plan")))
    assert [slot.worker for slot in status.slots] == [None, 1, 2]
    status.hear(reply(1, 1.0))
    assert [slot.worker for slot in status.slots] == [1, 2]


def test_money_is_unknown_where_one_call_has_no_price() -> None:
    status = RunStatus((start(), call(1, 0.0), call(2, 0.0, worker=2)))
    assert status.cost_usd is None
    status.hear(reply(1, 1.0, usd=0.5))
    assert status.cost_usd == 0.5
    status.hear(reply(2, 2.0, usd=None))
    assert status.cost_usd is None


def test_a_reply_that_cannot_be_understood_is_paid_for_and_failed() -> None:
    failed = CallFailed(1.0, 1, "malformed", "no JSON")
    status = RunStatus((start(), call(1, 0.0), reply(1, 1.0), failed))
    assert (status.done, status.failed, status.tokens, status.cost_usd) == (0, 1, 110, 0.5)


# ---- the notable events ----


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (CallFailed(1.0, 1, "crash", "it broke"), "s1 (shipwright): crash: it broke"),
        (CallFailed(1.0, 9, "crash", "it broke"), "call 9: crash: it broke"),
        (
            CallRefused(1.0, "worker", "clerk", None, "budget", "nothing left"),
            "clerk: not asked, budget: nothing left",
        ),
        (
            Recovered(1.0, 1, "shipwright", "s1", "crash", "retry", 2.0),
            "s1 (shipwright): crash, so again in 2.0 s",
        ),
        (
            Recovered(1.0, None, "shipwright", "s1", "slow", "hedge"),
            "s1 (shipwright): slow, so a second call beside it",
        ),
        (
            Recovered(1.0, 1, "shipwright", None, "crash", "degrade"),
            "shipwright: crash, so going on without it",
        ),
        (Staffed(1.0, 2, "retired", "it is gone"), "worker 2 retired: it is gone"),
        (
            TookOver(1.0, "standby orchestrator", "killed", ("s1", "s2")),
            "standby orchestrator took over, knows s1, s2",
        ),
        (TookOver(1.0, "standby", "killed", ()), "standby took over, knows no reports"),
        (
            PlanRejected(1.0, Plan(()), ("the plan is empty", "no")),
            "plan rejected: the plan is empty; no",
        ),
        (
            PlanRevised(1.0, Plan(()), ("s3",), ("s2",), "a gap"),
            "plan revised: +s3 -s2 a gap",
        ),
        (
            Reviewed(1.0, 2, "s1", 1, "improve", "say more"),
            "s1: to be improved, round 1: say more",
        ),
        (
            ConflictFound(1.0, 2, Statement("nine", ("a",)), Statement("ten", ("b",)), None),
            "conflict: 'nine' against 'ten', both are told",
        ),
        (
            ConflictFound(
                *(1.0, 2, Statement("nine", ("a",)), Statement("ten", ("b",))),
                Statement("ten", ("b",)),
            ),
            "conflict: 'nine' against 'ten', kept 'ten'",
        ),
    ],
)
def test_a_notable_event_is_a_sentence(event: Event, said: str) -> None:
    assert list(RunStatus((start(), call(1, 0.0), event)).notes) == [(1.0, said)]


def test_an_accepted_report_is_not_notable_and_only_the_last_notes_are_kept() -> None:
    status = RunStatus((start(), Reviewed(1.0, 2, "s1", 1, "accept", "fine")))
    assert not status.notes
    for n in range(NOTES + 5):
        status.hear(Staffed(float(n), n, "added", "more to do"))
    assert [t for t, _ in status.notes] == [float(n) for n in range(5, NOTES + 5)]


@given(st.text() | st.text("\x1b[\x07\r\n\t\x9b\u202e\u2028\ud800 ab"))
def test_any_text_is_told_on_one_line_without_control_characters(text: str) -> None:
    told = line(text)
    assert len(told) <= LONGEST
    assert told.isprintable() or max(told) >= "\ue000"  # private letters are nobody's command
    assert not set(told) & set("\x1b\x07\x08\r\n\t\x9b\u202e\u2028\u2066")
    note = RunStatus((start(), Staffed(0.0, 1, "added", text))).notes[0][1]
    assert note == line(f"worker 1 added: {text}")
    assert "\n" not in str(Part("s1", "x", state="running", agent=text))
