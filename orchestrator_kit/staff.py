"""The staff: the workers' slots, who is free, who was retired and who came in their place.

Knows no calls. There are always as many workers as at the start: one is retired only when another
one comes.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Collection


class Staff:
    """So many workers at a time, numbered from 1; the lowest free number is taken first.

    `note(worker, change, why)` hears of who is retired and who is added.
    """

    def __init__(self, workers: int, note: Callable[[int, str, str], None]) -> None:
        self._here = set(range(1, workers + 1))
        self._free = sorted(self._here)
        self._last = self._replacements = workers  # where all fail there must be an end
        self._failures: dict[int, int] = {}  # in a row
        self._waiting: dict[asyncio.Future[int], Collection[int]] = {}
        self._note = note
        self._change: asyncio.Future[None] | None = None

    def others(self, than: Collection[int]) -> bool:
        """Whether there is anybody else, free or not."""
        return not self._here.issubset(than)

    async def take(self, avoid: Collection[int] = ()) -> int:
        """A worker who is none of those to avoid, as soon as one is free; see `others`."""
        if (worker := self.spare(avoid)) is not None:
            return worker  # whoever waits while somebody is free may not have that one
        seat: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[seat] = avoid
        try:
            return await seat
        except asyncio.CancelledError:
            if seat.done() and not seat.cancelled():
                self.give_back(seat.result())
            raise
        finally:
            self._waiting.pop(seat, None)

    def spare(self, avoid: Collection[int] = ()) -> int | None:
        """A free worker who is none of those to avoid, at once, or None."""
        if not avoid:
            return heapq.heappop(self._free) if self._free else None
        found = min((w for w in self._free if w not in avoid), default=None)
        if found is not None:
            self._free.remove(found)
            heapq.heapify(self._free)
        return found

    def give_back(self, worker: int) -> None:
        """A worker is through; whoever has waited longest, and may have it, does."""
        if worker not in self._here:
            return  # retired meanwhile
        for seat, avoid in self._waiting.items():
            if worker not in avoid and not seat.done():
                seat.set_result(worker)
                del self._waiting[seat]
                return
        heapq.heappush(self._free, worker)
        if self._change:
            self._change.set_result(None)
            self._change = None

    def judge(self, worker: int, *, failed: bool, for_good: bool = False) -> None:
        """Note how a call went; after two failures in a row, or one for good, another one comes.

        Without that a worker who fails at once would be the first to be free, and draw every job.
        """
        if not failed:
            self._failures.pop(worker, None)
            return
        count = self._failures[worker] = self._failures.get(worker, 0) + 1
        if worker in self._here and self._replacements and (for_good or count >= 2):
            why = "it is gone" if for_good else f"{count} failures in a row"
            self._here.discard(worker)
            self._note(worker, "retired", why)
            self._replacements -= 1
            self._last += 1
            self._here.add(self._last)
            self._note(self._last, "added", f"in place of worker {worker}")
            self.give_back(self._last)

    def change(self) -> asyncio.Future[None]:
        """Done when somebody next becomes free with nobody waiting."""
        if self._change is None:
            self._change = asyncio.get_running_loop().create_future()
        return self._change
