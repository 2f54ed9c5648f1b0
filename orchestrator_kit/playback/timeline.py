"""A run's moments and what is the case at each; any moment is found without telling all before it.

Times are seconds since the run began.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from orchestrator_kit.events import CallEnded, CallFailed, CallStarted, Heartbeat, Reported
from orchestrator_kit.playback.messages import Sent, cast_of, messages
from orchestrator_kit.playback.sentences import sentence
from orchestrator_kit.record import Run
from orchestrator_kit.status import RunStatus

FRAMES = 300  # into which a run is divided; those at which something happens come on top
TOGETHER = 0.1  # of a frame: events no further apart are one moment
INSTANT = 1e-9  # seconds that are not divided any further
KEPT = 256  # events from one kept status to the next


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as a sentence, and the call that it is about."""

    t: float
    says: str
    call: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """What happens at one time: its sentences, and the messages that are sent."""

    t: float
    happenings: tuple[Happening, ...]
    sent: tuple[Sent, ...]


class Timeline:
    """A run's `moments`, its `frames` (the times of a film of it) and its status at any time.

    Between two moments there is a frame for each `tick` seconds, so that a film shows the recorded
    pace; moments closer than that have a frame each all the same.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.cast = cast_of(run)
        self._times: list[float] = []  # of each event, never falling
        self._kept: list[RunStatus] = []
        self.made: dict[int, CallStarted] = {}
        self.over: dict[int, float] = {}  # when a call ended, by its id
        said = list(self._listen())
        self.duration = self._times[-1]
        self.tick = self.duration / FRAMES if self.duration > INSTANT else 0.0
        self.moments = tuple(_moments(said, messages(run, self.cast), self.tick * TOGETHER))
        self.frames = tuple(_frames([m.t for m in self.moments], self.duration, self.tick))
        self._starts = [m.t for m in self.moments]

    def _listen(self) -> Iterator[Happening]:
        """Hear all events once, keep the status now and then, and tell what is worth telling."""
        status, now, last = RunStatus(), 0.0, None
        for n, event in enumerate(self.run.events):
            if n % KEPT == 0:
                self._kept.append(status.copy())
            now = max(now, event.t)
            self._times.append(now)
            status.hear(event)
            if isinstance(event, CallStarted):
                self.made[event.call] = event
            elif isinstance(event, CallEnded | CallFailed):
                self.over.setdefault(event.call, now)
            said = sentence(event, self.made)
            if status.notes and status.notes[-1] is not last:
                last = status.notes[-1]
                said = last[1]
            if said and not isinstance(event, Heartbeat):
                report = event.report if isinstance(event, Reported) else event
                yield Happening(now, said, getattr(report, "call", None))

    def status(self, t: float) -> RunStatus:
        """Where the run stands at a time."""
        heard = bisect_right(self._times, t)
        kept = min(heard // KEPT, len(self._kept) - 1)
        status = self._kept[kept].copy()
        for event in self.run.events[kept * KEPT : heard]:
            status.hear(event)
        return status

    def moment(self, t: float) -> int:
        """The number of the last moment that has come at a time."""
        return max(0, bisect_right(self._starts, t) - 1)

    def frame(self, t: float) -> int:
        """The number of the last frame that has come at a time."""
        return max(0, bisect_right(self.frames, t) - 1)


def _moments(said: list[Happening], sent: tuple[Sent, ...], together: float) -> Iterator[Moment]:
    """Events that belong together; a moment has come when the last of them has happened."""
    times = [s.t for s in sent]
    begun, told = 0, 0
    for n, one in enumerate(said, 1):
        if n == len(said) or said[n].t - said[begun].t > together:
            until = bisect_right(times, one.t)
            yield Moment(one.t, tuple(said[begun:n]), sent[told:until])
            begun, told = n, max(told, until)


def _frames(moments: list[float], duration: float, tick: float) -> Iterator[float]:
    """The moments, and between them as many times as it takes to keep the pace."""
    yield moments[0]
    for before, after in pairwise([*moments, *([duration] if duration > moments[-1] else [])]):
        steps = max(1, round((after - before) / tick)) if tick else 1
        for n in range(1, steps):
            yield before + (after - before) * n / steps
        yield after
