"""Recovery: what the crew does about a call that fails or is slow, and what that takes."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit import clock
from orchestrator_kit.answer import Answer, Failure, Report, Statement
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import (
    ConnectionLost,
    Crashed,
    Killed,
    ModelError,
    RateLimited,
    Refused,
    UnknownName,
    UsageError,
)
from orchestrator_kit.events import (
    CallEnded,
    CallFailed,
    CallStarted,
    Heartbeat,
    PlanRevised,
    Recovered,
    Reported,
    Staffed,
)
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models.base import Purpose, Reply, Request
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.record import Run
from orchestrator_kit.recovery import POLICIES, Patience, Recovery, policy_named
from orchestrator_kit.roles import worker
from orchestrator_kit.staff import Staff
from orchestrator_kit.tasks import Budget, Document, Specialist, Task
from tests.fakes import FunctionModel, findings

TASK = Task(
    "What must the buyer know?",
    tuple(Document(f"{n}.md", f"Plate {n} of the hull is thin.") for n in range(1, 9)),
    (Specialist("shipwright", "Examines hulls."),),
)
WORKS = {s.id: f"Plate {s.id} is thin." for s in TASK.sections}


def reports(request: Request) -> str:
    """Findings in each section that the request holds."""
    text = "".join(m.content for m in request.messages)
    found = [says for name, says in WORKS.items() if f'<section id="{name}"' in text]
    source = next(name for name, says in WORKS.items() if says == found[0])
    return findings(*found, source=source)


def faulty(
    fails: Callable[[Purpose], ModelError | None],
    seconds: Callable[[Purpose], float] = lambda _: 1.0,
) -> FunctionModel:
    """A model that reports, unless `fails` has an error for the call."""

    def respond(request: Request) -> tuple[str, float]:
        assert request.purpose
        if error := fails(request.purpose):
            raise error
        return reports(request), seconds(request.purpose)

    return FunctionModel(respond)


async def each_section(crew: Crew, task: Task) -> Answer:
    """A report on each section by itself, merged."""
    plan = Plan(
        tuple(Subtask(f"s{n}", "shipwright", "go", (s.id,)) for n, s in enumerate(task.sections))
    )
    found = await crew.dispatch(
        plan, lambda s, _: worker.report(task, [task.section_by_id[s.sections[0]]], subtask=s)
    )
    return Answer(tuple(f for r in found for f in r.findings))


async def all_sections(crew: Crew, task: Task) -> Answer:
    """One report on everything."""
    return Answer((await crew.report(worker.report(task, task.sections))).findings)


def steps(record: Run) -> Counter[str]:
    return Counter(e.step for e in record.events if isinstance(e, Recovered))


def started(record: Run) -> list[CallStarted]:
    return [e for e in record.events if isinstance(e, CallStarted)]


def never(_: Purpose) -> None:
    return None


# ---- retry ----


def test_a_retry_waits_as_long_as_the_server_asks_for() -> None:
    def limited(p: Purpose) -> ModelError | None:
        if p.attempt > 1:
            return None
        error = RateLimited("slow down")
        error.retry_after = 7.0
        return error

    record = run(TASK, all_sections, faulty(limited), recovery=Recovery(retries=1))
    first, second = started(record)
    assert (first.t, second.t, second.step, second.attempt) == (0.0, 7.0, "retry", 2)
    assert second.uses == (first.call,)
    assert record.status == "done"
    assert [e.wait_s for e in record.events if isinstance(e, Recovered)] == [7.0]
    assert measure(record).recovery["retry"].seconds == 8.0


def test_retries_wait_longer_each_time_with_jitter_and_then_the_gap_is_declared() -> None:
    model = faulty(lambda _: Crashed("down"))
    record = run(TASK, all_sections, model, recovery=Recovery(retries=4, first_wait_s=1.0))
    waits = [e.wait_s for e in record.events if isinstance(e, Recovered) and e.step == "retry"]
    assert len(started(record)) == 5
    for n, wait in enumerate(waits):
        assert 0.75 * 2**n <= wait <= 2**n
    assert len({round(w / 2**n, 3) for n, w in enumerate(waits)}) > 1
    assert steps(record) == {"retry": 4, "degrade": 1}
    assert "generalist: no report (crash)" in record.answer.gaps


def test_two_who_fail_together_do_not_come_back_together() -> None:
    model = faulty(lambda p: Crashed("down") if p.attempt == 1 else None)
    record = run(TASK, each_section, model, workers=8, recovery=Recovery(retries=1))
    again = [e.t for e in started(record) if e.step == "retry"]
    assert len(again) == len(set(again)) == 8


@pytest.mark.parametrize("error", [Refused("no"), Killed("gone")])
def test_what_a_retry_cannot_help_is_not_retried(error: ModelError) -> None:
    record = run(TASK, all_sections, faulty(lambda _: error), recovery=Recovery(retries=3))
    assert len(started(record)) == 1


def test_a_wait_beyond_the_budget_of_time_is_not_begun() -> None:
    def limited(_: Purpose) -> ModelError:
        error = RateLimited("slow down")
        error.retry_after = 20.0
        return error

    task = replace(TASK, budget=Budget(seconds=10.0))
    record = run(task, all_sections, faulty(limited), recovery="retry")
    assert (len(started(record)), measure(record).latency_s) == (1, 0.0)


# ---- reassign ----


def test_a_worker_who_fails_is_replaced_and_the_work_goes_to_another() -> None:
    model = faulty(lambda p: Crashed("down") if p.worker == 2 else None)
    record = run(TASK, each_section, model, workers=4, recovery="reassign")
    assert record.status == "done"
    assert len(record.answer.statements) == 8
    assert record.answer.gaps == ()
    change = [(e.worker, e.change) for e in record.events if isinstance(e, Staffed)]
    assert change == [(2, "retired"), (5, "added")]
    failed = [e for e in record.events if isinstance(e, CallFailed)]
    assert len(failed) == 2  # and not every job that worker 2 was the first to be free for
    for e in started(record):
        if e.step == "reassign":
            assert e.worker != 2
            assert e.uses[-1] in {f.call for f in failed}


def test_where_everybody_fails_reassigning_comes_to_an_end() -> None:
    record = run(TASK, each_section, faulty(lambda _: Crashed("x")), workers=3, recovery="reassign")
    assert record.status == "failed"
    assert len(started(record)) == 8 * 3
    assert len([g for g in record.answer.gaps if "no report (crash)" in g]) == 8


def test_a_lone_worker_has_nobody_to_reassign_to_but_a_replacement() -> None:
    record = run(TASK, each_section, faulty(lambda _: Crashed("x")), workers=1, recovery="reassign")
    assert record.status == "failed"
    assert all(c.worker in (1, 2) for c in calls(record))


# ---- split ----


def test_what_fails_as_a_whole_may_succeed_in_halves() -> None:
    def respond(request: Request) -> tuple[str, float]:
        if sum(m.content.startswith("<section") for m in request.messages) > 2:
            raise Crashed("too much")
        return reports(request), 1.0

    record = run(TASK, all_sections, FunctionModel(respond), recovery="split")
    assert record.status == "done"
    assert {s.text for s in record.answer.statements} == set(WORKS.values())
    assert record.answer.gaps == ()
    assert steps(record) == {"split": 3}  # eight, twice four
    assert [e.step for e in started(record)] == ["first"] + ["split"] * 6
    (report,) = [e.report for e in record.events if isinstance(e, Reported)]
    assert len(report.calls) == 4


def test_a_half_that_stays_lost_is_declared_with_its_sections() -> None:
    def respond(request: Request) -> tuple[str, float]:
        if any('<section id="8#1"' in m.content for m in request.messages):
            raise Crashed("torn page")
        return reports(request), 1.0

    record = run(TASK, all_sections, FunctionModel(respond), recovery="split")
    assert len(record.answer.statements) == 6
    assert any("no report (crash), on 7#1, 8#1" in gap for gap in record.answer.gaps)
    assert any("2 of 8 sections unread: 7#1, 8#1" in gap for gap in record.answer.gaps)


# ---- hedge ----


def test_a_slow_call_gets_a_second_one_and_the_loser_is_cancelled_and_counted() -> None:
    def seconds(p: Purpose) -> float:
        return 30.0 if p.subtask == "s3" and p.attempt == 1 else 3.0

    model = faulty(never, seconds)
    slow = run(TASK, each_section, model, workers=8, recovery="degrade")
    hedged = run(TASK, each_section, model, workers=8, recovery="hedge")
    assert (measure(slow).latency_s, measure(hedged).latency_s) == (30.0, 4.5 + 3.0)
    assert hedged.answer.statements == slow.answer.statements
    (loser,) = [e for e in hedged.events if isinstance(e, CallFailed)]
    assert loser.kind == "cancelled"
    assert loser.usage
    assert loser.usage.estimated
    assert loser.usage.input_tokens > 0 < loser.usage.output_tokens
    assert measure(hedged).recovery["hedge"].calls == 1
    assert steps(hedged) == {"hedge": 1}


def test_a_second_call_that_is_slow_as_well_gets_a_third_but_no_fourth() -> None:
    def seconds(p: Purpose) -> float:
        return 30.0 if p.subtask == "s3" and p.attempt < 3 else 3.0

    record = run(TASK, each_section, faulty(never, seconds), workers=8, recovery="hedge")
    assert measure(record).latency_s == 4.5 + 4.5 + 3.0
    assert [e.kind for e in record.events if isinstance(e, CallFailed)] == ["cancelled"] * 2
    assert len(record.answer.statements) == 8

    model = faulty(never, lambda p: 30.0 if p.subtask == "s3" else 3.0)
    hopeless = run(TASK, each_section, model, workers=8, recovery=Recovery(retries=0, hedge=0.5))
    workers = [c.worker for c in calls(hopeless) if c.subtask == "s3"]
    assert len(workers) == len(set(workers)) == 3
    assert measure(hopeless).latency_s == 30.0


def test_a_hedge_is_due_though_a_remainder_is_left_too_small_for_time_to_pass_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: Counter[float] = Counter()
    change = Staff.change

    def counted(staff: Staff) -> asyncio.Future[None]:
        looked[round(asyncio.get_running_loop().time(), 6)] += 1
        assert max(looked.values()) < 100, "looks again and again while no time passes"
        return change(staff)

    monkeypatch.setattr(Staff, "change", counted)
    assert 2.7 + 1.5 * 2.7 - 6.75 > 0
    model = faulty(never, lambda p: 30.0 if p.subtask == "s7" and p.attempt == 1 else 2.7)
    record = run(TASK, each_section, model, workers=4, recovery=Recovery(retries=0, hedge=0.3))
    assert [e.t for e in started(record) if e.step == "hedge"] == [6.75]
    assert looked


def test_a_cancelled_call_counts_no_more_output_than_the_longest_reply_of_its_kind() -> None:
    model = faulty(never, lambda p: 30.0 if p.subtask == "s3" and p.attempt == 1 else 3.0)
    record = run(TASK, each_section, model, workers=8, recovery="hedge")
    (loser,) = [e for e in record.events if isinstance(e, CallFailed)]
    longest = max(e.usage.output_tokens for e in record.events if isinstance(e, CallEnded))
    assert loser.t == 7.5  # in which time the others would have written more than twice that
    assert loser.usage
    assert loser.usage.output_tokens == longest


def test_no_hedge_while_every_worker_has_work() -> None:
    model = faulty(never, lambda p: 30.0 if p.subtask == "s0" else 3.0)
    record = run(TASK, each_section, model, workers=2, recovery="hedge")
    hedges = [e for e in started(record) if e.step == "hedge"]
    others_end = max(c.ended for c in calls(record) if c.subtask != "s0")
    assert [e.t for e in hedges] == [others_end]


def test_if_the_second_call_fails_the_first_one_still_counts() -> None:
    def fails(p: Purpose) -> ModelError | None:
        return Crashed("x") if p.attempt == 2 else None

    model = faulty(fails, lambda p: 30.0 if p.subtask == "s3" else 3.0)
    record = run(TASK, each_section, model, workers=8, recovery="hedge")
    assert len(record.answer.statements) == 8
    assert measure(record).latency_s == 30.0


@given(st.lists(st.floats(0.1, 100), max_size=40), st.integers(0, 40), st.floats(0.05, 0.95))
def test_patience_is_a_quantile_in_which_those_under_way_count_as_the_longest(
    ended: list[float], running: int, quantile: float
) -> None:
    patience = Patience(quantile)
    for _ in range(len(ended) + running):
        patience.begin()
    for s in ended:
        patience.end(s)
    known = sorted(ended) + [float("inf")] * running
    if (slow := patience.seconds) is not None:
        at = known[int(quantile * len(known))]
        assert slow == pytest.approx(1.5 * at)
        assert sum(s <= at for s in known) >= quantile * len(known)


# ---- silence, deadlines, calling off ----


class Quiet(SimulatedModel):
    """Falls silent in the middle of its first call of each subtask."""

    async def complete(self, request: Request) -> Reply:
        assert request.purpose
        if request.purpose.attempt == 1 and request.pulse:
            await asyncio.sleep(2.0)
            request.pulse.beat(17)
            await asyncio.sleep(10_000)
        return await super().complete(request)


def test_silence_is_noticed_and_what_was_heard_before_is_counted() -> None:
    record = run(TASK, all_sections, Quiet(), recovery=Recovery(retries=1, silence_s=6.0))
    assert record.status == "done"
    failed = next(e for e in record.events if isinstance(e, CallFailed))
    assert (failed.t, failed.kind) == (8.0, "silent")
    assert failed.usage
    assert failed.usage.output_tokens == 17
    assert next(e.tokens for e in record.events if isinstance(e, Heartbeat)) == 17


def test_a_slow_call_with_signs_of_life_is_not_silent() -> None:
    record = run(TASK, all_sections, SimulatedModel(), recovery=Recovery(silence_s=0.9))
    assert record.status == "done"
    beats = [e for e in record.events if isinstance(e, Heartbeat)]
    assert len(beats) >= 3
    assert [e.tokens for e in beats] == sorted(e.tokens for e in beats)
    assert not any(isinstance(e, CallFailed) for e in record.events)


class Slow(Quiet):
    """Gives no sign of life for a minute, then writes and falls silent, the first time."""

    beats = False

    def __init__(self, *heard: int) -> None:
        super().__init__()
        self.heard = heard

    async def complete(self, request: Request) -> Reply:
        assert request.purpose
        if request.purpose.attempt == 1 and request.pulse:
            for tokens in self.heard:
                await asyncio.sleep(60.0)
                request.pulse.beat(tokens)
            await asyncio.sleep(100.0)
        return await SimulatedModel.complete(self, replace(request, pulse=None))


@pytest.mark.parametrize("heard", [(), (0,), (0, 0)])
def test_a_model_that_was_not_heard_to_write_is_not_taken_for_silent(heard: tuple[int]) -> None:
    record = run(TASK, all_sections, Slow(*heard), recovery=Recovery(retries=0, silence_s=6.0))
    assert record.status == "done"
    assert not any(isinstance(e, CallFailed) for e in record.events)
    assert measure(record).latency_s > 100.0 + 60.0 * len(heard)


def test_silence_counts_from_when_a_model_that_is_late_was_first_heard_to_write() -> None:
    record = run(TASK, all_sections, Slow(0, 9), recovery=Recovery(retries=1, silence_s=6.0))
    assert record.status == "done"
    (failed,) = [e for e in record.events if isinstance(e, CallFailed)]
    assert (failed.t, failed.kind) == (126.0, "silent")
    assert failed.usage
    assert failed.usage.output_tokens == 9


def test_a_call_that_breaks_off_is_taken_to_have_written_what_was_heard() -> None:
    class Breaks(SimulatedModel):
        async def complete(self, request: Request) -> Reply:
            assert request.pulse
            request.pulse.beat(23)
            raise ConnectionLost("it broke")

    record = run(TASK, all_sections, Breaks(), recovery=Recovery(retries=0, silence_s=6.0))
    (failed,) = [e for e in record.events if isinstance(e, CallFailed)]
    assert failed.usage
    assert (failed.usage.output_tokens, failed.usage.estimated) == (23, True)


def test_signs_of_life_change_nothing_but_the_record() -> None:
    with_beats = run(TASK, all_sections, SimulatedModel(), recovery=Recovery(silence_s=0.9))
    without = run(TASK, all_sections, SimulatedModel())
    rest = [e for e in with_beats.events if not isinstance(e, Heartbeat)]
    assert rest[1:] == list(without.events)[1:]


def test_the_orchestrator_can_ask_who_is_at_what_and_call_it_off() -> None:
    seen: list[tuple[str | None, float, int | None]] = []

    async def pattern(crew: Crew, task: Task) -> Answer:
        async def watch() -> None:
            await asyncio.sleep(1.0)
            seen.extend((s.subtask, s.since, s.worker) for s in crew.status())
            assert crew.cancel("s5", "no longer wanted")
            assert not crew.cancel("s99", "never begun")

        watching = asyncio.create_task(watch())
        answer = await each_section(crew, task)
        await watching
        assert crew.status() == ()
        return answer

    model = faulty(never, lambda p: 50.0 if p.subtask == "s5" else 3.0)
    record = run(TASK, pattern, model, workers=8)
    assert seen == [(f"s{n}", 0.0, n + 1) for n in range(8)]
    assert measure(record).latency_s == 3.0
    assert len(record.answer.statements) == 7
    assert "s5 (generalist): no report (cancelled)" in record.answer.gaps


# ---- none, and what remains ----


def test_without_any_recovery_a_failure_ends_the_run_and_finished_work_is_kept() -> None:
    def fails(p: Purpose) -> ModelError | None:
        return Crashed("down") if p.subtask == "s7" else None

    record = run(TASK, each_section, faulty(fails), workers=3, recovery="none")
    assert record.ended
    assert (record.status, record.ended.kind) == ("failed", "crash")
    finished = [e for e in record.events if isinstance(e, CallEnded)]
    assert len(record.answer.statements) == len(finished) == 6
    assert record.answer.gaps[0].startswith("no answer: crash; what was reported until then")


def test_a_budget_of_seconds_is_a_hard_stop_and_what_was_found_is_the_answer() -> None:
    task = replace(TASK, budget=Budget(seconds=4.0))
    record = run(task, each_section, faulty(never, lambda _: 3.0), workers=4)
    assert measure(record).latency_s == 4.0
    assert len(record.answer.statements) == 4
    assert {c.failure for c in calls(record) if c.failure} == {"budget"}


def test_a_budget_of_money_needs_a_price_and_is_kept() -> None:
    with pytest.raises(UsageError, match="needs a price, and function has none"):
        run(replace(TASK, budget=Budget(usd=1.0)), all_sections, faulty(never))
    whole = measure(run(TASK, each_section, SimulatedModel())).cost_usd
    assert whole
    task = replace(TASK, budget=Budget(usd=whole / 2, report_tokens=100))
    half = run(task, each_section, SimulatedModel())
    spent = measure(half).cost_usd
    assert spent is not None
    assert 0 < spent <= whole / 2
    assert any("no report (budget)" in gap for gap in half.answer.gaps)


# ---- policies and staff ----


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_says_in_the_record_what_it_is(name: str) -> None:
    record = run(TASK, all_sections, faulty(never), recovery=name)
    assert record.started.recovery == str(policy_named(name))
    assert record.started.recovery.endswith(POLICIES[name].then)


def test_a_policy_that_cannot_be_is_refused() -> None:
    for wrong in ({"retries": -1}, {"hedge": 1.0}, {"deadline_s": 0}, {"silence_s": -1.0}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            Recovery(**wrong)
    with pytest.raises(UnknownName, match="there are: degrade, full"):
        policy_named("hope")


@given(st.data(), st.integers(1, 5))
def test_there_are_never_more_at_work_than_workers_nor_one_twice(
    data: st.DataObject, workers: int
) -> None:
    async def jobs() -> None:
        staff = Staff(workers, lambda *_: None)
        busy: set[int] = set()

        async def job(seconds: float, bad: bool) -> None:
            avoid: frozenset[int] = frozenset()
            for _ in range(2):
                if not staff.others(avoid):
                    return
                worker = await staff.take(avoid)
                assert worker not in busy
                assert worker not in avoid
                busy.add(worker)
                assert len(busy) <= workers
                await asyncio.sleep(seconds)
                busy.discard(worker)
                staff.judge(worker, failed=bad)
                staff.give_back(worker)
                avoid |= {worker}

        async with asyncio.TaskGroup() as group:
            for _ in range(data.draw(st.integers(0, 20))):
                group.create_task(job(data.draw(st.floats(0, 3)), data.draw(st.booleans())))

    clock.run(jobs, virtual=True)


def test_a_report_of_parts_says_each_thing_once_and_names_all_its_calls() -> None:
    a = Report("x", (Statement("One.", ("1#1",)), Statement("Two.")), "s1", 3)
    b = Report("x", (Statement("two."), Statement("Three.")), "s1", 5, parts=(6,))
    lost = Report("x", subtask="s1", failure=Failure("crash", "down"))
    whole = Report.of_parts([lost, a, b])
    assert [f.text for f in whole.findings] == ["One.", "Two.", "Three."]
    assert whole.calls == (3, 5, 6)
    assert whole.failure is None
    assert Report.of_parts([lost, lost]) == lost


def test_the_price_of_remedies_is_the_sum_over_their_calls() -> None:
    model = faulty(lambda p: Crashed("x") if p.attempt == 1 and p.subtask in ("s1", "s4") else None)
    record = run(TASK, each_section, model, recovery=Recovery(retries=1))
    price = measure(record).recovery["retry"]
    again = [c for c in calls(record) if c.step == "retry"]
    waits = sum(e.wait_s for e in record.events if isinstance(e, Recovered))
    assert price.calls == len(again) == 2
    assert price.input_tokens == sum(c.usage.input_tokens for c in again if c.usage)
    assert price.seconds == pytest.approx(sum(c.seconds for c in again) + waits)
    failed = measure(record).recovery["failed"]
    assert (failed.calls, failed.input_tokens, failed.seconds) == (2, 0, 0.0)


# ---- a change of plan calls off what is running ----


def test_the_orchestrator_may_drop_what_is_running_and_nobody_takes_it_up_again() -> None:
    plan = {
        "why": "all",
        "subtasks": {
            f"s{n}": {"specialist": "shipwright", "instruction": "go", "sections": [s.id]}
            for n, s in enumerate(TASK.sections[:3])
        },
    }
    asked: list[str] = []

    def respond(request: Request) -> tuple[str, float]:
        assert request.format
        assert request.purpose
        if request.format.name == "plan":
            return json.dumps(plan), 1.0
        if request.format.name == "revision":
            asked.append(request.messages[-1].content)
            return json.dumps({"why": "too slow", "add": {}, "drop": ["s2", "s0"]}), 1.0
        if request.format.name == "answer":
            return json.dumps({"statements": [], "gaps": []}), 1.0
        if request.purpose.subtask == "s1":
            return "no", 0.6
        return reports(request), 90.0 if request.purpose.subtask == "s2" else 0.5

    pattern = partial(orchestrator_worker, revisions=1)
    record = run(TASK, pattern, FunctionModel(respond), workers=3, recovery="split")
    assert '<running id="s2"' in asked[0]
    assert 'seconds="' in asked[0]
    (change,) = [e for e in record.events if isinstance(e, PlanRevised)]
    assert change.dropped == ("s2",), "s0 has its report, and keeps it"
    of_it = [c for c in calls(record) if c.subtask == "s2"]
    assert [(c.step, c.failure) for c in of_it] == [("first", "cancelled")]
    assert measure(record).latency_s < 20.0
    assert "s2 (shipwright): no report (cancelled)" in record.answer.gaps
