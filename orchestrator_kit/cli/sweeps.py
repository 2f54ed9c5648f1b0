"""The command that runs a grid of trials and writes them as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from orchestrator_kit import loading, sheet
from orchestrator_kit import sweep as sweeps
from orchestrator_kit.cli.console import err, show
from orchestrator_kit.errors import UsageError
from orchestrator_kit.grid import AXES, DEFAULTS, grid, kind_of
from orchestrator_kit.record import check_writable

_WHOLE = {"faults", "decides"}  # have commas of their own: one value each time


def sweep(
    task: Annotated[str, typer.Argument(help="A scenario, or a folder with task.toml.")],
    axis: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=VALUE,VALUE,… such as pattern=pipeline,master_slave or workers=1,2,4; "
            f"names: {', '.join(AXES)}. faults= and decides= take one value each time they are "
            "given; default stands for what a run has without the axis."
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Trials of each point, with as many seeds from 0 on.")
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="The table's file, .csv or .parquet; may be given for each. A journal to go on "
            "from stands beside the first."
        ),
    ] = None,
) -> None:
    """Run every point of a grid on the simulated model, and write the measures as a table."""
    axes = _axes(axis or [])
    if seeds is not None and "seed" in axes:
        raise UsageError("--seeds and the axis seed both say which seeds; give one of them")
    if seeds is not None and seeds < 1:
        raise UsageError(f"--seeds is {seeds}; at least 1 is needed")
    axes.setdefault("seed", range(seeds or 1))
    points = len(grid(axes))
    chosen = loading.load_task(task)
    files = out or [Path("out") / f"sweep-{Path(task).name}.csv"]
    journal = files[0].with_suffix(".jsonl")
    for path in files:
        check_writable(sheet.check_form(path))
    check_writable(journal)
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
    for path in files:
        rows.save(path)
    show(f"{len(rows):,} trials: {', '.join(map(str, files))}")


def _axes(words: Sequence[str]) -> dict[str, Any]:
    """The axes that were given; UsageError for one that cannot be read."""
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"{word!r} is no axis such as workers=1,2,4")
        values = [text] if name in _WHOLE else text.split(",")
        found.setdefault(name, []).extend(_value(name, v.strip(), word) for v in values)
    return found


def _value(axis: str, text: str, word: str) -> object:
    kind = kind_of(axis).type
    if text == "default":
        return DEFAULTS[axis]
    try:
        return kind(text)
    except ValueError:
        takes = "whole numbers" if kind is int else "numbers"
        raise UsageError(f"{word!r}: {axis} takes {takes}") from None
