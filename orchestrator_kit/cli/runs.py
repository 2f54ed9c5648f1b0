"""The commands that run patterns on a task: compare, run and estimate."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from orchestrator_kit import estimates, experiments, svg, tables
from orchestrator_kit import rematch as equal_budget
from orchestrator_kit import trials as repeated
from orchestrator_kit.cli import options as o
from orchestrator_kit.cli.console import (
    err,
    out,
    prefix,
    print_failures,
    print_gaps,
    print_recovery,
    print_table,
    show,
)
from orchestrator_kit.comparison import Comparison
from orchestrator_kit.difference import first_difference
from orchestrator_kit.errors import RunInterrupted, UnknownName, UsageError
from orchestrator_kit.models.base import Model
from orchestrator_kit.patterns import PATTERNS, VARIANTS, Pattern, pattern_named
from orchestrator_kit.patterns.discretion import DECISIONS
from orchestrator_kit.progress import LiveView, Watch, is_terminal
from orchestrator_kit.record import Run, write_atomic
from orchestrator_kit.recovery import policy_named
from orchestrator_kit.tasks import Task
from orchestrator_kit.trials import Trials

Json = Annotated[Path | None, typer.Option(help="Write the figures to this file.")]


def compare(
    task: o.TaskName = None,
    prompt: o.Prompt = None,
    documents: o.Documents = None,
    patterns: o.Patterns = None,
    workers: o.Workers = experiments.WORKERS,
    model: o.ModelName = None,
    base_url: o.BaseUrl = None,
    seed: o.Seed = 0,
    trials: Annotated[
        int, typer.Option(help="How many times, with as many seeds; then with intervals.")
    ] = 1,
    tape: o.TapeFile = None,
    faults: o.FaultTexts = None,
    recovery: o.Policy = "retry",
    budget_tokens: o.BudgetTokens = None,
    budget_usd: o.BudgetUsd = None,
    budget_seconds: o.BudgetSeconds = None,
    json: Json = None,
    figure: Annotated[
        Path | None, typer.Option(help="The picture's file: .svg, .png or .pdf.")
    ] = None,
    records: Annotated[
        Path | None, typer.Option(help="Write each run's record (JSON Lines) into this folder.")
    ] = None,
) -> None:
    """Run the patterns on one task and put what they cost and found side by side."""
    chosen = o.task_of(
        *(task, prompt, documents or []),
        tokens=budget_tokens,
        usd=budget_usd,
        seconds=budget_seconds,
    )
    names = o.pattern_names(patterns)
    policy = policy_named(recovery)
    figure = figure or Path("out") / f"compare-{_slug(task or chosen.title)}.svg"
    if figure.suffix not in (".svg", ".png", ".pdf"):
        raise UsageError(f"{figure}: a picture's file ends in .svg, .png or .pdf")
    o.check_outputs(tape, json, figure, records and records / "probe")
    if figure.suffix != ".svg":
        importlib.import_module("orchestrator_kit.figures")  # says so if matplotlib is missing
    with (
        o.engine_of(
            chosen, model, base_url=base_url, seed=seed, tape=tape, faults=faults or []
        ) as engine,
        _watched(engine, records or Path("out") / "interrupted") as watch,
    ):
        several = repeated.compare_trials(
            chosen,
            engine.model,
            trials=trials,
            patterns=names,
            workers=workers,
            models=engine.models,
            recovery=policy,
            listen=watch,
        )
    first, rows = several.comparisons[0], [r for c in several.comparisons for r in c.rows]
    what = _heading(chosen, engine.model, workers)
    if trials == 1:
        print_table(f"{what}, seed {seed}", *tables.comparison(first))
    else:
        seeds = f"{trials} trials, seeds {seed} to {seed + trials - 1}"
        print_table(f"{what}, {seeds}", *repeated.table(several))
    print_failures(rows)
    if trials == 1:
        print_recovery(rows)
        print_gaps(first)
    _save_records(records, [row.run for row in rows])
    _write(json, first if trials == 1 else several)
    _draw(several, figure)
    out.print(f"picture: {escape(str(figure))}")
    out.print(f"open the notebooks: {prefix()}okit lab")
    if all(row.run.status == "failed" for row in rows):
        err.print("okit: no pattern came to an answer; the lines above say why")
        raise typer.Exit(1)


def run(
    task: o.TaskName = None,
    prompt: o.Prompt = None,
    documents: o.Documents = None,
    pattern: Annotated[str, typer.Option(help="Which pattern.")] = "orchestrator_worker",
    workers: o.Workers = experiments.WORKERS,
    model: o.ModelName = None,
    base_url: o.BaseUrl = None,
    seed: o.Seed = 0,
    tape: o.TapeFile = None,
    faults: o.FaultTexts = None,
    recovery: o.Policy = "retry",
    standby: Annotated[
        bool, typer.Option(help="Have a second orchestrator take over from a killed one.")
    ] = False,
    rounds: Annotated[
        int | None,
        typer.Option(help="Most rounds of review for each report, or of turns by peers."),
    ] = None,
    revisions: Annotated[int | None, typer.Option(help="Most revisions of the plan.")] = None,
    conflicts: Annotated[
        bool, typer.Option(help="Look for findings that cannot both hold.")
    ] = False,
    synthesis: Annotated[str, typer.Option(help="auto, flat or tree.")] = "auto",
    decides: Annotated[
        str | None,
        typer.Option(help="What the model decides, of split,assign,count,order,stop, or none."),
    ] = None,
    budget_tokens: o.BudgetTokens = None,
    budget_usd: o.BudgetUsd = None,
    budget_seconds: o.BudgetSeconds = None,
    explain: Annotated[
        str | None, typer.Option(help="Show what is behind a sentence of the answer.")
    ] = None,
    json: Json = None,
    record: Annotated[
        Path | None, typer.Option(help="Write the run's record (JSON Lines) to this file.")
    ] = None,
) -> None:
    """Run one pattern on a task, and print its answer, what it lacks and what it took."""
    chosen = o.task_of(
        *(task, prompt, documents or []),
        tokens=budget_tokens,
        usd=budget_usd,
        seconds=budget_seconds,
    )
    if explain is not None and not explain.strip():
        raise UsageError("--explain is empty; write a sentence of the answer, or words of it")
    settings = {
        "rounds": rounds,
        "revisions": revisions,
        "conflicts": conflicts,
        "synthesis": synthesis,
        "decides": decides,
    }
    chosen_pattern = _pattern(pattern, settings)
    policy = policy_named(recovery)
    policy = replace(policy, standby=policy.standby or standby)
    o.check_outputs(tape, json, record)
    with o.engine_of(
        chosen, model, base_url=base_url, seed=seed, tape=tape, faults=faults or []
    ) as engine:
        folder = record.parent if record else Path("out") / "interrupted"
        with _watched(engine, folder) as watch:
            found = experiments.compare(
                chosen,
                engine.model,
                patterns=[chosen_pattern],
                workers=workers,
                models=engine.models,
                recovery=policy,
                listen=watch,
            )
    row = found.rows[0]
    show(row.run.answer)
    out.print()
    print_table(None, *tables.comparison(found))
    print_failures(found.rows)
    print_recovery(found.rows)
    print_gaps(found)
    if record:
        row.run.save(record)
        out.print(f"record: {escape(str(record))}")
    _write(json, found)
    unsaid: UsageError | None = None
    if explain is not None:
        try:
            show(row.run.explain(explain))
        except UsageError as e:
            unsaid = e
    if row.run.status == "failed":
        assert row.run.ended is not None
        show(f"okit: the run failed: {row.run.ended.message}", err)
        raise typer.Exit(1)
    if unsaid:
        raise unsaid


def rematch(
    task: o.TaskName = None,
    prompt: o.Prompt = None,
    documents: o.Documents = None,
    against: Annotated[str, typer.Option(help="Which pattern.")] = "orchestrator_worker",
    trials: Annotated[int, typer.Option(help="How many times, with as many seeds.")] = 1,
    workers: o.Workers = experiments.WORKERS,
    model: o.ModelName = None,
    base_url: o.BaseUrl = None,
    seed: o.Seed = 0,
    json: Json = None,
) -> None:
    """Hold a pattern against one reader who may spend as many tokens."""
    chosen = o.task_of(task, prompt, documents or [], tokens=None, usd=None, seconds=None)
    pattern_named(against)
    o.check_outputs(None, json)
    with (
        o.engine_of(chosen, model, base_url=base_url, seed=seed) as engine,
        _watched(engine, Path("out") / "interrupted") as watch,
    ):
        found = equal_budget.rematch(
            chosen,
            engine.model,
            against=against,
            trials=trials,
            workers=workers,
            models=engine.models,
            listen=watch,
        )
    what = _heading(chosen, engine.model, workers)
    print_table(f"{what}, {trials} trials from seed {seed}", *repeated.table(found))
    _write(json, found)


def estimate(
    task: o.TaskName = None,
    prompt: o.Prompt = None,
    documents: o.Documents = None,
    patterns: o.Patterns = None,
    workers: o.Workers = experiments.WORKERS,
    model: o.ModelName = None,
    base_url: o.BaseUrl = None,
    seed: o.Seed = 0,
) -> None:
    """Say what runs of the patterns would take, before anything is spent; it needs no key."""
    chosen = o.task_of(task, prompt, documents or [], tokens=None, usd=None, seconds=None)
    names = o.pattern_names(patterns) or list(PATTERNS)
    with o.engine_of(chosen, model, base_url=base_url, seed=seed, asked=False) as engine:
        found = [
            estimates.estimate(chosen, name, workers, engine.model, models=engine.models)
            for name in names
        ]
    title = _heading(chosen, engine.model, workers)
    print_table(title, *estimates.table(found))
    show("From a rehearsal on the simulated reader: real replies differ.")


def diff(
    first: Annotated[Path, typer.Argument(help="A run's record.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
    order: Annotated[
        bool, typer.Option(help="Compare by position; otherwise call by call.")
    ] = True,
    times: Annotated[bool, typer.Option(help="Whether times must be equal.")] = True,
) -> None:
    """Name the first event where two runs' records part."""
    found = first_difference(Run.load(first), Run.load(second), order=order, times=times)
    show(found or "the records are the same")
    raise typer.Exit(1 if found else 0)


def _heading(task: Task, model: Model, workers: int) -> str:
    return f"{task.title or task.prompt} - {model.name}, {tables.workers(workers)}"


def _write(path: Path | None, found: Comparison | Trials) -> None:
    """Write the figures, where they are wanted."""
    if path:
        write_atomic(path, found.to_json())
        out.print(f"figures: {escape(str(path))}")


def _pattern(name: str, settings: Mapping[str, object]) -> Pattern:
    """The pattern with the options that were given; UsageError where it has none such."""
    pattern = pattern_named(name)
    given: dict[str, Any] = {
        option: value
        for option, value in settings.items()
        if value is not None and value is not False and value != "auto"
    }
    for option, value in given.items():
        known = [n for n, p in (PATTERNS | VARIANTS).items() if option in signature(p).parameters]
        if name not in known:
            raise UsageError(f"--{option} is no option of {name}, but of {', '.join(known)}")
        if isinstance(value, int) and value < 0:
            raise UsageError(f"--{option} is {value}; it cannot be negative")
    if given.get("synthesis", "flat") not in ("flat", "tree"):
        raise UsageError(f"--synthesis is {given['synthesis']!r}; it is auto, flat or tree")
    if (words := given.get("decides")) is not None:
        named = [] if words.strip() == "none" else [w.strip() for w in words.split(",")]
        for word in named:
            if word not in DECISIONS:
                raise UnknownName.among("decision", word, DECISIONS)
        given["decides"] = frozenset(named)
    return partial(pattern, **given) if given else pattern


@contextmanager
def _watched(engine: o.Engine, folder: Path) -> Iterator[Watch | LiveView]:
    """Progress while runs go on; what was paid for is kept where they are interrupted."""
    virtual = all(m.virtual for m in (engine.model, *engine.models.values()))
    live = not virtual and is_terminal(err)
    try:
        with LiveView(err) if live else Watch(err, lines=not virtual) as watch:
            yield watch
    except RunInterrupted as e:
        where = ""
        if e.runs:
            _save_records(folder, e.runs)
            where = f"; the records so far are in {folder}"
        err.print(f"okit: interrupted; nothing more is spent{escape(where)}")
        raise typer.Exit(130) from None


def _slug(name: str) -> str:
    kept = "".join(c if c.isalnum() else "-" for c in Path(name).stem.lower())
    return "-".join(filter(None, kept.split("-")))[:40] or "task"


def _save_records(folder: Path | None, runs: Sequence[Run]) -> None:
    if folder is None:
        return
    times = Counter(run.pattern for run in runs)
    seen: Counter[str] = Counter()
    for run in runs:
        seen[run.pattern] += 1
        number = f"-{seen[run.pattern]}" if times[run.pattern] > 1 else ""
        run.save(folder / f"{run.pattern}{number}.jsonl")
    out.print(f"records: {escape(str(folder))}")


def _draw(found: Trials, figure: Path) -> None:
    """The patterns side by side (of several trials: means), and who worked when in the first."""
    first, several = found.comparisons[0], len(found.comparisons) > 1
    longest = max(first.rows, key=lambda row: len(row.run.events))
    best = next((r for r in first.rows if r.pattern == "orchestrator_worker"), longest)
    if figure.suffix == ".svg":
        above = svg.intervals(found) if several else svg.bars(first)
        below = svg.gantt(best.run, which="the first trial" if several else "")
        write_atomic(figure, svg.document(above, below))
        return
    from orchestrator_kit import figures

    figures.save(figures.overview(found if several else first, best.run), figure)
