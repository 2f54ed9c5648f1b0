"""Progress on a terminal: a reading of the events of a run as they happen.

`Watch` is one line, `LiveView` a picture of who is at what. Both are listeners, for `listen=`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from orchestrator_kit import tables
from orchestrator_kit.clock import VirtualLoop
from orchestrator_kit.events import CallEnded, CallFailed, Event, RunEnded, RunStarted
from orchestrator_kit.picture import picture
from orchestrator_kit.status import RunStatus

DRAW_S = 0.1  # at least between two pictures
CLOCK_S = 0.25  # at most between two, while a run on real time goes on


def is_terminal(console: Console) -> bool:
    """Whether somebody looks at it: FORCE_COLOR makes rich take a file for a terminal."""
    on_screen = getattr(console.file, "isatty", lambda: False)()
    return bool(console.is_terminal and not console.is_dumb_terminal and on_screen)


class Watch:
    """A listener that shows on a console what is being run.

    On a terminal it is one live line; elsewhere, if `lines` are wanted, a line for each pattern.
    """

    def __init__(self, console: Console, *, lines: bool) -> None:
        self._console = console
        terminal = is_terminal(console)
        self._lines = lines and not terminal
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not terminal,
        )
        self._line = self._progress.add_task("starting", total=None)
        self._pattern = ""
        self._calls = 0

    def __enter__(self) -> Watch:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._pattern, self._calls = event.pattern, 0
        elif isinstance(event, CallEnded | CallFailed):
            self._calls += 1
        else:
            if self._lines and isinstance(event, RunEnded):
                taken = tables.seconds(event.t)
                self._console.print(
                    f"{self._pattern}: {self._calls} calls, {taken}, {event.status}"
                )
            return
        self._progress.update(self._line, description=f"{self._pattern}: {self._calls} calls done")


class LiveView:
    """A listener that shows a run as it goes on: who is at what, the plan, what it took so far.

        with LiveView() as view:
            run(task, "orchestrator_worker", model, listen=view)

    It draws on a terminal only (standard error, unless another `console` is given), within the
    terminal's size, and is gone when the block ends. Elsewhere it draws nothing. `status` is what
    it knows (a `RunStatus`), also afterwards.

    Events drive it, at most ten pictures a second. So that the seconds go on while nothing happens
    it also draws four times a second by a timer on the run's own event loop. There is no thread:
    nobody else reads what is being changed, and it works where there are none. On virtual time
    there is no timer, for it would be the loop's next event.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.status = RunStatus()
        self._console = console or Console(stderr=True, highlight=False)
        self._ended: list[str] = []  # earlier runs, a line each
        self._began: float | None = None  # on the loop's clock, where that is the wall's
        self._drawn = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._live: Live | None = None

    def __enter__(self) -> LiveView:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                self,
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=sys.stdout.isatty(),  # what goes to a file stays out of this
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_timer()
        live, self._live = self._live, None
        if live:
            with contextlib.suppress(OSError):
                live.stop()

    def __call__(self, event: Event) -> None:
        self.status.hear(event)
        if isinstance(event, RunStarted):
            self._stop_timer()
            loop = _wall_loop()
            self._began = loop.time() - event.t if loop else None
        elif isinstance(event, RunEnded):
            self._stop_timer()
            self._began = None
            calls = self.status.done + self.status.failed
            taken = tables.seconds(event.t)
            self._ended.append(f"{self.status.pattern}: {calls} calls, {taken}, {event.status}")
        if self._live and time.monotonic() - self._drawn >= DRAW_S:
            self._draw()
        if self._live and self._began is not None and self._timer is None:
            self._set_timer()

    def _draw(self) -> None:
        try:
            if self._live:
                self._live.refresh()
        except OSError:  # the terminal is gone; what was paid for goes on
            self._live = None
        self._drawn = time.monotonic()

    def _tick(self) -> None:
        self._draw()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._live and (loop := _wall_loop()):
            self._timer = loop.call_later(CLOCK_S, self._tick)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The picture, in less lines than the terminal has: what scrolled could not be erased."""
        loop = _wall_loop()
        now = self.status.t
        if loop and self._began is not None:
            now = max(now, loop.time() - self._began)
        yield from picture(
            self.status, now, options.max_width, max(1, console.height - 1), self._ended
        )


def _wall_loop() -> asyncio.AbstractEventLoop | None:
    """The running loop, if its time is the wall's."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return None if isinstance(loop, VirtualLoop) else loop
