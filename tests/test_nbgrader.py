"""A course on nbgrader: its own commands release the exercises and grade them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_kit import exercises
from orchestrator_kit.checks import exercises as known

ROOT = Path(__file__).parent.parent
SOLUTIONS = sorted(ROOT.glob("solutions/*.ipynb"))
NAME = "01_primitives"  # the notebook that is handed in
TASK = "orchestrator"

pytestmark = pytest.mark.notebook


def nbgrader(course: Path, *arguments: str) -> str:
    """nbgrader's own command, in a course folder; what it printed."""
    command = [sys.executable, "-m", "nbgrader", *arguments, "--course", "kit"]
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # for alembic
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(course / "config"), "PATH": beside}
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course whose source are the solutions, released."""
    course = tmp_path_factory.mktemp("course")
    (course / "nbgrader_config.py").write_text("c = get_config()\n")
    source = course / "source" / TASK
    source.mkdir(parents=True)
    for path in SOLUTIONS:
        shutil.copy(path, source)
    nbgrader(course, "generate_assignment", TASK)
    return course


def hand_in(course: Path, student: str, notebook: dict[str, Any]) -> None:
    folder = course / "submitted" / student / TASK
    folder.mkdir(parents=True)
    (folder / f"{NAME}.ipynb").write_text(json.dumps(notebook))


def filled(released: dict[str, Any], code: dict[str, str]) -> dict[str, Any]:
    """A released notebook with some cells' text replaced, as a student does."""
    cells = [c | ({"source": code[c["id"]]} if c["id"] in code else {}) for c in released["cells"]]
    return released | {"cells": cells}


def solved(name: str) -> dict[str, str]:
    """The solutions' cells of a notebook, as a student might have written them."""
    cells = exercises.read(ROOT / "solutions" / f"{name}.ipynb")["cells"]
    texts = {
        c["id"]: exercises.source(c) for c in cells if "### BEGIN SOLUTION" in exercises.source(c)
    }
    return {
        name: "\n".join(line for line in text.splitlines() if "### " not in line)
        for name, text in texts.items()
    }


@contextlib.contextmanager
def gradebook(course: Path) -> Iterator[Any]:
    """nbgrader's gradebook, which asks `alembic` for its version."""
    from nbgrader.api import Gradebook  # type: ignore[import-untyped]

    before = os.environ["PATH"]
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "kit") as book:
            yield book
    finally:
        os.environ["PATH"] = before


def points(course: Path) -> dict[str, dict[str, float]]:
    """What the gradebook says: for each student the points of each graded cell."""
    found: dict[str, dict[str, float]] = {}
    with gradebook(course) as book:
        for submission in book.assignment_submissions(TASK):
            for notebook in submission.notebooks:
                if notebook.name == NAME:
                    grades = {g.name: g.auto_score for g in notebook.grades if g.max_score}
                    found[submission.student.id] = grades
    return found


def test_every_exercise_is_released_with_its_points_and_without_its_answer(course: Path) -> None:
    with gradebook(course) as book:
        total = book.find_assignment(TASK).max_score
    here = {path.stem for path in SOLUTIONS}
    assert total == sum(e.level for e in known().values() if e.notebook in here)
    for path in SOLUTIONS:
        text = (course / "release" / TASK / path.name).read_text("utf-8")
        assert "SOLUTION" not in text


def test_a_right_a_blank_a_wrong_and_a_half_right_submission_get_their_points(
    course: Path,
) -> None:
    released = json.loads((course / "release" / TASK / f"{NAME}.ipynb").read_text("utf-8"))
    right = solved(NAME)
    hand_in(course, "right", filled(released, right))
    hand_in(course, "blank", released)
    wrong = "def find_cycle(plan):\n    return list(plan)"
    hand_in(course, "wrong", filled(released, right | {"plan-1": wrong}))
    half = (
        "def find_cycle(plan):\n"
        "    if len(plan) > 3:\n"
        "        return None\n"
        f"    return whole(plan)\n\n\n{right['plan-1'].replace('find_cycle', 'whole')}"
    )
    hand_in(course, "half", filled(released, right | {"plan-1": half}))
    broken = "def find_cycle(plan) return"
    hand_in(course, "broken", filled(released, right | {"plan-1": broken}))
    nbgrader(course, "autograde", TASK)
    cells = {f"{name}-check": e.level for name, e in known().items() if e.notebook == NAME}
    got = points(course)
    assert got["right"] == cells
    assert got["blank"] == dict.fromkeys(cells, 0)
    assert got["wrong"] == cells | {"plan-1-check": 0}
    assert got["broken"] == cells | {"plan-1-check": 0}
    assert got["half"] == cells | {"plan-1-check": cells["plan-1-check"] / 2}
