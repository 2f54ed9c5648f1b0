"""`okit`, the command line. It reads arguments, calls the kit, and prints readings.

Whatever a user can get wrong ends in one line on standard error and a non-zero exit; `--debug`
shows the traceback.
"""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from orchestrator_kit import loading
from orchestrator_kit.cli import (
    classroom,
    judging,
    notebooks,
    reference,
    runs,
    study,
    sweeps,
    tapes,
    what_ifs,
)
from orchestrator_kit.cli.console import err, print_table
from orchestrator_kit.cli.console import show as say
from orchestrator_kit.errors import KitError, UsageError
from orchestrator_kit.patterns import pattern_named

app = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, help=__doc__.split(" It")[0]
)
_COMMANDS: tuple[Callable[..., None], ...] = (
    *(runs.compare, runs.run, runs.rematch, runs.estimate, runs.diff),
    *(judging.judge, sweeps.sweep, what_ifs.what_if),
    *(reference.faults, reference.policies, reference.claims, notebooks.lab),
)
for command in _COMMANDS:
    app.command()(command)
app.add_typer(tapes.app, name="tape", help="Show, check, export and import tapes.")
app.add_typer(notebooks.app, name="exercises", help="Make, check and run exercise notebooks.")
app.add_typer(study.app, name="progress")
app.add_typer(classroom.app, name="class", help="For teachers: hand out, collect, vote.")
_SEVERAL = {
    "--documents",
    "--patterns",
    "--faults",
    "--axis",
}  # take several words, as a shell's * gives


@app.command()
def scenarios() -> None:
    """List the packaged tasks."""
    rows = []
    for name in loading.scenarios():
        task = loading.load_task(name)
        words = sum(len(d.text.split()) for d in task.documents)
        rows.append(
            [name, task.title, str(len(task.documents)), f"{words:,}", str(len(task.facts))]
        )
    print_table(None, ["scenario", "title", "documents", "words", "gold facts"], rows)


@app.command()
def show(pattern: Annotated[str, typer.Argument(help="Its name.")]) -> None:
    """Print the source of a pattern."""
    module = inspect.getmodule(pattern_named(pattern))
    assert module is not None
    print(inspect.getsource(module), end="")


def main(argv: Sequence[str] | None = None) -> None:
    """The entry point: run a command, and turn errors into one line and an exit code."""
    words = _spread(sys.argv[1:] if argv is None else list(argv))
    debug = "--debug" in words
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter shows "?"
    try:
        app([w for w in words if w != "--debug"], prog_name="okit", standalone_mode=True)
    except KitError as e:
        if debug:
            raise
        say(f"okit: {e}", err)
        sys.exit(2 if isinstance(e, UsageError) else 1)


def _spread(words: Sequence[str]) -> list[str]:
    """`--documents a b c` as `--documents a --documents b --documents c`."""
    found: list[str] = []
    option, taken = "", 0
    for word in words:
        if word.startswith("-"):
            option, taken = (word, 0) if word in _SEVERAL else ("", 0)
        elif option:
            if taken and (option != "--documents" or word.lower().endswith(loading.SUFFIXES)):
                found.append(option)
            elif taken:
                option = ""
            taken += 1
        found.append(word)
    return found
