"""Running a coroutine to its end, on virtual or real time, from anywhere. Knows no models.

`run` works in a script, in a thread and in a notebook cell, whose loop is already running: it
steps out of that loop, runs one of its own in the same thread and steps back in. On the virtual
loop nothing waits: where everything sleeps, the clock jumps to the next timer.

The virtual loop is our own twenty lines on asyncio's `BaseEventLoop` (docs/decisions.md says why
not a package). It and the stepping out rest on private names of asyncio; tests/test_clock.py
shows whether a version of Python still has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import heapq
import itertools
import math
import signal
import threading
from asyncio import events, tasks
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from orchestrator_kit.errors import Deadlock

T = TypeVar("T")


class _Timer(asyncio.TimerHandle):
    """A timer that goes before those set after it for the same time.

    That is to the nanosecond: the same seconds, added up in another order, are the same time.
    """

    __slots__ = ("place",)
    place: tuple[float, int]

    def __lt__(self, other: object) -> bool:
        assert isinstance(other, _Timer)
        return self.place < other.place


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose time is counted, not waited for. It starts at 0 seconds.

    It has no sockets, threads or child processes. Timers for the same time go off in the order in
    which they were set: asyncio's would go as its heap happens to lie, and a run played back would
    part from the one that was recorded. When everything waits and no timer is left, nothing could
    ever happen again: that is a `Deadlock`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._clock_resolution = 1e-9  # the base class takes the wall clock's
        self._selector = self  # the base class asks its selector what is ready
        self._timers = itertools.count()

    def time(self) -> float:
        return self._now

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """As in the base class, with a place in the order of timers."""
        timer = _Timer(when, callback, args, self, context)
        timer.place = round(when, 9), next(self._timers)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def select(self, timeout: float | None) -> list[Any]:
        """Called when nothing is ready: jump to the next timer."""
        if timeout is None:
            raise Deadlock("every coroutine waits for another; nothing can go on")
        if timeout > 0:
            scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
            self._now = scheduled[0].when()
            self._clock_resolution = max(1e-9, math.ulp(self._now))
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no sockets, so there are no events."""

    def _write_to_self(self) -> None:
        """Nothing sleeps here, so nobody must be woken."""


def run(main: Callable[[], Coroutine[Any, Any, T]], *, virtual: bool) -> T:
    """Run `main()` to its end and return what it returns; `virtual` chooses the clock.

    Ctrl-C, or a notebook's stop button, cancels the coroutine, lets it put its house in order,
    and then raises KeyboardInterrupt.
    """
    with _outside_the_running_loop(), _uncollected(virtual):
        factory = VirtualLoop if virtual else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main())


@contextlib.contextmanager
def _uncollected(virtual: bool) -> Iterator[None]:
    """No search for garbage during a virtual run, which is short and makes hardly any cycles.

    30,000 subtasks took 12 s instead of 19, and not more memory (benchmarks/engine.py).
    """
    pause = virtual and gc.isenabled()
    if pause:
        gc.disable()
    try:
        yield
    finally:
        if pause:
            gc.enable()


@contextlib.contextmanager
def _outside_the_running_loop() -> Iterator[None]:
    loop = events._get_running_loop()
    if loop is None:
        yield
        return
    task = tasks.current_task(loop)
    if task is not None:
        tasks._leave_task(loop, task)
    events._set_running_loop(None)
    # The outer loop's handler would only note an interrupt, for when it runs again.
    main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
        events._set_running_loop(loop)
        if task is not None:
            tasks._enter_task(loop, task)
