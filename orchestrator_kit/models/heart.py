"""A heart: tells who asked for signs of life that a server is alive, and what it has written.

Knows no wire and no crew: only when something came, and when to say so.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from orchestrator_kit.models.base import Pulse

_CHARACTERS_A_TOKEN = 4


class Heart:
    """Tells a pulse that the server is alive and how much it has written, at most so often.

    Anything that arrives is a sign of life, also a comment such as ": ping". The first is told at
    once. What arrives in the `every_s` seconds after a beat is told by one beat when they are
    over, and nothing is told if nothing arrived. Where the reading ends without a whole reply,
    what was not told yet is told then.

    `tokens` counts the pieces of text, which most servers send token by token, or every four
    characters, where that is more. Text that is thought and not shown counts, as it is paid for.
    """

    def __init__(self, pulse: Pulse) -> None:
        self.tokens = 0
        self._pulse = pulse
        self._news = False
        self._timer: asyncio.TimerHandle | None = None
        self._pieces = self._characters = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._tell()
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def wrote(self, characters: int) -> None:
        """A piece of text of so many characters has come."""
        self._pieces += 1
        self._characters += characters
        self.tokens = max(self._pieces, self._characters // _CHARACTERS_A_TOKEN)

    def heard(self) -> None:
        """Something has come."""
        self._news = True
        if self._timer is None:
            self._tell()

    def _tell(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._news:
            self._news = False
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._pulse.every_s, self._tell)
            self._pulse.beat(self.tokens)
