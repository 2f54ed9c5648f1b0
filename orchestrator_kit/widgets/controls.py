"""The controls of a run's settings, and what is made of them: a `Setup`.

Each has a description and a tooltip and is reached by keyboard. What a pattern or a model does not
have is switched off, and is then no part of the setup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets  # type: ignore[import-untyped]

from orchestrator_kit import tables
from orchestrator_kit.errors import UsageError
from orchestrator_kit.models.faults import KINDS, Fault
from orchestrator_kit.patterns import PATTERNS, VARIANTS
from orchestrator_kit.recovery import POLICIES
from orchestrator_kit.widgets.bench import DIAL, SIMULATED, Bench, Setup, takes

WIDE = "272px"
_STYLE = {"description_width": "100px"}
NONE, USUAL = "none", "as the pattern has it"  # a Dropdown shows no choice for None
WHOM: dict[str, dict[str, Any]] = {
    "any call": {},
    "workers": {"role": "worker"},
    "orchestrator": {"role": "orchestrator"},
    "synthesizer": {"role": "synthesizer"},
    "peers": {"role": "peer"},
    **{f"worker {n}": {"worker": n} for n in range(1, 9)},
}
# From workflow to agent: the model decides one thing more at each notch.
NOTCHES = [
    ("none: a workflow", frozenset()),
    *(
        (("+" if n > 1 else "") + (name if n < len(DIAL) else f"{name}: all"), frozenset(DIAL[:n]))
        for n, name in enumerate(DIAL, 1)
    ),
]


def control(kind: Any, description: str, tooltip: str, **more: Any) -> Any:
    """A control with a description, a tooltip, and the size that all have."""
    layout = ipywidgets.Layout(width=more.pop("width", WIDE))
    return kind(description=description, tooltip=tooltip, style=dict(_STYLE), layout=layout, **more)


def button(description: str, tooltip: str, style: str = "") -> Any:
    """A button with a tooltip."""
    return ipywidgets.Button(
        description=description,
        tooltip=tooltip,
        button_style=style,
        layout=ipywidgets.Layout(width="auto", min_width="110px"),
    )


def row(*children: Any) -> Any:
    """Controls beside each other, in as many lines as they need."""
    return ipywidgets.HBox(
        list(children), layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="2px 8px")
    )


def show(widget: Any, there: bool) -> None:
    """Show a widget or take it out of the page, and out of the keyboard's way."""
    widget.layout.display = None if there else "none"


def sheet(*parts: tuple[tables.Columns, tables.Rows], figures: bool = False) -> str:
    """Tables as they stand in a widget, where no theme gives them room; `figures` to the right."""
    aligned = "right" if figures else "left"
    style = (
        f".okit-{aligned} td{{padding:0 10px;text-align:{aligned}}}"
        f".okit-{aligned} th{{padding:0 10px;vertical-align:top}}"
        f".okit-{aligned} table{{line-height:1.5;margin-bottom:10px}}"
    )
    rows = "".join(tables.as_html(*part) for part in parts)
    return f'<div class="okit-{aligned}"><style>{style}</style>{rows}</div>'


class Fold(ipywidgets.VBox):  # type: ignore[misc]
    """Something that a button shows and hides; unlike an accordion it opens by keyboard."""

    def __init__(self, title: str, tooltip: str, *children: Any, opened: bool = False) -> None:
        self.button = ipywidgets.ToggleButton(
            value=opened,
            description=title,
            tooltip=tooltip,
            icon="caret-down" if opened else "caret-right",
            layout=ipywidgets.Layout(width="auto", align_self="flex-start"),
        )
        self.body = ipywidgets.VBox(list(children))
        show(self.body, opened)
        self.button.observe(self._turned, "value")
        super().__init__([self.button, self.body])

    def _turned(self, change: Any) -> None:
        show(self.body, change["new"])
        self.button.icon = "caret-down" if change["new"] else "caret-right"


class FaultControls:
    """What goes wrong, with whose calls, how often; and what is done about it."""

    def __init__(self, *, kind: str = NONE, recovery: str = "retry") -> None:
        self.kind = control(
            ipywidgets.Dropdown,
            "fault",
            "What goes wrong: " + "; ".join(f"{name}: {what}" for name, what in KINDS.items()),
            options=[NONE, *KINDS],
            value=kind,
        )
        self.whom = control(
            ipywidgets.Dropdown,
            "strikes",
            "Whose calls the fault strikes",
            options=list(WHOM),
            value="workers",
        )
        self.rate = control(
            ipywidgets.FloatSlider,
            "fault rate",
            "With which probability it strikes each of these calls, 0 to 1",
            value=0.25,
            min=0.0,
            max=1.0,
            step=0.05,
        )
        self.nth = control(
            ipywidgets.BoundedIntText,
            "only call n",
            "Strike only the n-th of these calls, counted from 1; 0 strikes any of them",
            value=0,
            min=0,
            max=999,
        )
        self.once = control(
            ipywidgets.Checkbox,
            "first attempts only",
            "Strike only the first attempt at each piece of work, so that trying again helps",
            value=False,
        )
        self.factor = control(
            ipywidgets.BoundedFloatText,
            "times slower",
            "How many times as long a straggler takes",
            value=10.0,
            min=1.0,
            max=1_000.0,
        )
        self.plan = control(
            ipywidgets.Text,
            "more faults",
            "Further lines of a fault plan, with semicolons between them, "
            "such as crash:role=worker,p=0.25; okit faults lists what there is",
            continuous_update=False,
            placeholder="crash:role=worker,p=0.25",
        )
        self.recovery = control(
            ipywidgets.Dropdown,
            "recovery",
            "What is done about a call that fails: "
            + "; ".join(f"{name}: {policy}" for name, policy in POLICIES.items()),
            options=list(POLICIES),
            value=recovery,
        )
        self.standby = control(
            ipywidgets.Checkbox,
            "standby orchestrator",
            "Have a second orchestrator take over from a killed one",
            value=False,
        )
        self.faults = (self.kind, self.whom, self.rate, self.nth, self.once, self.factor, self.plan)
        self.all = (*self.faults, self.recovery, self.standby)

    def off(self) -> tuple[Any, ...]:
        """What has no meaning for the chosen kind of fault."""
        if self.kind.value == NONE:
            return self.whom, self.rate, self.nth, self.once, self.factor
        return () if self.kind.value == "straggler" else (self.factor,)

    def lines(self) -> tuple[str, ...]:
        """The fault plan, a line each; UsageError for a line that cannot be read."""
        lines = [text.strip() for text in self.plan.value.split(";") if text.strip()]
        for text in lines:
            Fault.parse(text)
        if self.kind.value == NONE:
            return tuple(lines)
        whom = WHOM[self.whom.value]
        fault = Fault(
            self.kind.value,
            **whom,
            nth=(self.nth.value,) if self.nth.value else (),
            first=1 if self.once.value else None,
            p=round(self.rate.value, 4),
            factor=self.factor.value if self.kind.value == "straggler" else 10.0,
        )
        return (str(fault), *lines)


class RunControls:
    """The settings of a run: task, pattern, workers, model, limits, and a `FaultControls`."""

    def __init__(self, bench: Bench, first: Setup, *, most: int, kind: str = NONE) -> None:
        self._bench = bench
        self._changed: Callable[[], None] | None = None
        names = [*PATTERNS, *VARIANTS]
        self.task = control(
            ipywidgets.Dropdown,
            "task",
            "What is asked: a packaged scenario, or your own task",
            options=bench.task_names,
            value=first.task,
        )
        self.pattern = control(
            ipywidgets.Dropdown,
            "pattern",
            "Which pattern coordinates the workers",
            options=names,
            value=first.pattern,
        )
        self.workers = control(
            ipywidgets.IntSlider,
            "workers",
            "How many workers may be busy at the same time",
            value=min(first.workers, most),
            min=1,
            max=most,
        )
        self.model = control(
            ipywidgets.Dropdown,
            "model",
            "Which model answers: a simulated profile, or a tape or endpoint that you gave",
            options=list(dict.fromkeys([*bench.model_names, first.model])),
            value=first.model,
        )
        self.seed = control(
            ipywidgets.BoundedIntText,
            "seed",
            "The seed of the simulated model and of the faults",
            value=first.seed,
            min=0,
            max=1_000_000,
        )
        self.failing = FaultControls(kind=kind, recovery=first.recovery)
        self.prompt = control(
            ipywidgets.Textarea,
            "own prompt",
            "Asked instead of the task's prompt; the task's known facts go with it",
            continuous_update=False,
            placeholder="empty: the task's own",
            rows=2,
        )
        self.document = control(
            ipywidgets.Textarea,
            "own document",
            "Text or Markdown read instead of the task's documents",
            continuous_update=False,
            placeholder="empty: the task's own",
            rows=2,
        )
        self.window = control(
            ipywidgets.IntText,
            "window",
            "The context window of the simulated model in tokens; 0: as its profile has it",
            value=0,
            continuous_update=False,
        )
        self.budget_tokens = control(
            ipywidgets.IntText,
            "budget, tokens",
            "Tokens that the run may spend, in and out; 0: no limit of its own",
            value=0,
            continuous_update=False,
        )
        self.budget_usd = control(
            ipywidgets.FloatText,
            "budget, USD",
            "US dollars that the run may spend; 0: no limit of its own",
            value=0.0,
            continuous_update=False,
        )
        self.budget_seconds = control(
            ipywidgets.FloatText,
            "budget, s",
            "Seconds that the run may take; 0: no limit of its own",
            value=0.0,
            continuous_update=False,
        )
        self.decides = control(
            ipywidgets.SelectionSlider,
            "model decides",
            "The discretion dial, from workflow to agent: the model decides into which subtasks to "
            "split, who reads what, how many work, what needs what, and when it is good enough",
            options=NOTCHES,
            width="552px",
            value=first.decides,
        )
        rounds = [(USUAL, USUAL), *((str(n), n) for n in range(6))]
        self.rounds = control(
            ipywidgets.Dropdown,
            "rounds",
            "Most rounds of review for each report, or of turns by peers",
            options=rounds,
            value=USUAL,
        )
        self.revisions = control(
            ipywidgets.Dropdown,
            "revisions",
            "Most revisions of the plan while it is under way",
            options=rounds,
            value=USUAL,
        )
        self.synthesis = control(
            ipywidgets.Dropdown,
            "synthesis",
            "Reports put together at once, as a tree, or as fits the window",
            options=["auto", "flat", "tree"],
            value="auto",
        )
        self.conflicts = control(
            ipywidgets.Checkbox,
            "look for conflicts",
            "Look for findings that cannot both hold, and settle or declare them",
            value=False,
        )
        self.options: dict[str, Any] = {
            "decides": self.decides,
            "rounds": self.rounds,
            "revisions": self.revisions,
            "synthesis": self.synthesis,
            "conflicts": self.conflicts,
        }
        self.limits = (self.window, self.budget_tokens, self.budget_usd, self.budget_seconds)
        main = (self.task, self.pattern, self.workers, self.model, self.seed)
        own = (self.prompt, self.document)
        self.all = (*main, *self.failing.all, *self.options.values(), *self.limits, *own)
        self.adapt()

    def observe(self, changed: Callable[[], None]) -> None:
        """Call `changed` when any control has another value."""
        self._changed = changed
        for each in self.all:
            each.observe(self._heard, "value")

    def _heard(self, change: object) -> None:
        self.adapt()
        if self._changed:
            self._changed()

    def adapt(self, *, locked: bool = False) -> None:
        """Switch off what the pattern, the model or the fault does not have; or everything."""
        off = set(self.failing.off())
        off |= {each for n, each in self.options.items() if not takes(self.pattern.value, n)}
        if self.model.value not in SIMULATED:
            off.add(self.window)
        for each in self.all:
            each.disabled = locked or each in off

    def set(self, values: Sequence[tuple[Any, Any]]) -> None:
        """Give several controls their values, and say so once."""
        changed, self._changed = self._changed, None
        try:
            for each, value in values:
                each.value = value
        finally:
            self._changed = changed
        self._heard(None)

    def setup(self) -> Setup:
        """The settings; UsageError where one of them cannot be."""
        for each in self.limits:
            if each.value < 0:
                raise UsageError(f"{each.description} is {each.value}; it must not be negative")
        options = {name: each.value for name, each in self.options.items() if each.value != USUAL}
        return Setup(
            self.task.value,
            self.pattern.value,
            self.workers.value,
            self.model.value,
            self.seed.value,
            None if self.window.disabled else self.window.value or None,
            self.prompt.value.strip(),
            self.document.value.strip(),
            self.failing.lines(),
            self.failing.recovery.value,
            self.failing.standby.value,
            budget_tokens=self.budget_tokens.value or None,
            budget_usd=self.budget_usd.value or None,
            budget_seconds=self.budget_seconds.value or None,
            **options,
        )
