"""The remedies: what is tried, call by call, before a piece of work is given up.

A second call beside a slow one, another attempt after a wait, another worker: each as far as the
policy (`recovery`) allows, each an event in the record. Knows no plans and no reports.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator_kit.caller import Caller
from orchestrator_kit.errors import (
    CalledOff,
    Killed,
    MalformedReply,
    ModelError,
    NotOnTape,
    RunError,
    TruncatedReply,
)
from orchestrator_kit.events import Recovered, Step, SubtaskStarted
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.staff import Staff

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from orchestrator_kit.roles.ask import Ask

T = TypeVar("T")
BESIDE = 2  # calls beside a slow one: where one in ten stalls, one second call in ten does as well


@dataclass(slots=True)
class Job:
    """One piece of work: why the next call for it is made, and who failed at it.

    `blindly`: a reply that cannot be read is a reason to ask the same once more. Otherwise whoever
    asked has something better to say.
    """

    step: Step = "first"
    attempts: int = 0
    avoid: frozenset[int] = frozenset()
    blindly: bool = True


class Remedies:
    """Pursues a piece of work through calls, workers and waits."""

    def __init__(self, caller: Caller, staff: Staff, recovery: Recovery) -> None:
        self._caller = caller
        self._staff = staff
        self._recovery = recovery

    async def by_workers(self, ask: Ask[T], job: Job) -> T:
        """A call by a worker, and by others where it fails and they may try. Raises its error."""
        while True:
            worker = await self._staff.take(job.avoid)
            try:
                if ask.subtask and job.step == "first" and not job.attempts:
                    self._caller.note(
                        SubtaskStarted(self._caller.now, ask.subtask, ask.agent, worker)
                    )
                value = await self.by_one(ask, worker, job)
            except ModelError as e:
                if not self._others_may_try(e, worker, job):
                    raise
                ask, job.step = _after(ask, e), "reassign"
                self.note(ask, e.call, e.kind, "reassign")
            else:
                if self._recovery.reassign:
                    self._staff.judge(worker, failed=False)
                return value
            finally:
                self._staff.give_back(worker)

    def _others_may_try(self, error: ModelError, worker: int, job: Job) -> bool:
        if not self._recovery.reassign or isinstance(error, CalledOff | NotOnTape):
            return False  # what a tape lacks it lacks for everybody
        self._staff.judge(worker, failed=True, for_good=isinstance(error, Killed))
        job.avoid |= {worker}
        return (
            len(job.avoid) <= self._recovery.reassign
            and self._staff.others(job.avoid)
            and self._caller.left_s > 0
        )

    async def by_one(self, ask: Ask[T], worker: int | None, job: Job) -> T:
        """A call, and further attempts where it fails and the policy retries. Raises its error."""
        try:
            return await self._attempt(ask, worker, job)
        except ModelError as e:
            if not (self._recovery.retries and self._retry_helps(e, job)):
                raise
            error: RunError | None = e
        from tenacity import AsyncRetrying, retry_if_exception  # where nothing fails, not needed

        async def again(*_: object) -> T:
            nonlocal error, ask
            if error is not None:  # so that tenacity hears of the attempt above, which cost it
                failed, error = error, None  # nothing as long as nothing fails
                raise failed
            job.step = "retry"
            return await self._attempt(ask, worker, job)

        def enough(state: RetryCallState) -> bool:
            over = state.upcoming_sleep >= self._caller.left_s
            return over or state.attempt_number > self._recovery.retries

        def before_sleep(state: RetryCallState) -> None:
            nonlocal ask
            failed = state.outcome.exception() if state.outcome else None
            assert isinstance(failed, ModelError)
            ask = _after(ask, failed)
            self.note(ask, failed.call, failed.kind, "retry", state.upcoming_sleep)

        retrying = AsyncRetrying(
            sleep=asyncio.sleep,
            stop=enough,
            wait=self._recovery.wait,
            retry=retry_if_exception(partial(self._retry_helps, job=job)),
            before_sleep=before_sleep,
            reraise=True,
        )
        return await retrying(again, ask.role, ask.agent, ask.subtask, worker)

    def _retry_helps(self, error: BaseException, job: Job) -> bool:
        """Whether the same request may bring something better: models sample, servers recover.

        A server that wants to be left alone for longer than the policy waits will not, in time.
        """
        if isinstance(error, MalformedReply | TruncatedReply):
            return job.blindly
        if not isinstance(error, ModelError):
            return False
        return error.retryable and (error.retry_after or 0.0) <= self._recovery.longest_wait_s

    def note(
        self, ask: Ask[T], call: int | None, kind: str, step: str, wait_s: float = 0.0
    ) -> None:
        """Write into the record what is done about a call."""
        now = self._caller.now
        self._caller.note(Recovered(now, call, ask.agent, ask.subtask, kind, step, wait_s))

    async def _attempt(self, ask: Ask[T], worker: int | None, job: Job) -> T:
        """One call, with a second one beside it where it is slow and the policy hedges."""
        job.attempts += 1
        if self._recovery.hedge is None or worker is None:
            return await self._caller.call(ask, worker, job.step, job.attempts)
        race = [asyncio.ensure_future(self._caller.call(ask, worker, job.step, job.attempts))]
        others: list[int] = []
        try:
            while len(others) < BESIDE:
                other = await self._when_slow(race, ask, job.avoid | {worker, *others})
                if other is None:
                    break
                others.append(other)
                job.attempts += 1
                self.note(ask, None, "slow", "hedge")
                beside = self._caller.call(ask, other, "hedge", job.attempts)
                race.append(asyncio.ensure_future(beside))
            return await _first_of(race)
        finally:
            for call in race:
                call.cancel()
            await asyncio.gather(*race, return_exceptions=True)
            for other in others:
                self._staff.give_back(other)

    async def _when_slow(
        self, race: Sequence[asyncio.Future[T]], ask: Ask[T], avoid: frozenset[int]
    ) -> int | None:
        """A free worker, once the latest call is slow and there is one; None if one ends before."""
        began = self._caller.now
        while not any(call.done() for call in race):
            slow = self._caller.slow_after(ask)
            # To the microsecond, as times are: virtual time would not pass in a smaller remainder.
            left = None if slow is None else round(began + slow - self._caller.now, 6)
            if left is not None and left <= 0:
                if (other := self._staff.spare(avoid)) is not None:
                    return other
                left = None
            waited: set[asyncio.Future[Any]] = {*race, self._staff.change()}
            await asyncio.wait(waited, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        return None


async def _first_of(race: Sequence[asyncio.Future[T]]) -> T:
    """The first result; where nobody has one, the error of the first in line."""
    while pending := [call for call in race if not call.done()]:
        if any(call.done() and not call.exception() for call in race):
            break
        await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    return next((c for c in race if c.done() and not c.exception()), race[0]).result()


def _after(ask: Ask[T], error: ModelError) -> Ask[T]:
    """The same ask, made because that call failed."""
    return ask if error.call is None else replace(ask, uses=(*ask.uses, error.call))
