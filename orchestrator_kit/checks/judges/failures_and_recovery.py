"""Judge of an exercise on failures and recovery: a fair retry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from orchestrator_kit.catalogue import N_, _, ngettext
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import stream
from orchestrator_kit.checks.server import EXACT, End, Server, ended, fault_in_leaving, no_call
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import not_a_function, quoted
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


Case = tuple[int, float, float, Server]


def _retried(asks: str, retry: Callable[..., Any], cases: Iterable[Case]) -> Part:
    for attempts, first, longest, server in cases:
        outcome = ended(retry, server, attempts, first, longest)
        complaint = outcome.complaint or _fault_in_retry(
            outcome.value, server, attempts, first, longest
        )
        if complaint:
            return Part(asks, complaint, _tried_on(attempts, first, longest, server))
    return Part(asks)


def _tried_on(attempts: int, first: float, longest: float, server: Server) -> str:
    return _("retry(call, {attempts}, {first:g}, {longest:g}), where call gives {replies}").format(
        attempts=attempts, first=first, longest=longest, replies=server
    )


def _fault_in_retry(
    end: End, server: Server, attempts: int, first: float, longest: float
) -> str | None:
    """What is wrong with how often and when a call was made, and with the end; None if nothing."""
    results = [server.replies[min(n, len(server.replies) - 1)][1] for n in range(attempts)]
    passing = [isinstance(r, ModelError) and r.retryable for r in results]
    due = passing.index(False) + 1 if False in passing else attempts
    last, n = results[due - 1], len(server.calls)
    if not end.done:
        return _("The function has not come to an end after {n} calls and a long time.").format(n=n)
    if not n:
        return no_call(end)
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


def _fault_in_end(end: End, last: Any) -> str | None:
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


def _fault_in_waits(end: End, server: Server, first: float, longest: float) -> str | None:
    """What is wrong with the waits between calls; None if nothing."""
    own = 0  # waits of the function's own choice so far
    for n, (before, after) in enumerate(zip(server.calls, server.calls[1:], strict=False)):
        waited = after.began - (before.ended or before.began)
        error = server.replies[min(n, len(server.replies) - 1)][1]
        asked = getattr(error, "retry_after", None)
        if asked is not None:
            if not asked - EXACT <= waited <= 1.25 * asked + EXACT:
                return _fault_in_wish(waited, asked)
            continue
        most = min(first * 2**n, longest)
        least = 0.75 * min(first * 2**own, longest)
        own += 1
        if least - EXACT <= waited <= most + EXACT:
            continue
        if waited > longest + EXACT:
            return _(
                "Before attempt {n} it waited {waited:g} s, longer than the longest wait of "
                "{longest:g} s."
            ).format(n=n + 2, waited=waited, longest=longest)
        if waited < EXACT:
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
    if server.calls and end.at > (server.calls[-1].ended or 0.0) + EXACT:
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
        yield 3, 0.5, 8.0, Server([(1.0, answer), (1.0, "another")])
    yield 1, 0.5, 8.0, Server([(1.0, busy), (1.0, "report")])
    for attempts in (2, 3):
        yield attempts, 0.5, 8.0, Server([(1.0, busy), (2.0, "report")])
        yield attempts, 0.5, 8.0, Server([(1.0, ServerFailed("busy")), (1.0, lost)])
    yield 4, 0.5, 8.0, Server([(1.0, busy), (1.0, lost), (0.5, EmptyReply("")), (2.0, "report")])
    for hopeless in (
        RequestRejected("no such model"),
        MalformedReply("no JSON"),
        ValueError("bug"),
    ):
        yield 3, 0.5, 8.0, Server([(1.0, hopeless), (1.0, "report")])
        yield 4, 0.5, 8.0, Server([(1.0, busy), (0.5, hopeless), (1.0, "report")])


def _in_vain() -> Iterator[Case]:
    """Calls that fail every time, so that there is much to wait for."""
    rng = stream("retry-1")
    for attempts, first, longest in ((2, 0.5, 8.0), (4, 0.5, 8.0), (5, 2.0, 5.0), (3, 4.0, 3.0)):
        yield attempts, first, longest, Server([(1.0, Crashed("broke down"))])
    for _k in range(8):
        seconds = [rng.randint(1, 12) / 4 for _call in range(rng.randint(2, 6))]
        server = Server([(s, ConnectionLost(f"break {n}")) for n, s in enumerate(seconds, 1)])
        yield len(seconds), rng.randint(1, 8) / 4, rng.randint(8, 40) / 4, server


def _as_asked() -> Iterator[Case]:
    rng = stream("retry-1/asked")
    for asked in (3.0, 20.0, 0.25, 0.0):
        yield 3, 1.0, 8.0, Server([(0.5, RateLimited("wait", asked)), (1.0, "report")])
    yield 3, 1.0, 8.0, Server([(0.5, RateLimited("wait")), (1.0, "report")])
    for _k in range(8):
        errors: list[Any] = [
            RateLimited("wait", rng.choice((None, 0.0, 0.5, 6.0, 40.0)))
            if rng.random() < 0.7
            else ServerFailed("busy")
            for _call in range(4)
        ]
        yield 5, 1.0, 5.0, Server([*((0.5, e) for e in errors), (1.0, "report")])


def _retry_cancelled(retry: Callable[..., Any]) -> Part:
    asks = _("being cancelled")
    for at in (0.5, 1.25, 2.0, 3.0):  # in the first call, the first wait, the second of each
        server = Server([(1.0, ServerFailed("busy"))])
        outcome = ended(retry, server, 4, 0.75, 9.0, cancel_at=at)
        complaint = outcome.complaint or fault_in_leaving(outcome.value, server, at)
        if complaint:
            tried = _tried_on(4, 0.75, 9.0, server)
            return Part(
                asks, complaint, _("{call}, cancelled after {at:g} s").format(call=tried, at=at)
            )
    return Part(asks)
