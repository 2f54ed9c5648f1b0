"""The worker slider: how the Gantt, the tokens and the latency follow the number of workers."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets  # type: ignore[import-untyped]

from orchestrator_kit import experiments, svg, tables
from orchestrator_kit.errors import KitError, RunInterrupted, UsageError
from orchestrator_kit.patterns import PATTERNS, pattern_named
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Task
from orchestrator_kit.widgets.parts import status, table, words

if TYPE_CHECKING:
    from orchestrator_kit.models.base import Model


def worker_slider(
    task: Task,
    pattern: str = "orchestrator_worker",
    *,
    model: Model | None = None,
    most: int = 16,
) -> WorkerSlider:
    """A slider for the number of workers, with the Gantt and the figures that it leads to.

    On a simulated model the picture follows the slider. A model on the wall clock takes time and
    may cost money: there a run is made when the button is pressed, and not before.
    """
    if most < 1:
        raise UsageError(f"most is {most}; at least 1 worker is needed")
    pattern_named(pattern)
    return WorkerSlider(task, pattern, model, most)


class WorkerSlider(ipywidgets.VBox):  # type: ignore[misc]
    """What `worker_slider` shows. `run` is the run in the picture, None before the first."""

    def __init__(self, task: Task, pattern: str, model: Model | None, most: int) -> None:
        self.task = task
        self.model = model
        self.run: Run | None = None
        self._runs: dict[tuple[str, int], Run] = {}
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
        self.figures = ipywidgets.HTML()
        self.gantt = ipywidgets.HTML()
        self.curve = ipywidgets.HTML()
        self.table = ipywidgets.HTML()
        follows = model is None or model.virtual
        controls = [self.workers, self.pattern, *([] if follows else [self.button])]
        super().__init__(
            children=[
                ipywidgets.HBox(controls, layout=ipywidgets.Layout(flex_flow="row wrap")),
                self.figures,
                self.gantt,
                self.curve,
                ipywidgets.Accordion(
                    [self.table], titles=("The same calls as a table",), selected_index=None
                ),
            ]
        )
        if model is None or model.virtual:
            self.workers.observe(self._moved, "value")
            self.pattern.observe(self._moved, "value")
            self._moved(None)
        else:
            self.button.on_click(self._pressed)
            self.figures.value = status(
                f"{model.name} is no simulation: a run takes its time and may cost money. "
                "Choose, then press Run."
            )

    def __repr__(self) -> str:
        settings = f"{self.pattern.value}, {tables.workers(self.workers.value)}"
        return f"WorkerSlider({settings}: {words(self.run) if self.run else 'no run yet'})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The widget, and in words what it shows, for pages that cannot run it."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return bundle | {"text/plain": repr(self)}

    def _moved(self, change: object) -> None:
        """Follow the slider; the rest of the curve comes after the picture."""
        pattern, chosen = self.pattern.value, self.workers.value
        try:
            self._make(pattern, chosen)
            self._show(pattern, chosen)
            for workers in range(1, self.workers.max + 1):
                self._make(pattern, workers)
            self._draw_curve(pattern, chosen)
        except KitError as e:
            self._failed(e)

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
            self._show(pattern, workers)
        finally:
            self.button.disabled = False

    def _make(self, pattern: str, workers: int) -> None:
        key = (pattern, workers)
        if key not in self._runs:
            self._runs[key] = experiments.run(self.task, pattern, self.model, workers=workers)

    def _show(self, pattern: str, workers: int) -> None:
        self.run = run = self._runs[pattern, workers]
        recall = score(self.task, run.answer).recall
        self.figures.value = status(f"{words(run)}, recall {tables.percent(recall)}.")
        self.gantt.value = svg.gantt(run)
        self.table.value = tables.as_html(*table(run))
        self._draw_curve(pattern, workers)

    def _draw_curve(self, pattern: str, workers: int) -> None:
        made = {n: run for (name, n), run in sorted(self._runs.items()) if name == pattern}
        self.curve.value = svg.curve(made, workers, most=self.workers.max)

    def _failed(self, error: KitError) -> None:
        self.run = None
        self.figures.value = f'<p role="alert"><strong>No run:</strong> {escape(str(error))}</p>'
        self.gantt.value = self.curve.value = self.table.value = ""
