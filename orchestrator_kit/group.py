"""A group of tasks that end together: when one fails, the others are cancelled, in their order.

`asyncio.TaskGroup` cancels in the order of a set, which is another one in each process; a run that
is cut short would then not be the same twice. Knows nothing of calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Group:
    """Tasks under way, in the order in which they were created, and the first that failed."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._change = asyncio.Event()
        self._error: BaseException | None = None

    def create_task(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a task; it may create others in the same group."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        del self._tasks[task]
        error = None if task.cancelled() else task.exception()  # asked, so that asyncio is content
        self._error = self._error or error
        self._change.set()

    async def join(self) -> None:
        """Wait until all have ended. Raises the first error there was."""
        while self._tasks and self._error is None:
            await self._change.wait()
            self._change.clear()
        if self._error is not None:
            raise self._error

    async def cancel(self) -> None:
        """Cancel what is under way, the eldest first, and wait until it has ended."""
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


@asynccontextmanager
async def together() -> AsyncIterator[Group]:
    """A group that has ended when the block has: all of it well, or none of it goes on."""
    group = Group()
    try:
        yield group
        await group.join()
    finally:
        await group.cancel()
