"""The course of a run on a reel: since when it goes, what it has asked, and whose turn it is.

Recorded calls end again in the order in which they were recorded: patterns in which agents look
at what others did until now ask the same again only so.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from orchestrator_kit.models.reel import Reel, Taken

_SETTLE = 20  # turns of the loop: by then whatever was woken has made its next call
_GIVE_UP_S = 5.0  # on recorded calls that nobody makes again; longer than most waits for a retry


class Course:
    """What the tapes of one run have in common: one for each model, all on the same reel.

    `before` are the seconds of the run that earlier processes have recorded; `line` are the calls
    that will be played back, in the order in which they ended.
    """

    def __init__(self, settings: str, before: float, line: Iterable[Taken]) -> None:
        self.settings = settings
        self.before = before
        self.asked: Counter[bytes] = Counter()
        self.tapes: list[object] = []
        self._began: float | None = None
        self._place = {(t.key, t.ordinal): n for n, t in enumerate(line)}
        self._at = 0  # whose turn it is
        self._gone: set[int] = set()
        self._here: dict[int, asyncio.Event] = {}

    def begin(self) -> None:
        """Count the seconds from now on, unless something was asked already."""
        if self._began is None or not self.asked:
            self._began = asyncio.get_running_loop().time()

    @property
    def now(self) -> float:
        """Seconds since the run began in this process, on the loop's clock."""
        if self._began is None:
            self.begin()
        assert self._began is not None
        return asyncio.get_running_loop().time() - self._began

    async def turn(self, taken: Taken) -> None:
        """Wait for this call's turn; a call before it that is not made again is not waited for."""
        place = self._place.get((taken.key, taken.ordinal))
        if place is None:  # another run's, or recorded a moment ago
            return
        mine = self._here[place] = asyncio.Event()
        try:
            for _ in range(_SETTLE):
                await asyncio.sleep(0)
            while self._at < place:
                at = self._at
                try:
                    async with asyncio.timeout(_GIVE_UP_S):
                        await mine.wait()
                except TimeoutError:
                    if self._at == at and at not in self._here:
                        self._go_on_to(min(self._here))
        finally:
            del self._here[place]
            self._gone.add(place)
            self._go_on_to(self._at)

    def _go_on_to(self, place: int) -> None:
        self._at = max(self._at, place)
        while self._at in self._gone:
            self._gone.discard(self._at)
            self._at += 1
        if following := self._here.get(self._at):
            following.set()


_courses: WeakKeyDictionary[Reel, Course] = WeakKeyDictionary()


def joined(reel: Reel, settings: str, tape: object, fresh: Course) -> Course:
    """The course that a tape takes part in: that of the tapes of other models, or a `fresh` one.

    A run's models all join before it makes its first call.
    """
    course = _courses.get(reel)
    known = course is not None and course.settings == settings and not course.asked
    if course is None or not known or any(tape is other for other in course.tapes):
        course = _courses[reel] = fresh
    course.tapes.append(tape)
    return course
