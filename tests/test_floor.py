"""The floor on which checks watch a learner's async work: who is there, from when to when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from orchestrator_kit import clock
from orchestrator_kit.checks.floor import Floor
from orchestrator_kit.errors import Crashed, UsageError


def watching(work: Callable[[Floor], Coroutine[Any, Any, Any]]) -> tuple[Floor, Any]:
    floor = Floor({"a": 2.0, "b": 3.0, "c": 0.0}, {"a": "A", "b": Crashed("no luck"), "c": ()})
    return floor, clock.run(lambda: work(floor), virtual=True)


async def together(floor: Floor) -> list[Any]:
    return await asyncio.gather(*map(floor.work, "abc"), return_exceptions=True)


def test_work_takes_its_seconds_and_brings_its_result_or_raises_it() -> None:
    floor, (a, b, c) = watching(together)
    assert (a, str(b), c) == ("A", "no luck", ())
    assert [(s.name, s.began, s.ended) for s in floor.stays] == [
        ("a", 0.0, 2.0),
        ("b", 0.0, 3.0),
        ("c", 0.0, 0.0),
    ]
    assert floor.most == 3
    assert floor.trouble is None


def test_it_knows_who_had_ended_when_somebody_began() -> None:
    async def in_a_row(floor: Floor) -> None:
        await floor.work("a")
        await floor.work("c", {"a": "A"})

    floor, _ = watching(in_a_row)
    assert [s.before for s in floor.stays] == [frozenset(), {"a"}]
    assert floor.of("c")[0].given == ({"a": "A"},)
    assert floor.most == 1


def test_it_knows_from_when_on_a_place_was_idle() -> None:
    floor, _ = watching(together)
    assert floor.idle(0.0, 3.0, 2) == 2.0  # b alone
    assert floor.idle(0.0, 2.0, 2) is None
    assert floor.idle(1.0, 3.0, 3) == 1.0


def test_what_is_given_is_noted_as_it_was() -> None:
    async def changes_it_afterwards(floor: Floor) -> None:
        reports = {"c": ()}
        await floor.work("a", reports)
        reports.clear()

    floor, _ = watching(changes_it_afterwards)
    assert floor.stays[0].given == ({"c": ()},)


def test_work_that_is_not_awaited_does_not_begin_and_nobody_is_warned() -> None:
    async def forgets(floor: Floor) -> object:
        return floor.work("a")

    floor, _ = watching(forgets)
    assert floor.stays == []
    assert "never awaited" in str(floor.trouble)


def test_work_called_off_before_and_after_it_began_ends_as_cancelled() -> None:
    async def calls_off(floor: Floor) -> list[bool]:
        tasks = [asyncio.create_task(floor.work(name)) for name in "ab"]
        tasks[1].cancel()
        await asyncio.sleep(1)
        tasks[0].cancel()
        await asyncio.wait(tasks)
        return [task.cancelled() for task in tasks]

    floor, cancelled = watching(calls_off)
    assert cancelled == [True, True]
    assert [(s.name, s.ended) for s in floor.stays] == [("a", None)]


def test_a_loop_of_ones_own_is_refused_at_once_and_never_waited_for() -> None:
    floor = Floor({"a": 3600.0}, {"a": "A"})

    async def waits() -> None:
        await floor.work("a")

    with pytest.raises(UsageError):
        asyncio.run(waits())
    assert "loop of its own" in str(floor.trouble)


def test_work_under_an_unknown_name_is_named() -> None:
    async def stranger(floor: Floor) -> None:
        with pytest.raises(UsageError):
            await floor.work("x")

    floor, _ = watching(stranger)
    assert "'x'" in str(floor.trouble)
