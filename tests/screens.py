"""A terminal for tests: what a program leaves on a screen, and a program on a real terminal.

The screen knows the few commands that the kit's output may hold and refuses any other.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.cells import cell_len

_PIECE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])|([\s\S])")


class Screen:
    """So many columns and lines; what scrolls out at the top is kept in `history`."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.history: list[str] = []
        self.cursor_shown = True
        self._lines: list[list[str]] = [[]]
        self._row = self._column = 0

    @property
    def lines(self) -> list[str]:
        """What can be seen, from the top, without the blank end."""
        found = ["".join(line).rstrip() for line in self._lines]
        while found and not found[-1]:
            found.pop()
        return found

    @property
    def text(self) -> str:
        """All that was left, scrolled out or not."""
        return "\n".join([*self.history, *self.lines])

    def feed(self, text: str) -> None:
        """Show what a program wrote."""
        for private, number, command, char in _PIECE.findall(text):
            if char:
                self._put(char)
            elif private:
                assert number == "25", f"an unknown command: {number}{command}"
                self.cursor_shown = command == "h"
            elif command == "A":
                self._row = max(0, self._row - int(number or 1))
            elif command == "K":
                assert number == "2"
                self._lines[self._row] = []
            else:
                assert command == "m", f"an unknown command: {number}{command}"

    def _put(self, char: str) -> None:
        if char == "\r":
            self._column = 0
        elif char == "\n":
            self._feed_line()
        else:
            assert char >= " ", f"a control character: {char!r}"
            size = cell_len(char)
            if self._column + size > self.width:
                self._column = 0
                self._feed_line()
            line = self._lines[self._row]
            line += [" "] * (self._column + size - len(line))
            line[self._column : self._column + size] = [char, *[""] * (size - 1)]
            self._column += size

    def _feed_line(self) -> None:
        self._row += 1
        if self._row == len(self._lines):
            self._lines.append([])
        if self._row == self.height:
            self.history.append("".join(self._lines.pop(0)).rstrip())
            self._row -= 1


class Terminal:
    """A program on a real pseudo-terminal, from `with` to the end of its block.

    `screen` shows what came so far. `piped` has standard output in a pipe instead.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        cwd: Path,
        width: int = 80,
        height: int = 24,
        piped: bool = False,
        **environment: str,
    ) -> None:
        self.screen = Screen(width, height)
        self._words, self._cwd, self._piped = words, cwd, piped
        unset = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "OPENAI_API_KEY", "OPENAI_BASE_URL")
        kept = {name: value for name, value in os.environ.items() if name not in unset}
        self._rest = b""  # of what came, where it broke off within a letter or a command
        self._environment = kept | {"TERM": "xterm-256color"} | environment

    def __enter__(self) -> Self:
        self._ours, theirs = pty.openpty()
        size = struct.pack("HHHH", self.screen.height, self.screen.width, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        self._process = subprocess.Popen(
            self._words,
            cwd=self._cwd,
            env=self._environment,
            stdin=theirs,
            stdout=subprocess.PIPE if self._piped else theirs,
            stderr=theirs,
            start_new_session=True,
            text=True,
        )
        os.close(theirs)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        os.close(self._ours)

    def show_until(self, seen: Callable[[Screen], bool], timeout_s: float = 30.0) -> None:
        """Go on until the screen shows something; what comes in one piece is shown in one."""
        self._show(seen, timeout_s)
        assert seen(self.screen), f"it ended with:\n{self.screen.text}"

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def end(self, timeout_s: float = 30.0) -> int:
        """Wait for the end of the program; its exit code."""
        self._show(lambda _: False, timeout_s)
        return self._process.wait(timeout_s)

    @property
    def piped(self) -> str:
        """What went into the pipe."""
        assert self._process.stdout is not None
        return self._process.stdout.read()

    def _show(self, seen: Callable[[Screen], bool], timeout_s: float) -> None:
        until = time.monotonic() + timeout_s
        while not seen(self.screen):
            ready, _, _ = select.select([self._ours], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError(f"the screen shows only:\n{self.screen.text}")
            try:
                piece = self._rest + os.read(self._ours, 65_536)
            except OSError:  # the program has ended
                return
            if not piece:
                return
            whole = _whole(piece)
            self.screen.feed(piece[:whole].decode())
            self._rest = piece[whole:]


def _whole(piece: bytes) -> int:
    """How much of it ends neither within a letter nor within a command."""
    end = len(piece)
    if (start := piece.rfind(b"\x1b")) >= 0 and not re.search(rb"[A-Za-z]", piece[start:]):
        end = start
    while end:
        try:
            piece[:end].decode()
        except UnicodeDecodeError as e:
            end = e.start
        else:
            break
    return end
