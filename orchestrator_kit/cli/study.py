"""The command that shows a learner what they have done, and what is next."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from orchestrator_kit import checks, diary, tables
from orchestrator_kit.catalogue import _, ngettext
from orchestrator_kit.cli.console import err, out, prefix, print_table, show
from orchestrator_kit.errors import RecordError, UsageError
from orchestrator_kit.portfolio import Known, Portfolio, Question, Work, gather
from orchestrator_kit.record import check_writable, write_atomic

app = typer.Typer(rich_markup_mode=None)
DiaryFile = Annotated[
    Path | None, typer.Option("--diary", help="Another diary than the one that is kept here.")
]


def known() -> Mapping[str, Known]:
    """The exercises of the kit."""
    return checks.exercises()


@app.callback(invoke_without_command=True)
def progress(
    context: typer.Context,
    file: DiaryFile = None,
    to: Annotated[
        Path | None, typer.Option("--json", help="Write it to this file as well.")
    ] = None,
) -> None:
    """Show what you have done and what is next, from the diary on this machine.

    Nothing is sent anywhere. The diary is a plain file; its place is shown, and it is yours.
    """
    if context.invoked_subcommand:
        if file or to:
            raise UsageError(f"give --diary after the word {context.invoked_subcommand}")
        return
    check_writable(to) if to else None
    path = _place(file)
    found = gather(diary.read(path), known())
    if to:
        write_atomic(to, json.dumps(data(found), ensure_ascii=False, indent=1) + "\n")
    if not found.entries:
        show(
            _(
                "Nothing noted yet. Begin with: {command}; what you predict and check there will "
                "be kept in {place}"
            ).format(command=f"{prefix()}okit lab", place=path)
        )
        return
    _print(found, path)


@app.command("hand-in")
def hand_in(
    to: Annotated[
        Path, typer.Argument(metavar="FILE", help="The copy to make: YOUR-NAME.jsonl, or a folder.")
    ],
    file: DiaryFile = None,
) -> None:
    """Copy your diary to a file that you can give to your teacher.

    Nothing is sent anywhere. A file that holds an earlier copy of the same diary is brought up to
    date; no other file is ever written over.
    """
    path = _place(file)
    if not path.is_file():
        raise UsageError(_("There is no diary at {place} yet.").format(place=path))
    if to.is_dir():
        to /= "diary.jsonl"
    elif not to.suffix:
        to = to.with_name(f"{to.name}.jsonl")
    if to.suffix != ".jsonl":
        raise UsageError(_("{file}: give it a name that ends in .jsonl").format(file=to))
    check_writable(to)
    new = diary.content(path)
    if not to.exists():
        said = _("Copied: {file} ({lines}). Nothing was sent; give it to your teacher.")
    elif to.samefile(path):
        raise UsageError(_("{file}: is the diary itself; name another file").format(file=to))
    elif new.startswith(to.read_bytes()):
        said = _("Brought up to date: {file} ({lines}). Nothing was sent; give it to your teacher.")
    else:
        raise UsageError(
            _(
                "{file}: is there already and is no earlier copy of this diary; it was left as it "
                "is. Name another file."
            ).format(file=to)
        )
    write_atomic(to, new)
    n = len(diary.entries(new))
    show(said.format(file=to, lines=ngettext("{n} line", "{n} lines", n).format(n=n)))


def data(found: Portfolio) -> dict[str, object]:
    """A portfolio as an object for scripts."""
    kept = asdict(found)
    kept["checklist"] = dict(found.checklist)
    more = {
        "schema": 1,
        "passed": found.passed,
        "earned": found.earned,
        "of": found.of,
        "predictions": {
            "decided": len(found.decided),
            "right": found.right,
            "sure": found.sure,
            "brier": found.brier,
            "calibration": [asdict(step) for step in found.calibration()],
        },
        "revisit": list(found.revisit()),
        "next": found.next.name if found.next else None,
    }
    return more | kept


def _place(file: Path | None) -> Path:
    if file is not None and not file.is_file():
        raise RecordError(_("{file}: there is no such file").format(file=file))
    path = file or diary.place()
    if path is None:
        raise UsageError(
            _("No diary is kept, because {setting} is set.").format(setting=f"{diary.VARIABLE}=off")
        )
    return path


def _print(found: Portfolio, path: Path) -> None:
    show(
        _("Diary: {place}, from {first} to {last}").format(
            place=path, first=_day(found.first), last=_day(found.last)
        )
    )
    if found.unsound:
        show(
            ngettext(
                "{n} line of it was changed by hand or is unreadable; it is left out here, and a "
                "teacher who collects diaries is told of it.",
                "{n} lines of it were changed by hand or are unreadable; they are left out here, "
                "and a teacher who collects diaries is told of them.",
                found.unsound,
            ).format(n=found.unsound),
            err,
        )
    _print_works(found)
    _print_questions(found.questions)
    _print_predictions(found)
    if unsure := found.revisit():
        out.print()
        show(_("To revisit, by your own review:"))
        for item in unsure:
            show(f"  {item} ({tables.percent(found.checklist[item])})")
    out.print()
    if found.next:
        show(
            _("Next: {exercise}, {title}, in {file}").format(
                exercise=found.next.name,
                title=_(found.next.title),
                file=f"exercises/{found.next.notebook}.ipynb",
            )
        )
    elif found.works and any(w.notebook for w in found.works):
        show(_("All exercises of the kit are passed."))
    command = f"{prefix()}okit progress hand-in YOUR-NAME.jsonl"
    show(_("To hand it in: {command}. Nothing is sent anywhere.").format(command=command))


def _print_works(found: Portfolio) -> None:
    """A table for each exercise notebook, all with columns of one width."""
    if not found.works:
        return
    head = [
        _("exercise"),
        _("level"),
        _("points"),
        _("state"),
        _("tries"),
        _("hints"),
        _("last"),
        _("title"),
    ]
    out.print()
    show(
        _("Exercises: {passed} of {all} passed, {earned} of {of} points").format(
            passed=found.passed,
            all=len(found.works),
            earned=f"{found.earned:g}",
            of=f"{found.of:g}",
        )
    )
    rows = [_row(work) for work in found.works]
    lines = tables.as_text(head, rows, left=True).splitlines()
    told = iter(lines[1:])
    out.print(f"  {lines[0]}", style="dim", markup=False, soft_wrap=True)
    for notebook, works in groupby(found.works, key=lambda w: w.notebook):
        out.print(notebook or _("of no notebook"), style="bold", markup=False, soft_wrap=True)
        for _work in works:
            show(f"  {next(told)}")


def _row(work: Work) -> list[str]:
    state = _("passed") if work.passed else _("not yet") if work.attempts else tables.NONE
    return [
        work.name,
        "*" * work.level or tables.NONE,
        f"{work.earned:g}/{work.of:g}",
        state,
        str(work.attempts),
        str(work.hints),
        _day(work.last),
        _(work.title) if work.title else "",
    ]


def _print_questions(questions: tuple[Question, ...]) -> None:
    if not questions:
        return
    rows = []
    for q in questions:
        states = list(q.points.values())
        rows.append(
            [
                q.name,
                str(q.answers),
                _("yes") if q.predicted else _("no"),
                f"{q.stands}/{q.cited}",
                f"{states.count('mentioned')}/{len(states)}",
                str(states.count("may conflict")),
                tables.percent(q.rating),
            ]
        )
    columns = [
        _("question"),
        _("answers"),
        _("predicted before"),
        _("figures that stand"),
        _("key points found"),
        _("may conflict"),
        _("own rating"),
    ]
    out.print()
    print_table(None, columns, rows)


def _print_predictions(found: Portfolio) -> None:
    if not found.decided:
        return
    out.print()
    rows = list(_sureness(found))
    assert found.brier is not None
    n = len(found.decided)
    show(
        ngettext(
            "{n} prediction was held against a run: {right} right, {sure} sure.",
            "{n} predictions were held against a run: {right} right, {sure} sure on average.",
            n,
        ).format(n=n, right=tables.percent(found.right), sure=tables.percent(found.sure))
    )
    show(
        _(
            "Brier score {score}: 0 is sure and right, 0.25 is what half sure always gets, 1 is "
            "sure and wrong."
        ).format(score=f"{found.brier:.2f}")
    )
    print_table(None, [_("how sure"), _("predictions"), _("sure"), _("right")], rows)


def _sureness(found: Portfolio) -> Iterator[list[str]]:
    for step in found.calibration():
        between = f"{step.low:.0%} - {step.high:.0%}"
        yield [
            between,
            str(step.count),
            tables.percent(step.sure),
            tables.percent(step.right),
        ]


def _day(at: str) -> str:
    return at[:10] or tables.NONE
