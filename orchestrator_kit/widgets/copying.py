"""A setup written out: as a Python cell that makes the same run, and as a line for `okit`.

What the caller gave (a Task, models) is called `my_task` and `my_models` in the cell.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from typing import TYPE_CHECKING

from orchestrator_kit.models.endpoint import EndpointModel
from orchestrator_kit.models.local import LocalModel
from orchestrator_kit.models.tape import Tape
from orchestrator_kit.widgets.bench import DIAL, PASTED, SIMULATED, Bench, Setup

if TYPE_CHECKING:
    from orchestrator_kit.models.base import Model

_KIT = "orchestrator_kit"


def cell(setup: Setup, bench: Bench) -> str:
    """Python that makes the run of a setup, and shows its figures."""
    return _Cell(setup, bench).text()


class _Cell:
    """A cell in the making: its lines, and what they need from which module."""

    def __init__(self, setup: Setup, bench: Bench) -> None:
        self.setup, self.bench = setup, bench
        self.needs: dict[str, set[str]] = defaultdict(set)
        self.given: list[str] = []
        self.lines: list[str] = []

    def text(self) -> str:
        setup, own = self.setup, self.bench.own_models(self.setup)
        self._task()
        arguments = ["task", self._pattern(), "model", f"workers={setup.workers}"]
        self.lines.append(f"model = {self._model(setup.model)}")
        if own:
            each = ", ".join(f"{name!r}: {self._model(name)}" for name in own)
            self.lines.append(f"models = {{{each}}}")
            arguments.append("models=models")
        if setup.faults:
            self._from(_KIT, "Faults")
            self.lines.append(f"plan = {list(setup.faults)!r}")
            faulty = f"Faults({{}}, plan, seed={setup.seed})"
            self.lines.append(f"model = {faulty.format('model')}")
            if own:
                each = faulty.format("m")
                self.lines.append(f"models = {{name: {each} for name, m in models.items()}}")
        arguments.append(f"recovery={self._recovery()}")
        self._from(_KIT, "measure", "run", "score")
        self.lines += [
            f"record = run({', '.join(arguments)})",
            "print(record.answer)",
            "measure(record), score(task, record.answer)",
        ]
        said = " and ".join(dict.fromkeys(self.given))
        note = [f"# {said} that you gave to the lab"] if said else []
        return "\n".join([*self._imports(), "", *note, *self.lines]) + "\n"

    def _from(self, module: str, *names: str) -> None:
        self.needs[module].update(names)

    def _imports(self) -> list[str]:
        def place(name: str) -> tuple[int, str]:
            return 0 if name.isupper() else 1 if name[0].isupper() else 2, name

        def lines(ours: bool) -> list[str]:
            return [
                f"from {module} import {', '.join(sorted(names, key=place))}"
                for module, names in sorted(self.needs.items())
                if module.startswith(_KIT) == ours
            ]

        standard = lines(ours=False)
        return [*standard, *([""] if standard else []), *lines(ours=True)]

    def _task(self) -> None:
        setup = self.setup
        if self.bench.is_given(setup.task):
            self.given.append("my_task is the Task")
            self.lines.append("task = my_task")
        else:
            self._from(_KIT, "load_task")
            prompt = f", prompt={setup.prompt!r}" if setup.prompt else ""
            self.lines.append(f"task = load_task({setup.task!r}{prompt})")
        if setup.document or (setup.prompt and self.bench.is_given(setup.task)):
            self._from(_KIT, "Task")
            documents = "task.documents"
            if setup.document:
                self._from(_KIT, "Document")
                documents = f"[Document({PASTED!r}, {setup.document!r})]"
            if not self.bench.is_given(setup.task) or not setup.prompt:
                prompt, title = "task.prompt", ", title=task.title"
            else:
                prompt, title = repr(setup.prompt), ""
            rest = f"task.specialists, budget=task.budget{title}"
            self.lines.append(f"task = Task({prompt}, {documents}, {rest})")
        if setup.budget:
            self._from("dataclasses", "replace")
            limits = ", ".join(f"{name}={limit!r}" for name, limit in setup.budget.items())
            self.lines.append(f"task = replace(task, budget=replace(task.budget, {limits}))")

    def _model(self, name: str) -> str:
        """The expression for a model; the run's own, or one that a specialist names."""
        setup = self.setup
        if name in self.bench.models:
            self.given.append("my_models are the models")
            return f"my_models[{name!r}]"
        if name != setup.model or name not in SIMULATED:
            self._from(f"{_KIT}.models", "model_named")
            return f"model_named({name!r}, seed={setup.seed})"
        self._from(_KIT, "SimulatedModel")
        profile = SIMULATED[name]
        if setup.window is None:
            return f"SimulatedModel({setup.seed}, {profile!r})"
        self._from("dataclasses", "replace")
        self._from(f"{_KIT}.models.simulated", "PROFILES")
        self.lines.append(f"profile = replace(PROFILES[{profile!r}], window={setup.window})")
        return f"SimulatedModel({setup.seed}, profile)"

    def _pattern(self) -> str:
        setup = self.setup
        if not setup.options:
            return repr(setup.pattern)
        self._from("functools", "partial")
        self._from(f"{_KIT}.patterns", "pattern_named")
        told = {
            name: f"{{{', '.join(map(repr, _dialled(value)))}}}" if value else "set()"
            for name, value in setup.options.items()
            if name == "decides"
        }
        options = ", ".join(f"{n}={told.get(n, repr(v))}" for n, v in setup.options.items())
        return f"partial(pattern_named({setup.pattern!r}), {options})"

    def _recovery(self) -> str:
        if not self.setup.standby:
            return repr(self.setup.recovery)
        self._from("dataclasses", "replace")
        self._from(_KIT, "POLICIES")
        return f"replace(POLICIES[{self.setup.recovery!r}], standby=True)"


def command(setup: Setup, bench: Bench) -> tuple[str, str]:
    """The equal `okit run` line, or "" and why there is none."""
    if bench.is_given(setup.task):
        return "", "the task is an object of this notebook, and okit reads tasks from a folder"
    if setup.document:
        return "", "the document was pasted, and okit reads documents from files"
    if any(name in bench.models for name in bench.own_models(setup)):
        return "", "a specialist's own model is an object of this notebook"
    words = ["okit", "run", setup.task, "--pattern", setup.pattern]
    words += ["--workers", str(setup.workers)]
    if setup.model in bench.models:
        named = _known(bench.models[setup.model])
        if not named:
            return "", f"the model {setup.model!r} is an object of this notebook"
        words += named
    elif setup.window is not None:
        return "", "okit has no option for the window of a simulated model"
    elif setup.model != "simulated":
        words += ["--model", setup.model]
    words += ["--seed", str(setup.seed), "--recovery", setup.recovery]
    if setup.prompt:
        words += ["--prompt", setup.prompt]
    for fault in setup.faults:
        words += ["--faults", fault]
    if setup.standby:
        words.append("--standby")
    for name, value in setup.options.items():
        if value is True:
            words.append(f"--{name}")
        elif name == "decides":
            words += ["--decides", ",".join(_dialled(value)) or "none"]
        else:
            words += [f"--{name}", str(value)]
    for name, limit in setup.budget.items():
        words += [f"--budget-{name}", repr(limit)]
    return shlex.join(words), ""


def _dialled(decides: frozenset[str]) -> list[str]:
    return [d for d in DIAL if d in decides]


def _known(model: Model) -> list[str]:
    """The options that give `okit` this model; none where no option does."""
    if isinstance(model, Tape):
        alone = model.model is None and len(model.reel.models) == 1
        return ["--tape", str(model.reel.path)] if alone else []
    if isinstance(model, LocalModel):
        return ["--model", "local"]
    if isinstance(model, EndpointModel):  # its other settings okit takes as they are by default
        usual = (model.window, model.max_output_tokens) == (128_000, 4096)
        return ["--model", f"endpoint:{model.name}", "--base-url", model.url] if usual else []
    return []
