"""The command that asks of a recorded run what it would have taken under other settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from orchestrator_kit import cases, loading, svg, tables
from orchestrator_kit import what_if as question
from orchestrator_kit.cli import options as o
from orchestrator_kit.cli.console import out, print_table, show
from orchestrator_kit.errors import UsageError
from orchestrator_kit.record import write_atomic
from orchestrator_kit.tasks import Budget


def what_if(
    tape: Annotated[Path, typer.Argument(help="A tape with a whole run on it.")],
    task: o.TaskName = None,
    prompt: o.Prompt = None,
    documents: o.Documents = None,
    workers: Annotated[
        str | None, typer.Option(help="Numbers of workers, such as 1,2,4,8.")
    ] = None,
    faults: o.FaultTexts = None,
    recovery: Annotated[
        str | None, typer.Option(help="A policy other than the recorded one (see okit policies).")
    ] = None,
    budget_tokens: o.BudgetTokens = None,
    budget_usd: o.BudgetUsd = None,
    budget_seconds: o.BudgetSeconds = None,
    seed: Annotated[int | None, typer.Option(help="Of the faults.")] = None,
    which: Annotated[
        str | None, typer.Option(help="Of several runs on a tape, the one of this number or name.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
    figure: Annotated[Path | None, typer.Option(help="The picture's file: .svg.")] = None,
) -> None:
    """Say what a recorded run would have taken with other workers, faults or limits, for free."""
    figure = figure or Path("out") / f"what-if-{tape.stem}.svg"
    if figure.suffix != ".svg":
        raise UsageError(f"{figure}: this picture's file ends in .svg")
    o.check_outputs(tape, json, figure)
    given = task is not None or prompt is not None or bool(documents)
    found = question.what_if(
        tape,
        loading.load_task(task, prompt=prompt, documents=documents or []) if given else None,
        workers=_numbers(workers),
        faults=faults,
        budget=Budget(tokens=budget_tokens, usd=budget_usd, seconds=budget_seconds),
        recovery=recovery,
        seed=seed,
        which=int(which) if which is not None and which.isdecimal() else which,
    )
    start = found.recorded.run.started
    heading = f"{start.task} - {start.model}, {start.pattern}"
    print_table(f"{heading}, recorded with {tables.workers(start.workers)}", *cases.table(found))
    for line in found.words():
        show(line)
    if json:
        write_atomic(json, found.to_json())
        out.print(f"figures: {escape(str(json))}")
    runs = found.runs()
    curve = svg.curve(runs, start.workers, most=max(runs))
    write_atomic(figure, svg.document(curve, *(svg.gantt(run) for run in runs.values())))
    out.print(f"picture: {escape(str(figure))}")


def _numbers(text: str | None) -> list[int] | None:
    """The numbers of a list with commas; UsageError for anything else."""
    if text is None:
        return None
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise UsageError(f"--workers is {text!r}; it takes whole numbers, as in 1,2,4") from None
