"""The tape: what is recorded of any model is played back, and is not bought twice."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_kit import clock
from orchestrator_kit.answer import Answer
from orchestrator_kit.crew import Crew
from orchestrator_kit.difference import first_difference
from orchestrator_kit.errors import (
    Crashed,
    EmptyReply,
    ModelError,
    NotOnTape,
    Refused,
    TapeError,
    UsageError,
)
from orchestrator_kit.events import CallEnded, CallFailed, CallStarted, Recovered
from orchestrator_kit.experiments import compare, run
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.base import Format, Message, Model, Purpose, Reply, Request, Usage
from orchestrator_kit.models.endpoint import EndpointModel
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.reel import Reel
from orchestrator_kit.models.reel_text import exported
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.models.tape import Tape
from orchestrator_kit.patterns import PATTERNS
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.roles import worker
from orchestrator_kit.tasks import Task
from tests.fakes import FunctionModel, findings
from tests.reading import reads
from tests.servers import ChatServer, Entry, echoes_authorization, fails, says

ROOM = "/dev/shm" if os.path.isdir("/dev/shm") else None  # where a disk need not be waited for
REPORT = findings("The hull is thin.", source="survey#1")
FAULTS = (
    "crash:p=0.3,first=1",
    "empty:role=worker,p=0.2,first=1",
    "straggler:p=0.2,factor=20",
    "rate_limit:p=0.1,first=1",
    "wrong:p=0.1",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tape"


@contextmanager
def new_file() -> Iterator[Path]:
    """A place for a tape in each example of a property."""
    with tempfile.TemporaryDirectory(dir=ROOM) as folder:
        yield Path(folder) / "tape"


def endpoint(server: ChatServer) -> EndpointModel:
    return EndpointModel("test", server.url, "sk-test")


async def one_report(crew: Crew, task: Task) -> Answer:
    """A report on everything, and nothing else."""
    report = await crew.report(worker.report(task, task.sections))
    return Answer(report.findings)


async def one_more_report(crew: Crew, task: Task) -> Answer:
    """The same by another name."""
    return await one_report(crew, task)


# ---- the same again ----


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=6)
@given(seed=st.integers(0, 2**31), workers=st.integers(1, 6))
def test_a_recorded_run_is_played_back_event_by_event(
    pattern: str, small_task: Task, seed: int, workers: int
) -> None:
    with new_file() as file:
        live = run(small_task, pattern, SimulatedModel(seed), workers=workers)
        recorded = run(small_task, pattern, Tape(file, SimulatedModel(seed)), workers=workers)
        assert recorded == live
        assert run(small_task, pattern, Tape(file), workers=workers) == live
        assert run(small_task, pattern, Tape(file, SimulatedModel(seed)), workers=workers) == live


@pytest.mark.parametrize("around", ["tape", "faults"])
@settings(max_examples=60)
@given(
    seed=st.integers(0, 99),
    pattern=st.sampled_from(sorted(PATTERNS)),
    recovery=st.sampled_from(["degrade", "retry", "reassign", "split", "hedge", "full"]),
    workers=st.sampled_from([1, 3, 4, 9]),
)
def test_so_is_a_run_with_faults_on_either_side_of_the_tape(
    around: str, small_task: Task, seed: int, pattern: str, recovery: str, workers: int
) -> None:
    def made(file: Path, model: Model | None) -> Model:
        if around == "faults":
            return Faults(Tape(file, model), FAULTS, seed)
        return Tape(file, None if model is None else Faults(model, FAULTS, seed))

    with new_file() as file:
        first, again = (
            run(small_task, pattern, made(file, model), recovery=recovery, workers=workers)
            for model in (SimulatedModel(seed), None)
        )
        assert first_difference(first, again) is None
        assert again == first


def test_a_call_that_was_cut_off_is_cut_off_again(small_task: Task, file: Path) -> None:
    def respond(request: Request) -> tuple[str, float]:
        assert request.purpose
        return REPORT, 40.0 if request.purpose.attempt == 1 else 2.0

    policy = Recovery(retries=1, deadline_s=10.0)
    first = run(small_task, one_report, Tape(file, FunctionModel(respond)), recovery=policy)
    assert [e.kind for e in first.events if isinstance(e, CallFailed)] == ["timeout"]
    assert first.status == "done"
    assert run(small_task, one_report, Tape(file), recovery=policy) == first
    patient = run(small_task, one_report, Tape(file), recovery=Recovery(retries=0))
    (failed,) = (e for e in patient.events if isinstance(e, CallFailed))
    assert failed.kind == "tape"
    assert "cut off after 10 s" in failed.message


def test_a_run_on_a_server_is_played_back_without_it_in_the_recorded_time(
    small_task: Task, file: Path
) -> None:
    with ChatServer(reads(delay_s=lambda asked: len(asked.prompt) / 100_000)) as server:
        model = Tape(file, endpoint(server))
        live = [compare(small_task, model, patterns=[p]).rows[0].run for p in PATTERNS]
    again = [compare(small_task, Tape(file), patterns=[p]).rows[0].run for p in PATTERNS]
    outcomes = [t.outcome for t in Reel(file).calls.values()]
    for first, second in zip(live, again, strict=True):
        assert first_difference(first, second, times=False) is None
        assert second.answer == first.answer
        assert measure(second).cost_usd == measure(first).cost_usd
    ends = sorted(e.t for r in again for e in r.events if isinstance(e, CallEnded))
    assert ends == pytest.approx(sorted(o.ended for o in outcomes), abs=1e-6)
    assert max(ends) > 0.01


# ---- nothing twice ----


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_second_run_on_a_tape_buys_nothing(pattern: str, small_task: Task, file: Path) -> None:
    with ChatServer(reads()) as server:
        first = run(small_task, pattern, Tape(file, endpoint(server)))
        bought = len(server.asked)
        second = run(small_task, pattern, Tape(file, endpoint(server)))
        assert bought == measure(first).calls > 0
        assert len(server.asked) == bought
    assert first_difference(first, second, times=False) is None


@pytest.mark.parametrize(
    ("entry", "kind", "asked_again"),
    [
        (fails(503), "server", True),
        (fails(429), "rate_limit", True),
        (fails(401), "rejected", True),
        (says(""), "empty", False),
        (says(None, refusal="I would rather not"), "refusal", False),
        (says("What a fine ferry!"), "malformed", False),
        (says('{"findings": [{"stat', finish="length"), "truncated", False),
    ],
)
def test_an_outage_is_asked_again_and_what_was_paid_for_is_not(
    entry: Entry, kind: str, asked_again: bool, small_task: Task, file: Path
) -> None:
    with ChatServer(entry, says(REPORT)) as server:
        first = run(small_task, one_report, Tape(file, endpoint(server)), recovery="degrade")
        second = run(small_task, one_report, Tape(file, endpoint(server)), recovery="degrade")
        assert len(server.asked) == 1 + asked_again
    (failed,) = (e for e in first.events if isinstance(e, CallFailed))
    assert failed.kind == kind
    assert second.status == ("done" if asked_again else "failed")
    if not asked_again:
        assert first_difference(first, second, times=False) is None
    assert len(Reel(file).calls) == 1


def test_an_outage_that_a_retry_came_after_is_history(small_task: Task, file: Path) -> None:
    policy = Recovery(retries=1, first_wait_s=0.01)
    with ChatServer(fails(503), says(REPORT)) as server:
        first = run(small_task, one_report, Tape(file, endpoint(server)), recovery=policy)
        second = run(small_task, one_report, Tape(file, endpoint(server)), recovery=policy)
        assert len(server.asked) == 2
    assert first.status == "done"
    assert first_difference(first, second, times=False) is None


def test_runs_of_several_patterns_share_equal_calls(small_task: Task, file: Path) -> None:
    with ChatServer(reads()) as server:
        tape = Tape(file, endpoint(server))
        found = compare(small_task, tape, patterns=[one_report, one_more_report])
        run(small_task, one_report, Tape(file, endpoint(server)), workers=2)
        assert len(server.asked) == 1
    first, second = (row.run for row in found.rows)
    assert first.answer == second.answer != Answer()
    assert measure(first).input_tokens == measure(second).input_tokens
    assert len(Reel(file).runs) == 1  # the others have nothing of their own


def test_equal_calls_of_one_run_are_told_apart_by_their_order(file: Path) -> None:
    votes = iter("abc")
    model = FunctionModel(lambda _: (next(votes), 1.0))
    request = Request((Message("user", "Heads or tails?"),))

    async def ask(tape: Tape, times: int) -> list[str]:
        mine = tape.for_run("votes")
        return [(await mine.complete(request)).text for _ in range(times)]

    with Reel(file, record=True) as reel:
        tape = Tape(reel, model)
        assert virtually(lambda: ask(tape, 3)) == ["a", "b", "c"]
        assert virtually(lambda: ask(tape, 2)) == ["a", "b"]
    tape = Tape(file)
    assert virtually(lambda: ask(tape, 3)) == ["a", "b", "c"]
    with pytest.raises(NotOnTape):
        virtually(lambda: ask(tape, 4))


def virtually(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return clock.run(main, virtual=True)


# ---- what is not there ----


def test_what_a_tape_lacks_is_said_and_not_invented(small_task: Task, file: Path) -> None:
    run(small_task, "orchestrator_worker", Tape(file, SimulatedModel()))
    other = run(replace(small_task, prompt="What of the crew?"), model=Tape(file))
    assert other.ended
    assert (other.status, other.ended.kind) == ("failed", "tape")
    (failed,) = (e for e in other.events if isinstance(e, CallFailed))
    assert "has no reply to this request of orchestrator" in failed.message
    assert str(file) in failed.message
    assert not other.answer.statements


@pytest.mark.parametrize("policy", ["retry", "reassign", "split", "hedge", "full"])
def test_what_a_tape_lacks_no_remedy_asks_it_for_again(
    policy: str, small_task: Task, file: Path
) -> None:
    run(small_task, "single_call", Tape(file, SimulatedModel()))
    found = run(small_task, one_report, Tape(file), recovery=policy)
    assert [e.kind for e in found.events if isinstance(e, CallFailed)] == ["tape"]
    assert [e.step for e in found.events if isinstance(e, Recovered)] == ["degrade"]


def test_a_recording_must_be_there_and_be_named_where_there_are_several(file: Path) -> None:
    with pytest.raises(TapeError, match="there is nothing recorded"):
        Tape(file)
    with Reel(file, record=True):
        pass
    with pytest.raises(TapeError, match="there is nothing recorded"):
        Tape(file)
    with Reel(file, record=True) as reel:
        for profile in ("small", "large"):
            Tape(reel, SimulatedModel(3, profile))
    with pytest.raises(UsageError, match="which recording"):
        Tape(file)
    with pytest.raises(UsageError, match="but no gpt"):
        Tape(file, name="gpt")
    tape = Tape(file, name="simulated-large")
    assert (tape.window, tape.seed, tape.virtual) == (128_000, 3, True)
    assert tape.price(Usage(1_000_000, 0)) == 2.50


def test_another_model_of_the_same_name_is_refused_and_lets_the_file_go(file: Path) -> None:
    with Reel(file, record=True) as reel:
        Tape(reel, SimulatedModel(1))
    with pytest.raises(TapeError, match=r"another simulated-small \(seed differ\)"):
        Tape(file, SimulatedModel(2))
    assert Reel(file).models["simulated-small"].seed == 1


def test_a_model_whose_tokens_only_it_can_count_is_counted_from_the_tape(
    small_task: Task, file: Path
) -> None:
    class Letters(FunctionModel):
        def count_tokens(self, text: str) -> int:
            return len(text) // 2

    async def counting(crew: Crew, task: Task) -> Answer:
        crew.count_tokens("")  # none at all
        answer = await one_report(crew, task)
        assert crew.count_tokens("after the last call") == 9
        return answer

    first = run(small_task, counting, Tape(file, Letters(lambda _: (REPORT, 1.0))))
    assert run(small_task, counting, Tape(file)) == first
    with pytest.raises(NotOnTape, match="does not say how long"):
        Tape(file).count_tokens("never seen")


@given(st.sampled_from([Crashed, EmptyReply, Refused]), st.text(), st.none() | st.integers(0, 99))
def test_a_failure_comes_back_as_what_it_was(
    kind: type[ModelError], message: str, tokens: int | None
) -> None:
    def respond(_: Request) -> tuple[str, float]:
        error = kind(message)
        error.usage = None if tokens is None else Usage(tokens, 1, estimated=True)
        error.cost_usd = None if tokens is None else 0.5
        error.retry_after = 3.0
        raise error

    async def ask(tape: Tape) -> ModelError:
        try:
            await tape.for_run("x").complete(Request((Message("user", message),)))
        except ModelError as e:
            return e
        finally:
            await tape.aclose()
        raise AssertionError

    with new_file() as file:
        one = virtually(lambda: ask(Tape(file, FunctionModel(respond))))
        other = virtually(lambda: ask(Tape(file)))
    told = [(type(e), str(e), e.usage, e.cost_usd, e.retry_after) for e in (one, other)]
    assert told[0] == told[1]


@given(st.text(), st.text(min_size=1), st.sampled_from(["", "\ud800", "\udfff"]))
def test_any_text_survives_there_and_back(asked: str, text: str, half: str) -> None:
    request = Request((Message("user", asked + half),), Format.of("x", {"type": "object"}))

    async def ask(tape: Tape) -> Reply:
        try:
            return await tape.for_run(asked).complete(request)
        finally:
            await tape.aclose()

    with new_file() as file:
        first = virtually(lambda: ask(Tape(file, FunctionModel(lambda _: (text + half, 1.0)))))
        assert virtually(lambda: ask(Tape(file))) == first


# ---- the order, where time is real ----


Main = Callable[[], Coroutine[Any, Any, Any]]


class Live(FunctionModel):
    """Its time counts as real, though the tests make it pass on the virtual clock."""

    virtual = False


def each(model: Model, names: list[str], ended: list[str]) -> Main:
    """Ask for everything at once, note who ends when, and say how long it took."""

    async def main() -> float:
        mine = dict.fromkeys(names, model)

        async def ask(name: str) -> None:
            request = Request((Message("user", name),), purpose=Purpose("worker", name))
            await mine[name].complete(request)
            ended.append(name)

        await asyncio.gather(*map(ask, names))
        return asyncio.get_running_loop().time()

    return main


@given(st.permutations(range(6)), st.permutations(range(6)), st.integers(0, 6))
def test_recorded_calls_end_again_in_their_order_at_once_and_the_rest_is_asked(
    seconds: list[int], shuffled: list[int], lost: int
) -> None:
    names = [str(n) for n in range(6)]
    live = Live(lambda r: ("ok", 1.0 + seconds[int(r.messages[0].content)]))
    with new_file() as file, Reel(file, record=True) as reel:
        first: list[str] = []
        kept = [n for n in names if int(n) != lost]
        virtually(each(Tape(reel, live).for_run("x"), kept, first))
        second: list[str] = []
        took = virtually(each(Tape(reel, live).for_run("x"), [names[n] for n in shuffled], second))
    assert second[: len(first)] == first
    assert took == (1.0 + seconds[lost] if lost < 6 else 0.0)
    assert len(live.requests) == 6


def test_models_of_one_run_wait_for_each_others_recorded_calls(file: Path) -> None:
    """Specialists with models of their own, each on a tape of its own, on the same reel."""

    class Other(Live):
        name = "other"

    def respond(request: Request) -> tuple[str, float]:
        return "ok", float(request.messages[0].content)

    with Reel(file, record=True) as reel:
        outer = [Tape(reel, Live(respond)), Tape(reel, Other(respond))]
        for _ in range(3):
            ends: list[str] = []
            tapes = [t.for_run("x") for t in outer]

            async def both() -> float:
                await asyncio.gather(
                    each(tapes[0], ["3", "1"], ends)(),  # noqa: B023
                    each(tapes[1], ["4", "2"], ends)(),  # noqa: B023
                )
                return asyncio.get_running_loop().time()

            took = virtually(both)
            assert ends == ["1", "2", "3", "4"]
    assert took == 0.0


def test_calls_that_nobody_makes_again_are_waited_for_once(file: Path) -> None:
    live = Live(lambda r: ("ok", float(r.messages[0].content)))
    names = [str(n) for n in range(1, 21)]
    with Reel(file, record=True) as reel:
        virtually(each(Tape(reel, live).for_run("x"), names, []))
        ended: list[str] = []
        took = virtually(each(Tape(reel, live).for_run("x"), names[10:], ended))
    assert ended == names[10:]
    assert took == 5.0


def test_an_outage_does_not_hold_up_what_was_recorded_after_it(file: Path) -> None:
    broken = ["1"]

    def respond(request: Request) -> tuple[str, float]:
        name = request.messages[0].content
        if name in broken:
            raise Crashed("down")
        return "ok", 1.0 + float(name)

    live = Live(respond)
    with Reel(file, record=True) as reel:
        with pytest.raises(Crashed):
            virtually(each(Tape(reel, live).for_run("x"), ["1"], []))
        virtually(each(Tape(reel, live).for_run("x"), ["5"], []))
        broken.clear()
        ended: list[str] = []
        took = virtually(each(Tape(reel, live).for_run("x"), ["1", "5"], ended))
    assert ended == ["5", "1"]
    assert took == 2.0


# ---- while it is on ----


def test_a_file_is_put_to_rest_between_runs_and_taken_again_for_the_next(
    small_task: Task, file: Path
) -> None:
    tape = Tape(file, SimulatedModel())
    first = run(small_task, "single_call", tape)
    with Reel(file, record=True) as other:  # somebody else adds to it
        run(small_task, "pipeline", Tape(other, SimulatedModel()))
    calls = len(Reel(file).calls)
    assert run(small_task, "single_call", tape) == first
    assert run(small_task, "pipeline", tape).status == "done"
    assert len(Reel(file).calls) == calls  # it knew of what was added


def test_a_reel_that_is_closed_in_the_middle_of_a_run_loses_nothing(
    small_task: Task, file: Path
) -> None:
    reel = Reel(file, record=True)

    async def closing(crew: Crew, task: Task) -> Answer:
        await one_report(crew, task)
        reel.close()
        return await one_report(crew, task)

    first = run(small_task, closing, Tape(reel, FunctionModel(lambda _: (REPORT, 1.0))))
    reel.close()
    assert measure(first).calls == 2
    assert run(small_task, closing, Tape(file)) == first


def test_a_tape_that_is_played_back_is_not_written_on(small_task: Task, file: Path) -> None:
    run(small_task, "pipeline", Tape(file, SimulatedModel()))
    was = file.read_bytes()
    run(small_task, "pipeline", Tape(file))
    assert file.read_bytes() == was
    assert [f.name for f in file.parent.iterdir()] == ["tape"]


# ---- secrets ----


def test_no_key_header_or_password_comes_to_a_tape(small_task: Task, file: Path) -> None:
    secrets = ["sk-very-secret", "hunter2"]
    echo, answer = echoes_authorization(500), reads()
    with ChatServer(echo, answer, answer, answer, echo, answer) as server:
        url = server.url.replace("http://", "http://user:hunter2@")
        with Reel(file, record=True) as reel:
            for address, pattern in ((server.url, "pipeline"), (url, "parallelization")):
                model = EndpointModel("test", address, "sk-very-secret")
                first = run(small_task, pattern, Tape(reel, model))
                assert [e.kind for e in first.events if isinstance(e, CallFailed)] == ["server"]
                assert first.status == "done"
            log = file.with_name("tape-wal").read_bytes()
        sent = {asked.headers["authorization"] for asked in server.asked}
        assert len(sent) == 2
        secrets += [word.split()[1] for word in sent]
    for data in (log, file.read_bytes(), "\n".join(exported(file)).encode()):
        assert b"Give the costs, the dates and the risks." in data
        for secret in secrets:
            assert secret.encode() not in data


def test_the_request_stands_on_the_tape_in_words(small_task: Task, file: Path) -> None:
    first = run(small_task, "orchestrator_worker", Tape(file, SimulatedModel()))
    reel = Reel(file)
    texts = reel.texts()
    asked = Counter(
        tuple((speaker, texts[bytes.fromhex(d)]) for speaker, d in request["messages"])
        for _, request in reel.requests()
    )
    assert asked == Counter(
        tuple((m.speaker, m.content) for m in e.messages)
        for e in first.events
        if isinstance(e, CallStarted)
    )
    (settings,) = reel.runs
    assert json.loads(settings)["pattern"] == "orchestrator_worker"


def test_a_thousand_random_calls_are_played_back_at_any_number_of_workers(file: Path) -> None:
    rng = Random(5)
    names = [str(n) for n in range(1_000)]
    model = FunctionModel(lambda r: (r.messages[0].content * 2, rng.uniform(0.1, 9.0)))
    with Reel(file, record=True) as reel:
        ended: list[list[str]] = [[], [], []]
        virtually(each(Tape(reel, model).for_run("x"), names, ended[0]))
    virtually(each(Tape(file).for_run("x"), names, ended[1]))
    virtually(each(Tape(file).for_run("other"), names, ended[2]))
    assert ended[0] == ended[1] == ended[2]
