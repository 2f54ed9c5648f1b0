"""The commands around notebooks: opening JupyterLab, and making, checking and running exercises."""

from __future__ import annotations

import importlib.util
import os
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


APP = Path("notebooks/07_compare_lab.ipynb")
_TEMPLATES = Path(__file__).parent.parent / "app"
# Only what shows widgets: extensions for editing notebooks cannot work on a page without one.
_EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8")


def lab(
    path: Annotated[
        Path | None, typer.Argument(help="A folder of notebooks; with --app a notebook.")
    ] = None,
    page: Annotated[
        bool, typer.Option("--app", help="The pattern lab as a page without code (Voilà).")
    ] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to start to look.")] = 8888,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open JupyterLab on the notebooks, or one notebook as a page without code."""
    package, name = ("voila", "Voilà") if page else ("jupyterlab", "JupyterLab")
    if importlib.util.find_spec(package) is None:
        raise MissingExtra(
            f"{name} is not installed; install it with: pip install 'orchestrator-kit[notebook]'"
        )
    path = path or (APP if page else Path("notebooks"))
    if page and not path.is_file():
        raise UsageError(f"{path}: no such notebook; name one, or run okit lab in the kit's folder")
    if not page and not path.is_dir():
        raise UsageError(f"{path}: no such folder; run okit lab where the kit's notebooks are")
    command = [sys.executable, "-m", package, str(path), f"--port={port}"]
    environment = dict(os.environ)
    if page:
        command += ["--template=orchestrator_kit"]
        command += [f"--VoilaConfiguration.extension_allowlist={name}" for name in _EXTENSIONS]
        searched = [str(_TEMPLATES), *filter(None, [environment.get("JUPYTER_PATH")])]
        environment["JUPYTER_PATH"] = os.pathsep.join(searched)
    elif os.name == "posix" and os.geteuid() == 0:  # in a container there is often nobody else
        command += ["--allow-root"]
    command += [] if browser else ["--no-browser"]
    raise typer.Exit(subprocess.call(command, env=environment))  # noqa: S603


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
