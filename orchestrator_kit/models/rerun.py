"""The rerun: a tape played back to a run that was not recorded, under settings of its own.

Every reply is still the recorded one of the same request, word for word: the same model, role,
subtask, messages and limits. Nothing is made up. Knows no runs and no settings.
"""

from __future__ import annotations

from collections.abc import Collection

from orchestrator_kit.models.base import Purpose, Reply, Request
from orchestrator_kit.models.reel import Reel, Taken
from orchestrator_kit.models.tape import Tape


class Rerun(Tape):
    """A tape without its model, that answers a request again where it is made more often.

    That is so where a fault spoils a reply, or a second call is made beside a slow one: the tape
    has one reply to the request, and that is a fair one. It is not where the reply was `useless`
    when it was recorded (these are the texts): nobody knows what another attempt would have
    brought. `again` are the calls that got a reply a second time, in all runs.
    """

    late_s = 0.05  # less than a tape's: what ends within that second is not known to be cut off

    def __init__(
        self, reel: Reel, *, name: str | None = None, useless: Collection[str] = ()
    ) -> None:
        super().__init__(reel, name=name)
        self.useless = useless
        self.again: list[Purpose] = []

    def for_run(self, settings: str) -> Rerun:
        """The same tape at the beginning of a run."""
        run = Rerun(self.reel, name=self.name, useless=self.useless)
        run.again = self.again
        run._course = super().for_run(settings)._course
        return run

    async def complete(self, request: Request) -> Reply:
        """The recorded reply; NotOnTape where there is none to this request."""
        purpose = request.purpose or Purpose("", "")
        course = self._course = self._course or self._fresh("")
        key = self._key(request, purpose)
        asked = course.asked[key]
        if (key, asked + 1) not in self.reel.calls and (last := self._last(key, asked)):
            course.asked[key] += 1
            self.again.append(purpose)
            await self._pass_time(course, last, request.pulse)
            return self._again(last.outcome)
        return await super().complete(request)

    def _last(self, key: bytes, asked: int) -> Taken | None:
        """The last reply to a request, unless that was of no use."""
        for ordinal in range(asked, 0, -1):
            taken = self.reel.calls.get((key, ordinal))
            if taken is not None and taken.outcome.kind is None:
                return None if taken.outcome.text in self.useless else taken
        return None
