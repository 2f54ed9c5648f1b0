"""Progress on a terminal: a reading of the events of a run as they happen."""

from __future__ import annotations

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from orchestrator_kit import tables
from orchestrator_kit.events import CallEnded, CallFailed, Event, RunEnded, RunStarted


class Watch:
    """A listener that shows on a console what is being run.

    On a terminal it is one live line; elsewhere, if `lines` are wanted, a line for each pattern.
    """

    def __init__(self, console: Console, *, lines: bool) -> None:
        self._console = console
        self._lines = lines and not console.is_terminal
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
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
