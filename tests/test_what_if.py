"""What if: a recorded run under other settings, held against real runs under those settings."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_kit import laws
from orchestrator_kit.answer import Answer
from orchestrator_kit.cases import known_of
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import KitError, RunInterrupted, TapeError, UsageError
from orchestrator_kit.events import CallEnded, PlanMade
from orchestrator_kit.experiments import compare, run
from orchestrator_kit.loading import load_task
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.base import Model, Reply, Request
from orchestrator_kit.models.endpoint import EndpointModel
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.reel import Reel
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.models.tape import Tape
from orchestrator_kit.patterns import PATTERNS, pattern_named
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.record import Run
from orchestrator_kit.recorded import pattern_of, recovery_of
from orchestrator_kit.recovery import POLICIES, Recovery
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Budget, Task
from orchestrator_kit.what_if import what_if
from tests import test_cli
from tests.fakes import FunctionModel, findings
from tests.reading import reads
from tests.servers import ChatServer
from tests.test_cli import Okit
from tests.test_tape import ROOM, one_report

okit = test_cli.okit


@contextmanager
def new_file() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=ROOM) as folder:
        yield Path(folder) / "tape"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tape"


def timeline(record: Run) -> list[tuple[float, str]]:
    return [(e.t, type(e).__name__) for e in record.events]


def is_plan(request: Request) -> bool:
    return request.format is not None and request.format.name == "plan"


class PlanKept(SimulatedModel):
    """The simulated model, which answers every request for a plan as it answered the first.

    It says that as many workers are wanted as `wanted` makes of the number that it would say.
    """

    def __init__(self, seed: int, wanted: Callable[[int], int] = lambda n: n) -> None:
        super().__init__(seed)
        self.wanted = wanted
        self.first: Request | None = None

    async def complete(self, request: Request) -> Reply:
        if not is_plan(request):
            return await super().complete(request)
        self.first = self.first or request
        reply = await super().complete(replace(self.first, purpose=None, pulse=None))
        plan = json.loads(reply.text)
        return replace(reply, text=json.dumps(plan | {"workers": self.wanted(plan["workers"])}))


# ---- the recorded setting ----


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=6)
@given(seed=st.integers(0, 999), workers=st.integers(1, 6))
def test_under_the_recorded_settings_it_is_the_recorded_run_to_the_byte(
    pattern: str, small_task: Task, seed: int, workers: int
) -> None:
    with new_file() as file:
        record = run(small_task, pattern, Tape(file, SimulatedModel(seed)), workers=workers)
        found = what_if(file, small_task, workers=workers)
    recorded, same = found.rows
    assert recorded.run.to_jsonl() == same.run.to_jsonl() == record.to_jsonl()
    assert recorded.measures == same.measures == measure(record)
    assert recorded.recall == score(small_task, record.answer).recall
    assert recorded.complete
    assert "planned_for" not in str(same.run.started)


def test_a_tape_in_the_hand_and_its_reel_are_as_good_as_the_file(
    small_task: Task, file: Path
) -> None:
    tape = Tape(file, SimulatedModel())
    run(small_task, "pipeline", tape)
    first = what_if(file, small_task)
    assert what_if(tape, small_task) == what_if(Reel(file), small_task) == first
    before = file.read_bytes()
    what_if(file, small_task, faults=["empty:p=0.5"])
    assert file.read_bytes() == before, "a question is not recorded"


def test_a_scenario_need_not_be_named(file: Path) -> None:
    run(load_task("legal"), "single_call", Tape(file, SimulatedModel()))
    assert [c.workers for c in what_if(file).rows] == [4, 1, 2, 4, 8]
    assert [c.workers for c in what_if(file, faults=["crash:nth=1"]).rows] == [4, 4]


# ---- other workers ----


@settings(max_examples=25)
@given(seed=st.integers(0, 999), recorded=st.integers(1, 6), workers=st.integers(1, 9))
def test_with_other_workers_it_takes_what_a_real_run_takes_whose_plan_is_kept(
    small_task: Task, seed: int, recorded: int, workers: int
) -> None:
    with new_file() as file:
        model = PlanKept(seed)
        first = run(small_task, model=Tape(file, model), workers=recorded)
        (found,) = what_if(file, small_task, workers=workers).rows[1:]
    # A plan that wants all who may be had is one that would want them all.
    model.wanted = lambda n: workers if n == recorded else n
    real = run(small_task, model=model, workers=workers)
    assert found.complete
    assert timeline(found.run) == timeline(real)
    assert found.run.answer == real.answer == first.answer
    assert found.measures.cost_usd == pytest.approx(measure(real).cost_usd)
    assert found.run.started.options == (
        () if workers == recorded else (f"planned_for={recorded}",)
    )


@pytest.mark.parametrize("scenario", ["legal", "software"])
def test_so_it_does_where_a_plan_is_large(scenario: str, file: Path) -> None:
    task, model = load_task(scenario), PlanKept(0)
    run(task, model=Tape(file, model), workers=4)
    took = []
    for case in what_if(file).rows[1:]:
        model.wanted = lambda n, w=case.workers: w if n == 4 else n  # type: ignore[misc]
        assert timeline(case.run) == timeline(run(task, model=model, workers=case.workers))
        took.append(case.measures.latency_s)
    assert took == sorted(took, reverse=True)
    assert took[0] > 1.5 * took[-1]


@settings(max_examples=25)
@given(
    seed=st.integers(0, 999),
    recorded=st.integers(1, 6),
    pattern=st.sampled_from(["orchestrator_worker", "parallelization", "master_slave", "voting"]),
)
def test_the_laws_bound_what_it_says(
    small_task: Task, seed: int, recorded: int, pattern: str
) -> None:
    with new_file() as file:
        run(small_task, pattern, Tape(file, SimulatedModel(seed)), workers=recorded)
        found = what_if(file, small_task, workers=range(1, 9))
    was = found.recorded.measures
    for case in found.rows[1:]:
        m = case.measures
        assert (m.work_s, m.critical_path_s) == pytest.approx((was.work_s, was.critical_path_s))
        assert was.critical_path_s <= m.latency_s + 1e-6
        assert m.latency_s <= m.work_s + 1e-6
        (wanted,) = [e.plan.workers for e in case.run.events if isinstance(e, PlanMade)] or [None]
        some = wanted is not None and wanted < recorded
        hands = min(case.workers, wanted) if some and wanted else case.workers
        assert m.latency_s <= laws.brent(m.work_s, m.critical_path_s, hands) + 1e-6
    assert found.rows[1].measures.latency_s == pytest.approx(was.work_s)


def test_a_plan_that_wants_fewer_than_it_may_have_is_taken_at_its_word(
    small_task: Task, file: Path
) -> None:
    run(small_task, model=Tape(file, PlanKept(0, lambda n: 2)), workers=4)
    found = what_if(file, small_task, workers=[1, 2, 8])
    assert found.rows[3].measures.latency_s == found.rows[0].measures.latency_s
    assert "the plan wants 2 workers at a time, of 4 that it might have" in str(found.rows[3].notes)
    assert not any("the plan wants" in note for c in found.rows[1:3] for note in c.notes)


def test_shards_are_kept_and_the_row_says_so(small_task: Task, file: Path) -> None:
    first = run(small_task, "master_slave", Tape(file, SimulatedModel()), workers=3)
    one, eight = what_if(file, small_task, workers=[1, 8]).rows[1:]
    for case in (one, eight):
        assert case.run.answer == first.answer
        assert "asked as for 3 workers" in case.notes[0]
    assert one.measures.latency_s == pytest.approx(measure(first).work_s)


def test_peers_who_would_see_another_board_are_not_on_the_tape(
    small_task: Task, file: Path
) -> None:
    first = run(small_task, "peer_agents", Tape(file, SimulatedModel()), workers=3)
    (alone,) = what_if(file, small_task, workers=1).rows[1:]
    assert not alone.complete
    assert {m.role for m in alone.missing} == {"peer"}
    assert alone.recall is None
    real = run(small_task, "peer_agents", PlanKept(0), workers=1)
    assert alone.measures.latency_s < measure(real).latency_s
    assert alone.measures.tokens < measure(first).tokens


# ---- faults, policies, budgets ----


@settings(max_examples=150)
@given(
    seed=st.integers(0, 99),
    pattern=st.sampled_from(sorted(PATTERNS)),
    policies=st.tuples(*[st.sampled_from(sorted(POLICIES))] * 2),
    faults=st.lists(
        st.sampled_from(
            [
                "crash:p=0.3,first=1",
                "crash:role=worker,p=0.5",
                "empty:p=0.2,first=1",
                "malformed:p=0.2",
                "straggler:p=0.3,factor=20",
                "rate_limit:p=0.2,first=1",
                "timeout:p=0.1,seconds=9",
                "wrong:role=worker,p=0.2",
                "kill:role=worker,nth=2",
                "truncated:p=0.1",
            ]
        ),
        max_size=3,
        unique=True,
    ),
    tokens=st.none() | st.integers(2_000, 20_000),
    seconds=st.none() | st.floats(5, 60).map(lambda s: round(s, 3)),
)
def test_it_is_a_real_run_under_these_settings_as_far_as_the_tape_goes(
    small_task: Task,
    seed: int,
    pattern: str,
    policies: tuple[str, str],
    faults: list[str],
    tokens: int | None,
    seconds: float | None,
) -> None:
    budget = Budget(tokens=tokens, seconds=seconds)
    with new_file() as file:
        run(small_task, pattern, Tape(file, SimulatedModel(seed)), recovery=policies[0])
        asked = {"faults": faults, "budget": budget, "recovery": policies[1], "seed": seed}
        found = what_if(file, small_task, **asked).rows[1]  # type: ignore[arg-type]
    task = replace(small_task, budget=budget)
    model: Model = SimulatedModel(seed)
    real = run(
        task, pattern, Faults(model, faults, seed) if faults else model, recovery=policies[1]
    )
    known = known_of(found.run)
    assert known == real.events[: len(known)]
    assert len(known) > 1
    if found.complete:
        assert found.run == real
        assert found.recall == score(small_task, real.answer).recall
    else:
        m, all_of_it = found.measures, measure(real)
        assert m.calls <= all_of_it.calls
        assert m.tokens <= all_of_it.tokens
        assert m.latency_s <= all_of_it.latency_s
        assert m.critical_path_s <= all_of_it.critical_path_s + 1e-6
        assert found.recall is None


def test_a_smaller_budget_refuses_calls_and_is_said_to(small_task: Task, file: Path) -> None:
    first = run(small_task, "parallelization", Tape(file, SimulatedModel()))
    m = measure(first)
    (less,) = what_if(file, small_task, budget=Budget(tokens=m.tokens // 2)).rows[1:]
    assert less.complete
    assert less.measures.tokens <= m.tokens // 2
    assert [n for n in less.notes if n.startswith("the budget refused")]
    assert len(less.run.answer.gaps) > len(first.answer.gaps)
    assert less.run.started.budget_tokens == m.tokens // 2


def test_limits_that_a_budget_leaves_open_stay_as_recorded(small_task: Task, file: Path) -> None:
    task = replace(small_task, budget=replace(small_task.budget, tokens=90_000, answer_tokens=500))
    run(task, "single_call", Tape(file, SimulatedModel()))
    start = what_if(file, task, budget=Budget(usd=1.0)).rows[1].run.started
    assert (start.budget_tokens, start.budget_usd) == (90_000, 1.0)
    other_limit = replace(task, budget=replace(task.budget, tokens=5))
    assert what_if(file, other_limit).recorded.run.started.budget_tokens == 90_000


def test_a_plan_with_complaints_was_never_asked_for_and_nothing_is_invented(
    small_task: Task, file: Path
) -> None:
    first = run(small_task, model=Tape(file, SimulatedModel()))
    planned = next(e.t for e in first.events if isinstance(e, CallEnded))
    found = what_if(file, small_task, faults=["malformed:role=orchestrator,nth=1"])
    (case,) = found.rows[1:]
    assert [str(m) for m in case.missing] == ["orchestrator"]
    assert "has no reply to this request of orchestrator" in case.missing[0].why
    assert case.measures.latency_s == planned
    assert (case.measures.calls, case.recall, case.complete) == (2, None, False)
    assert "not on the tape: 1 call (orchestrator)" in str(found)
    assert f"{planned:.1f} s+" in str(found)


def test_a_request_made_again_after_a_spoiled_reply_gets_the_recorded_one(
    small_task: Task, file: Path
) -> None:
    first = run(small_task, "single_call", Tape(file, SimulatedModel()))
    (case,) = what_if(file, small_task, faults=["empty:nth=1"]).rows[1:]
    assert case.run.answer == first.answer
    assert case.measures.tokens == 2 * measure(first).tokens
    assert any(note.startswith("1 call made once more than recorded") for note in case.notes)
    (crashed,) = what_if(file, small_task, faults=["crash:nth=1"]).rows[1:]
    assert not any("once more than recorded" in note for note in crashed.notes)


def test_another_attempt_after_a_reply_that_was_no_use_when_recorded_is_not_known(
    small_task: Task, file: Path
) -> None:
    model = FunctionModel(lambda _: ("What a fine ferry!", 3.0))
    run(small_task, one_report, Tape(file, model), recovery="degrade")
    asked: dict[str, Any] = {"pattern": one_report}
    (case,) = what_if(file, small_task, recovery="retry", **asked).rows[1:]
    assert [m.agent for m in case.missing] == ["generalist"]
    assert case.measures.calls == 2


def test_a_call_that_was_cut_off_is_known_until_then(small_task: Task, file: Path) -> None:
    model = FunctionModel(lambda _: (findings("The hull is thin.", source="survey#1"), 40.0))
    cut = Recovery(retries=0, deadline_s=10.0)
    run(small_task, one_report, Tape(file, model), recovery=cut)
    asked: dict[str, Any] = {"pattern": one_report}
    assert what_if(file, small_task, **asked).rows[1].complete
    patient = what_if(file, small_task, recovery=Recovery(retries=0), **asked).rows[1]
    assert "cut off after 10 s" in patient.missing[0].why
    assert patient.measures.latency_s <= 10.0


def test_from_when_a_call_was_cut_off_nothing_is_known(small_task: Task, file: Path) -> None:
    seconds = {"shipwright": 40.0, "bookkeeper": 3.0, "risk assessor": 7.02}

    def respond(request: Request) -> tuple[str, float]:
        assert request.purpose
        return findings("The hull is thin.", source="survey#1"), seconds[request.purpose.agent]

    def policy(deadline_s: float) -> Recovery:
        return Recovery(retries=0, deadline_s=deadline_s)

    tape = Tape(file, FunctionModel(respond))
    run(small_task, "parallelization", tape, workers=2, recovery=policy(10.0))
    assert what_if(file, small_task, recovery=policy(10.0)).rows[1].complete
    for later in (10.5, 11.0, 60.0):  # it may have ended by then, or not
        (case,) = what_if(file, small_task, recovery=policy(later)).rows[1:]
        assert [m.agent for m in case.missing] == ["shipwright"]
        assert max(e.t for e in case.run.events) == 10.05
        assert max(e.t for e in known_of(case.run)) == 3.0, "what ended at 10.02 is not known"
    (sooner,) = what_if(file, small_task, recovery=policy(9.0)).rows[1:]
    assert sooner.complete
    assert sooner.measures.latency_s == 10.02


def test_a_fault_that_struck_nothing_is_named(small_task: Task, file: Path) -> None:
    run(small_task, "single_call", Tape(file, SimulatedModel()))
    found = what_if(file, small_task, faults=["crash:role=peer", "straggler:nth=1"])
    assert "4 workers: the fault crash:role=peer struck no call" in found.words()
    assert "4 workers: faults that struck: straggler 1" in found.words()
    assert "What if: faults crash:role=peer straggler:nth=1; seed of the faults 0." in found.words()


def test_recorded_faults_stay_and_can_be_taken_away(small_task: Task, file: Path) -> None:
    plan = ["empty:role=worker,nth=1", "crash:agent=shipwright,first=1"]
    real = run(small_task, "parallelization", Faults(Tape(file, SimulatedModel()), plan, 5))
    found = what_if(file, small_task, workers=2)
    assert found.recorded.run == real
    assert found.rows[1].run.started.faults == real.started.faults
    (without,) = what_if(file, small_task, faults=[]).rows[1:]
    assert without.run == run(small_task, "parallelization", SimulatedModel())


# ---- what a tape says of its run ----


POLICY = st.builds(
    Recovery,
    retries=st.integers(0, 9),
    reassign=st.integers(0, 9),
    split=st.integers(0, 3),
    hedge=st.none() | st.floats(0.01, 0.99),
    then=st.sampled_from(["degrade", "stop"]),
    standby=st.booleans(),
    first_wait_s=st.floats(0, 1e3),
    deadline_s=st.floats(0.1, 1e6),
    silence_s=st.none() | st.floats(0.1, 1e6),
)


@given(policy=POLICY)
def test_a_policy_can_be_read_from_the_record(small_task: Task, policy: Recovery) -> None:
    start = run(small_task, "single_call", recovery=policy).started
    assert recovery_of(start) == policy


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("orchestrator_worker", {"rounds": 2, "conflicts": True, "synthesis": "tree"}),
        ("orchestrator_worker", {"decides": frozenset()}),
        ("orchestrator_worker", {"decides": frozenset({"split", "stop"}), "revisions": 1}),
        ("voting", {"voters": 5}),
        ("self_review", {"rounds": 2}),
    ],
)
def test_a_pattern_with_options_is_asked_about_as_it_was_recorded(
    name: str, options: dict[str, Any], small_task: Task, file: Path
) -> None:
    pattern = partial(pattern_named(name), **options)
    record = run(small_task, pattern, Tape(file, SimulatedModel()))
    again = pattern_of(record.started)
    assert isinstance(again, partial)
    assert (again.func, again.keywords) == (pattern.func, options)
    found = what_if(file, small_task, workers=[4, 2])
    assert found.rows[0].run == found.rows[1].run == record


def test_of_several_runs_one_is_chosen_by_number_or_name(small_task: Task, file: Path) -> None:
    tape = Tape(file, SimulatedModel())
    compare(small_task, tape, patterns=["single_call", "pipeline"])
    run(small_task, orchestrator_worker, tape, workers=2)
    with pytest.raises(UsageError, match=r"which run\? it has 1: single_call, 4 workers"):
        what_if(file, small_task)
    with pytest.raises(UsageError, match="has no run 'voting', but 1: single_call"):
        what_if(file, small_task, which="voting")
    by_name, by_number = (what_if(file, small_task, which=w) for w in ("orchestrator_worker", 3))
    assert by_name == by_number
    assert by_name.recorded.workers == 2


def test_specialists_with_models_of_their_own_get_those_replies(
    small_task: Task, file: Path
) -> None:
    first, *others = small_task.specialists
    own = replace(small_task, specialists=(replace(first, model="simulated:large"), *others))
    with Reel(file, record=True) as reel:
        models = {"simulated:large": Tape(reel, SimulatedModel(0, "large"))}
        record = run(own, "parallelization", Tape(reel, SimulatedModel()), models=models)
    found = what_if(file, own, workers=[1])
    assert found.recorded.run == record
    assert found.rows[1].measures.cost_usd == pytest.approx(measure(record).cost_usd)


def test_of_a_live_run_nothing_is_bought_and_the_recorded_latencies_count(
    small_task: Task, file: Path
) -> None:
    with ChatServer(reads(delay_s=lambda _: 0.05)) as server:
        model = EndpointModel("test", server.url, "sk-test")
        run(small_task, "parallelization", Tape(file, model), workers=3)
        bought = len(server.asked)
        found = what_if(file, small_task, workers=[1, 3], faults=["straggler:p=0"])
        assert len(server.asked) == bought == 3
    seconds = [t.outcome.seconds for t in Reel(file).calls.values()]
    one, three = (c.measures.latency_s for c in found.rows[1:])
    assert one == pytest.approx(sum(seconds), abs=1e-5)
    assert three == pytest.approx(max(seconds), abs=1e-5)
    assert any(note.startswith("Recorded on real time") for note in found.notes)


def test_where_the_tape_cannot_count_the_tokens_that_is_said(small_task: Task, file: Path) -> None:
    model = FunctionModel(lambda _: (findings("The hull is thin.", source="survey#1"), 1.0))
    run(small_task, one_report, Tape(file, model))
    asked: dict[str, Any] = {"pattern": one_report}
    (case,) = what_if(file, small_task, budget=Budget(tokens=50_000), **asked).rows[1:]
    assert not case.complete
    assert "does not say how long a text of this run is" in case.missing[0].why


# ---- mistakes ----


async def unheard_of(crew: Crew, task: Task) -> Answer:
    return await one_report(crew, task)


def not_a_tape(file: Path, task: Task) -> None:
    file.write_text("a tape, honestly")


def of_a_newer_kit(file: Path, task: Task) -> None:
    recorded(file, task)
    body = bytearray(file.read_bytes())
    body[60:64] = (99).to_bytes(4, "big")
    file.write_bytes(bytes(body))


def without_a_run(file: Path, task: Task) -> None:
    with Reel(file, record=True) as reel:
        Tape(reel, SimulatedModel())


def broken_off(file: Path, task: Task) -> None:
    class Tired(SimulatedModel):
        async def complete(self, request: Request) -> Reply:
            if request.purpose and request.purpose.call == 3:
                raise KeyboardInterrupt
            return await super().complete(request)

    with pytest.raises(RunInterrupted):
        run(task, "pipeline", Tape(file, Tired()))


def broken_off_before_a_second_attempt(file: Path, task: Task) -> None:
    def respond(request: Request) -> tuple[str, float]:
        if request.purpose and request.purpose.attempt == 2:
            raise KeyboardInterrupt
        return "What a fine ferry!", 1.0

    with pytest.raises(RunInterrupted):
        run(task, "pipeline", Tape(file, FunctionModel(respond)))


def on_other_documents(file: Path, task: Task) -> None:
    run(replace(task, documents=task.documents[:1]), "pipeline", Tape(file, SimulatedModel()))


def by_an_own_pattern(file: Path, task: Task) -> None:
    run(task, unheard_of, Tape(file, SimulatedModel()))


def recorded(file: Path, task: Task) -> None:
    run(task, "pipeline", Tape(file, SimulatedModel()))


@pytest.mark.parametrize(
    ("made", "asked", "said"),
    [
        (None, {}, "tape: there is nothing recorded"),
        (not_a_tape, {}, "is no tape of this kit; it was left as it is"),
        (of_a_newer_kit, {}, "was written by a newer version of the kit"),
        (without_a_run, {}, "has no run on it that could be made again"),
        (broken_off, {}, "does not have the whole run, it lacks risk assessor"),
        (broken_off_before_a_second_attempt, {}, "not have the whole run, it lacks shipwright"),
        (on_other_documents, {}, "were its documents or its specialists others?"),
        (by_an_own_pattern, {}, "a pattern of its own (unheard_of); give that as `pattern`"),
        (recorded, {"pattern": unheard_of}, "with pattern 'pipeline', not 'unheard_of'"),
        (recorded, {"task": None}, "'The ferry', which is no scenario; give that task as well"),
        (recorded, {"task": Task("Why?")}, "was recorded on 'The ferry', not on 'Why?'"),
        (recorded, {"workers": 0}, "workers is 0; 1 to 10,000 can be had"),
        (recorded, {"workers": [1, -2]}, "workers is -2; 1 to 10,000 can be had"),
        (recorded, {"workers": 2.5}, "workers is 2.5; it is a number, or several"),
        (recorded, {"workers": "4"}, "workers is '4'; it is a number, or several"),
        (recorded, {"workers": []}, "there is no number of workers to ask about"),
        (recorded, {"workers": True}, "workers is True; 1 to 10,000 can be had"),
        (recorded, {"budget": Budget(tokens=0)}, "the budget's tokens is 0; it must be more"),
        (recorded, {"budget": Budget(usd=float("nan"))}, "the budget's usd is nan"),
        (recorded, {"faults": ["flood"]}, "no fault called 'flood'"),
        (recorded, {"recovery": "hope"}, "no recovery policy called 'hope'"),
        (recorded, {"models": {"peer": "gpt"}}, "has simulated-small, but no gpt"),
    ],
)
def test_a_mistake_is_one_clear_line(
    made: Callable[[Path, Task], None] | None,
    asked: dict[str, Any],
    said: str,
    small_task: Task,
    file: Path,
) -> None:
    if made:
        made(file, small_task)
    with pytest.raises(KitError) as error:
        what_if(file, **({"task": small_task} | asked))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert isinstance(error.value, UsageError)


def test_a_tape_that_is_being_recorded_on_is_not_read(small_task: Task, file: Path) -> None:
    with Reel(file, record=True) as reel:
        run(small_task, "pipeline", Tape(reel, SimulatedModel()))
        with pytest.raises(TapeError, match="in use by this very program"):
            what_if(file, small_task)


# ---- what it looks like ----


def test_it_is_plain_data_for_scripts(small_task: Task, file: Path) -> None:
    run(small_task, model=Tape(file, SimulatedModel()))
    asked: dict[str, Any] = {"workers": [1, 8], "budget": Budget(tokens=15_000)}
    found = what_if(file, small_task, **asked)
    body = json.loads(found.to_json())
    assert (body["schema"], body["pattern"], body["seed"]) == (1, "orchestrator_worker", 0)
    assert [row["workers"] for row in body["rows"]] == [4, 1, 8]
    assert [row["budget_tokens"] for row in body["rows"]] == [None, 15_000, 15_000]
    for row, case in zip(body["rows"], found.rows, strict=True):
        assert row["latency_s"] == case.measures.latency_s
        assert row["complete"] == (not row["missing"])
        assert (row["status"] is None) == (not case.complete)
    assert found.to_json() == what_if(file, small_task, **asked).to_json()


def test_a_notebook_shows_it_and_escapes_what_models_wrote(small_task: Task, file: Path) -> None:
    odd = replace(small_task, specialists=(replace(small_task.specialists[0], name="<b>"),))
    run(odd, "parallelization", Tape(file, SimulatedModel()))
    found = what_if(file, odd, faults=["malformed:p=1"], recovery="split")
    assert not found.rows[1].complete
    shown = found._repr_html_()
    assert "<b>" not in shown
    assert "&lt;b&gt;" in shown
    assert repr(found) == "WhatIf(parallelization, 1 rows and the recorded)"


def test_the_command_prints_a_table_draws_a_picture_and_writes_the_figures(okit: Okit) -> None:
    okit("run", "ferry", "--tape", "a.okit")
    done = okit("what-if", "a.okit", "ferry", "--json", "w.json", "--workers", "1,8")
    assert (done.code, done.err) == (0, "")
    title, head, *rows = done.out.splitlines()
    assert title == "The ferry - simulated-small, orchestrator_worker, recorded with 4 workers"
    assert head.split()[:3] == ["run", "workers", "calls"]
    assert [row.split()[:2] for row in rows[:1]] == [["recorded", "4"]]
    assert [row.split()[:3] for row in rows[1:3]] == [["what", "if", "1"], ["what", "if", "8"]]
    assert "Recorded latencies are taken to be the same however many calls are in flight." in rows
    assert [r["workers"] for r in json.loads(Path("w.json").read_text("utf-8"))["rows"]] == [
        4,
        1,
        8,
    ]
    picture = Path("out/what-if-a.svg").read_text("utf-8")
    assert "Latency against workers" in picture
    assert picture.count("<title>Gantt of orchestrator_worker") == 3


def test_the_command_lists_what_is_not_on_the_tape(okit: Okit) -> None:
    okit("run", "ferry", "--tape", "a.okit")
    faults = ["--faults", "malformed:role=orchestrator,nth=1", "crash:role=peer"]
    done = okit("what-if", "a.okit", "ferry", *faults, "--budget-tokens", 50_000)
    assert (done.code, done.err) == (0, "")
    assert "What if: faults malformed:role=orchestrator,nth=1 crash:role=peer; " in done.out
    assert "tokens at most 50,000." in done.out
    assert "4 workers: not on the tape: 1 call (orchestrator)" in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["b.okit"], "b.okit: there is nothing recorded"),
        (["ferry/survey.md"], "survey.md: is no tape of this kit"),
        (["a.okit"], "'The ferry', which is no scenario"),
        (["a.okit", "legal"], "not on 'Merger agreement review'"),
        (["a.okit", "ferry", "--workers", "0"], "workers is 0; 1 to 10,000 can be had"),
        (["a.okit", "ferry", "--workers", "1;2"], "--workers is '1;2'; it takes whole numbers"),
        (["a.okit", "ferry", "--budget-usd", "-1"], "the budget's usd is -1.0"),
        (["a.okit", "ferry", "--faults", "flood"], "no fault called 'flood'"),
        (["a.okit", "ferry", "--which", "7"], "has no run 7, but 1: orchestrator_worker"),
        (["a.okit", "ferry", "--figure", "a.png"], "a.png: this picture's file ends in .svg"),
        (["a.okit", "ferry", "--json", "a.okit"], "a.okit: is the tape"),
    ],
)
def test_a_mistake_on_the_command_line_ends_in_one_line(
    okit: Okit, words: list[str], said: str
) -> None:
    okit("run", "ferry", "--tape", "a.okit")
    done = okit("what-if", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.complaint
