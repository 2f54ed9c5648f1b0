"""Recovery: what a crew does when a call fails or is slow, and what it waits for. Makes no calls.

The remedies, in the order in which they are tried: wait and *retry*; *reassign* to another
worker; *split* what was to be read and give out the halves; and at last *degrade* (go on without,
and declare the gap) or *stop* the run. A *hedge* is a second call beside a slow one.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

from orchestrator_kit.errors import ModelError, UnknownName, UsageError

if TYPE_CHECKING:
    from tenacity import RetryCallState


@dataclass(frozen=True, slots=True)
class Recovery:
    """A policy: which remedies are allowed, and how far each may go.

    `retries` counts further attempts of a call, after `first_wait_s`, twice that and so on up to
    `longest_wait_s`, or after what the server asks for if that is no longer. `reassign` counts
    other workers that may try, `split` how many times the reading may be halved. `hedge` is a
    quantile: a call that takes half as long again as that share of its kind did gets a second one
    beside it, and a third where that is slow as well. A call is taken for lost after `deadline_s`,
    or after `silence_s` without a sign of life: from its beginning where its model `beats`, else
    from when it was first heard to write. `standby` lets a second orchestrator take over from a
    killed one.
    """

    retries: int = 2
    reassign: int = 0
    split: int = 0
    hedge: float | None = None
    then: Literal["degrade", "stop"] = "degrade"
    standby: bool = False
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    deadline_s: float = 300.0
    silence_s: float | None = None

    def __post_init__(self) -> None:
        """UsageError for a number that cannot be."""
        for name in ("retries", "reassign", "split", "first_wait_s", "longest_wait_s"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is {getattr(self, name)}; it cannot be negative")
        for name in ("deadline_s", "silence_s"):
            if (value := getattr(self, name)) is not None and value <= 0:
                raise UsageError(f"{name} is {value}; it must be more than 0")
        if self.hedge is not None and not 0 < self.hedge < 1:
            raise UsageError(f"hedge is {self.hedge}; it is a quantile between 0 and 1")

    def __str__(self) -> str:
        """What differs from doing nothing, as one line."""
        nothing = Recovery(retries=0)
        told = [
            f"{f.name}={getattr(self, f.name)}"
            for f in fields(self)
            if f.name != "then" and getattr(self, f.name) != getattr(nothing, f.name)
        ]
        return ", ".join([*told, self.then])

    def wait(self, state: RetryCallState) -> float:
        """Seconds before the next attempt: what the server asks for, or backoff with jitter.

        The jitter takes off up to a quarter. It comes from a hash of who waits, so that many do
        not come back as one and a virtual run is the same every time.
        """
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, ModelError) and error.retry_after is not None:
            return error.retry_after
        from tenacity import wait_exponential

        backoff = wait_exponential(self.first_wait_s, max=self.longest_wait_s)(state)
        who = f"{state.attempt_number} {state.args}".encode()
        part = int.from_bytes(blake2b(who, digest_size=4).digest(), "big") / 2**32
        return round(backoff * (1.0 - 0.25 * part), 6)


POLICIES: dict[str, Recovery] = {
    "none": Recovery(retries=0, then="stop"),
    "degrade": Recovery(retries=0),
    "retry": Recovery(retries=3),
    "reassign": Recovery(retries=0, reassign=2),
    "split": Recovery(retries=0, split=2),
    "hedge": Recovery(retries=0, hedge=0.75),
    "full": Recovery(retries=2, reassign=2, split=2, hedge=0.75, standby=True, silence_s=20.0),
}


def policy_named(name: str) -> Recovery:
    """The policy of that name; UnknownName lists them."""
    if name not in POLICIES:
        raise UnknownName.among("recovery policy", name, POLICIES)
    return POLICIES[name]


class Patience:
    """How long calls of one kind take, and so from when on one of them counts as slow.

    Those still under way count as longer than all that ended; otherwise the first few to end,
    which are the fastest, would make everybody else look slow.
    """

    FEWEST = 4  # ended calls, before there is anything to compare with
    FACTOR = 1.5

    def __init__(self, quantile: float) -> None:
        self._quantile = quantile
        self._seconds: list[float] = []
        self._running = 0

    def begin(self) -> None:
        """A call has begun."""
        self._running += 1

    def end(self, seconds: float | None) -> None:
        """A call has ended after so many seconds; None where it brought nothing."""
        self._running -= 1
        if seconds is not None:
            insort(self._seconds, seconds)

    @property
    def seconds(self) -> float | None:
        """After how many seconds a call is slow; None while too few have ended to say."""
        n = len(self._seconds)
        at = int(self._quantile * (n + self._running))
        return self.FACTOR * self._seconds[at] if n >= self.FEWEST and at < n else None
