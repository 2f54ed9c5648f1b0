"""A server by script, and how a coroutine of a learner's ended that called it. Judges nothing else.

Times are seconds of the virtual clock.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_kit.catalogue import _
from orchestrator_kit.checks.watch import Outcome, quoted, watched

EXACT = 1e-6  # seconds; virtual time is exact but for sums of fractions
_LATE = 10_000.0  # virtual seconds after which nothing will come any more


@dataclass(slots=True)
class Call:
    """What became of one call: when it began and ended, and how."""

    began: float
    ended: float | None = None
    how: str = "running"  # then "answered", "failed" or "cancelled"


@dataclass(slots=True)
class Server:
    """Answers calls by a list of (seconds, answer or error); the last one over and over.

    A call that is cancelled takes `closing` seconds to put its house in order.
    """

    replies: Sequence[tuple[float, Any]]
    closing: float = 0.0
    calls: list[Call] = field(default_factory=list)

    async def call(self) -> Any:
        loop = asyncio.get_running_loop()
        seconds, result = self.replies[min(len(self.calls), len(self.replies) - 1)]
        call = Call(loop.time())
        self.calls.append(call)
        how = "cancelled"
        try:
            await asyncio.sleep(seconds)
            how = "failed" if isinstance(result, Exception) else "answered"
        except asyncio.CancelledError:
            await asyncio.sleep(self.closing)
            raise
        finally:
            call.ended, call.how = loop.time(), how
        if isinstance(result, Exception):
            raise result
        return result

    def __str__(self) -> str:
        return ", ".join(f"{quoted(result)} ({seconds:g} s)" for seconds, result in self.replies)


@dataclass(frozen=True, slots=True)
class End:
    """How a learner's coroutine ended: what it gave or raised, when, and what went on."""

    value: Any = None
    error: BaseException | None = None
    at: float = 0.0
    done: bool = True
    left: int = 0  # tasks that still ran
    running: int = 0  # calls that had not ended


def ended(
    function: Callable[..., Any], server: Server, *given: float, cancel_at: float | None = None
) -> Outcome:
    """Run `function(call, *given)`, cancelled at a time if one is given; its value is an End."""

    @functools.wraps(function)
    async def tried() -> End | str:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)  # what nobody asked for is told below
        began = function(server.call, *given)
        if not inspect.isawaitable(began):
            return _(
                "The function returned {found} at once, without waiting for a call. It has to be "
                "written with async def."
            ).format(found=quoted(began))

        async def awaited() -> Any:
            return await began

        task = loop.create_task(awaited())
        task.add_done_callback(lambda _task: ends.append(_state(server, loop, task)))
        ends: list[tuple[float, int, int]] = []
        if cancel_at is not None:
            await asyncio.wait({task}, timeout=cancel_at)
            task.cancel()
        await asyncio.wait({task}, timeout=_LATE)
        if not task.done():
            return End(done=False)
        error: BaseException | None = None
        if task.cancelled():
            error = asyncio.CancelledError()
        elif task.exception() is not None:
            error = task.exception()
        at, left, running = ends[0]
        return End(None if error else task.result(), error, at, True, left, running)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of coroutines that nobody awaited
        outcome = watched(tried)
        if inspect.iscoroutine(call := getattr(outcome.value, "value", None)):
            call.close()
            return Outcome(
                complaint=_(
                    "The function returned a call that it had not awaited: call() alone only "
                    "prepares the call, and nothing happens."
                )
            )
    if isinstance(outcome.value, str):
        return Outcome(complaint=outcome.value)
    return outcome


def _state(
    server: Server, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]
) -> tuple[float, int, int]:
    mine = {task, asyncio.current_task(loop)}
    left = [t for t in asyncio.all_tasks(loop) - mine if not t.done()]
    return loop.time(), len(left) - 1, sum(call.ended is None for call in server.calls)


def no_call(end: End) -> str:
    """The complaint that no call was made."""
    return _("The function made no call, and came to {found}. Is it written already?").format(
        found=quoted(end.error or end.value)
    )


def same(a: float, b: float) -> bool:
    """Whether two times are the same but for rounding."""
    return abs(a - b) < EXACT


def fault_in_leaving(end: End, server: Server, at: float) -> str | None:
    """What is wrong with how a coroutine took being cancelled; None if nothing."""
    if not server.calls:
        return no_call(end)
    if end.done and end.at < at - EXACT:
        return _(
            "The function was to be cancelled after {at:g} s, but came to an end after {end:g} s, "
            "with work left to do."
        ).format(at=at, end=end.at)
    if not end.done or end.at > at + server.closing + EXACT or server.calls[-1].began > at:
        return _(
            "The function was cancelled after {at:g} s and went on. Whoever cancels wants an end: "
            "no further call, no further wait."
        ).format(at=at)
    if not isinstance(end.error, asyncio.CancelledError):
        return _(
            "The function was cancelled, and made {found} of it. The CancelledError has to pass "
            "through, or nobody knows that it was cancelled."
        ).format(found=quoted(end.error or end.value))
    return None
