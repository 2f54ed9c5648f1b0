"""The replay: a run played back on a time line, with its prompts, replies and sources.

The browser plays; here a picture is drawn whenever the time has changed. No task runs behind it.
"""

from __future__ import annotations

from bisect import bisect_right
from html import escape
from math import log
from typing import Any

import ipywidgets  # type: ignore[import-untyped]

from orchestrator_kit import tables
from orchestrator_kit.errors import UsageError
from orchestrator_kit.metrics import Call, calls
from orchestrator_kit.playback import Timeline
from orchestrator_kit.record import Run
from orchestrator_kit.status import line
from orchestrator_kit.svg.stage import Stage, words
from orchestrator_kit.tasks import Task
from orchestrator_kit.widgets import pages, parts

SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # times the recorded pace
QUICKEST_MS = 125  # from one picture to the next
LENGTH_S = 20.0  # about as long a film as one likes to watch
LABEL = 110  # characters of a statement in the list


def replay(run: Run, task: Task | None = None) -> Replay:
    """A run, played back: who is at what, who tells whom what, what it has cost so far.

    With the task, a source is shown within its section. Any record will do: of a tape, of a run
    that failed or was interrupted. UsageError where the task is not that of the run.
    """
    if not isinstance(run, Run):
        raise UsageError(f"a replay needs a run, not {type(run).__name__}; Run.load reads a record")
    if task is not None and task.title != run.started.task:
        raise UsageError(f"the run is of the task '{run.started.task}', not of '{task.title}'")
    return Replay(run, task)


class Replay(ipywidgets.VBox):  # type: ignore[misc]
    """What `replay` shows. `t` is the time in the picture, in seconds since the run began."""

    def __init__(self, run: Run, task: Task | None = None) -> None:
        self.run = run
        self.task = task
        self.timeline = Timeline(run)
        self._stage = Stage(self.timeline)
        self._calls: dict[int, Call] = {c.id: c for c in calls(run)}
        happenings = [h for m in self.timeline.moments for h in m.happenings]
        self._rows = pages.event_rows(happenings)
        self._row_times = [h.t for h in happenings]
        self._shown_moment = -1
        self._marked: tuple[str, ...] = ()
        self._make_controls()
        self._make_calls()
        self._make_sources()
        self._make_views()
        bar = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        super().__init__(
            children=[
                ipywidgets.HBox(
                    [
                        self.play,
                        self.playing,
                        self.time,
                        self.clock,
                        self.before,
                        self.next,
                        self.speed,
                    ],
                    layout=bar,
                ),
                self.stage,
                self.status,
                self.view,
                self.shown,
            ]
        )
        parts.ringed(self)
        self.time.observe(self._moved, "value")
        self.speed.observe(self._sped, "value")
        self.play.observe(self._stopped, "playing")
        self.before.on_click(self._to_before)
        self.next.on_click(self._to_next)
        self._sped(None)
        self._moved(None)

    def _make_controls(self) -> None:
        last = len(self.timeline.frames) - 1
        still = last == 0  # a run of one moment; a slider needs some way to go all the same
        self.time = ipywidgets.IntSlider(
            min=0,
            max=max(1, last),
            readout=False,
            disabled=still,
            description="time",
            tooltip="The time in the picture; arrow keys go to the next one",
            layout=ipywidgets.Layout(width="360px"),
            style={"description_width": "3em"},
        )
        # The clockwork, and a button with a name in its place: its own have none.
        self.play = ipywidgets.Play(min=0, max=max(1, last), disabled=still)
        self.play.layout.display = "none"
        self.playing = ipywidgets.ToggleButton(
            description="Play", icon="play", disabled=still, tooltip="Play, or pause"
        )
        self.clock = ipywidgets.HTML()
        self.before = ipywidgets.Button(
            description="Event before",
            tooltip="Go to the moment before this one",
            icon="step-backward",
        )
        self.next = ipywidgets.Button(
            description="Next event", tooltip="Go to the next moment", icon="step-forward"
        )
        speeds = _speeds(self.timeline.duration)
        long = self.timeline.duration or LENGTH_S
        best = min(speeds, key=lambda s: abs(log(long / s / LENGTH_S)))
        self.speed = ipywidgets.Dropdown(
            options=[(f"{s:g}x", s) for s in speeds],
            value=best,
            description="speed",
            tooltip="How fast to play, against the recorded time",
            layout=ipywidgets.Layout(width="10em"),
            style={"description_width": "3.5em"},
        )
        self._links = (  # both in the browser, which plays by itself
            ipywidgets.jslink((self.play, "value"), (self.time, "value")),
            ipywidgets.jslink((self.playing, "value"), (self.play, "playing")),
        )
        # As high as its longest text, or what is below it would jump.
        self.status = ipywidgets.HTML(layout=ipywidgets.Layout(min_height="7em"))
        self.stage = ipywidgets.HTML()
        self.events = ipywidgets.HTML()

    def _make_calls(self) -> None:
        """The list of the calls, and the one that is chosen."""
        wide = ipywidgets.Layout(width="100%")
        self.calls = ipywidgets.Select(
            options=[(self._call_name(c), c.id) for c in self._calls.values()],
            value=None,
            rows=min(10, max(2, len(self._calls))),
            description="call",
            tooltip="Choose a call to see its prompt and its reply",
            layout=wide,
        )
        self.call_steps = _steps(self.calls, "call")
        self.to_call = ipywidgets.Button(
            description="Show its moment", tooltip="Go to the time at which the chosen call began"
        )
        self.call = ipywidgets.HTML("<p>No call is chosen.</p>")
        self.calls.observe(self._chosen, "value")
        self.to_call.on_click(self._to_call)

    def _make_sources(self) -> None:
        """The answer's statements, and the way back from the one that is chosen."""
        wide = ipywidgets.Layout(width="100%")
        said = self.run.answer.statements
        self.statements = ipywidgets.Select(
            options=[(f"{n}. {line(s.text, LABEL)}", n) for n, s in enumerate(said, 1)],
            value=None,
            rows=min(8, max(2, len(said))),
            description="statement",
            tooltip="Choose a statement of the answer to see where it comes from",
            layout=wide,
        )
        self.statement_steps = _steps(self.statements, "statement")
        self.links = ipywidgets.ToggleButtons(
            options=[],
            description="its calls",
            tooltip="Choose a step on the way back to see its prompt and its reply",
            style={"button_width": "auto"},
        )
        none = "" if said else f"The answer has no statements: {'; '.join(self.run.answer.gaps)}"
        self.source = ipywidgets.HTML(f"<p>{escape(none or 'No statement is chosen.')}</p>")
        self.linked = ipywidgets.HTML()
        self.statements.observe(self._traced, "value")
        self.links.observe(self._followed, "value")

    def _make_views(self) -> None:
        """What may be seen below the picture: buttons, for the keyboard reaches no accordion."""
        self._views = {
            "Calls": ipywidgets.VBox(
                [self.calls, ipywidgets.HBox([*self.call_steps, self.to_call]), self.call]
            ),
            "Answer and sources": ipywidgets.VBox(
                [
                    self.statements,
                    ipywidgets.HBox(self.statement_steps),
                    self.source,
                    self.links,
                    self.linked,
                ]
            ),
            "Events so far": self.events,
            "Nothing": ipywidgets.HTML(),
        }
        self.view = ipywidgets.ToggleButtons(
            options=list(self._views),
            value="Nothing",
            description="show",
            tooltips=[
                "Each call's prompt and reply",
                "From a statement of the answer to its source",
                "What has happened, as a table",
                "The picture only",
            ],
            style={"description_width": "3em", "button_width": "auto"},
        )
        self.shown = ipywidgets.VBox([self._views["Nothing"]])
        self.view.observe(self._viewed, "value")

    @property
    def t(self) -> float:
        """The time in the picture; another one may be set, and the frame at it is shown."""
        frames, chosen = self.timeline.frames, int(self.time.value)
        return frames[min(chosen, len(frames) - 1)]

    @t.setter
    def t(self, seconds: float) -> None:
        self.time.value = self.timeline.frame(seconds)

    def __repr__(self) -> str:
        run, n = self.run, len(self.timeline.moments)
        moments = "1 moment" if n == 1 else f"{n} moments"
        return (
            f"Replay({line(run.pattern)}, {tables.workers(run.workers)}, {moments}: "
            f"{parts.words(run)})"
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The widget, and in words what it plays, for pages that cannot run it."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return bundle | {"text/plain": repr(self)}

    def _moved(self, change: object) -> None:
        """Draw the time that the slider is at; words and table only where something happened."""
        t = self.t
        self.stage.value = self._stage.at(t)
        self.clock.value = f"{t:.1f} of {tables.seconds(self.timeline.duration)}"
        now = self.timeline.moment(t)
        if now != self._shown_moment:
            self._shown_moment = now
            self.status.value = parts.status(words(self.timeline, t))
            self.events.value = pages.events_page(self._rows[: bisect_right(self._row_times, t)])
            self.before.disabled = now == 0
            self.next.disabled = now == len(self.timeline.moments) - 1

    def _sped(self, change: object) -> None:
        """Frames at the chosen pace; where they would come too quickly, some are left out."""
        each_ms = self.timeline.tick * 1000 / self.speed.value
        self.play.step = step = max(1, round(QUICKEST_MS / each_ms)) if each_ms else 1
        self.play.interval = max(1, round(step * each_ms)) if each_ms else QUICKEST_MS

    def _viewed(self, change: object) -> None:
        self.shown.children = [self._views[self.view.value]]

    def _stopped(self, change: Any) -> None:
        """Name the button anew. A film's last step may be shorter than the others: it ends here."""
        on = change["new"]
        self.playing.description, self.playing.icon = ("Pause", "pause") if on else ("Play", "play")
        left = self.time.max - self.time.value
        if not on and 0 < left < self.play.step and self.time.value:
            self.time.value = self.time.max

    def _to_before(self, button: object) -> None:
        now = self.timeline.moments[self.timeline.moment(self.t)]
        earlier = [m for m in self.timeline.moments if m.t < now.t]
        self.t = now.t if self.t > now.t or not earlier else earlier[-1].t

    def _to_next(self, button: object) -> None:
        ahead = self.timeline.moment(self.t) + 1
        if ahead < len(self.timeline.moments):
            self.t = self.timeline.moments[ahead].t

    def _to_call(self, button: object) -> None:
        if self.calls.value is not None:
            begun = self._calls[self.calls.value].started
            self.t = next((m.t for m in self.timeline.moments if m.t >= begun), begun)

    def _chosen(self, change: object) -> None:
        if self.calls.value is not None:
            self.call.value = pages.call_page(self.run, self._calls[self.calls.value])

    def _traced(self, change: object) -> None:
        """From the chosen statement back to its source."""
        chosen = self.statements.value
        if chosen is None:
            return
        statement = self.run.answer.statements[chosen - 1]
        found = self.run.explain(str(statement))
        self.source.value = pages.source_page(found, self.task)
        self._marked = tuple(
            filter(None, [found.passage[1] if found.passage else "", statement.text])
        )
        self.linked.value = ""
        last = len(found.links) - 1
        names = [(pages.link_name(k, n == last), k.call) for n, k in enumerate(found.links)]
        self.links.options = names
        self.links.index = last if names else None  # the call that read the source
        self._followed(None)

    def _followed(self, change: object) -> None:
        """A step on the way back: that call, with the sentence marked in it."""
        if self.links.value is not None:
            call = self._calls[self.links.value]
            self.linked.value = pages.call_page(self.run, call, self._marked)

    def _call_name(self, call: Call) -> str:
        """A call in the list: its number, when, who, for what, and how it ended."""
        request = self.timeline.made[call.id]
        ended = f"failed: {call.failure}" if call.failure else "done"
        work = call.subtask or request.format or "text"
        again = "" if call.step == "first" else f", {call.step}"
        return line(
            f"{call.id}. at {call.started:.1f} s, {call.agent}, {work}{again}, "
            f"{tables.seconds(call.seconds)}, {ended}"
        )


def _steps(chosen: ipywidgets.Select, name: str) -> tuple[ipywidgets.Button, ipywidgets.Button]:
    """Two buttons that go through a list, for JupyterLab takes the arrow keys from it."""

    def to(step: int) -> None:
        at = -1 if chosen.index is None else chosen.index
        chosen.index = min(max(at + step, 0), len(chosen.options) - 1)

    none = not chosen.options
    before = ipywidgets.Button(
        description=f"{name} before".capitalize(),
        tooltip=f"Choose the {name} before",
        icon="arrow-up",
        disabled=none,
        layout=ipywidgets.Layout(width="auto"),
    )
    after = ipywidgets.Button(
        description=f"Next {name}",
        tooltip=f"Choose the next {name}",
        icon="arrow-down",
        disabled=none,
        layout=ipywidgets.Layout(width="auto"),
    )
    before.on_click(lambda _: to(-1))
    after.on_click(lambda _: to(1))
    return before, after


def _speeds(duration: float) -> tuple[float, ...]:
    """The paces to choose from: slower ones too for a short run, faster ones for a long one."""
    speeds = list(SPEEDS)
    while 0 < duration / speeds[0] < LENGTH_S / 4 and speeds[0] > 1e-4:
        speeds.insert(0, speeds[0] / 5)
    while duration / speeds[-1] > 6 * LENGTH_S:
        speeds.append(speeds[-1] * 4)
    return tuple(speeds)
