"""Runs on models that take real time: asked for, estimated, confirmed, watched and stopped.

A run is a task on the loop that is running anyway, begun by the button that confirms it. The loop
goes on handling messages meanwhile, so that Stop is heard; the task ends with its run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from html import escape

import ipywidgets  # type: ignore[import-untyped]

from orchestrator_kit import clock, estimates, experiments, tables
from orchestrator_kit.errors import KitError
from orchestrator_kit.events import CallStarted, Event, RunEnded, RunStarted
from orchestrator_kit.record import Run
from orchestrator_kit.status import RunStatus
from orchestrator_kit.widgets.bench import Bench, Setup, idle
from orchestrator_kit.widgets.controls import button, row, show
from orchestrator_kit.widgets.parts import status

DRAW_S = 0.2  # between two pictures of the progress


class LiveRuns(ipywidgets.VBox):  # type: ignore[misc]
    """A button that estimates, one that confirms, a progress bar, and a button that stops.

    `began` is called when runs begin, `ended` with the runs made, the last of which may be cut.
    `task` is the task under way, None before the first.
    """

    def __init__(
        self,
        bench: Bench,
        began: Callable[[], None],
        ended: Callable[[Mapping[Setup, Run]], None],
    ) -> None:
        self._bench, self._began, self._ended = bench, began, ended
        self._setups: Sequence[Setup] = ()
        self._events: list[Event] = []
        self._watched = RunStatus()
        self._began_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._calls = self._before = 0  # estimated of all runs; made in those that ended
        self.task: asyncio.Task[None] | None = None
        self.run = button("Run…", "Estimate a run with these settings, and ask", "primary")
        self.confirm = button("Yes, run it", "Make the run and pay for it", "warning")
        self.decline = button("No", "Do not run; nothing is spent")
        self.stop = button("Stop", "Stop the run at once; nothing more is spent", "danger")
        self.bar = ipywidgets.IntProgress(
            value=0, min=0, max=1, description="calls", tooltip="Calls done, of those estimated"
        )
        self.said = ipywidgets.HTML()
        super().__init__(
            [row(self.run, self.confirm, self.decline, self.stop, self.bar), self.said]
        )
        self.run.on_click(self._ask)
        self.confirm.on_click(self._confirmed)
        self.decline.on_click(self._declined)
        self.stop.on_click(self._stopped)
        self._at("idle")

    @property
    def busy(self) -> bool:
        """Whether a run is under way."""
        return self._state == "busy"

    def offer(self, setups: Sequence[Setup]) -> None:
        """What the button would run; an estimate of other runs is void."""
        if not self.busy:
            self._setups = tuple(setups)
            self.said.value = ""
            self._at("idle")
        show(self, bool(setups) or self.busy)

    def close(self) -> None:
        """Stop what is under way, and leave the page."""
        self._stopped(None)
        super().close()

    def _at(self, state: str) -> None:
        self._state = state
        show(self.run, state == "idle")
        show(self.confirm, state == "asked")
        show(self.decline, state == "asked")
        show(self.stop, state == "busy")
        show(self.bar, state == "busy")

    def _ask(self, _: object) -> None:
        try:
            found = [self._bench.estimate(setup) for setup in self._setups]
        except KitError as e:
            self.said.value = alert(str(e))
            return
        self._calls = sum(e.calls for e in found)
        self.said.value = status(f"{_bill(found)} Run it?")
        self._at("asked")

    def _declined(self, _: object) -> None:
        self.said.value = status("Not run; nothing was spent.")
        self._at("idle")

    def _confirmed(self, _: object) -> None:
        if self._state != "asked":  # a second press, or one that no longer stands
            return
        self._at("busy")
        self.stop.disabled = False
        self.bar.value, self.bar.max = 0, max(self._calls, 1)
        self._before, self._watched = 0, RunStatus()
        self.said.value = status("Running…")
        self._began()
        setups = self._setups
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a script: nobody could press anything meanwhile
            clock.run(lambda: self._play(setups), virtual=False)
        else:
            self.task = loop.create_task(self._play(setups))
            self.task.add_done_callback(self._never_began)

    def _stopped(self, _: object) -> None:
        if self.task and not self.task.done():
            self.stop.disabled = True
            self.said.value = status("Stopping…")
            self.task.cancel()

    def _never_began(self, task: asyncio.Task[None]) -> None:
        """Where Stop came before the task's first step, nobody else puts things in order."""
        if task.cancelled():
            self._at("idle")
            self.said.value = status("Stopped before it began; nothing was spent.")
            self._ended({})

    async def _play(self, setups: Sequence[Setup]) -> None:
        """Make the runs one after another, and show what came of them, however it ends."""
        made: dict[Setup, Run] = {}
        said = wrong = ""
        done = 0
        try:
            for setup in setups:
                self._before += self._watched.done + self._watched.failed
                self._events, self._watched = [], RunStatus()
                arguments = self._bench.arguments(setup)
                made[setup] = await experiments.run_async(**arguments, listen=self._hear)
                self._bench.keep(setup, made[setup], idle(arguments))
                done += 1
        except asyncio.CancelledError:  # by Stop, Interrupt, or the end of the loop
            said = "Stopped; nothing more is spent."
        except KitError as e:
            wrong = str(e)
        except Exception as e:  # a learner's own model may raise anything
            wrong = f"the run broke off: {type(e).__name__}: {e}"
        if done < len(setups) and self._events:  # what was paid for stays in the record
            cut = setups[done]
            made[cut] = Run(tuple(self._events))
            self._bench.keep(cut, made[cut])
        self._rest()
        self._at("idle")
        self.said.value = alert(wrong) if wrong else status(said) if said else ""
        self._ended(made)

    def _hear(self, event: Event) -> None:
        self._events.append(event)
        self._watched.hear(event)
        if isinstance(event, RunStarted):
            self._began_at = asyncio.get_running_loop().time() - event.t
            self._tick()
        elif isinstance(event, CallStarted | RunEnded):
            self._draw()

    def _tick(self) -> None:
        """Draw again and again, so that the seconds go on while nothing happens."""
        self._rest()
        self._draw()
        loop = asyncio.get_running_loop()
        if not isinstance(loop, clock.VirtualLoop):  # there it would be the next event
            self._timer = loop.call_later(DRAW_S, self._tick)

    def _rest(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None

    def _draw(self) -> None:
        seen = self._watched
        calls = self._before + seen.done + seen.failed
        self.bar.value = min(calls, self.bar.max)
        busy = ", ".join(dict.fromkeys(c.agent for c in seen.under_way.values())) or "nobody"
        now = max(seen.t, asyncio.get_running_loop().time() - self._began_at)
        self.said.value = status(
            f"{seen.pattern}: {calls} of about {self._calls} calls, {seen.tokens:,} tokens, "
            f"{tables.money(seen.cost_usd)}, {tables.seconds(now)}; at work: {busy}"
        )


def alert(text: str, what: str = "No run") -> str:
    """What did not come about, and why, in a line that screen readers say at once."""
    return f'<p role="alert"><strong>{escape(what)}:</strong> {escape(text)}</p>'


def _bill(found: Sequence[estimates.Estimate]) -> str:
    """The estimates in words; several as their sum."""
    if len(found) == 1:
        return f"{found[0]}."
    columns, rows = estimates.table(found)
    total = dict(zip(columns, rows[-1], strict=True))
    time = "" if total["latency"] == tables.NONE else f", {total['latency']}"
    return (
        f"{len(found)} runs: about {total['calls']} calls, {total['input']} tokens in and "
        f"{total['output']} out, {total['cost']}{time}; those calls at most "
        f"{total['at most']} tokens, {total['cost at most']}. From a rehearsal on the simulated "
        "reader: real replies differ."
    )
