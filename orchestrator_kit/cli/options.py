"""The options that commands share, and what is made of them: a task, its models, a policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from orchestrator_kit import loading
from orchestrator_kit.cli.console import err
from orchestrator_kit.errors import UsageError
from orchestrator_kit.models import model_named, recorded_name
from orchestrator_kit.models.base import Model
from orchestrator_kit.models.faults import Fault, Faults
from orchestrator_kit.models.reel import Reel
from orchestrator_kit.models.reel_file import is_recorded
from orchestrator_kit.models.tape import Tape, simulated_of
from orchestrator_kit.patterns import pattern_named
from orchestrator_kit.record import check_writable
from orchestrator_kit.tasks import Budget, Task

TaskName = Annotated[str | None, typer.Argument(help="A scenario, or a folder with task.toml.")]
Prompt = Annotated[str | None, typer.Option(help="What to ask, instead of a task.")]
Documents = Annotated[list[str] | None, typer.Option(help=".md, .txt or .pdf files.")]
Patterns = Annotated[list[str] | None, typer.Option(help="Some of the patterns only.")]
Workers = Annotated[int, typer.Option(help="Worker calls in flight at most.")]
ModelName = Annotated[
    str | None,
    typer.Option(help="simulated (the default), simulated:large, local or endpoint:NAME."),
]
BaseUrl = Annotated[str | None, typer.Option(help="Where the endpoint is.")]
Seed = Annotated[int, typer.Option(help="Of the simulated model, and of the faults.")]
TapeFile = Annotated[
    Path | None,
    typer.Option(help="Record on this file; what it has already is replayed, not bought again."),
]
FaultTexts = Annotated[
    list[str] | None,
    typer.Option(help="Faults to inject, such as crash:role=worker,p=0.25 (see okit faults)."),
]
Policy = Annotated[
    str,
    typer.Option(help="none, degrade, retry, reassign, split, hedge or full (see okit policies)."),
]
BudgetTokens = Annotated[
    int | None, typer.Option(help="Tokens that each run may spend, in and out.")
]
BudgetUsd = Annotated[float | None, typer.Option(help="US dollars that each run may spend.")]
BudgetSeconds = Annotated[float | None, typer.Option(help="Seconds that each run may take.")]


def task_of(
    name: str | None,
    prompt: str | None,
    documents: Sequence[str],
    *,
    tokens: int | None,
    usd: float | None,
    seconds: float | None,
) -> Task:
    """The task that was named or written out, with the budget that was given."""
    task = loading.load_task(name, prompt=prompt, documents=documents)
    return replace(task, budget=limited(task.budget, tokens=tokens, usd=usd, seconds=seconds))


def limited(
    budget: Budget, *, tokens: int | None, usd: float | None, seconds: float | None
) -> Budget:
    """A budget with the limits that were given in the place of its own."""
    for what, limit in (("tokens", tokens), ("usd", usd), ("seconds", seconds)):
        if limit is not None and not limit > 0:  # nor is it nan
            raise UsageError(f"--budget-{what} is {limit}; it must be more than 0")
    return replace(
        budget,
        tokens=budget.tokens if tokens is None else tokens,
        usd=budget.usd if usd is None else usd,
        seconds=budget.seconds if seconds is None else seconds,
    )


def pattern_names(words: Sequence[str] | None) -> list[str]:
    """The patterns that were named, in several words or with commas; UnknownName for no pattern."""
    names = [name for word in words or [] for name in word.split(",") if name]
    for name in names:
        pattern_named(name)
    return names


@dataclass(frozen=True)
class Engine:
    """The models of a command: the run's, and those that specialists name as their own."""

    model: Model
    models: dict[str, Model]


@contextmanager
def engine_of(
    task: Task,
    model: str | None,
    *,
    base_url: str | None,
    seed: int,
    tape: Path | None = None,
    faults: Sequence[str] = (),
    asked: bool = True,
) -> Iterator[Engine]:
    """The models, on a tape and with faults where they are wanted; the tape is put to rest after.

    A fault that struck no call is named at the end: its conditions may be mistaken.
    """
    with _engine(task, model, base_url, seed, tape, faults, asked) as engine:
        yield engine
    faulty = [m for m in (engine.model, *engine.models.values()) if isinstance(m, Faults)]
    for fault in faulty[0].plan if faulty else ():
        if all(fault in m.idle for m in faulty):
            err.print(f"okit: the fault {fault} struck no call", markup=False, soft_wrap=True)


@contextmanager
def _engine(
    task: Task,
    model: str | None,
    base_url: str | None,
    seed: int,
    tape: Path | None,
    faults: Sequence[str],
    asked: bool,
) -> Iterator[Engine]:
    """The models, on an open tape.

    Without a model's name, a tape that has something on it is played back. Simulated models cost
    nothing and can be made again, so those go on being recorded. Models that will not be `asked`
    need no key.
    """
    plan = [Fault.parse(text) for text in faults]
    own = sorted({s.model for s in task.specialists if s.model})

    def live(name: str | None) -> Model:
        known = "simulated" if name is None else name
        return model_named(known, seed=seed, base_url=base_url, asked=asked)

    def faulty(made: Model) -> Model:
        return Faults(made, plan, seed) if plan else made

    if tape is None:
        yield Engine(faulty(live(model)), {name: faulty(live(name)) for name in own})
        return
    again: Model | None = None
    if model is None and is_recorded(tape):
        with Reel(tape) as reel:
            again = simulated_of(reel)
            if again is None and reel.models:  # one that costs something: only played back
                played = faulty(Tape(reel, name=_first(reel)))
                theirs = {name: Tape(reel, name=recorded_name(name)) for name in own}
                yield Engine(played, {name: faulty(theirs[name]) for name in own})
                return
    with Reel(tape, record=True) as reel:
        recorded = faulty(Tape(reel, again or live(model)))
        yield Engine(recorded, {name: faulty(Tape(reel, live(name))) for name in own})
        if reel.played and not recorded.virtual:
            err.print(
                f"okit: {reel.played} calls came from {tape}, at once; played back without "
                "--model they take the time they took",
                markup=False,
                soft_wrap=True,
            )


def check_outputs(tape: Path | None, *paths: Path | None) -> None:
    """Complain of files that could not be written, or would take the place of the tape."""
    for path in filter(None, paths):
        check_writable(path)
        if tape and path.resolve() == tape.resolve():
            raise UsageError(f"{path}: is the tape; write what comes out to another file")


def _first(reel: Reel) -> str:
    """The model that a command recorded first: the run's own."""
    return next(iter(reel.models))
