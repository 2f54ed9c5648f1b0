"""A view of runs that follows its controls: what the pattern lab and the failure panel share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets  # type: ignore[import-untyped]

from orchestrator_kit import experiments, tables
from orchestrator_kit.errors import KitError, UsageError
from orchestrator_kit.patterns import pattern_named
from orchestrator_kit.record import Run
from orchestrator_kit.recovery import policy_named
from orchestrator_kit.tasks import Task
from orchestrator_kit.widgets.bench import Bench, Setup
from orchestrator_kit.widgets.controls import RunControls
from orchestrator_kit.widgets.later import Later, Work
from orchestrator_kit.widgets.live import LiveRuns, alert
from orchestrator_kit.widgets.parts import status, words

if TYPE_CHECKING:
    from orchestrator_kit.models.base import Model


def bench_of(
    task: Task | str,
    model: Model | str | None,
    models: Mapping[str, Model] | None,
    *,
    pattern: str,
    workers: int,
    most: int,
    seed: int,
    recovery: str,
) -> tuple[Bench, Setup]:
    """A bench with what was given, and the settings of the first run.

    UsageError and UnknownName say what cannot be, before anything is shown.
    """
    if most < 1:
        raise UsageError(f"most is {most}; at least 1 worker is needed")
    if not 1 <= workers <= experiments.MOST_WORKERS:
        raise UsageError(f"workers is {workers}; at least 1 is needed")
    pattern_named(pattern)
    policy_named(recovery)
    given = dict(models or {})
    if model is not None and not isinstance(model, str):
        given = {model.name: model, **given}
        model = model.name
    bench = Bench(task, given)
    first = Setup(
        bench.first, pattern, min(workers, most), model or "simulated", seed, recovery=recovery
    )
    bench.arguments(first)
    return bench, first


class View(ipywidgets.VBox):  # type: ignore[misc]
    """Controls, and a picture of the run that they give.

    `setup` and `run` are those in the picture, None if there is none. `controls` are the controls
    by name, `live` the buttons for models on the wall clock, `bench` has every run made so far.
    """

    def __init__(self, bench: Bench, controls: RunControls) -> None:
        self.bench = bench
        self.controls = controls
        self.setup: Setup | None = None
        self.run: Run | None = None
        self.figures = ipywidgets.HTML()
        self._later = Later()
        self.live = LiveRuns(bench, self._began, self._ended)
        super().__init__()

    def __repr__(self) -> str:
        c = self.controls
        chosen = f"{c.pattern.value}, {tables.workers(c.workers.value)}"
        return f"{type(self).__name__}({chosen}: {words(self.run) if self.run else 'no run yet'})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The widget, and in words what it shows, for pages that cannot run it."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return bundle | {"text/plain": repr(self)}

    def close(self) -> None:
        """Stop what is under way, and leave the page."""
        self._later.drop()
        self.live.close()
        super().close()

    @abstractmethod
    def _show(self, setup: Setup, run: Run) -> None:
        """Draw a run; what is seen first comes first."""

    @abstractmethod
    def _empty(self) -> None:
        """Empty the picture."""

    @abstractmethod
    def _others(self, setup: Setup) -> list[Setup]:
        """The other runs that belong into the picture."""

    @abstractmethod
    def _draw_others(self, setup: Setup) -> None:
        """Draw what the other runs show, as far as they were made."""

    def _neighbours(self, setup: Setup) -> Iterable[Setup]:
        """Runs that may be wanted next."""
        return ()

    def follow(self) -> None:
        """Begin to follow the controls; the first picture is whole at once."""
        self.controls.observe(self._moved)
        self._moved(at_once=True)

    def _moved(self, change: object = None, *, at_once: bool = False) -> None:
        """Follow the controls: the chosen run first, and the rest when they are at rest."""
        if self.live.busy:
            return
        self._later.drop()
        try:
            setup = self.controls.setup()
            if not self.bench.virtual(setup):
                self._wait_for(setup)
                return
            self.live.offer(())
            self._draw(setup, self.bench.run(setup))
        except KitError as e:
            self.live.offer(())
            self._nothing(alert(str(e)))
            return
        needed: list[Work] = [partial(self._make, s) for s in self._others(setup)]
        needed.append(partial(self._draw_others, setup))
        if at_once:
            for work in needed:
                work()
            needed = []
        self._later.put(needed, [partial(self._make, s) for s in self._neighbours(setup)])

    def _make(self, setup: Setup) -> None:
        """Make a run that is not in the picture yet; where it cannot be made, it is not there."""
        try:
            self.bench.row(setup, self.bench.run(setup))
        except KitError:
            return

    def _wait_for(self, setup: Setup) -> None:
        """Offer a run that takes real time; show it if it was made before."""
        self.live.offer([setup, *self._others(setup)])
        run = self.bench.made(setup)
        if run:
            self._draw(setup, run)
            self._draw_others(setup)
            return
        name = self.bench.base_model(setup).name
        self._nothing(
            status(
                f"{name} is no simulation: a run takes its time and may cost money. "
                f"Choose, then press {self.live.run.description}"
            )
        )

    def _began(self) -> None:
        self.controls.adapt(locked=True)
        if self.run is None:
            self.figures.value = ""

    def _ended(self, made: Mapping[Setup, Run]) -> None:
        self.controls.adapt()
        for setup, run in list(made.items())[:1]:
            self._draw(setup, run)
            self._draw_others(setup)

    def _draw(self, setup: Setup, run: Run) -> None:
        self.setup, self.run = setup, run
        self._show(setup, run)

    def _nothing(self, why: str) -> None:
        self.setup = self.run = None
        self._empty()
        self.figures.value = why
