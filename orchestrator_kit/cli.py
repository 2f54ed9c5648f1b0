"""`okit`, the command line: compare, scenarios, show, lab, exercises.

It reads arguments, calls `experiments`, and prints readings. Whatever a user can get wrong ends
in one line on standard error and a non-zero exit; `--debug` shows the traceback.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from orchestrator_kit import exercises, experiments, loading, svg, tables
from orchestrator_kit.comparison import Comparison
from orchestrator_kit.errors import KitError, MissingExtra, RunInterrupted, UsageError
from orchestrator_kit.models import model_named
from orchestrator_kit.patterns import pattern_named
from orchestrator_kit.progress import Watch
from orchestrator_kit.record import Run, check_writable, write_atomic
from orchestrator_kit.tasks import Task

app = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, help=__doc__.split("\n")[0]
)
exercises_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(exercises_app, name="exercises", help="Make, check and run exercise notebooks.")
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
_SEVERAL = {"--documents", "--patterns"}  # options that take several words, as a shell's * gives


@app.command()
def compare(
    task: Annotated[
        str | None, typer.Argument(help="A scenario, or a folder with task.toml.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="What to ask, instead of a task.")] = None,
    documents: Annotated[list[str] | None, typer.Option(help=".md, .txt or .pdf files.")] = None,
    patterns: Annotated[list[str] | None, typer.Option(help="Some of the patterns only.")] = None,
    workers: Annotated[int, typer.Option(help="Worker calls in flight at most.")] = 4,
    model: Annotated[
        str, typer.Option(help="simulated, simulated:large, local or endpoint:NAME.")
    ] = "simulated",
    base_url: Annotated[str | None, typer.Option(help="Where the endpoint is.")] = None,
    seed: Annotated[int, typer.Option(help="Of the simulated model.")] = 0,
    budget_tokens: Annotated[
        int | None, typer.Option(help="Tokens that each pattern may spend, in and out.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this file.")] = None,
    figure: Annotated[
        Path | None, typer.Option(help="The picture's file: .svg, .png or .pdf.")
    ] = None,
    records: Annotated[
        Path | None, typer.Option(help="Write each run's record (JSON Lines) into this folder.")
    ] = None,
) -> None:
    """Run the patterns on one task and put what they cost and found side by side."""
    chosen = _task(task, prompt, documents or [], budget_tokens)
    names = [n for word in patterns or [] for n in word.split(",") if n]
    for name in names:
        pattern_named(name)
    figure = figure or Path("out") / f"compare-{_slug(task or chosen.title)}.svg"
    if figure.suffix not in (".svg", ".png", ".pdf"):
        raise UsageError(f"{figure}: a picture's file ends in .svg, .png or .pdf")
    engine = model_named(model, seed=seed, base_url=base_url)
    others = {
        s.model: model_named(s.model, seed=seed, base_url=base_url)
        for s in chosen.specialists
        if s.model
    }
    for path in filter(None, (json, figure, records and records / "probe")):
        check_writable(path)
    if figure.suffix != ".svg":
        importlib.import_module("orchestrator_kit.figures")  # says so if matplotlib is missing
    try:
        with Watch(err, lines=not engine.virtual) as watch:
            found = experiments.compare(
                chosen, engine, patterns=names, workers=workers, models=others, listen=watch
            )
    except RunInterrupted as e:
        where = ""
        if e.runs:  # paid for, so never lost
            folder = records or Path("out") / "interrupted"
            _save_records(folder, e.runs)
            where = f"; the records so far are in {folder}"
        err.print(f"okit: interrupted; nothing more is spent{escape(where)}")
        raise typer.Exit(130) from None
    title = (
        f"{chosen.title or chosen.prompt} - {engine.name}, {tables.workers(workers)}, seed {seed}"
    )
    _print_table(title, *tables.comparison(found))
    for line in _failures(found):
        out.print(line, markup=False, soft_wrap=True)
    _save_records(records, [row.run for row in found.rows])
    if json:
        write_atomic(json, found.to_json())
        out.print(f"figures: {escape(str(json))}")
    _draw(found, figure)
    out.print(f"picture: {escape(str(figure))}")
    out.print(f"open the notebooks: {_prefix()}okit lab")
    if all(row.run.status == "failed" for row in found.rows):
        err.print("okit: no pattern came to an answer; the lines above say why")
        raise typer.Exit(1)


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
    _print_table(None, ["scenario", "title", "documents", "words", "gold facts"], rows)


@app.command()
def show(pattern: Annotated[str, typer.Argument(help="Its name.")]) -> None:
    """Print the source of a pattern."""
    module = inspect.getmodule(pattern_named(pattern))
    assert module is not None
    print(inspect.getsource(module), end="")


@app.command()
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


@exercises_app.command("build")
def build_exercises(
    solutions: Annotated[Path, typer.Argument(help="Where the solutions are.")] = Path("solutions"),
    folder: Annotated[Path, typer.Argument(help="Where the exercises go.")] = Path("exercises"),
    overwrite: Annotated[bool, typer.Option(help="Also what somebody has worked on.")] = False,
) -> None:
    """Make the learners' copies of the solutions."""
    for path in exercises.build(solutions, folder, overwrite=overwrite):
        out.print(f"written: {escape(str(path))}")


@exercises_app.command("check")
def check_exercises(
    solutions: Annotated[Path, typer.Argument(help="Where the solutions are.")] = Path("solutions"),
    folder: Annotated[Path, typer.Argument(help="Where the exercises are.")] = Path("exercises"),
) -> None:
    """Say which exercises are not what their solutions give."""
    if found := exercises.check_in_step(solutions, folder):
        raise UsageError("; ".join(found) + "; run: okit exercises build")
    out.print("the exercises are in step with their solutions")


@exercises_app.command("execute")
def execute_notebooks(paths: Annotated[list[Path], typer.Argument(help="Notebooks.")]) -> None:
    """Run notebooks from a fresh kernel and store their outputs."""
    for path in paths:
        out.print(f"executed: {escape(str(exercises.execute(path)))}")


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
        err.print(f"okit: {escape(str(e))}", soft_wrap=True)
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


def _task(
    name: str | None, prompt: str | None, documents: Sequence[str], budget: int | None
) -> Task:
    task = loading.load_task(name, prompt=prompt, documents=documents)
    if budget is None:
        return task
    if budget < 1:
        raise UsageError(f"--budget-tokens is {budget}; at least 1 is needed")
    return replace(task, budget=replace(task.budget, tokens=budget))


def _slug(name: str) -> str:
    kept = "".join(c if c.isalnum() else "-" for c in Path(name).stem.lower())
    return "-".join(filter(None, kept.split("-")))[:40] or "task"


def _prefix() -> str:
    """How the user called us, so that the next command works when copied."""
    here = Path(sys.argv[0]).parent
    if "UV" in os.environ:
        return "uv run "
    on_path = str(here.resolve()) in os.environ.get("PATH", "").split(os.pathsep)
    return "" if on_path or not (here / "okit").exists() else f"{here}{os.sep}"


def _print_table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if title:
        out.print(escape(title), style="bold", soft_wrap=True)
    head, *lines = tables.as_text(columns, rows).splitlines()
    out.print(head, style="dim", markup=False, soft_wrap=True)
    out.print("\n".join(lines), markup=False, soft_wrap=True)


def _failures(found: Comparison) -> list[str]:
    """A line for each way in which calls of a pattern failed, and whose they were."""
    whose: dict[tuple[str, str], list[str]] = {}
    for row in found.rows:
        for failure in row.measures.failures:
            what = f"{failure['kind']}: {failure['message']}"
            whose.setdefault((row.pattern, what), []).append(str(failure["agent"]))
    return [
        f"  {pattern}: {', '.join(dict.fromkeys(agents))}: {what}"
        for (pattern, what), agents in whose.items()
    ]


def _save_records(folder: Path | None, runs: Sequence[Run]) -> None:
    if folder is None:
        return
    for run in runs:
        run.save(folder / f"{run.pattern}.jsonl")
    out.print(f"records: {escape(str(folder))}")


def _draw(found: Comparison, figure: Path) -> None:
    longest = max(found.rows, key=lambda row: len(row.run.events))
    best = next((r for r in found.rows if r.pattern == "orchestrator_worker"), longest)
    if figure.suffix == ".svg":
        write_atomic(figure, svg.document(svg.bars(found), svg.gantt(best.run)))
        return
    from orchestrator_kit import figures

    figures.save(figures.overview(found, best.run), figure)
