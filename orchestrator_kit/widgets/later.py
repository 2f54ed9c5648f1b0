"""Work that is put off until the controls rest, so that it is in nobody's way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

Work = Callable[[], None]

REST_S = 0.06  # after the last move, before anything is done
GAP_S = 0.01  # between two pieces of work, for messages to come in


class Later:
    """Pieces of work, one at a time on the running loop's timer; the next move calls them off.

    Where no loop runs, `needed` work is done at once and the other not at all.
    """

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._todo: deque[Work] = deque()

    def put(self, needed: Iterable[Work], other: Iterable[Work]) -> None:
        """Have this done instead of what was still to be done."""
        self.drop()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            for work in needed:
                work()
            return
        self._todo.extend([*needed, *other])
        self._timer = loop.call_later(REST_S, self._next, loop)

    def drop(self) -> None:
        """Forget what was still to be done."""
        self._todo.clear()
        if self._timer:
            self._timer.cancel()
        self._timer = None

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._todo:
            self._todo.popleft()()
        if self._todo:
            self._timer = loop.call_later(GAP_S, self._next, loop)
