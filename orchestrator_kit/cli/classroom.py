"""The commands for teachers: a folder to hand out, diaries read back, a vote of the class."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from orchestrator_kit import bundle as bundles
from orchestrator_kit import svg, tables, votes
from orchestrator_kit.cli.console import out, print_table, show
from orchestrator_kit.cli.study import data, known
from orchestrator_kit.errors import UsageError
from orchestrator_kit.record import check_writable, write_atomic
from orchestrator_kit.submissions import Student, Submissions, collect

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Diaries = Annotated[Path, typer.Argument(help="Where the diaries are (*.jsonl, at any depth).")]
COLUMNS = [
    "student",
    "passed",
    "points",
    "questions",
    "evidence",
    "predictions",
    "right",
    "sure",
    "Brier",
    "last active",
    "flags",
]


@app.command()
def bundle(
    folder: Annotated[Path, typer.Argument(help="The folder to make, or to bring up to date.")],
    tape: Annotated[
        list[Path] | None, typer.Option(help="A tape to hand out; may be given several times.")
    ] = None,
) -> None:
    """Make the folder to hand out: notebooks, exercises, the kit, its lock; no solutions.

    Run it in a clone of the project. Nothing is sent anywhere.
    """
    made = bundles.bundle(Path(), folder, tape or [])
    for name in made.removed:
        show(f"taken away: {name}")
    changed = len(made.written)
    show(f"{folder}: {made.files} files, {changed} of them new or changed; hand out this folder")


@app.command("collect")
def collect_diaries(
    folder: Diaries,
    to: Annotated[Path | None, typer.Option("--json", help="Write all to this file.")] = None,
    sheet: Annotated[
        Path | None, typer.Option("--csv", help="Write the table of students to this file.")
    ] = None,
) -> None:
    """Read back the diaries of a class into one table, and say what is odd about them."""
    for path in filter(None, (to, sheet)):
        check_writable(path)
    if to and sheet and to.resolve() == sheet.resolve():
        raise UsageError(f"{to}: is named twice; give --json and --csv files of their own")
    found = collect(folder, known())
    if to:
        write_atomic(to, json.dumps(_data(found), ensure_ascii=False, indent=1) + "\n")
    if sheet:
        write_atomic(sheet, _csv(found.students))
    print_table(None, *_last_left(COLUMNS, [_row(student) for student in found.students]))
    out.print()
    columns = ["exercise", "tried", "passed", "failed attempts", "asked for hints", "title"]
    rows = [
        [e.exercise, str(e.tried), str(e.passed), str(e.failed), str(e.hinted), e.title]
        for e in found.exercises
    ]
    if rows:
        title = "What to talk about: most failed attempts first"
        print_table(title, *_last_left(columns, rows))
    flagged = sum(bool(s.flags) for s in found.students)
    show(f"{len(found.students)} students, {flagged} with a flag")


@app.command()
def vote(
    folder: Diaries,
    question: Annotated[str, typer.Argument(help="Of the prediction, such as 00-finds-most.")],
    after: Annotated[
        bool, typer.Option("--after", help="The last predictions beside the first ones.")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Write the histogram to this file (.svg).")
    ] = None,
) -> None:
    """Show what a class predicts, as a histogram, without naming anybody."""
    if picture:
        if picture.suffix.lower() != ".svg":
            raise UsageError(f"{picture}: the picture is an .svg file; name one")
        check_writable(picture)
    found = collect(folder, {})
    counted = votes.vote([s.entries for s in found.students], question, after=after)
    columns, rows = votes.table(counted)
    print_table(f"{question}: the first vote" if not after else question, columns, rows)
    without = len(found.students) - counted.voters
    said = f"{counted.voters} voted"
    if without:
        said += f", {without} did not"
    if after:
        said += f"; {counted.changed} changed their mind"
    show(said)
    if picture:
        write_atomic(picture, svg.document(svg.histogram(counted)))
        show(f"written: {picture}")


def _last_left(columns: list[str], rows: list[list[str]]) -> tuple[tables.Columns, tables.Rows]:
    """The last column holds words, which begin at the left."""
    width = max(len(row[-1]) for row in [columns, *rows])
    head, *lines = ([*row[:-1], row[-1].ljust(width)] for row in [columns, *rows])
    return head, lines


def _row(student: Student) -> list[str]:
    p = student.portfolio
    brier = tables.NONE if p.brier is None else f"{p.brier:.2f}"
    return [
        student.name,
        f"{p.passed}/{len(p.works)}",
        f"{p.earned:g}/{p.of:g}",
        str(sum(q.answers > 0 for q in p.questions)),
        f"{p.stands}/{p.cited}",
        str(len(p.decided)),
        tables.percent(p.right),
        tables.percent(p.sure),
        brier,
        p.last[:10] or tables.NONE,
        "; ".join(student.flags),
    ]


def _csv(students: Sequence[Student]) -> str:
    """The table with numbers as numbers, and no cell that a spreadsheet would take to reckon."""
    columns = "student passed exercises points of_points questions figures_stand figures_cited"
    columns += " predictions right sure brier last_active unsound_lines flags"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns.split())
    for student in students:
        p = student.portfolio
        writer.writerow(
            [
                _inert(student.name),
                p.passed,
                len(p.works),
                p.earned,
                p.of,
                sum(q.answers > 0 for q in p.questions),
                p.stands,
                p.cited,
                len(p.decided),
                *("" if share is None else f"{share:.4f}" for share in (p.right, p.sure, p.brier)),
                _inert(p.last),
                p.unsound,
                _inert("; ".join(student.flags)),
            ]
        )
    return text.getvalue()


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _data(found: Submissions) -> dict[str, object]:
    students = [
        {
            "student": s.name,
            "files": [str(path) for path in s.files],
            "flags": list(s.flags),
            **data(s.portfolio),
        }
        for s in found.students
    ]
    return {
        "schema": 1,
        "students": students,
        "exercises": [asdict(row) for row in found.exercises],
    }
