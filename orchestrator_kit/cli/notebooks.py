"""The commands around notebooks: opening JupyterLab, and making, checking and running exercises."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from orchestrator_kit import exercises
from orchestrator_kit.cli.console import out
from orchestrator_kit.errors import MissingExtra, UsageError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


def lab(
    folder: Annotated[Path, typer.Argument(help="Where the notebooks are.")] = Path("notebooks"),
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open JupyterLab on the notebooks."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingExtra(
            "JupyterLab is not installed; install it with: pip install 'orchestrator-kit[notebook]'"
        )
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; run okit lab where the kit's notebooks are")
    command = [sys.executable, "-m", "jupyterlab", str(folder)]
    raise typer.Exit(subprocess.call(command + ([] if browser else ["--no-browser"])))  # noqa: S603


@app.command("build")
def build_exercises(
    solutions: Annotated[Path, typer.Argument(help="Where the solutions are.")] = Path("solutions"),
    folder: Annotated[Path, typer.Argument(help="Where the exercises go.")] = Path("exercises"),
    overwrite: Annotated[bool, typer.Option(help="Also what somebody has worked on.")] = False,
) -> None:
    """Make the learners' copies of the solutions."""
    for path in exercises.build(solutions, folder, overwrite=overwrite):
        out.print(f"written: {escape(str(path))}")


@app.command("check")
def check_exercises(
    solutions: Annotated[Path, typer.Argument(help="Where the solutions are.")] = Path("solutions"),
    folder: Annotated[Path, typer.Argument(help="Where the exercises are.")] = Path("exercises"),
) -> None:
    """Say which exercises are not what their solutions give."""
    if found := exercises.check_in_step(solutions, folder):
        raise UsageError("; ".join(found) + "; run: okit exercises build")
    out.print("the exercises are in step with their solutions")


@app.command("execute")
def execute_notebooks(paths: Annotated[list[Path], typer.Argument(help="Notebooks.")]) -> None:
    """Run notebooks from a fresh kernel and store their outputs."""
    for path in paths:
        out.print(f"executed: {escape(str(exercises.execute(path)))}")
