"""Where a learner's async function sends its work: notes who is there, from when to when.

Times are seconds of the virtual clock. Knows no exercises.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from orchestrator_kit.catalogue import _
from orchestrator_kit.checks.watch import quoted
from orchestrator_kit.clock import VirtualLoop
from orchestrator_kit.errors import UsageError

CLOSE = 1e-9  # seconds: the same time, added up in another order


@dataclass
class Stay:
    """One piece of work: what it was given, when it began and ended, and who had ended before.

    `ended` is None for what was still under way when all was over.
    """

    name: str
    given: tuple[Any, ...]
    began: float
    before: frozenset[str]
    ended: float | None = None


@dataclass
class Floor:
    """Work that takes so many `seconds` by its name, and brings a result or raises it.

    `errands` counts, by name, the calls of `work`; `stays` holds those that really began, in
    their order, and `most` is how many were there at the same time.
    """

    seconds: Mapping[str, float]
    results: Mapping[str, object]
    stays: list[Stay] = field(default_factory=list)
    errands: list[str] = field(default_factory=list)
    most: int = 0
    foreign: bool = False  # called in a loop that is not the check's

    def work(self, name: str, *given: Any) -> Coroutine[Any, Any, Any]:
        """What the learner's function awaits; only then does the work begin."""
        self.errands.append(name)
        return _Errand(lambda: self._work(name, given))

    async def _work(self, name: str, given: tuple[Any, ...]) -> object:
        if not isinstance(asyncio.get_running_loop(), VirtualLoop):
            self.foreign = True
            raise UsageError("this is no loop of the check")
        if name not in self.results:  # noted among the errands
            raise UsageError(f"there is no work by the name of {name!r}")
        ended = frozenset(s.name for s in self.stays if s.ended is not None)
        stay = Stay(name, tuple(map(copy.copy, given)), asyncio.get_running_loop().time(), ended)
        self.stays.append(stay)
        self.most = max(self.most, sum(s.ended is None for s in self.stays))
        if self.seconds[name]:  # what takes no time does not even give way
            await asyncio.sleep(self.seconds[name])
        stay.ended = asyncio.get_running_loop().time()
        result = self.results[name]
        if isinstance(result, Exception):
            raise result
        return result

    @property
    def trouble(self) -> str | None:
        """What makes it pointless to look at who was there; None if nothing does."""
        if self.foreign:
            return _(
                "The function runs a loop of its own. Make it an `async def` that awaits; the loop "
                "is there already."
            )
        if strange := [name for name in self.errands if name not in self.results]:
            return _("Work was asked for under the name {name}, and there is none.").format(
                name=quoted(strange[0])
            )
        if self.errands and not self.stays:
            return _(
                "The work was called, but what it gave back was never awaited, so nothing has been "
                "done. A coroutine does nothing until somebody awaits it, or makes a task of it."
            )
        return None

    def of(self, name: str) -> list[Stay]:
        """The stays of one piece of work: one, if all is well."""
        return [stay for stay in self.stays if stay.name == name]

    def idle(self, since: float, until: float, places: int) -> float | None:
        """The first time in between at which fewer than so many were at work; None if none."""
        times = sorted({since, *(s.ended for s in self.stays if s.ended is not None)})
        for t in times:
            if since - CLOSE <= t < until - CLOSE and self._at(t) < places:
                return t
        return None

    def _at(self, t: float) -> int:
        """How many are at work right after a time."""
        return sum(
            s.began <= t + CLOSE and (s.ended is None or s.ended > t + CLOSE) for s in self.stays
        )


def told(seconds: float) -> str:
    """A time as it is told: whole where it is whole."""
    return f"{round(seconds, 3):g}"


class _Errand(Coroutine[Any, Any, Any]):
    """A coroutine that is made only when it is awaited, so that nobody is warned of one unused."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._make = make
        self._inner: Coroutine[Any, Any, Any] | None = None

    def _begun(self) -> Coroutine[Any, Any, Any]:
        self._inner = self._inner or self._make()
        return self._inner

    def send(self, value: Any, /) -> Any:
        return self._begun().send(value)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        trace: TracebackType | None = None,
        /,
    ) -> Any:
        if self._inner is None:  # called off before it began
            raise kind
        return self._inner.throw(kind)

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()

    def __await__(self) -> Any:
        return self._begun().__await__()
