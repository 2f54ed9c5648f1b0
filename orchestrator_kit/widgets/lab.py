"""The pattern lab: every setting of a run beside its picture, its price and its quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets  # type: ignore[import-untyped]

from orchestrator_kit import experiments, svg, tables
from orchestrator_kit.errors import KitError
from orchestrator_kit.patterns import PATTERNS, VARIANTS
from orchestrator_kit.record import Run
from orchestrator_kit.svg.plan import table as plan_table
from orchestrator_kit.tasks import Task
from orchestrator_kit.widgets import differences
from orchestrator_kit.widgets.bench import Bench, Setup
from orchestrator_kit.widgets.controls import Fold, RunControls, button, control, row, sheet, show
from orchestrator_kit.widgets.copying import cell, command
from orchestrator_kit.widgets.exporting import export
from orchestrator_kit.widgets.live import alert
from orchestrator_kit.widgets.parts import ringed, status, table, words
from orchestrator_kit.widgets.view import View, bench_of

if TYPE_CHECKING:
    from orchestrator_kit.models.base import Model

_PRE = '<pre style="white-space:pre-wrap;word-break:normal">'


def pattern_lab(
    task: Task | str = "legal",
    *,
    model: Model | str | None = None,
    models: Mapping[str, Model] | None = None,
    pattern: str = "orchestrator_worker",
    workers: int = experiments.WORKERS,
    seed: int = 0,
    recovery: str = "retry",
    most: int = 16,
    folder: str | Path = "out",
) -> PatternLab:
    """All settings of a run, and the Gantt, the plan, tokens, money, time and quality they give.

    `task` is a scenario's name, a task folder or a Task. `model` is the first one chosen, and
    `models` are others to choose from besides the simulated ones. On virtual models (simulated,
    or a tape played back) the picture follows the controls. Any other takes time and may cost
    money: it runs when a button is pressed and an estimate confirmed. `most` is where the worker
    slider ends, `folder` where exports go. UsageError and UnknownName for what cannot be.
    """
    bench, first = bench_of(
        task,
        model,
        models,
        pattern=pattern,
        workers=workers,
        most=most,
        seed=seed,
        recovery=recovery,
    )
    return PatternLab(bench, RunControls(bench, first, most=most), folder)


class PatternLab(View):
    """What `pattern_lab` shows. `pinned` is the setup and the run that others are held against."""

    def __init__(self, bench: Bench, controls: RunControls, folder: str | Path) -> None:
        super().__init__(bench, controls)
        self.pinned: tuple[Setup, Run] | None = None
        self.beside = control(
            ipywidgets.SelectMultiple,
            "compare with",
            "Other patterns to run with the same settings; Ctrl or Shift chooses several",
            options=[*PATTERNS, *VARIANTS],
            value=(),
            rows=5,
        )
        self.bars, self.gantt, self.plan = (ipywidgets.HTML() for _ in range(3))
        self.before, self.difference = ipywidgets.HTML(), ipywidgets.HTML()
        self.table, self.answer = ipywidgets.HTML(), ipywidgets.HTML()
        self.pin = button("Pin", "Keep this run in view, to hold others against it")
        self.unpin = button("Unpin", "Let go of the pinned run")
        self.export = button("Export", "Write the picture as SVG and the record as JSON Lines")
        self.folder = control(ipywidgets.Text, "into folder", "Where exports go", value=str(folder))
        self.exported = ipywidgets.HTML()
        self.code = control(
            ipywidgets.Textarea,
            "Python",
            "The cell that makes the same run; select it and copy",
            width="98%",
            rows=14,
        )
        self.line = control(
            ipywidgets.Textarea, "okit", "The same run on the command line", width="98%", rows=2
        )
        self.children = self._laid_out()
        ringed(self)
        self.beside.observe(self._moved, "value")
        self.pin.on_click(self._pin)
        self.unpin.on_click(self._unpin)
        self.export.on_click(self._export)
        self._unpin(None)
        self.follow()

    def _laid_out(self) -> list[Any]:
        c = self.controls
        side = {"flex": "1 1 560px", "min_width": "0"}  # a layout each: one is hidden at times
        self._pinned = ipywidgets.VBox([self.before], layout=ipywidgets.Layout(**side))
        now = ipywidgets.VBox([self.gantt], layout=ipywidgets.Layout(**side))
        return [
            row(c.task, c.pattern, c.workers, c.model, c.seed, self.beside),
            Fold(
                "Faults and recovery",
                "What goes wrong, and what is done about it",
                row(*c.failing.all),
                opened=True,
            ),
            Fold(
                "Discretion, limits and your own prompt",
                "What the model decides, what it may spend, and what is asked",
                row(*c.options.values(), *c.limits, c.prompt, c.document),
            ),
            self.live,
            self.figures,
            row(self.pin, self.unpin, self.export, self.folder),
            self.exported,
            ipywidgets.HBox([self._pinned, now], layout=ipywidgets.Layout(flex_flow="row wrap")),
            self.difference,
            self.bars,
            self.plan,
            Fold("The same as tables", "Figures, calls and plan as tables", self.table),
            Fold("The answer", "What the run answered, and what it lacks", self.answer),
            Fold(
                *("Copy as code", "This run as a Python cell and as a command"),
                *(self.code, self.line),
            ),
        ]

    def _others(self, setup: Setup) -> list[Setup]:
        return [replace(setup, pattern=p) for p in self.beside.value if p != setup.pattern]

    def _neighbours(self, setup: Setup) -> list[Setup]:
        """Where the worker slider may go next: made ahead, they are there at once."""
        near = (setup.workers + 1, setup.workers - 1, setup.workers + 2, setup.workers - 2)
        most = self.controls.workers.max
        return [replace(setup, workers=n) for n in near if 1 <= n <= most]

    def _draw_others(self, setup: Setup) -> None:
        """The bars, of the chosen run and of those beside it."""
        made = {
            s: run for s in (setup, *self._others(setup)) if (run := self.bench.made(s)) is not None
        }
        self.bars.value = svg.bars(self.bench.compared(setup, made))

    def _show(self, setup: Setup, run: Run) -> None:
        self._draw_gantt()
        self.plan.value = svg.plan_graph(run)
        now = self.bench.row(setup, run)
        said = f"{words(run)}, recall {tables.percent(now.score.recall)}"
        grounded, gaps = now.score.groundedness, len(run.answer.gaps)
        what = "gap" if gaps == 1 else "gaps"
        said += f", grounded {tables.percent(grounded)}, {gaps} {what} declared."
        for fault in self.bench.unstruck(setup):
            said += f" The fault {fault} struck no call."
        self.figures.value = status(said)
        self._draw_difference()
        compared = self.bench.compared(setup, {setup: run})
        self.table.value = sheet(tables.comparison(compared), table(run), plan_table(run))
        self.answer.value = f"{_PRE}{escape(str(run.answer))}</pre>"
        self.code.value = cell(setup, self.bench)
        line, why = command(setup, self.bench)
        self.line.value = line or f"# no such line: {why}"
        self.pin.disabled = self.export.disabled = False

    def _draw_gantt(self) -> None:
        if self.run is None:
            return
        until = 0.0
        if self.pinned:  # both on one scale, so that a shorter bar is a shorter time
            until = max(r.events[-1].t for r in (self.pinned[1], self.run))
            self.before.value = (
                f"<p><strong>Pinned</strong></p>{svg.gantt(self.pinned[1], until=until)}"
            )
        now = "<p><strong>Now</strong></p>" if self.pinned else ""
        self.gantt.value = now + svg.gantt(self.run, until=until)

    def _draw_pinned(self) -> None:
        show(self._pinned, self.pinned is not None)
        show(self.unpin, self.pinned is not None)
        self._draw_gantt()
        self._draw_difference()

    def _draw_difference(self) -> None:
        self.difference.value = ""
        if self.pinned and self.setup and self.run:
            before, now = self.bench.row(*self.pinned), self.bench.row(self.setup, self.run)
            self.difference.value = sheet(
                differences.table(before, now, ("pinned", "now")), figures=True
            )

    def _pin(self, _: object) -> None:
        if self.setup and self.run:
            self.pinned = self.setup, self.run
            self._draw_pinned()

    def _unpin(self, _: object) -> None:
        self.pinned = None
        self._draw_pinned()

    def _export(self, _: object) -> None:
        if not (self.setup and self.run):
            return
        pictures = (self.bars.value, svg.gantt(self.run), self.plan.value)
        picture = svg.document(*filter(None, pictures))
        try:
            files = export(self.folder.value.strip() or ".", self.run, picture)
        except KitError as e:
            self.exported.value = alert(str(e), "Not written")
        else:
            self.exported.value = status(f"Written: {' and '.join(map(str, files))}")

    def _began(self) -> None:
        super()._began()
        self.beside.disabled = True

    def _ended(self, made: Mapping[Setup, Run]) -> None:
        self.beside.disabled = False
        super()._ended(made)

    def _empty(self) -> None:
        self.pin.disabled = self.export.disabled = True
        for part in (self.gantt, self.plan, self.bars, self.difference, self.table, self.answer):
            part.value = ""
        self.code.value = self.line.value = ""
