"""Answers to the exercises of 08_failures_and_recovery."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

from orchestrator_kit.errors import ModelError, RunError, ServerFailed
from orchestrator_kit.recovery import Recovery
from tests.answers import right, wrong

Call = Callable[[], Coroutine[Any, Any, Any]]

# --- retry-1, right ---


@right("retry-1")
async def by_tenacity(call: Call, attempts: int, first_wait_s: float, longest_wait_s: float) -> Any:
    """With the jitter of the kit's own policy."""
    policy = Recovery(first_wait_s=first_wait_s, longest_wait_s=longest_wait_s)
    again = AsyncRetrying(
        sleep=asyncio.sleep,
        stop=stop_after_attempt(attempts),
        wait=policy.wait,
        retry=retry_if_exception(lambda e: getattr(e, "retryable", False)),
        reraise=True,
    )
    return await again(call)


@right("retry-1")
async def by_calling_itself(call: Call, attempts: int, wait: float, longest: float) -> Any:
    try:
        return await call()
    except ModelError as e:
        if attempts == 1 or not e.retryable:
            raise
        pause = min(wait, longest) if e.retry_after is None else e.retry_after
    await asyncio.sleep(pause)
    return await by_calling_itself(call, attempts - 1, wait * 2, longest)


@right("retry-1")
async def by_asking_last(call: Call, attempts: int, wait: float, longest: float) -> Any:
    waits = [min(wait * 2**n, longest) for n in range(attempts - 1)]
    for pause in waits:
        try:
            return await call()
        except Exception as e:
            if not (isinstance(e, ModelError) and e.retryable):
                raise e
            if e.retry_after is not None:
                pause = 1.1 * e.retry_after  # a little later, so as not to come back as one
        await asyncio.sleep(pause)
    return await call()


# --- retry-1, plausible and wrong ---


def _retry(
    *,
    every: bool = False,
    last: bool = False,
    more: int = 0,
    factor: float = 2.0,
    capped: bool = True,
    listens: bool = True,
    new_error: bool = False,
    zero: bool = True,
    sleep: Callable[[float], Any] = asyncio.sleep,
    catches: type[BaseException] = ModelError,
    empty: bool = True,
    gives_up: bool = False,
) -> Callable[..., Any]:
    """A retry with a fault that is named by an argument."""

    async def retry(call: Call, attempts: int, wait: float, longest: float) -> Any:
        for n in range(attempts + more):
            try:
                answer = await call()
                if empty or answer:
                    return answer
                continue
            except catches as e:
                final = n == attempts + more - 1
                if not (every or getattr(e, "retryable", isinstance(e, asyncio.CancelledError))):
                    raise
                if final and not last:
                    if new_error:
                        raise RunError(f"gave up after {attempts} attempts") from e
                    if gives_up:
                        return None
                    raise
                pause: Any = min(wait, longest) if capped else wait
                asked = getattr(e, "retry_after", None)
                if listens and (asked is not None if zero else asked):
                    pause = asked
                wait *= factor
                slept = sleep(pause)
                if slept is not None:
                    await slept
                if final:
                    raise
        return None

    return retry


@wrong("retry-1", "without waiting for a call")
def retry_not_async(call: Call, attempts: int, wait: float, longest: float) -> None:
    """The stub, and what happens without async."""


@wrong("retry-1", "Expected was the error of its last call")
async def first_error(call: Call, attempts: int, wait: float, longest: float) -> Any:
    """Raises the error that it met first."""
    first: Exception | None = None
    for n in range(attempts):
        try:
            return await call()
        except ModelError as e:
            first = first or e
            if not e.retryable:
                raise
            if n < attempts - 1:
                await asyncio.sleep(min(wait * 2**n, longest))
    assert first
    raise first


@wrong("retry-1", "had not awaited")
async def forgets_to_await(call: Call, attempts: int, wait: float, longest: float) -> Any:
    try:
        return call()
    except ModelError:
        return call()


wrong("retry-1", "That is no retryable error", _retry(every=True))
wrong("retry-1", "That is no retryable error", _retry(every=True, catches=Exception))
wrong("retry-1", "with nothing left to try", _retry(last=True))
wrong("retry-1", "The first try is counted, too", _retry(more=1))
wrong("retry-1", "made no call", _retry(more=-1))
wrong("retry-1", "a reason to try again", _retry(catches=ServerFailed))
wrong("retry-1", "each further one twice as long", _retry(factor=1.0))
wrong("retry-1", "each further one twice as long", _retry(factor=1.5))
wrong("retry-1", "longer than the longest wait", _retry(capped=False))
wrong("retry-1", "asked to be left alone", _retry(listens=False))
wrong("retry-1", "0 is a wish like any other", _retry(zero=False))
wrong("retry-1", "itself and not a new one", _retry(new_error=True))
wrong("retry-1", "without any wait", _retry(sleep=lambda s: None))
wrong("retry-1", "without any wait", _retry(sleep=lambda s: time.sleep(0)))
wrong("retry-1", "and went on", _retry(catches=BaseException))
wrong("retry-1", "also an empty one", _retry(empty=False))
wrong("retry-1", "or a failure is taken for a result", _retry(gives_up=True))


# --- hedge-1, right ---


@right("hedge-1")
async def as_they_come(call: Call, after: float) -> Any:
    first = asyncio.ensure_future(call())
    race = [first]
    try:
        try:
            return await asyncio.wait_for(asyncio.shield(first), after)
        except TimeoutError:
            race.append(asyncio.ensure_future(call()))
        error: Exception | None = None
        for next_one in asyncio.as_completed(race):
            try:
                return await next_one
            except Exception as e:
                error = e
        assert error
        raise error
    finally:
        for one in race:
            one.cancel()
        await asyncio.gather(*race, return_exceptions=True)


@right("hedge-1")
async def by_queue(call: Call, after: float) -> Any:
    """Two runners report to one queue."""
    ended: asyncio.Queue[tuple[bool, Any]] = asyncio.Queue()

    async def runner() -> None:
        try:
            await ended.put((True, await call()))
        except Exception as e:
            await ended.put((False, e))

    runners = [asyncio.create_task(runner())]
    try:
        try:
            async with asyncio.timeout(after):
                good, found = await ended.get()
        except TimeoutError:
            runners.append(asyncio.create_task(runner()))
            good, found = await ended.get()
            if not good:
                good, found = await ended.get()
        if good:
            return found
        raise found
    finally:
        for one in runners:
            one.cancel()
        await asyncio.wait(runners)


# --- hedge-1, plausible and wrong ---


def _hedge(
    *,
    cancels: bool = True,
    awaits: bool = True,
    patient: bool = False,
    at_once: bool = False,
    instead: bool = False,
    retries: bool = False,
    first_only: bool = False,
    empty: bool = True,
    cleans_up: bool = True,
    group: bool = False,
) -> Callable[..., Any]:
    """A hedge with a fault that is named by an argument."""

    async def hedged(call: Call, after: float) -> Any:
        race: list[asyncio.Task[Any]] = [asyncio.create_task(call())]
        try:
            await asyncio.wait(race, timeout=0 if at_once else after)
            if race[0].done() and not (retries and race[0].exception()):
                return race[0].result()
            if instead:
                race[0].cancel()
            race.append(asyncio.create_task(call()))
            running = set(race)
            while running:
                how = asyncio.ALL_COMPLETED if patient else asyncio.FIRST_COMPLETED
                ended, running = await asyncio.wait(running, return_when=how)
                for one in [r for r in race if r in ended]:
                    if one.cancelled():
                        continue
                    if first_only or not one.exception():
                        answer = one.result()
                        if empty or answer:
                            return answer
            if group:
                raise ExceptionGroup(
                    "both", [e for r in race if isinstance(e := r.exception(), Exception)]
                )
            return race[0].result()
        except asyncio.CancelledError:
            if not cleans_up:
                race = []
            raise
        finally:
            if cancels:
                for one in race:
                    one.cancel()
            if awaits:
                await asyncio.gather(*race, return_exceptions=True)

    return hedged


@wrong("hedge-1", "without waiting for a call")
def hedge_not_async(call: Call, after: float) -> None:
    """The stub, and what happens without async."""


@wrong("hedge-1", "no second one was made beside it")
async def only_one(call: Call, after: float) -> Any:
    return await call()


@wrong("hedge-1", "cancelled before it could answer")
async def waits_for_it(call: Call, after: float) -> Any:
    """wait_for cancels what it has waited for."""
    try:
        return await asyncio.wait_for(call(), after)
    except TimeoutError:
        return await call()


wrong("hedge-1", "a call was still running", _hedge(cancels=False, awaits=False))
wrong("hedge-1", "a call was still running", _hedge(awaits=False))
wrong("hedge-1", "came to its end after", _hedge(cancels=False))
wrong("hedge-1", "the first good answer was", _hedge(patient=True))
wrong("hedge-1", "had ended before", _hedge(at_once=True))
wrong("hedge-1", "not in its place", _hedge(instead=True))
wrong("hedge-1", "one that has failed is for a retry", _hedge(retries=True))
wrong("hedge-1", "leaves the other its chance", _hedge(first_only=True))
wrong("hedge-1", "also an empty one", _hedge(empty=False))
wrong("hedge-1", "left a call running", _hedge(cleans_up=False))
wrong("hedge-1", "not a new one or a group", _hedge(group=True))
