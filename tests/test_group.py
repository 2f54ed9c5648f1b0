"""Groups of tasks: all end, and in the same order every time."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator_kit import clock
from orchestrator_kit.errors import Crashed, Refused
from orchestrator_kit.group import together


def test_the_first_error_ends_the_group_and_the_others_are_cancelled_eldest_first() -> None:
    ended: list[str] = []

    async def job(name: str, seconds: float, error: Exception | None = None) -> None:
        try:
            await asyncio.sleep(seconds)
            if error:
                raise error
        except asyncio.CancelledError:
            ended.append(f"{name} cancelled")
            raise
        ended.append(name)

    async def main() -> None:
        async with together() as group:
            for n in range(40):
                group.create_task(job(f"{n}", 10.0 + n))
            group.create_task(job("quick", 1.0))
            group.create_task(job("first", 2.0, Crashed("first")))
            group.create_task(job("second", 2.0, Refused("second")))

    with pytest.raises(Crashed, match="first"):
        clock.run(main, virtual=True)
    assert ended == ["quick", *(f"{n} cancelled" for n in range(40))]


def test_tasks_may_add_tasks_and_the_errors_of_these_count_at_once() -> None:
    async def late() -> None:
        raise Crashed("late")

    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with together() as group:
                group.create_task(asyncio.sleep(100.0))

                async def adds() -> None:
                    await asyncio.sleep(1.0)
                    group.create_task(late())
                    await asyncio.sleep(100.0)

                group.create_task(adds())
        except Crashed:
            return loop.time() - began
        return -1.0

    assert clock.run(main, virtual=True) == 1.0


def test_an_error_in_the_block_itself_cancels_the_group() -> None:
    async def main() -> None:
        async with together() as group:
            task = group.create_task(asyncio.sleep(100.0))
            try:
                raise Refused("no")
            finally:
                tasks.append(task)

    tasks: list[asyncio.Task[None]] = []
    with pytest.raises(Refused):
        clock.run(main, virtual=True)
    assert tasks[0].cancelled()


def test_cancelling_who_waits_for_a_group_cancels_the_group() -> None:
    ended: list[bool] = []

    async def job() -> None:
        try:
            await asyncio.sleep(100.0)
        finally:
            ended.append(True)

    async def waits() -> None:
        async with together() as group:
            group.create_task(job())

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waits(), 1.0)

    clock.run(main, virtual=True)
    assert ended == [True]
