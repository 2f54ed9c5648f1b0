"""A run's settings as one value, and the bench on which runs with such settings are made.

A `Setup` is plain data: equal settings are the same key, so a virtual run is made once. Shows
nothing and knows no controls; `copying` writes the same settings as Python and as a command.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

from orchestrator_kit import experiments
from orchestrator_kit.comparison import Comparison, Row
from orchestrator_kit.errors import UsageError
from orchestrator_kit.estimates import Estimate, estimate
from orchestrator_kit.loading import load_task, scenarios
from orchestrator_kit.metrics import measure
from orchestrator_kit.models import model_named
from orchestrator_kit.models.faults import Fault, Faults
from orchestrator_kit.models.simulated import PROFILES, SimulatedModel
from orchestrator_kit.patterns import pattern_named
from orchestrator_kit.patterns.discretion import DECISIONS
from orchestrator_kit.recovery import Recovery, policy_named
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Document, Task

if TYPE_CHECKING:
    from orchestrator_kit.models.base import Model
    from orchestrator_kit.patterns import Pattern
    from orchestrator_kit.record import Run

OWN = "your own task"  # how a task that was given is called where it has no title
PASTED = "pasted.md"
KEPT = 512  # runs that are remembered
# The order in which a dial hands decisions over from code to the model.
DIAL = ("split", "assign", "count", "order", "stop")
SIMULATED = {"simulated": "small", **{f"simulated:{p}": p for p in PROFILES if p != "small"}}


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that makes a run, as `okit run` has it; None is what the pattern or task has.

    `task` and `model` are names on the bench. `prompt` and `document` replace the task's own where
    they are not empty, and its known facts go with them. `window` is the simulated model's, in
    tokens. `faults` are lines of a fault plan. `decides` names what the model decides.
    """

    task: str
    pattern: str = "orchestrator_worker"
    workers: int = experiments.WORKERS
    model: str = "simulated"
    seed: int = 0
    window: int | None = None
    prompt: str = ""
    document: str = ""
    faults: tuple[str, ...] = ()
    recovery: str = "retry"
    standby: bool = False
    rounds: int | None = None
    revisions: int | None = None
    conflicts: bool = False
    synthesis: str = "auto"
    decides: frozenset[str] = DECISIONS
    budget_tokens: int | None = None
    budget_usd: float | None = None
    budget_seconds: float | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The options of the pattern's own that differ from what it does by itself."""
        given: dict[str, Any] = {
            "rounds": self.rounds,
            "revisions": self.revisions,
            "conflicts": self.conflicts or None,
            "synthesis": None if self.synthesis == "auto" else self.synthesis,
            "decides": None if self.decides == DECISIONS else self.decides,
        }
        return {name: v for name, v in given.items() if v is not None and takes(self.pattern, name)}

    @property
    def budget(self) -> dict[str, Any]:
        """The limits that are given, by their names in a `Budget`."""
        given = {
            "tokens": self.budget_tokens,
            "usd": self.budget_usd,
            "seconds": self.budget_seconds,
        }
        return {name: v for name, v in given.items() if v is not None}

    @property
    def policy(self) -> Recovery:
        policy = policy_named(self.recovery)
        return replace(policy, standby=True) if self.standby else policy


def takes(pattern: str, option: str) -> bool:
    """Whether a pattern has such an option."""
    return option in signature(pattern_named(pattern)).parameters


class Bench:
    """Tasks and models by name, and the runs made of them so far.

    `task` is a scenario's name, a folder, or a Task; `models` are those that may be chosen besides
    the simulated ones, and that specialists may name as their own.
    """

    def __init__(self, task: Task | str, models: Mapping[str, Model]) -> None:
        self.models = dict(models)
        self._given = isinstance(task, Task)
        self.first = (task.title or OWN) if isinstance(task, Task) else task
        self._tasks = {(self.first, ""): task if isinstance(task, Task) else load_task(task)}
        self._simulated: dict[tuple[str, int, int | None], SimulatedModel] = {}
        self._runs: OrderedDict[Setup, tuple[Run, tuple[Fault, ...]]] = OrderedDict()

    @property
    def task_names(self) -> list[str]:
        return list(dict.fromkeys([self.first, *scenarios()]))

    def is_given(self, name: str) -> bool:
        """Whether that task is an object that the caller gave."""
        return self._given and name == self.first

    @property
    def model_names(self) -> list[str]:
        return list(dict.fromkeys([*self.models, *SIMULATED]))

    def task(self, setup: Setup) -> Task:
        """The task as the setup has it; UsageError where it cannot be."""
        given = self.is_given(setup.task)
        key = (setup.task, "" if given else setup.prompt)
        if key not in self._tasks:
            self._tasks[key] = load_task(setup.task, prompt=setup.prompt or None)
        task = self._tasks[key]
        if setup.document or (given and setup.prompt):
            documents = (Document(PASTED, setup.document),) if setup.document else task.documents
            prompt, title = task.prompt, task.title
            if given and setup.prompt:
                prompt, title = setup.prompt, ""
            task = Task(prompt, documents, task.specialists, budget=task.budget, title=title)
        for name, limit in setup.budget.items():
            if not limit > 0:
                raise UsageError(f"the budget in {name} is {limit}; it must be more than 0")
        if not setup.budget:
            return task
        return replace(task, budget=replace(task.budget, **setup.budget))

    def base_model(self, setup: Setup) -> Model:
        """The model by its name, before any faults."""
        if setup.model in self.models:
            return self.models[setup.model]
        if setup.model not in SIMULATED:
            return model_named(setup.model, seed=setup.seed)
        key = (SIMULATED[setup.model], setup.seed, setup.window)
        if key not in self._simulated:
            profile = PROFILES[key[0]]
            if setup.window is not None:
                if setup.window < 1:
                    raise UsageError(f"the window is {setup.window}; it must be more than 0")
                profile = replace(profile, window=setup.window)
            self._simulated[key] = SimulatedModel(setup.seed, profile)
        return self._simulated[key]

    def own_models(self, setup: Setup) -> dict[str, Model]:
        """The models that specialists name as their own, as `okit run` would make them."""
        return {
            name: self.models.get(name) or model_named(name, seed=setup.seed)
            for name in sorted({s.model for s in self.task(setup).specialists if s.model})
        }

    def virtual(self, setup: Setup) -> bool:
        """Whether a run takes no real time."""
        own = self.own_models(setup).values()
        return all(m.virtual for m in (self.base_model(setup), *own))

    def arguments(self, setup: Setup) -> dict[str, Any]:
        """What `experiments.run` or `run_async` is to be called with."""
        plan = [Fault.parse(text) for text in setup.faults]
        pattern: Pattern = pattern_named(setup.pattern)
        if setup.options:
            pattern = partial(pattern, **setup.options)

        def faulty(model: Model) -> Model:
            return Faults(model, plan, setup.seed) if plan else model

        return {
            "task": self.task(setup),
            "pattern": pattern,
            "model": faulty(self.base_model(setup)),
            "workers": setup.workers,
            "models": {name: faulty(m) for name, m in self.own_models(setup).items()},
            "recovery": setup.policy,
        }

    def run(self, setup: Setup) -> Run:
        """The run with these settings, made now unless it was made before."""
        if setup not in self._runs:
            arguments = self.arguments(setup)
            run = experiments.run(**arguments)
            self.keep(setup, run, idle(arguments))
        self._runs.move_to_end(setup)
        return self._runs[setup][0]

    def keep(self, setup: Setup, run: Run, unstruck: tuple[Fault, ...] = ()) -> None:
        """Remember a run, and the faults of its plan that struck no call."""
        self._runs[setup] = run, unstruck
        if len(self._runs) > KEPT:
            self._runs.popitem(last=False)

    def made(self, setup: Setup) -> Run | None:
        """The run with these settings if there is one."""
        return self._runs[setup][0] if setup in self._runs else None

    def unstruck(self, setup: Setup) -> tuple[Fault, ...]:
        """The faults that struck no call of the run with these settings."""
        return self._runs[setup][1] if setup in self._runs else ()

    def row(self, setup: Setup, run: Run) -> Row:
        """A run with its measures and its score."""
        return Row(run, measure(run), score(self.task(setup), run.answer))

    def compared(self, setup: Setup, runs: Mapping[Setup, Run]) -> Comparison:
        """Runs side by side; `setup` is the one whose task and model they share."""
        model = self.base_model(setup)
        about = {"name": model.name, "window": model.window, "simulated": model.virtual}
        rows = tuple(self.row(s, r) for s, r in runs.items())
        return Comparison(self.task(setup), about, setup.workers, setup.seed, rows)

    def estimate(self, setup: Setup) -> Estimate:
        """What a run would take, by a rehearsal; nothing is sent."""
        a = self.arguments(setup)
        return estimate(a["task"], a["pattern"], a["workers"], a["model"], models=a["models"])


def idle(arguments: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The faults that struck no call of a run that was made with these arguments."""
    models = [arguments["model"], *arguments["models"].values()]
    faulty = [m for m in models if isinstance(m, Faults)]
    plan = faulty[0].plan if faulty else ()
    return tuple(f for f in plan if all(f in m.idle for m in faulty))
