"""The worker slider: how the Gantt, the tokens and the latency follow the number of workers."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets  # type: ignore[import-untyped]

from orchestrator_kit import experiments, scaling, svg, tables
from orchestrator_kit.errors import KitError, RunInterrupted, UsageError
from orchestrator_kit.laws import Scalability
from orchestrator_kit.metrics import measure
from orchestrator_kit.patterns import PATTERNS, pattern_named
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Task
from orchestrator_kit.widgets.controls import Fold
from orchestrator_kit.widgets.expected import curve_table, in_words
from orchestrator_kit.widgets.guess import Guess
from orchestrator_kit.widgets.parts import ringed, status, table, words

if TYPE_CHECKING:
    from orchestrator_kit.models.base import Model

AT_ONCE_S = 1.0  # how long a new widget may take for the curve before it is shown
NOWHERE = "none"  # the layout's word for what is not on the page


def worker_slider(
    task: Task,
    pattern: str = "orchestrator_worker",
    *,
    model: Model | None = None,
    most: int = 16,
    predict: bool = False,
    rate: float | None = None,
) -> WorkerSlider:
    """A slider for the number of workers, with the Gantt and the figures that it leads to.

    On a simulated model the picture follows the slider. A model on the wall clock takes time and
    may cost money: there a run is made when the button is pressed, and not before.

    With `predict` it first asks which number of workers gives the shortest run, and how long that
    takes; the answer is noted in the diary, drawn, and scored. `rate` is the most calls a second
    that a provider would let begin; the runs keep no such cap, the picture shows where it would
    bind.
    """
    if most < 1:
        raise UsageError(f"most is {most}; at least 1 worker is needed")
    if rate is not None and not 0 < rate < float("inf"):
        raise UsageError(f"rate is {rate}; give the calls a second, above 0")
    pattern_named(pattern)
    return WorkerSlider(task, pattern, model, most, predict, rate)


class WorkerSlider(ipywidgets.VBox):  # type: ignore[misc]
    """What `worker_slider` shows. `run` is the run in the picture, None before the first.

    Moving it makes one run. The curve's other runs are made one at a time when `ticks` moves: a
    control that nobody sees, which the browser keeps moving while runs are wanted. So no task
    outlives a cell, and a move waits for one run at most.
    """

    def __init__(
        self,
        task: Task,
        pattern: str,
        model: Model | None,
        most: int,
        predict: bool = False,
        rate: float | None = None,
    ) -> None:
        self.task, self.model, self.rate = task, model, rate
        self.run: Run | None = None
        self.follows = model is None or model.virtual
        self._runs: dict[tuple[str, int], Run] = {}
        self._laws: dict[tuple[str, int], Scalability | None] = {}
        self._asked = pattern  # what a prediction is about
        self._build(pattern, most)
        self.guess = Guess(self._question(pattern), most, self._guessed, self._predicted)
        self._shown = [self.controls, self.figures, self.gantt, self.views, self.notes, self.twins]
        super().__init__(
            children=[
                self.guess,
                *self._shown[:4],
                self.curve,
                *self._shown[4:],
                self.ticks,
            ]
        )
        ringed(self)
        self._veil(predict)
        for control in (self.view, self.laws):
            control.observe(self._turned, "value")
        self.ticks.observe(self._ticked, "value")
        self.button.on_click(self._pressed)
        if self.follows:
            self.workers.observe(self._moved, "value")
            self.pattern.observe(self._moved, "value")
        self._begin()

    def _build(self, pattern: str, most: int) -> None:
        self.workers = ipywidgets.IntSlider(
            value=min(experiments.WORKERS, most),
            min=1,
            max=most,
            description="workers",
            tooltip="How many workers may be busy at the same time",
        )
        self.pattern = ipywidgets.Dropdown(
            options=list(dict.fromkeys((*PATTERNS, pattern))),
            value=pattern,
            description="pattern",
            tooltip="Which pattern coordinates them",
        )
        self.button = ipywidgets.Button(
            description="Run", tooltip="Make a run with these settings", button_style="primary"
        )
        self.view = ipywidgets.ToggleButtons(
            options=list(svg.VIEWS),
            description="show",
            tooltips=[f"{view.capitalize()} against workers" for view in svg.VIEWS],
            style={"button_width": "6em"},
            layout=ipywidgets.Layout(width="auto"),
        )
        self.laws = ipywidgets.Checkbox(
            value=True,
            description="with the laws",
            tooltip="Draw what the laws expect",
            indent=False,
        )
        self.ticks = ipywidgets.Play(
            max=10**6, interval=20, repeat=True, layout=ipywidgets.Layout(display=NOWHERE)
        )
        self.figures = ipywidgets.HTML()
        self.gantt = ipywidgets.HTML()
        self.curve = ipywidgets.HTML()
        self.notes = ipywidgets.HTML()
        self.table = ipywidgets.HTML()
        self.points = ipywidgets.HTML()
        row = ipywidgets.Layout(flex_flow="row wrap")
        controls = [self.workers, self.pattern, *([] if self.follows else [self.button])]
        self.controls = ipywidgets.HBox(controls, layout=row)
        self.views = ipywidgets.HBox([self.view, self.laws], layout=row)
        self.twins = ipywidgets.VBox(
            [
                Fold("The same calls as a table", "The bars of the Gantt, row by row", self.table),
                Fold("The same curve as a table", "Points and laws, by workers", self.points),
            ]
        )

    def __repr__(self) -> str:
        if self.veiled:
            return f"WorkerSlider({self.pattern.value}: asks for a prediction first)"
        settings = f"{self.pattern.value}, {tables.workers(self.workers.value)}"
        return f"WorkerSlider({settings}: {words(self.run) if self.run else 'no run yet'})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The widget, and in words what it shows, for pages that cannot run it."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return bundle | {"text/plain": repr(self)}

    # What is seen when.

    def _question(self, pattern: str) -> str:
        asked = f"{self.task.title or 'This task'} by {pattern}, 1 to {self.most} workers."
        if not self.follows:
            return f"{asked} Your prediction first; then one run is made, with as many workers."
        return f"{asked} The run with 1 worker is measured; your prediction of the others first."

    @property
    def most(self) -> int:
        return int(self.workers.max)

    def _veil(self, veiled: bool) -> None:
        """Hide what is measured until there is a prediction."""
        self.veiled = veiled
        self.guess.layout.display = None if veiled or self.guess.noted else NOWHERE
        for part in self._shown:
            part.layout.display = NOWHERE if veiled else None

    def _begin(self) -> None:
        pattern = self.pattern.value
        if not self.follows:
            assert self.model is not None
            self.figures.value = status(
                f"{self.model.name} is no simulation: a run takes its time and may cost money. "
                "Choose, then press Run."
            )
            return
        try:
            self._make(pattern, 1 if self.veiled else self.workers.value)
            if self.veiled:
                self._draw_curve()
                return
            end = time.monotonic() + AT_ONCE_S
            while time.monotonic() < end and self._step():
                pass
            self._show()
        except KitError as e:
            self._failed(e)

    def _guessed(self) -> None:
        """Draw the prediction while it is written; the runs may be made meanwhile."""
        if self.guess.noted:
            return
        self.guess.said.value = ""
        self._draw_curve()
        self._go_on()

    def _predicted(self) -> None:
        """The prediction is noted: show what comes of it."""
        assert self.guess.noted
        self.workers.value = int(self.guess.noted[0].value)
        self._veil(False)
        if not self.follows:
            self._pressed(self.button)
        else:
            try:
                while self._step():
                    pass
                self._make(self.pattern.value, self.workers.value)
                self._show()
            except KitError as e:
                self._failed(e)
        self._judge()

    def _judge(self) -> None:
        took = {n: measure(run).latency_s for n, run in self._made().items()}
        self.guess.score(took)

    # What moves it.

    def _moved(self, change: object) -> None:
        """Follow the slider; the rest of the curve comes after the picture."""
        if self.veiled:
            return
        try:
            self._make(self.pattern.value, self.workers.value)
            self._show()
        except KitError as e:
            self._failed(e)
        else:
            self._go_on()

    def _turned(self, change: object) -> None:
        self._draw_curve()

    def _ticked(self, change: object) -> None:
        """Make one more run of the curve."""
        try:
            more = self._step()
        except KitError as e:
            self.ticks.playing = False
            self._failed(e)
            return
        self._draw_curve()
        if not more:
            self.ticks.playing = False

    def _go_on(self) -> None:
        """Have the browser tick while runs of the curve are wanted."""
        if self.follows and self._missing():
            self.ticks.playing = False  # a page loaded anew has to be told again
            self.ticks.playing = True

    def _pressed(self, button: object) -> None:
        """Make one run on a model that takes real time; the button waits for it."""
        self.button.disabled = True
        self.figures.value = status("Running…")
        pattern, workers = self.pattern.value, self.workers.value
        self._runs.pop((pattern, workers), None)
        try:
            self._make(pattern, workers)
        except KitError as e:
            self._failed(e)
        except RunInterrupted:
            self.figures.value = status("Interrupted; nothing more is spent.")
        else:
            self._show()
        finally:
            self.button.disabled = False

    # What it has and shows.

    def _make(self, pattern: str, workers: int) -> None:
        key = (pattern, workers)
        if key not in self._runs:
            self._runs[key] = experiments.run(self.task, pattern, self.model, workers=workers)

    def _made(self) -> dict[int, Run]:
        pattern = self.pattern.value
        return {n: run for (name, n), run in sorted(self._runs.items()) if name == pattern}

    def _missing(self) -> list[int]:
        """The numbers of workers still to be run, those first that show the curve's shape."""
        first = [1, *(2**k for k in range(1, self.most.bit_length())), self.most]
        order = dict.fromkeys([n for n in first if n <= self.most] + list(range(1, self.most + 1)))
        return [n for n in order if (self.pattern.value, n) not in self._runs]

    def _step(self) -> bool:
        """Make the next run of the curve, if one is wanted; whether there are more."""
        missing = self._missing()
        if missing:
            self._make(self.pattern.value, missing[0])
        return len(missing) > 1

    def _show(self) -> None:
        self.run = run = self._runs[self.pattern.value, self.workers.value]
        self.gantt.value = svg.gantt(run)  # first what is looked at
        recall = score(self.task, run.answer).recall
        self.figures.value = status(f"{words(run)}, recall {tables.percent(recall)}.")
        self._draw_curve()
        self.table.value = tables.as_html(*table(run))

    def _law(self, made: dict[int, Run]) -> Scalability | None:
        """The law fitted to the runs, once the curve has all of them (live: those there are)."""
        if self.follows and self._missing():
            return None
        key = (self.pattern.value, len(made))
        if key not in self._laws:
            self._laws[key] = scaling.fit(made)
        return self._laws[key]

    def _draw_curve(self) -> None:
        made, most = self._made(), self.most
        asked = self.pattern.value == self._asked
        guess = self.guess.value if asked and (self.veiled or self.guess.noted) else None
        outlook = scaling.outlook(made[1], self.rate) if 1 in made else None
        if self.veiled:  # only what was told, and what is guessed
            told = {1: made[1]} if 1 in made else {}
            self.curve.value = svg.curve(told, None, most=most, guess=guess, room=True)
            return
        chosen, law = self.workers.value, self._law(made)
        drawn = (outlook, law) if self.laws.value else (None, None)
        self.curve.value = svg.curve(
            made,
            chosen,
            most=most,
            show=self.view.value,
            outlook=drawn[0],
            law=drawn[1],
            guess=guess,
        )
        said = in_words(made, chosen, outlook, law) if self.laws.value else []
        self.notes.value = "".join(f"<p>{escape(text)}</p>" for text in said)
        self.points.value = tables.as_html(*curve_table(made, outlook, law, guess))

    def _failed(self, error: KitError) -> None:
        self.run = None
        self.figures.value = f'<p role="alert"><strong>No run:</strong> {escape(str(error))}</p>'
        for part in (self.gantt, self.curve, self.notes, self.table, self.points):
            part.value = ""
        self.figures.layout.display = None
