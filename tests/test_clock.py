"""Running coroutines on virtual and on real time, from anywhere, and stopping them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit import clock
from orchestrator_kit.answer import Answer
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import Deadlock, RunError, RunInterrupted
from orchestrator_kit.events import CallEnded, CallFailed, CallStarted, RunEnded
from orchestrator_kit.experiments import compare, compare_async, run, run_async
from orchestrator_kit.metrics import calls, failures, measure
from orchestrator_kit.models.base import Reply, Request, Usage
from orchestrator_kit.models.simulated import SimulatedModel
from orchestrator_kit.patterns import PATTERNS
from orchestrator_kit.record import Run
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.roles import worker
from orchestrator_kit.tasks import Task
from tests.fakes import FunctionModel

T = TypeVar("T")
either_clock = pytest.mark.parametrize("virtual", [True, False], ids=["virtual", "real"])


def now() -> float:
    return asyncio.get_running_loop().time()


def on_virtual_time(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return clock.run(main, virtual=True)


# ---- virtual time ----


@pytest.mark.parametrize("seconds", [0.25, 2_592_000.0, 31_536_000.0, 1e12, 1e15])
def test_virtual_time_begins_at_zero_and_costs_nothing(seconds: float) -> None:
    async def main() -> float:
        assert now() == 0.0
        await asyncio.sleep(seconds)
        return now()

    began = time.perf_counter()
    assert on_virtual_time(main) == seconds
    assert time.perf_counter() - began < 5.0


def test_virtual_time_is_as_fine_where_the_systems_clock_is_coarse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    info = time.get_clock_info("monotonic")
    info.resolution = 0.015625  # of Windows, before Python 3.13
    monkeypatch.setattr(time, "get_clock_info", lambda _: info)
    seen: list[float] = []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append(now())

    async def main() -> None:
        await asyncio.gather(sleeper(1.01), sleeper(1.0))

    on_virtual_time(main)
    assert seen == [1.0, 1.01]


@given(st.lists(st.integers(1, 10**8).map(lambda n: n / 1024), max_size=20))
def test_sleeping_in_turn_takes_exactly_the_sum(durations: list[float]) -> None:
    async def main() -> float:
        for d in durations:
            await asyncio.sleep(d)
        return now()

    assert on_virtual_time(main) == sum(durations)


@given(st.lists(st.integers(1, 10**8).map(lambda n: n / 1024), min_size=1, max_size=20))
def test_sleeping_at_once_takes_exactly_the_longest_and_ends_in_order(
    durations: list[float],
) -> None:
    ended: list[tuple[float, float]] = []

    async def sleeper(d: float) -> None:
        await asyncio.sleep(d)
        ended.append((d, now()))

    async def main() -> float:
        await asyncio.gather(*map(sleeper, durations))
        return now()

    assert on_virtual_time(main) == max(durations)
    assert ended == [(d, d) for d in sorted(durations)]


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30), st.integers(1, 5))
def test_a_semaphore_lets_so_many_in_at_a_time(durations: list[int], places: int) -> None:
    inside, most = 0, 0

    async def main() -> float:
        nonlocal inside, most
        door = asyncio.Semaphore(places)

        async def guest(d: int) -> None:
            nonlocal inside, most
            async with door:
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(d)
                inside -= 1

        async with asyncio.TaskGroup() as group:
            for d in durations:
                group.create_task(guest(d))
        return now()

    free = [0] * places  # first come, first served: a list schedule
    for d in durations:
        free[free.index(min(free))] += d
    assert on_virtual_time(main) == max(free)
    assert (inside, most) == (0, min(places, len(durations)))


def test_a_timeout_ends_what_takes_too_long_at_its_time() -> None:
    async def main() -> tuple[float, float, float]:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await asyncio.sleep(100)
        first = now()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().create_future(), 1.5)
        second = now()
        assert await asyncio.wait_for(asyncio.sleep(1, "in time"), 5) == "in time"
        return first, second, now()

    assert on_virtual_time(main) == (2.5, 4.0, 5.0)


def test_a_queue_hands_over_between_producer_and_consumer() -> None:
    async def main() -> list[tuple[int, float]]:
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize=1)
        got: list[tuple[int, float]] = []

        async def consume() -> None:
            while (item := await queue.get()) >= 0:
                await asyncio.sleep(10)
                got.append((item, now()))

        async with asyncio.TaskGroup() as group:
            group.create_task(consume())
            for n in (1, 2, -1):
                await queue.put(n)
                await asyncio.sleep(1)
        return got

    assert on_virtual_time(main) == [(1, 10.0), (2, 20.0)]


def test_the_first_failure_of_a_group_cancels_the_others_at_once() -> None:
    async def fail() -> None:
        await asyncio.sleep(3)
        raise ValueError("broken")

    async def main() -> tuple[float, bool]:
        others = []

        async def siblings() -> None:
            async with asyncio.TaskGroup() as group:
                others.append(group.create_task(asyncio.sleep(1_000)))
                group.create_task(fail())

        with pytest.raises(ExceptionGroup) as caught:
            await siblings()
        assert caught.group_contains(ValueError, match="broken")
        return now(), others[0].cancelled()

    assert on_virtual_time(main) == (3.0, True)


def test_callbacks_events_and_conditions_work_on_virtual_time() -> None:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        seen: list[str] = []
        event = asyncio.Event()
        loop.call_later(2, seen.append, "later")
        loop.call_at(1, seen.append, "at")
        loop.call_soon(seen.append, "soon")
        loop.call_later(3, event.set)
        dropped = loop.call_later(2.5, seen.append, "never")
        dropped.cancel()
        await event.wait()
        return [*seen, f"{now():g}"]

    assert on_virtual_time(main) == ["soon", "at", "later", "3"]


def test_a_coroutine_that_never_waits_takes_no_virtual_time() -> None:
    async def main() -> float:
        for _ in range(1_000):
            await asyncio.sleep(0)
        return now()

    assert on_virtual_time(main) == 0.0


# ---- real time ----


def test_real_time_passes() -> None:
    async def main() -> float:
        began = now()
        await asyncio.sleep(0.005)
        return now() - began

    assert clock.run(main, virtual=False) >= 0.004


def test_real_time_has_threads() -> None:
    async def main() -> int:
        return await asyncio.to_thread(threading.get_ident)

    assert clock.run(main, virtual=False) != threading.get_ident()


# ---- from anywhere ----


async def doubled(n: int) -> int:
    await asyncio.sleep(0.001)
    return 2 * n


@asynccontextmanager
async def nothing_changed() -> AsyncIterator[None]:
    """The running loop and task are the same afterwards, and everything of theirs works."""
    loop, task, began = asyncio.get_running_loop(), asyncio.current_task(), now()
    beside = asyncio.create_task(doubled(21))
    yield
    assert asyncio.get_running_loop() is loop
    assert asyncio.current_task() is task
    assert task in asyncio.all_tasks()
    assert now() >= began
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await beside == 42
    async with asyncio.TaskGroup() as group:
        again = group.create_task(doubled(4))
    assert again.result() == 8
    assert asyncio.current_task() is task


@either_clock
def test_it_runs_in_a_script(virtual: bool) -> None:
    assert clock.run(lambda: doubled(3), virtual=virtual) == 6


@either_clock
def test_it_runs_inside_a_running_loop_which_goes_on_afterwards(virtual: bool) -> None:
    async def outer() -> list[int]:
        found = []
        for n in range(3):
            async with nothing_changed():
                found.append(clock.run(lambda n=n: doubled(n), virtual=virtual))  # type: ignore[misc]
        return found

    assert asyncio.run(outer()) == [0, 2, 4]


@either_clock
def test_the_loop_that_is_set_for_the_thread_stays_set(virtual: bool) -> None:
    async def outer() -> int:
        return clock.run(lambda: doubled(4), virtual=virtual)

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        assert loop.run_until_complete(outer()) == 8
        assert asyncio.get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@either_clock
def test_it_runs_from_a_callback_of_a_loop_without_a_task(virtual: bool) -> None:
    async def outer() -> int:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def callback() -> None:
            assert asyncio.current_task() is None
            done.set_result(clock.run(lambda: doubled(5), virtual=virtual))
            assert asyncio.current_task() is None

        asyncio.get_running_loop().call_soon(callback)
        return await done

    assert asyncio.run(outer()) == 10


@either_clock
def test_it_runs_in_threads_side_by_side(virtual: bool) -> None:
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(clock.run, lambda n=n: doubled(n), virtual=virtual) for n in range(8)]
        assert [job.result(30) for job in jobs] == [2 * n for n in range(8)]


@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize("middle", [True, False])
def test_it_runs_inside_itself(middle: bool, inner: bool) -> None:
    async def second() -> int:
        async with nothing_changed():
            return clock.run(lambda: doubled(7), virtual=inner)

    async def first() -> int:
        async with nothing_changed():
            return clock.run(second, virtual=middle)

    assert clock.run(first, virtual=True) == 14
    assert asyncio.run(first()) == 14


def test_time_of_the_inner_loop_is_its_own() -> None:
    async def inner() -> float:
        await asyncio.sleep(100)
        return now()

    async def outer() -> tuple[float, float]:
        await asyncio.sleep(7)
        return clock.run(inner, virtual=True), now()

    assert on_virtual_time(outer) == (100.0, 7.0)


# ---- errors and endings ----


@either_clock
@pytest.mark.parametrize(
    "error", [ValueError, asyncio.CancelledError, SystemExit, KeyboardInterrupt]
)
def test_an_exception_comes_out_as_it_is(virtual: bool, error: type[BaseException]) -> None:
    async def main() -> None:
        await asyncio.sleep(0.001)
        raise error("why")

    with pytest.raises(error):
        clock.run(main, virtual=virtual)

    async def outer() -> str:
        async with nothing_changed():
            with pytest.raises(error):
                clock.run(main, virtual=virtual)
        return "went on"

    assert asyncio.run(outer()) == "went on"


@either_clock
def test_what_is_left_running_is_cancelled_and_cleans_up(virtual: bool) -> None:
    seen: list[str] = []

    async def lasting() -> None:
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            await asyncio.sleep(0.001)
            seen.append("cleaned")
            raise

    async def main() -> None:
        seen.append("started")
        main.task = asyncio.create_task(lasting())  # type: ignore[attr-defined]
        await asyncio.sleep(0.001)

    clock.run(main, virtual=virtual)
    assert seen == ["started", "cleaned"]


@either_clock
def test_cancelling_inside_is_seen_inside(virtual: bool) -> None:
    async def main() -> str:
        task = asyncio.create_task(asyncio.sleep(1_000))
        await asyncio.sleep(0.001)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task
        return "went on"

    assert clock.run(main, virtual=virtual) == "went on"


async def forgotten_future() -> None:
    await asyncio.get_running_loop().create_future()


async def circle() -> None:
    one, other = asyncio.Event(), asyncio.Event()

    async def wait(first: asyncio.Event, then: asyncio.Event) -> None:
        await first.wait()
        then.set()

    await asyncio.gather(wait(one, other), wait(other, one))


async def empty_queue() -> None:
    await asyncio.sleep(5)
    await asyncio.Queue[int]().get()


async def taken_lock() -> None:
    lock = asyncio.Lock()
    async with lock, lock:
        pass


@pytest.mark.parametrize("main", [forgotten_future, circle, empty_queue, taken_lock])
def test_a_deadlock_is_an_error_and_no_endless_wait(
    main: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    with pytest.raises(Deadlock, match="nothing can go on"):
        on_virtual_time(main)
    assert issubclass(Deadlock, RunError)


@pytest.mark.parametrize("main", [forgotten_future, circle, empty_queue, taken_lock])
def test_a_deadlock_leaves_the_outer_loop_intact(
    main: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    async def outer() -> str:
        for _ in range(2):
            async with nothing_changed():
                with pytest.raises(Deadlock):
                    on_virtual_time(main)
        return "went on"

    assert asyncio.run(outer()) == "went on"
    assert on_virtual_time(outer) == "went on"


def test_who_waits_in_a_deadlock_can_clean_up() -> None:
    seen: list[str] = []

    async def main() -> None:
        try:
            await forgotten_future()
        finally:
            await asyncio.sleep(2)
            seen.append("cleaned")

    with pytest.raises(Deadlock):
        on_virtual_time(main)
    assert seen == ["cleaned"]


class NeverReplies(FunctionModel):
    """A model whose calls wait for something that nothing could ever bring."""

    def __init__(self) -> None:
        super().__init__(lambda _: ("", 0.0))

    async def complete(self, request: Request) -> Reply:
        await forgotten_future()
        raise AssertionError("nobody sets it")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_model_that_never_replies_is_a_run_that_fails_at_its_deadline(
    pattern: str, small_task: Task
) -> None:
    patience = Recovery(retries=1, deadline_s=60.0)
    record = run(small_task, pattern, NeverReplies(), workers=2, recovery=patience)
    assert record.ended is not None
    assert (record.status, record.ended.kind) == ("failed", "timeout")
    assert {c.failure for c in calls(record)} == {"timeout"}
    assert {round(c.seconds) for c in calls(record)} == {60}
    assert Run.from_jsonl(record.to_jsonl()) == record


async def waits_for_itself(crew: Crew, task: Task) -> Answer:
    await crew.report(worker.answer(task))
    await forgotten_future()
    return Answer()


def test_a_run_that_waits_for_itself_is_a_failed_run_with_its_record(small_task: Task) -> None:
    record = run(small_task, waits_for_itself, SimulatedModel(), workers=2)
    assert record.ended is not None
    assert (record.status, record.ended.kind) == ("failed", "deadlock")
    assert record.answer.gaps[0] == "no answer: deadlock"
    assert len(calls(record)) == 1
    assert [type(e) for e in record.events].count(RunEnded) == 1
    assert Run.from_jsonl(record.to_jsonl()) == record


def test_a_comparison_goes_on_after_a_run_that_waits_for_itself(small_task: Task) -> None:
    found = compare(small_task, patterns=[waits_for_itself, "single_call"])
    assert [row.run.status for row in found.rows] == ["failed", "done"]


# ---- the same run from anywhere ----


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_run_gives_one_record_wherever_it_is_called(pattern: str, small_task: Task) -> None:
    def plain() -> Run:
        return run(small_task, pattern, SimulatedModel(3), workers=2)

    async def in_a_running_loop() -> Run:
        async with nothing_changed():
            return plain()

    async def awaited() -> Run:
        async with nothing_changed():
            return await run_async(small_task, pattern, SimulatedModel(3), workers=2)

    with ThreadPoolExecutor(1) as pool:
        in_a_thread = pool.submit(plain).result(30)
    expected = plain()
    assert expected.status == "done"
    assert in_a_thread == expected
    assert asyncio.run(in_a_running_loop()) == expected
    assert asyncio.run(awaited()) == expected
    assert expected != run(small_task, pattern, SimulatedModel(4), workers=2)


def test_a_comparison_gives_the_same_figures_plain_and_awaited(small_task: Task) -> None:
    async def awaited() -> str:
        return (await compare_async(small_task, SimulatedModel(3))).to_json()

    assert asyncio.run(awaited()) == compare(small_task, SimulatedModel(3)).to_json()


# ---- Ctrl-C ----

FINDINGS = (
    '{"findings": [{"statement": "The ferry is worked by nine hands.", "source": "survey#2"}]}'
)


class Live:
    """A model on real time that answers at once, until the calls that never end."""

    name = "live"
    window = 8_000
    max_output_tokens = 1_000
    parallel = None
    beats = False
    virtual = False

    def __init__(self, answered: int, then: Callable[[], object]) -> None:
        self.asked = 0
        self.in_flight = 0
        self.closed = 0
        self._answered = answered
        self._then = then

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def price(self, usage: Usage) -> float | None:
        return 0.01

    async def complete(self, request: Request) -> Reply:
        self.asked += 1
        if self.asked <= self._answered:
            return Reply(FINDINGS, Usage(10, 5), 0.01)
        self.in_flight += 1
        try:
            asyncio.get_running_loop().call_later(0.005, self._then)
            await asyncio.get_running_loop().create_future()
            raise AssertionError("nobody sets it")
        finally:
            self.in_flight -= 1

    async def aclose(self) -> None:
        self.closed += 1


@contextmanager
def usual_interrupt() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, as in any fresh interpreter."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_cancels_the_calls_in_flight_and_keeps_the_record(
    small_task: Task, tmp_path: Path
) -> None:
    model = Live(0, ctrl_c)
    heard: list[object] = []
    with usual_interrupt(), pytest.raises(RunInterrupted) as caught:
        run(small_task, "parallelization", model, workers=2, listen=heard.append)
    assert (model.asked, model.in_flight, model.closed) == (2, 0, 1)
    (record,) = caught.value.runs
    assert record.status == "interrupted"
    last = record.events[-1]
    assert isinstance(last, RunEnded)
    assert last.status == "interrupted"
    assert [type(e) for e in record.events].count(CallStarted) == 2
    assert [e.kind for e in record.events if isinstance(e, CallFailed)] == ["cancelled"] * 2
    assert {c.failure for c in calls(record)} == {"cancelled"}
    assert {f["kind"] for f in failures(record)} == {"cancelled"}
    assert record.answer.statements == ()
    assert heard == list(record.events)
    assert Run.load(record.save(tmp_path / "cut.jsonl")) == record


def test_ctrl_c_in_the_middle_of_a_comparison_keeps_what_was_paid_for(small_task: Task) -> None:
    model = Live(2, ctrl_c)
    with usual_interrupt(), pytest.raises(RunInterrupted) as caught:
        compare(small_task, model, patterns=["single_call", "pipeline", "voting"])
    first, second = caught.value.runs
    assert (first.pattern, first.status) == ("single_call", "done")
    assert (second.pattern, second.status) == ("pipeline", "interrupted")
    assert [type(e) for e in second.events].count(CallEnded) == 1
    assert measure(second).cost_usd == 0.02  # of one that ended and one that was cut
    assert (model.asked, model.closed) == (3, 1)


def test_an_interrupted_run_is_a_keyboard_interrupt_to_whoever_does_not_know_it(
    small_task: Task,
) -> None:
    with usual_interrupt(), pytest.raises(KeyboardInterrupt):
        run(small_task, "single_call", Live(0, ctrl_c))


def test_ctrl_c_reaches_a_run_inside_a_running_loop_which_goes_on_afterwards(
    small_task: Task,
) -> None:
    class Slow(Live):
        async def complete(self, request: Request) -> Reply:
            self.asked += 1
            asyncio.get_running_loop().call_later(0.005, ctrl_c)
            await asyncio.sleep(5)
            return Reply(FINDINGS, Usage(10, 5), 0.01)

    model = Slow(0, ctrl_c)

    async def outer() -> Run:
        async with nothing_changed():
            handler = signal.getsignal(signal.SIGINT)
            with pytest.raises(RunInterrupted) as caught:
                run(small_task, "single_call", model)
            assert signal.getsignal(signal.SIGINT) is handler
        (record,) = caught.value.runs
        assert isinstance(record, Run)
        return record

    with usual_interrupt():
        record = asyncio.run(outer())
    assert record.status == "interrupted"
    assert {c.failure for c in calls(record)} == {"cancelled"}
    assert (model.asked, model.closed) == (1, 1)


def test_ctrl_c_on_virtual_time_keeps_the_record_too(small_task: Task) -> None:
    class Interrupted(Live):
        virtual = True

        async def complete(self, request: Request) -> Reply:
            self.asked += 1
            if self.asked == 3:
                ctrl_c()
            await asyncio.sleep(1)
            return Reply(FINDINGS, Usage(10, 5), 0.01)

    model = Interrupted(0, ctrl_c)
    with usual_interrupt(), pytest.raises(RunInterrupted) as caught:
        run(small_task, "pipeline", model)
    (record,) = caught.value.runs
    assert isinstance(record.events[-1], RunEnded)
    assert record.status == "interrupted"
    assert [type(e) for e in record.events].count(CallEnded) == 2
    assert record.events[-1].t == 2.0


def test_cancelling_an_awaited_run_cancels_its_calls(small_task: Task) -> None:
    heard: list[object] = []

    async def main() -> tuple[int, int]:
        flying = asyncio.Event()
        model = Live(0, flying.set)
        task = asyncio.create_task(
            run_async(small_task, "parallelization", model, workers=3, listen=heard.append)
        )
        await flying.wait()
        assert model.in_flight == 3
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return model.in_flight, model.closed

    assert asyncio.run(main()) == (0, 1)
    assert isinstance(heard[-1], RunEnded)
    assert heard[-1].status == "interrupted"


_CHILD = """
import asyncio, json, sys
from orchestrator_kit import RunInterrupted, Document, Task, run
from orchestrator_kit.models.base import Reply, Usage

class Live:
    name, window, max_output_tokens, parallel, virtual = "live", 8_000, 1_000, None, False
    beats = False
    def price(self, usage):
        return None
    def count_tokens(self, text):
        return len(text.split())
    async def complete(self, request):
        print("in flight", flush=True)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            print("cancelled", flush=True)
    async def aclose(self):
        print("closed", flush=True)

try:
    task = Task("Why?", (Document("a.md", "The tide is high."),))
    run(task, "parallelization", Live(), workers=1)
except RunInterrupted as e:
    print(json.dumps([[type(event).__name__ for event in r.events] for r in e.runs]), flush=True)
    print(e.runs[-1].events[-1].status, flush=True)
    sys.exit(7)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_a_real_process_that_gets_sigint_ends_at_once_with_its_record() -> None:
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _CHILD],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "in flight\n"
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    finally:
        child.kill()
        child.communicate()
    assert (child.returncode, err) == (7, "")
    cancelled, closed, events, status = out.splitlines()
    assert (cancelled, closed, status) == ("cancelled", "closed", "interrupted")
    assert json.loads(events) == [["RunStarted", "CallStarted", "CallFailed", "RunEnded"]]


def test_timers_for_the_same_time_go_off_in_the_order_in_which_they_were_set() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        gone: list[int] = []
        for n in range(50):  # others in between, so that a heap would lie askew
            loop.call_later(1.0 + n % 7, lambda: None)
            loop.call_later(5.0, gone.append, n)
            if n % 3 == 0:
                loop.call_later(2.0, lambda: None).cancel()
        await asyncio.sleep(10.0)
        return gone

    assert clock.run(main, virtual=True) == list(range(50))


def test_the_same_seconds_added_up_in_another_order_are_the_same_time() -> None:
    gone: list[str] = []

    async def steps(name: str, *seconds: float) -> None:
        for s in seconds:
            await asyncio.sleep(s)
        gone.append(name)

    async def main() -> None:
        assert 0.1 + 0.2 + 0.4 > 0.5 + 0.2
        # The last step of the first is set first, for a time that is later by a rounding error.
        await asyncio.gather(steps("three", 0.1, 0.2, 0.4), steps("two", 0.5, 0.2))

    clock.run(main, virtual=True)
    assert gone == ["three", "two"]
