"""Judges of the exercises on failures and recovery: a fair retry, a hedge."""

from __future__ import annotations

import asyncio
import functools
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_kit.catalogue import N_, _, ngettext
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import stream
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import Outcome, not_a_function, quoted, watched
from orchestrator_kit.errors import (
    ConnectionLost,
    Crashed,
    EmptyReply,
    MalformedReply,
    ModelError,
    RateLimited,
    RequestRejected,
    ServerFailed,
)

_EXACT = 1e-6  # seconds; virtual time is exact but for sums of fractions
_LATE = 10_000.0  # virtual seconds after which nothing will come any more


@dataclass(slots=True)
class _Call:
    """What became of one call: when it began and ended, and how."""

    began: float
    ended: float | None = None
    how: str = "running"  # then "answered", "failed" or "cancelled"


@dataclass(slots=True)
class _Server:
    """Answers calls by a list of (seconds, answer or error); the last one over and over.

    A call that is cancelled takes `closing` seconds to put its house in order.
    """

    replies: Sequence[tuple[float, Any]]
    closing: float = 0.0
    calls: list[_Call] = field(default_factory=list)

    async def call(self) -> Any:
        loop = asyncio.get_running_loop()
        seconds, result = self.replies[min(len(self.calls), len(self.replies) - 1)]
        call = _Call(loop.time())
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
class _End:
    """How a learner's coroutine ended: what it gave or raised, when, and what went on."""

    value: Any = None
    error: BaseException | None = None
    at: float = 0.0
    done: bool = True
    left: int = 0  # tasks that still ran
    running: int = 0  # calls that had not ended


def _ended(
    function: Callable[..., Any], server: _Server, *given: float, cancel_at: float | None = None
) -> Outcome:
    """Run `function(call, *given)`, cancelled at a time if one is given; its value is an _End."""

    @functools.wraps(function)
    async def tried() -> _End | str:
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
            return _End(done=False)
        error: BaseException | None = None
        if task.cancelled():
            error = asyncio.CancelledError()
        elif task.exception() is not None:
            error = task.exception()
        at, left, running = ends[0]
        return _End(None if error else task.result(), error, at, True, left, running)

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
    server: _Server, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]
) -> tuple[float, int, int]:
    mine = {task, asyncio.current_task(loop)}
    left = [t for t in asyncio.all_tasks(loop) - mine if not t.done()]
    return loop.time(), len(left) - 1, sum(call.ended is None for call in server.calls)


def _no_call(end: _End) -> str:
    return _("The function made no call, and came to {found}. Is it written already?").format(
        found=quoted(end.error or end.value)
    )


def _same(a: float, b: float) -> bool:
    return abs(a - b) < _EXACT


# --- a fair retry ---


@exercise(
    "retry-1",
    title=N_("Try again, and be fair about it"),
    level=2,
    notebook="08_failures_and_recovery",
    hints=(
        N_(
            "Say it in one sentence first: try; if it fails, and this is not the last attempt, "
            "and trying again can help, then wait and go on; in every other case let the error "
            "go its way. Which of these are conditions, and in which order do you ask them?"
        ),
        N_(
            "Not every exception has an attribute `retryable`: catch ModelError only, and inside "
            "look at e.retryable. A bare `raise` there passes the very same error on. What is "
            "not caught needs no code at all; that is true of being cancelled, too."
        ),
        N_(
            "Keep the wait in a variable that doubles each time, and take the smaller of it and "
            "the longest wait. If e.retry_after is not None, wait for that instead (0 is not "
            "None). Await asyncio.sleep."
        ),
    ),
)
def retry_1(retry: object) -> Iterator[Part]:
    """An async function that repeats a call that failed, as often as allowed, after waits."""
    yield Part(_("a function"), not_a_function(retry), needed=True)
    assert callable(retry)
    yield _retried(_("who is tried again, and how often"), retry, _once_and_again())
    yield _retried(_("waits that grow, up to the longest"), retry, _in_vain())
    yield _retried(_("the server's own wish"), retry, _as_asked())
    yield _retry_cancelled(retry)


Case = tuple[int, float, float, _Server]


def _retried(asks: str, retry: Callable[..., Any], cases: Iterable[Case]) -> Part:
    for attempts, first, longest, server in cases:
        outcome = _ended(retry, server, attempts, first, longest)
        complaint = outcome.complaint or _fault_in_retry(
            outcome.value, server, attempts, first, longest
        )
        if complaint:
            return Part(asks, complaint, _tried_on(attempts, first, longest, server))
    return Part(asks)


def _tried_on(attempts: int, first: float, longest: float, server: _Server) -> str:
    return _("retry(call, {attempts}, {first:g}, {longest:g}), where call gives {replies}").format(
        attempts=attempts, first=first, longest=longest, replies=server
    )


def _fault_in_retry(
    end: _End, server: _Server, attempts: int, first: float, longest: float
) -> str | None:
    """What is wrong with how often and when a call was made, and with the end; None if nothing."""
    results = [server.replies[min(n, len(server.replies) - 1)][1] for n in range(attempts)]
    passing = [isinstance(r, ModelError) and r.retryable for r in results]
    due = passing.index(False) + 1 if False in passing else attempts
    last, n = results[due - 1], len(server.calls)
    if not end.done:
        return _("The function has not come to an end after {n} calls and a long time.").format(n=n)
    if not n:
        return _no_call(end)
    if n < due:
        return ngettext(
            "The call was made {n} time; {due} were expected. A retryable error, with attempts "
            "left, is a reason to try again.",
            "The call was made {n} times; {due} were expected. A retryable error, with attempts "
            "left, is a reason to try again.",
            n,
        ).format(n=n, due=due)
    if n > due and due < attempts and isinstance(last, Exception):
        return _(
            "The call was made once more after {error}. That is no retryable error: the same "
            "request would fail the same way, so its error goes to the caller at once."
        ).format(error=quoted(last))
    if n > due and not isinstance(last, Exception):
        return _(
            "The call was made once more after it had answered {answer}. Any answer is good, "
            "also an empty one; only an error is a reason to try again."
        ).format(answer=quoted(last))
    if n > due:
        return _(
            "The call was made {n} times, with attempts={attempts}. The first try is counted, too."
        ).format(n=n, attempts=attempts)
    return _fault_in_waits(end, server, first, longest) or _fault_in_end(end, last)


def _fault_in_end(end: _End, last: Any) -> str | None:
    """What is wrong with what a retry came to; None if nothing."""
    if not isinstance(last, Exception):
        if end.error is not None:
            return _("The function raised {error}, though the last call was answered.").format(
                error=quoted(end.error)
            )
        if end.value is not last:
            return _(
                "The function returned {found}; the call had answered {answer}, and that is "
                "expected."
            ).format(found=quoted(end.value), answer=quoted(last))
        return None
    if end.error is None:
        return _(
            "The function returned {found}, though its last call failed. The error has to reach "
            "the caller, or a failure is taken for a result."
        ).format(found=quoted(end.value))
    if end.error is not last:
        return _(
            "The function raised {found}. Expected was the error of its last call, itself and "
            "not a new one: {error}. Whoever catches it wants to know what happened."
        ).format(found=quoted(end.error), error=quoted(last))
    return None


def _fault_in_waits(end: _End, server: _Server, first: float, longest: float) -> str | None:
    """What is wrong with the waits between calls; None if nothing."""
    own = 0  # waits of the function's own choice so far
    for n, (before, after) in enumerate(zip(server.calls, server.calls[1:], strict=False)):
        waited = after.began - (before.ended or before.began)
        error = server.replies[min(n, len(server.replies) - 1)][1]
        asked = getattr(error, "retry_after", None)
        if asked is not None:
            if not asked - _EXACT <= waited <= 1.25 * asked + _EXACT:
                return _fault_in_wish(waited, asked)
            continue
        most = min(first * 2**n, longest)
        least = 0.75 * min(first * 2**own, longest)
        own += 1
        if least - _EXACT <= waited <= most + _EXACT:
            continue
        if waited > longest + _EXACT:
            return _(
                "Before attempt {n} it waited {waited:g} s, longer than the longest wait of "
                "{longest:g} s."
            ).format(n=n + 2, waited=waited, longest=longest)
        if waited < _EXACT:
            return _(
                "Attempt {n} came without any wait. A server in trouble needs a pause, and other "
                "callers a chance. (Is asyncio.sleep awaited? time.sleep stops everybody and is "
                "no wait here.)"
            ).format(n=n + 2)
        return _(
            "Before attempt {n} it waited {waited:g} s; {most:g} s were expected: the first wait "
            "is {first:g} s, each further one twice as long, and none longer than {longest:g} s. "
            "(Up to a quarter less is fine, for chance.)"
        ).format(n=n + 2, waited=waited, most=most, first=first, longest=longest)
    if server.calls and end.at > (server.calls[-1].ended or 0.0) + _EXACT:
        return _(
            "After the last call it waited for another {seconds:g} s, with nothing left to try."
        ).format(seconds=end.at - (server.calls[-1].ended or 0.0))
    return None


def _fault_in_wish(waited: float, asked: float) -> str:
    if waited < asked:
        return _(
            "The server asked to be left alone for {asked:g} s, and the next attempt came after "
            "{waited:g} s. It will only refuse again."
        ).format(asked=asked, waited=waited)
    if not asked:
        return _(
            "The server said: come back after 0 s. The next attempt came after {waited:g} s. (0 "
            "is a wish like any other; None is none.)"
        ).format(waited=waited)
    return _(
        "The server asked to be left alone for {asked:g} s, and the next attempt came only after "
        "{waited:g} s. It knows best when it is free again."
    ).format(asked=asked, waited=waited)


def _once_and_again() -> Iterator[Case]:
    busy, lost = ServerFailed("busy"), ConnectionLost("line broken")
    for answer in ("report", "", None, 0):
        yield 3, 0.5, 8.0, _Server([(1.0, answer), (1.0, "another")])
    yield 1, 0.5, 8.0, _Server([(1.0, busy), (1.0, "report")])
    for attempts in (2, 3):
        yield attempts, 0.5, 8.0, _Server([(1.0, busy), (2.0, "report")])
        yield attempts, 0.5, 8.0, _Server([(1.0, ServerFailed("busy")), (1.0, lost)])
    yield 4, 0.5, 8.0, _Server([(1.0, busy), (1.0, lost), (0.5, EmptyReply("")), (2.0, "report")])
    for hopeless in (
        RequestRejected("no such model"),
        MalformedReply("no JSON"),
        ValueError("bug"),
    ):
        yield 3, 0.5, 8.0, _Server([(1.0, hopeless), (1.0, "report")])
        yield 4, 0.5, 8.0, _Server([(1.0, busy), (0.5, hopeless), (1.0, "report")])


def _in_vain() -> Iterator[Case]:
    """Calls that fail every time, so that there is much to wait for."""
    rng = stream("retry-1")
    for attempts, first, longest in ((2, 0.5, 8.0), (4, 0.5, 8.0), (5, 2.0, 5.0), (3, 4.0, 3.0)):
        yield attempts, first, longest, _Server([(1.0, Crashed("broke down"))])
    for _k in range(8):
        seconds = [rng.randint(1, 12) / 4 for _call in range(rng.randint(2, 6))]
        server = _Server([(s, ConnectionLost(f"break {n}")) for n, s in enumerate(seconds, 1)])
        yield len(seconds), rng.randint(1, 8) / 4, rng.randint(8, 40) / 4, server


def _as_asked() -> Iterator[Case]:
    rng = stream("retry-1/asked")
    for asked in (3.0, 20.0, 0.25, 0.0):
        yield 3, 1.0, 8.0, _Server([(0.5, RateLimited("wait", asked)), (1.0, "report")])
    yield 3, 1.0, 8.0, _Server([(0.5, RateLimited("wait")), (1.0, "report")])
    for _k in range(8):
        errors: list[Any] = [
            RateLimited("wait", rng.choice((None, 0.0, 0.5, 6.0, 40.0)))
            if rng.random() < 0.7
            else ServerFailed("busy")
            for _call in range(4)
        ]
        yield 5, 1.0, 5.0, _Server([*((0.5, e) for e in errors), (1.0, "report")])


def _retry_cancelled(retry: Callable[..., Any]) -> Part:
    asks = _("being cancelled")
    for at in (0.5, 1.25, 2.0, 3.0):  # in the first call, the first wait, the second of each
        server = _Server([(1.0, ServerFailed("busy"))])
        outcome = _ended(retry, server, 4, 0.75, 9.0, cancel_at=at)
        complaint = outcome.complaint or _fault_in_leaving(outcome.value, server, at)
        if complaint:
            tried = _tried_on(4, 0.75, 9.0, server)
            return Part(
                asks, complaint, _("{call}, cancelled after {at:g} s").format(call=tried, at=at)
            )
    return Part(asks)


def _fault_in_leaving(end: _End, server: _Server, at: float) -> str | None:
    """What is wrong with how a coroutine took being cancelled; None if nothing."""
    if not server.calls:
        return _no_call(end)
    if end.done and end.at < at - _EXACT:
        return _(
            "The function was to be cancelled after {at:g} s, but came to an end after {end:g} s, "
            "with work left to do."
        ).format(at=at, end=end.at)
    if not end.done or end.at > at + server.closing + _EXACT or server.calls[-1].began > at:
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


# --- a hedge ---


@exercise(
    "hedge-1",
    title=N_("A second call beside a slow one"),
    level=3,
    notebook="08_failures_and_recovery",
    hints=(
        N_(
            "Two calls at the same time are two tasks. Draw the time line of each case first: who "
            "begins when, who ends first, with an answer or with an error, and what must then "
            "happen to the other one?"
        ),
        N_(
            "asyncio.wait waits for tasks without raising their errors and without cancelling "
            "anything; it takes a timeout, and with FIRST_COMPLETED it returns when one has "
            "ended. A task that ended tells you by exception() whether it failed."
        ),
        N_(
            "Put all of it into try and finally: there cancel whatever is not done, and await it "
            "(asyncio.gather with return_exceptions=True does not raise). Then the losers are gone "
            "in every case, also when you are cancelled yourself. And while one of the two still "
            "runs, an error of the other is no reason to give up."
        ),
    ),
)
def hedge_1(hedged: object) -> Iterator[Part]:
    """An async function that puts a second call beside one that takes too long."""
    yield Part(_("a function"), not_a_function(hedged), needed=True)
    assert callable(hedged)
    yield _hedges(_("one call, where it ends in time"), hedged, _quick())
    yield _hedges(_("a second one beside a slow one"), hedged, _slow())
    yield _hedges(_("errors: the other's chance, or raised"), hedged, _failing())
    yield _hedges(_("the loser: cancelled, and awaited"), hedged, _closing())
    yield _hedge_cancelled(hedged)


Race = tuple[float, _Server]


def _hedges(asks: str, hedged: Callable[..., Any], races: Iterable[Race]) -> Part:
    for after, server in races:
        outcome = _ended(hedged, server, after)
        complaint = outcome.complaint or _fault_in_hedge(outcome.value, server, after)
        if complaint:
            return Part(asks, complaint, _raced_on(after, server))
    return Part(asks)


def _raced_on(after: float, server: _Server) -> str:
    return _("hedged(call, {after:g}), where the calls give {replies}").format(
        after=after, replies=server
    )


def _fault_in_hedge(end: _End, server: _Server, after: float) -> str | None:
    """What is wrong with which calls were made, when, and with what came of it."""
    (alone, first), *rest = server.replies
    begun = [call.began for call in server.calls]
    if not begun:
        return _no_call(end)
    if len(begun) > 2:
        return _("The function made {n} calls; two at most are expected.").format(n=len(begun))
    if begun[0] > _EXACT:
        return _("The first call began only after {seconds:g} s.").format(seconds=begun[0])
    if alone < after:
        if len(begun) > 1:
            return _(
                "A second call was made, though the first one had ended before {after:g} s were "
                "over. A hedge is for a call that is slow; one that has failed is for a retry."
            ).format(after=after)
        return _fault_in_outcome(end, server, alone, [first])
    if len(begun) < 2:
        return _(
            "The first call was still running after {after:g} s, and no second one was made beside "
            "it."
        ).format(after=after)
    if not _same(begun[1], after):
        return _(
            "The second call began at {seconds:g} s; it was expected when {after:g} s were over."
        ).format(seconds=begun[1], after=after)
    ((beside, second),) = rest
    ends = sorted([(alone, 0, first), (after + beside, 1, second)])
    good = [e for e in ends if not isinstance(e[2], Exception)]
    at, winner, value = good[0] if good else ends[-1]
    if good and end.error is not None and any(end.error is e[2] for e in ends):
        return _left_no_chance(end.error, value)
    if good and server.calls[winner].how == "cancelled" and winner:
        return _(
            "The second call was cancelled before it could answer; it would have been the first "
            "to do so. Both run on until one has answered."
        )
    if good and server.calls[winner].how == "cancelled":
        return _(
            "The first call was cancelled before it could answer; it would have been the first to "
            "do so. A second call is made beside the first one, not in its place."
        )
    return _fault_in_outcome(end, server, at, [value] if good else [first, second])


def _left_no_chance(error: BaseException, answer: Any) -> str:
    return _(
        "The function raised {error}. An error of one call leaves the other its chance, and "
        "that one would have answered {answer}."
    ).format(error=quoted(error), answer=quoted(answer))


def _fault_in_outcome(end: _End, server: _Server, at: float, due: list[Any]) -> str | None:
    """What is wrong with what a hedge came to: one of `due`, at a time; None if nothing."""
    if not end.done:
        return _("The function has not come to an end, long after both calls had.")
    answered = not isinstance(due[0], Exception)
    if answered and end.error is not None:
        return _("The function raised {error}, though a call was answered with {answer}.").format(
            error=quoted(end.error), answer=quoted(due[0])
        )
    if answered and end.value is not due[0]:
        return _(
            "The function returned {found}; the first good answer was {answer}. (Any answer is "
            "good, also an empty one.)"
        ).format(found=quoted(end.value), answer=quoted(due[0]))
    if not answered and end.error is None:
        return _(
            "The function returned {found}, though no call was answered. Then it has to raise an "
            "error."
        ).format(found=quoted(end.value))
    if not answered and not any(end.error is error for error in due):
        return _(
            "The function raised {found}. Expected was the error of a call, itself and not a new "
            "one or a group."
        ).format(found=quoted(end.error))
    if end.running or any(call.how == "running" for call in server.calls):
        return _(
            "When the function came to its end, a call was still running: it goes on to be paid "
            "for, and nobody will ever fetch its answer. Cancel it, and await its end (it may "
            "have to put its house in order)."
        )
    due_at = at + (server.closing if any(c.how == "cancelled" for c in server.calls) else 0.0)
    if end.at > due_at + _EXACT:
        return _(
            "The function came to its end after {found:g} s; what it returned or raised was there "
            "after {due:g} s."
        ).format(found=end.at, due=due_at)
    if end.left > 0:
        return _("When the function came to its end, a task of its own was still running.")
    return None


def _quick() -> Iterator[Race]:
    for seconds, after in ((1.0, 5.0), (4.75, 5.0), (0.25, 0.5)):
        yield after, _Server([(seconds, f"answer after {seconds:g}"), (1.0, "another")])
    for empty in ("", None, 0):
        yield 5.0, _Server([(1.0, empty), (1.0, "another")])
    for error in (ServerFailed("busy"), RequestRejected("no such model"), ValueError("bug")):
        yield 5.0, _Server([(1.0, error), (1.0, "another")])


def _slow() -> Iterator[Race]:
    yield 2.0, _Server([(9.0, "slow"), (1.0, "quick")])
    yield 2.0, _Server([(4.0, "slow"), (9.0, "slower")])
    yield 2.0, _Server([(9.0, "slow"), (1.0, None)])
    yield 2.0, _Server([(4.0, ""), (9.0, "slower")])
    rng = stream("hedge-1")
    for _k in range(12):
        first, second = rng.sample(range(1, 40), 2)
        after = rng.randint(1, 20) / 4
        yield after, _Server([(after + first / 4, "one"), (second / 4, "two")])


def _failing() -> Iterator[Race]:
    for first, second in ((6.0, 2.0), (3.0, 9.0)):  # beginning at 0 and 2: either ends first
        for one in (ConnectionLost("line broken"), "one"):
            for two in (Crashed("broke down"), "two"):
                yield 2.0, _Server([(first, one), (second, two)])
    yield 2.0, _Server([(3.0, ValueError("bug")), (9.0, "")])


def _closing() -> Iterator[Race]:
    for first, second in ((9.0, 1.0), (4.0, 9.0)):
        for closing in (0.0, 0.5):
            yield 2.0, _Server([(first, "one"), (second, "two")], closing)
    yield 2.0, _Server([(4.0, ServerFailed("busy")), (9.0, "two")], 0.5)


def _hedge_cancelled(hedged: Callable[..., Any]) -> Part:
    asks = _("being cancelled")
    for at, closing in ((1.0, 0.0), (3.0, 0.0), (1.0, 0.5), (3.0, 0.5)):
        server = _Server([(9.0, "one"), (9.0, "two")], closing)
        outcome = _ended(hedged, server, 2.0, cancel_at=at)
        complaint = outcome.complaint or _fault_in_hedge_leaving(outcome.value, server, at)
        if complaint:
            raced = _raced_on(2.0, server)
            return Part(
                asks, complaint, _("{call}, cancelled after {at:g} s").format(call=raced, at=at)
            )
    return Part(asks)


def _fault_in_hedge_leaving(end: _End, server: _Server, at: float) -> str | None:
    if complaint := _fault_in_leaving(end, server, at):
        return complaint
    if end.running or any(call.how != "cancelled" for call in server.calls):
        return _(
            "The function was cancelled, and left a call running. Whoever cancels the whole does "
            "not want its parts."
        )
    return None
