"""The command that runs a grid of trials and writes them as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from orchestrator_kit import loading
from orchestrator_kit import sweep as sweeps
from orchestrator_kit.cli.console import err, show
from orchestrator_kit.errors import UsageError
from orchestrator_kit.record import check_writable, write_atomic

_NUMBERS = {"workers", "seed", "window", "budget_tokens"}
_WHOLE = {"faults", "decides"}  # have commas of their own: one value each time


def sweep(
    task: Annotated[str, typer.Argument(help="A scenario, or a folder with task.toml.")],
    axis: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=VALUE,VALUE,… such as pattern=pipeline,master_slave or workers=1,2,4; "
            "faults= and decides= take one value each time they are given."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trials of each point, with as many seeds.")] = 1,
    csv: Annotated[
        Path | None, typer.Option(help="The table; a journal to go on from stands beside it.")
    ] = None,
) -> None:
    """Run every point of a grid on the simulated model, and write the measures as a table."""
    if seeds < 1:
        raise UsageError(f"--seeds is {seeds}; at least 1 is needed")
    axes = _axes(axis or []) | {"seed": range(seeds)}
    chosen = loading.load_task(task)
    csv = csv or Path("out") / f"sweep-{Path(task).name}.csv"
    journal = csv.with_suffix(".jsonl")
    for path in (csv, journal):
        check_writable(path)
    points = len(sweeps.grid(axes))
    columns = (TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
            line = bar.add_task("", total=points)
            rows = sweeps.sweep(
                chosen,
                axes,
                journal=journal,
                progress=lambda done, _: bar.update(line, completed=done),
            )
    except KeyboardInterrupt:
        err.print("okit: interrupted; the same command goes on where it was", markup=False)
        raise typer.Exit(130) from None
    write_atomic(csv, sweeps.to_csv(rows))
    show(f"{len(rows):,} trials: {csv}")


def _axes(words: Sequence[str]) -> dict[str, list[Any]]:
    """The axes that were given; UsageError for one that cannot be read."""
    found: dict[str, list[Any]] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"{word!r} is no axis such as workers=1,2,4")
        values: list[Any] = [text] if name in _WHOLE else text.split(",")
        if name in _NUMBERS:
            try:
                values = [int(v) for v in values]
            except ValueError:
                raise UsageError(f"{word!r}: {name} takes whole numbers") from None
        found.setdefault(name, []).extend(values)
    return found
