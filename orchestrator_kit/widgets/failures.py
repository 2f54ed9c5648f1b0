"""The failure panel: break something, choose what is done about it, and see what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets  # type: ignore[import-untyped]

from orchestrator_kit import experiments, svg, tables
from orchestrator_kit.metrics import measure
from orchestrator_kit.record import Run
from orchestrator_kit.recovery import POLICIES
from orchestrator_kit.svg.plan import table as plan_table
from orchestrator_kit.tasks import Task
from orchestrator_kit.widgets import differences
from orchestrator_kit.widgets.bench import Bench, Setup
from orchestrator_kit.widgets.controls import NONE, USUAL, Fold, RunControls, button, row, sheet
from orchestrator_kit.widgets.parts import ringed, status, table, words
from orchestrator_kit.widgets.view import View, bench_of

if TYPE_CHECKING:
    from orchestrator_kit.models.base import Model

CALM = "degrade"  # the policy of the undisturbed run: it does nothing where nothing fails


def failure_panel(
    task: Task | str = "legal",
    *,
    model: Model | str | None = None,
    models: Mapping[str, Model] | None = None,
    pattern: str = "orchestrator_worker",
    workers: int = experiments.WORKERS,
    seed: int = 0,
    recovery: str = "retry",
    most: int = 16,
) -> FailurePanel:
    """Faults, recovery policies, and the price of each against the undisturbed run.

    The arguments are those of `pattern_lab`. On a model that takes real time the disturbed and the
    undisturbed run are made when a button is pressed and an estimate confirmed.
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
    return FailurePanel(bench, RunControls(bench, first, most=most, kind="crash"))


class FailurePanel(View):
    """What `failure_panel` shows. `calm` is the undisturbed run, None if it was not made."""

    def __init__(self, bench: Bench, controls: RunControls) -> None:
        super().__init__(bench, controls)
        self.calm: Run | None = None
        self.gantt, self.plan, self.before = (ipywidgets.HTML() for _ in range(3))
        self.price, self.remedies, self.policies = (ipywidgets.HTML() for _ in range(3))
        self.table = ipywidgets.HTML()
        self.presets = self._presets()
        self.children = self._laid_out()
        ringed(self)
        self.follow()

    def _presets(self) -> dict[str, Any]:
        """Buttons that set several controls at once, by their description."""
        c, f = self.controls, self.controls.failing
        usual: dict[Any, Any] = {
            f.nth: 0,
            f.once: False,
            f.plan: "",
            c.rounds: USUAL,
            c.revisions: USUAL,
        }
        each: dict[str, tuple[str, dict[Any, Any]]] = {
            "Break a worker": (
                "Worker 2 breaks down over every call",
                {f.kind: "crash", f.whom: "worker 2", f.rate: 1.0},
            ),
            "Kill a worker": (
                "Worker 2 is gone for the rest of the run from its first call on",
                {f.kind: "kill", f.whom: "worker 2", f.rate: 1.0, f.nth: 1},
            ),
            "Slow it": (
                "Worker 2 takes ten times as long",
                {f.kind: "straggler", f.whom: "worker 2", f.rate: 1.0, f.factor: 10.0},
            ),
            "Make it lie": (
                "Workers report figures that contradict their sources, in four calls of ten",
                {f.kind: "wrong", f.whom: "workers", f.rate: 0.4},
            ),
            "Garble it": (
                "Four replies of ten are not of the form asked for",
                {f.kind: "malformed", f.whom: "workers", f.rate: 0.4},
            ),
            "Break the orchestrator": (
                "The orchestrator is killed at its second call, a review",
                {
                    f.kind: "kill",
                    f.whom: "orchestrator",
                    f.rate: 1.0,
                    f.nth: 2,
                    c.rounds: 1,
                    c.revisions: 1,
                },
            ),
            "Mend all": ("No fault at all", {f.kind: NONE}),
        }
        made = {}
        for name, (about, values) in each.items():
            made[name] = button(name, about)
            made[name].on_click(partial(self._preset, usual | values))
        return made

    def _preset(self, values: Mapping[Any, Any], _: object) -> None:
        if not self.live.busy:
            self.controls.set(list(values.items()))

    def _laid_out(self) -> list[Any]:
        c = self.controls
        return [
            row(c.task, c.pattern, c.workers, c.model, c.seed),
            row(*self.presets.values()),
            row(*c.failing.all),
            Fold(
                "Discretion, limits and your own prompt",
                "What the model decides, what it may spend, and what is asked",
                row(*c.options.values(), *c.limits, c.prompt, c.document),
            ),
            self.live,
            self.figures,
            self.gantt,
            self.price,
            self.remedies,
            self.policies,
            Fold("The undisturbed run", "Its Gantt on the same scale", self.before),
            Fold("The plan", "What became of each subtask", self.plan),
            Fold("The same as tables", "Calls and plan as tables", self.table),
        ]

    def _others(self, setup: Setup) -> list[Setup]:
        """The undisturbed run; where it costs nothing also the other policies."""
        calm = replace(setup, faults=(), recovery=CALM, standby=False)
        others = [calm] if setup != calm else []
        if self.bench.virtual(setup) and setup.faults:
            others += [replace(setup, recovery=p) for p in POLICIES if p != setup.recovery]
        return others

    def _show(self, setup: Setup, run: Run) -> None:
        calm = replace(setup, faults=(), recovery=CALM, standby=False)
        self.calm = self.bench.run(calm) if self.bench.virtual(setup) else self.bench.made(calm)
        until = max(r.events[-1].t for r in (run, self.calm or run))
        self.gantt.value = svg.gantt(run, until=until)
        said = f"{'; '.join(setup.faults) or 'no fault'}, {setup.recovery}: "
        if self.calm:
            before, after = self.bench.row(calm, self.calm), self.bench.row(setup, run)
            columns, rows = differences.table(before, after, ("undisturbed", "now"))
            self.price.value = _titled("The price, against the undisturbed run", columns, rows)
            self.before.value = svg.gantt(self.calm, until=until)
            said += _price(rows)
        else:
            self.price.value = self.before.value = ""
            said += words(run)
        if run.status != "done":
            said += f"; the run {run.status}"
        for fault in self.bench.unstruck(setup):
            said += f". The fault {fault} struck no call"
        self.figures.value = status(f"{said}.")
        self.remedies.value = _titled("What the remedies took", *_remedies(run))
        self.plan.value = svg.plan_graph(run)
        self.table.value = sheet(table(run), plan_table(run))

    def _draw_others(self, setup: Setup) -> None:
        """A row for each policy that the same faults were met with."""
        rows = []
        for name in POLICIES:
            other = replace(setup, recovery=name)
            run = self.bench.made(other)
            if run is None or not setup.faults:
                continue
            found = self.bench.row(other, run)
            m, s = found.measures, found.score
            chosen = f"{name}, chosen" if name == setup.recovery else name
            rows.append(
                [
                    chosen,
                    run.status,
                    str(m.calls),
                    str(len(m.failures)),
                    f"{m.tokens:,}",
                    tables.money(m.cost_usd),
                    tables.seconds(m.latency_s),
                    tables.percent(s.recall),
                    tables.percent(s.groundedness),
                    str(len(run.answer.gaps)),
                ]
            )
        columns = "policy run calls failed tokens cost latency recall grounded gaps".split()
        self.policies.value = _titled("The same faults under each policy", columns, rows)

    def _empty(self) -> None:
        self.calm = None
        for part in (self.gantt, self.before, self.price, self.remedies, self.policies):
            part.value = ""
        self.plan.value = self.table.value = ""


def _titled(title: str, columns: tables.Columns, rows: tables.Rows) -> str:
    """A table with a heading; nothing where there are no rows."""
    if not rows:
        return ""
    return f"<p><strong>{title}</strong></p>{sheet((columns, rows), figures=True)}"


def _remedies(run: Run) -> tuple[tables.Columns, tables.Rows]:
    """What each remedy took, and what the calls took that brought nothing."""
    return ["remedy", "calls", "input", "output", "cost", "seconds of calls and waits"], [
        [
            "calls that failed" if step == "failed" else step,
            str(price.calls),
            f"{price.input_tokens:,}",
            f"{price.output_tokens:,}",
            tables.money(price.cost_usd),
            tables.seconds(price.seconds),
        ]
        for step, price in measure(run).recovery.items()
    ]


def _price(rows: tables.Rows) -> str:
    """The price in a line: what a reader wants to know first."""
    wanted = ("tokens", "cost", "latency", "calls", "recall", "groundedness", "gaps declared")
    return ", ".join(f"{row[0]} {row[3]}" for row in rows if row[0] in wanted)
