"""The diaries of a class: whose each is, what was done to it, and how the class did."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import classroom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit import diary
from orchestrator_kit.errors import UsageError
from orchestrator_kit.submissions import Student, Submissions, collect
from tests import test_cli
from tests.test_cli import Okit

okit = test_cli.okit
KNOWN = classroom.KNOWN
Entries = list[tuple[str, dict[str, Any]]]


def check(exercise: str, *, passed: bool) -> tuple[str, dict[str, Any]]:
    return "check", {"exercise": exercise, "earned": int(passed), "of": 1, "passed": passed}


SOME: Entries = [
    ("prediction", {"question": "q", "value": 6, "sure": 0.5}),
    ("outcome", {"question": "q", "measured": 7, "unit": "", "right": False}),
    check("drill-1a", passed=False),
    check("drill-1a", passed=True),
]


def write(path: Path, entries: Entries = SOME) -> Path:
    for kind, data in entries:
        assert diary.note(kind, data, path)
    return path


def flags(folder: Path) -> dict[str, tuple[str, ...]]:
    return {s.name: s.flags for s in collect(folder, KNOWN).students}


def test_a_student_is_named_by_the_file_or_by_the_folder_that_holds_a_diary(tmp_path: Path) -> None:
    write(tmp_path / "ada.jsonl")
    write(tmp_path / "late" / "ben.jsonl")
    write(tmp_path / "Cy Twombly_1234_assignsubmission" / "diary.jsonl")
    write(tmp_path / "group 2" / "Dee" / "diary.jsonl")
    write(tmp_path / "group 2" / "Dee" / "at home" / "laptop.jsonl")
    write(tmp_path / ".hidden" / "eve.jsonl")
    write(tmp_path / "__MACOSX" / "._ada.jsonl")
    (tmp_path / "notes.txt").write_text("no diary")
    found = collect(tmp_path, KNOWN)
    assert [s.name for s in found.students] == [
        "ada",
        "ben",
        "Cy Twombly_1234_assignsubmission",
        "Dee",
    ]
    assert [len(s.files) for s in found.students] == [1, 1, 1, 2]
    assert all(not s.flags for s in found.students)
    assert [s.portfolio.passed for s in found.students] == [1, 1, 1, 1]


def test_a_diary_alone_in_the_folder_is_named_by_it(tmp_path: Path) -> None:
    write(tmp_path / "ada" / "diary.jsonl")
    assert list(flags(tmp_path / "ada")) == ["ada"]


def test_two_computers_of_a_student_are_put_together_and_the_same_lines_count_once(
    tmp_path: Path,
) -> None:
    first = write(tmp_path / "week 1" / "ada.jsonl")
    later = tmp_path / "week 2" / "ada.jsonl"
    later.parent.mkdir()
    shutil.copy(first, later)
    write(later, [check("drill-2a", passed=True)])
    write(tmp_path / "week 3" / "ada.jsonl", [check("drill-3a", passed=True)])
    (ada,) = collect(tmp_path, KNOWN).students
    assert ada.flags == ()
    assert ada.portfolio.passed == 3
    assert sum(w.attempts for w in ada.portfolio.works) == 4


def test_what_is_empty_or_no_diary_is_said_and_stops_nothing(tmp_path: Path) -> None:
    write(tmp_path / "ada.jsonl")
    (tmp_path / "ben.jsonl").write_text(" \n")
    (tmp_path / "cy.jsonl").write_text('{"schema": 1}\n' * 3)
    (tmp_path / "dee.jsonl").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "eve.jsonl").write_text("[" * 100_000)
    (tmp_path / "folder.jsonl").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jsonl")  # to open it would wait for ever
    found = flags(tmp_path)
    assert found == {
        "ada": (),
        "ben": ("empty",),
        "cy": ("not a diary: no line of it is one of a diary",),
        "dee": ("not a diary: no text",),
        "eve": ("not a diary: no line of it is one of a diary",),
    }


def test_a_copied_diary_names_both_also_where_work_went_on(tmp_path: Path) -> None:
    ada = write(tmp_path / "ada.jsonl")
    shutil.copy(ada, tmp_path / "ben.jsonl")
    write(tmp_path / "ben.jsonl", [check("drill-2a", passed=True)])
    write(tmp_path / "cy.jsonl")
    assert flags(tmp_path) == {
        "ada": ("duplicate: has 5 lines in common with ben",),
        "ben": ("duplicate: has 5 lines in common with ada",),
        "cy": (),
    }


def test_a_copy_of_which_only_the_first_line_is_left_is_a_duplicate_by_its_id(
    tmp_path: Path,
) -> None:
    ada = write(tmp_path / "ada.jsonl")
    begin = diary.read(ada)[0]
    first = ada.read_text("utf-8").splitlines(keepends=True)[0]
    (tmp_path / "ben.jsonl").write_text(first.replace(begin.seal, "0" * 15 + "1"), "utf-8")
    write(tmp_path / "ben.jsonl")
    found = flags(tmp_path)
    assert found["ada"] == ("duplicate: began as the diary of ben",)
    assert "duplicate: began as the diary of ada" in found["ben"]


def test_diaries_without_an_id_that_began_alike_by_chance_are_no_duplicates(tmp_path: Path) -> None:
    from tests.test_predictions import OLD

    for name in ("ada", "ben"):
        (tmp_path / f"{name}.jsonl").write_text(OLD, "utf-8")
    assert flags(tmp_path) == {"ada": (), "ben": ()}


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = write(tmp_path_factory.mktemp("whole") / "ada.jsonl", SOME * 3)
    return path.read_text("utf-8").splitlines(keepends=True)


@pytest.fixture
def handed_in(tmp_path: Path) -> Callable[[str], Student]:
    def one(text: str) -> Student:
        (tmp_path / "ada.jsonl").write_bytes(text.encode())
        (student,) = collect(tmp_path, KNOWN).students
        return student

    return one


def _changed(data: st.DataObject, lines: list[str], how: str) -> str:
    """A diary in which something was done to one line that is not the last."""
    at = data.draw(st.integers(0, len(lines) - 2))
    new = list(lines)
    if how == "letter":
        spot = data.draw(st.integers(0, len(new[at]) - 1))
        other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != new[at][spot]))
        new[at] = new[at][:spot] + other + new[at][spot + 1 :]
    elif how == "drop":
        del new[at]
    elif how == "swap":
        new[at], new[at + 1] = new[at + 1], new[at]
    else:
        new.insert(data.draw(st.integers(at + 1, len(new))), new[at])
    return "".join(new)


@pytest.mark.parametrize("how", ["letter", "drop", "swap", "repeat"])
def test_whatever_is_done_to_a_line_is_flagged(
    how: str, lines: list[str], handed_in: Callable[[str], Student]
) -> None:
    assert handed_in("".join(lines)).flags == ()

    @given(st.data())
    def tampered(data: st.DataObject) -> None:
        student = handed_in(_changed(data, lines, how))
        assert any(flag.startswith("tampered") for flag in student.flags)
        assert student.portfolio.unsound >= 1

    tampered()


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A class of twelve simulated students, four of whom did something odd."""
    folder = tmp_path_factory.mktemp("school")
    return folder, classroom.make_class(folder, students=12, lines=40, odd=4)


@pytest.fixture(scope="module")
def collected(school: tuple[Path, dict[str, str]]) -> Submissions:
    return collect(school[0], KNOWN)


def test_of_a_simulated_class_those_are_flagged_who_did_something_odd(
    school: tuple[Path, dict[str, str]], collected: Submissions
) -> None:
    expected = school[1]
    assert set(expected.values()) == {"tampered", "duplicate"}
    assert {s.name for s in collected.students if s.flags} == set(expected)
    for student in collected.students:
        assert all(flag.startswith(expected[student.name]) for flag in student.flags)
        assert student.portfolio.entries == 40


def test_the_rows_of_the_exercises_are_the_sums_over_the_students_most_failures_first(
    collected: Submissions,
) -> None:
    assert [e.failed for e in collected.exercises] == sorted(
        (e.failed for e in collected.exercises), reverse=True
    )
    for row in collected.exercises:
        works = [w for s in collected.students for w in s.portfolio.works if w.name == row.exercise]
        assert row.tried == sum(w.attempts > 0 for w in works)
        assert row.passed == sum(w.passed for w in works)
        assert row.failed == sum(w.attempts for w in works) - sum(
            e.data["passed"]
            for s in collected.students
            for e in s.entries
            if e.sound and e.kind == "check" and e.data["exercise"] == row.exercise
        )
        assert row.hinted == sum(w.hints > 0 for w in works)


# ---- the commands ----


def test_the_table_of_a_class_goes_to_the_screen_to_json_and_to_a_spreadsheet(
    okit: Okit, tmp_path: Path
) -> None:
    write(tmp_path / "in" / "ada.jsonl")
    shutil.copy(tmp_path / "in" / "ada.jsonl", tmp_path / "in" / "=cmd.jsonl")
    done = okit("class", "collect", "in", "--json", "t.json", "--csv", "t.csv")
    assert (done.code, done.err) == (0, "")
    assert "has 5 lines in common with ada" in done.out
    assert "2 students, 2 with a flag" in done.out
    found = json.loads((tmp_path / "t.json").read_text("utf-8"))
    one, ada = found["students"]
    assert (one["student"], ada["student"]) == ("=cmd", "ada")
    assert (ada["passed"], ada["predictions"]["brier"], ada["unsound"]) == (1, 0.25, 0)
    assert found["exercises"][0]["exercise"] == "drill-1a"
    rows = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text("utf-8"))))
    assert [row["student"] for row in rows] == ["'=cmd", "ada"]
    assert (rows[1]["passed"], rows[1]["brier"]) == ("1", "0.2500")


def test_mistakes_of_a_teacher_end_in_one_line(okit: Okit, tmp_path: Path) -> None:
    assert "no such folder" in okit("class", "collect", "nowhere").complaint
    (tmp_path / "in").mkdir()
    assert "holds no diary" in okit("class", "collect", "in").complaint
    write(tmp_path / "in" / "ada.jsonl")
    assert "named twice" in okit("class", "collect", "in", "--json", "x", "--csv", "x").complaint
    assert "there are: q" in okit("class", "vote", "in", "other").complaint
    assert ".svg" in okit("class", "vote", "in", "q", "--picture", "x.png").complaint
    assert not (tmp_path / "x").exists()


def test_a_vote_is_shown_and_drawn_without_a_name(okit: Okit, tmp_path: Path) -> None:
    write(tmp_path / "in" / "ada.jsonl")
    write(tmp_path / "in" / "ben.jsonl", [("prediction", {"question": "q", "value": 8, "sure": 1})])
    write(tmp_path / "in" / "ben.jsonl", [("prediction", {"question": "q", "value": 6, "sure": 1})])
    write(tmp_path / "in" / "cy.jsonl", SOME[2:])
    done = okit("class", "vote", "in", "q", "--picture", "v.svg")
    rows = [line.split() for line in done.out.splitlines()]
    assert ["6", "1", "50%", "50%", 15 * "#"] in rows
    assert ["8", "1", "50%", "100%", 15 * "#"] in rows
    assert "2 voted, 1 did not" in done.out
    again = okit("class", "vote", "in", "q", "--after", "--picture", "w.svg")
    assert ["6", "1", "50%", "50%", "2", "100%", "75%", 30 * "#"] in [
        line.split() for line in again.out.splitlines()
    ]
    assert "1 changed their mind" in again.out
    for said in (done.out, again.out, *(p.read_text("utf-8") for p in tmp_path.glob("*.svg"))):
        assert not any(name in said for name in ("ada", "ben", "cy.jsonl"))


def test_a_folder_is_needed() -> None:
    with pytest.raises(UsageError, match="no such folder"):
        collect(Path("nowhere at all"), KNOWN)
