"""Judge of an exercise on failures and recovery: a second call beside a slow one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import stream
from orchestrator_kit.checks.server import (
    EXACT,
    End,
    Server,
    ended,
    fault_in_leaving,
    no_call,
    same,
)
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import not_a_function, quoted
from orchestrator_kit.errors import ConnectionLost, Crashed, RequestRejected, ServerFailed


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


Race = tuple[float, Server]


def _hedges(asks: str, hedged: Callable[..., Any], races: Iterable[Race]) -> Part:
    for after, server in races:
        outcome = ended(hedged, server, after)
        complaint = outcome.complaint or _fault_in_hedge(outcome.value, server, after)
        if complaint:
            return Part(asks, complaint, _raced_on(after, server))
    return Part(asks)


def _raced_on(after: float, server: Server) -> str:
    return _("hedged(call, {after:g}), where the calls give {replies}").format(
        after=after, replies=server
    )


def _fault_in_hedge(end: End, server: Server, after: float) -> str | None:
    """What is wrong with which calls were made, when, and with what came of it."""
    (alone, first), *rest = server.replies
    begun = [call.began for call in server.calls]
    if not begun:
        return no_call(end)
    if len(begun) > 2:
        return _("The function made {n} calls; two at most are expected.").format(n=len(begun))
    if begun[0] > EXACT:
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
    if not same(begun[1], after):
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


def _fault_in_outcome(end: End, server: Server, at: float, due: list[Any]) -> str | None:
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
    if end.at > due_at + EXACT:
        return _(
            "The function came to its end after {found:g} s; what it returned or raised was there "
            "after {due:g} s."
        ).format(found=end.at, due=due_at)
    if end.left > 0:
        return _("When the function came to its end, a task of its own was still running.")
    return None


def _quick() -> Iterator[Race]:
    for seconds, after in ((1.0, 5.0), (4.75, 5.0), (0.25, 0.5)):
        yield after, Server([(seconds, f"answer after {seconds:g}"), (1.0, "another")])
    for empty in ("", None, 0):
        yield 5.0, Server([(1.0, empty), (1.0, "another")])
    for error in (ServerFailed("busy"), RequestRejected("no such model"), ValueError("bug")):
        yield 5.0, Server([(1.0, error), (1.0, "another")])


def _slow() -> Iterator[Race]:
    yield 2.0, Server([(9.0, "slow"), (1.0, "quick")])
    yield 2.0, Server([(4.0, "slow"), (9.0, "slower")])
    yield 2.0, Server([(9.0, "slow"), (1.0, None)])
    yield 2.0, Server([(4.0, ""), (9.0, "slower")])
    rng = stream("hedge-1")
    for _k in range(12):
        first, second = rng.sample(range(1, 40), 2)
        after = rng.randint(1, 20) / 4
        yield after, Server([(after + first / 4, "one"), (second / 4, "two")])


def _failing() -> Iterator[Race]:
    for first, second in ((6.0, 2.0), (3.0, 9.0)):  # beginning at 0 and 2: either ends first
        for one in (ConnectionLost("line broken"), "one"):
            for two in (Crashed("broke down"), "two"):
                yield 2.0, Server([(first, one), (second, two)])
    yield 2.0, Server([(3.0, ValueError("bug")), (9.0, "")])


def _closing() -> Iterator[Race]:
    for first, second in ((9.0, 1.0), (4.0, 9.0)):
        for closing in (0.0, 0.5):
            yield 2.0, Server([(first, "one"), (second, "two")], closing)
    yield 2.0, Server([(4.0, ServerFailed("busy")), (9.0, "two")], 0.5)


def _hedge_cancelled(hedged: Callable[..., Any]) -> Part:
    asks = _("being cancelled")
    for at, closing in ((1.0, 0.0), (3.0, 0.0), (1.0, 0.5), (3.0, 0.5)):
        server = Server([(9.0, "one"), (9.0, "two")], closing)
        outcome = ended(hedged, server, 2.0, cancel_at=at)
        complaint = outcome.complaint or _fault_in_hedge_leaving(outcome.value, server, at)
        if complaint:
            raced = _raced_on(2.0, server)
            return Part(
                asks, complaint, _("{call}, cancelled after {at:g} s").format(call=raced, at=at)
            )
    return Part(asks)


def _fault_in_hedge_leaving(end: End, server: Server, at: float) -> str | None:
    if complaint := fault_in_leaving(end, server, at):
        return complaint
    if end.running or any(call.how != "cancelled" for call in server.calls):
        return _(
            "The function was cancelled, and left a call running. Whoever cancels the whole does "
            "not want its parts."
        )
    return None
