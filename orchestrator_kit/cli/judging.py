"""The command that has a model judge the answer of a recorded run, fact by fact."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from orchestrator_kit import judge as judging
from orchestrator_kit import tables
from orchestrator_kit.cli import options as o
from orchestrator_kit.cli.console import err, out, print_table, show
from orchestrator_kit.errors import RunInterrupted, UsageError
from orchestrator_kit.experiments import WORKERS
from orchestrator_kit.loading import load_task, scenarios
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.base import Model
from orchestrator_kit.progress import Watch
from orchestrator_kit.record import Run, write_atomic
from orchestrator_kit.recovery import policy_named
from orchestrator_kit.tasks import DEFAULT_ROSTER, Budget, Task
from orchestrator_kit.verdicts import Judgement, confusion, read, verdicts


def judge(
    run: Annotated[Path, typer.Argument(help="A run's record, as --record or --records wrote it.")],
    task: Annotated[
        str | None,
        typer.Argument(help="Its scenario or task folder; a scenario is known by its title."),
    ] = None,
    model: o.ModelName = None,
    base_url: o.BaseUrl = None,
    seed: o.Seed = 0,
    workers: Annotated[int, typer.Option(help="Calls in flight at most.")] = WORKERS,
    tape: o.TapeFile = None,
    recovery: o.Policy = "retry",
    budget_tokens: o.BudgetTokens = None,
    budget_usd: o.BudgetUsd = None,
    budget_seconds: o.BudgetSeconds = None,
    yes: Annotated[bool, typer.Option("--yes", help="Go on without being asked.")] = False,
    json: Annotated[Path | None, typer.Option(help="Write the verdicts to this file.")] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write the judge's record (JSON Lines) to this file.")
    ] = None,
) -> None:
    """Have a model judge which gold facts an answer carries, and say how far to trust it."""
    found = Run.load(run)
    chosen = _task_of(found, task)
    budget = o.limited(Budget(), tokens=budget_tokens, usd=budget_usd, seconds=budget_seconds)
    policy = policy_named(recovery)
    o.check_outputs(tape, json, record)
    for path in filter(None, (json, record, tape)):
        if path.resolve() == run.resolve():
            raise UsageError(f"{path}: is the run that is to be judged; name another file")
    with o.engine_of(_plain(chosen), model, base_url=base_url, seed=seed, tape=tape) as engine:
        _confirm(found, chosen, engine.model, workers, yes=yes)
        try:
            with Watch(err, lines=not engine.model.virtual) as watch:
                made = judging.judge(
                    *(found, chosen, engine.model),
                    workers=workers,
                    budget=budget,
                    recovery=policy,
                    listen=watch,
                )
        except RunInterrupted as e:
            made = read(e.runs[-1], found.answer, chosen)
    _print(made)
    if record:
        made.record.save(record)
        out.print(f"record: {escape(str(record))}")
    if json:
        write_atomic(json, made.to_json())
        out.print(f"verdicts: {escape(str(json))}")
    if made.record.status == "interrupted":
        err.print("okit: interrupted; nothing more is spent")
        raise typer.Exit(130)
    if all(v.word == "not judged" for v in made.verdicts):
        show(f"okit: nothing was judged: {made.verdicts[0].why}", err)
        raise typer.Exit(1)


def _task_of(found: Run, name: str | None) -> Task:
    """The task that was named, or the scenario of the record's title."""
    title = found.started.task
    if name is None:
        known = [t for t in map(load_task, scenarios()) if t.title == title]
        if not known:
            raise UsageError(f"no scenario has the title {title!r}; name the task after the record")
        return known[0]
    task = load_task(name)
    if title not in (task.title, task.prompt):
        show(f"okit: the record is of {title!r}, the facts are of {task.title!r}", err)
    return task


def _plain(task: Task) -> Task:
    """The task without models of specialists, of whom none is asked."""
    return replace(task, specialists=DEFAULT_ROSTER)


def _confirm(found: Run, task: Task, model: Model, workers: int, *, yes: bool) -> None:
    """Say what a live model would take, and ask whether to go on."""
    told = judging.foreseen(found, task, model, workers=workers) if not model.virtual else None
    if told is None:
        return
    show(told, err)
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked whether to go on; --yes goes on")
    if not typer.confirm("Go on?", err=True):
        raise typer.Exit(1)


def _print(made: Judgement) -> None:
    """The verdicts, and beside them how far they agree with the gold matcher."""
    start = made.record.started
    print_table(f"{start.task} - judged by {start.model}", *verdicts(made), left=True)
    out.print()
    print_table(None, *confusion(made))
    show(made.agreement)
    m = measure(made.record)
    for what in dict.fromkeys(f"{f['kind']}: {f['message']}" for f in m.failures):
        show(f"  judge: {what}")
    mark = "~" if m.estimated else ""
    show(
        f"{m.calls} calls, {mark}{m.input_tokens:,} tokens in, {mark}{m.output_tokens:,} out, "
        f"{tables.money(m.cost_usd)}"
    )
