"""The folder that is handed out: complete, without an answer, and updated without a loss."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator_kit import SimulatedModel, Tape, exercises, load_task, run
from orchestrator_kit.bundle import bundle, check_tape
from orchestrator_kit.errors import TapeError, UsageError
from orchestrator_kit.models.reel import Reel
from tests import test_cli
from tests.test_cli import Okit

okit = test_cli.okit
REPO = Path(__file__).parent.parent
PARTS = ("notebooks", "exercises", "solutions", "tests", "docs", "benchmarks")
LOCK = "requirements-learners.lock"
LONG = 60  # letters from which on lines say something; fewer may be an idiom


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of this project, as it stands."""
    folder = tmp_path_factory.mktemp("out") / "course"
    bundle(REPO, folder)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small clone: two exercises, a notebook, a package of two modules, and what stays behind."""
    made = tmp_path / "clone"
    for name in (*("pyproject.toml", "environment.yml", "LICENSE", "README.md"), LOCK):
        made.mkdir(exist_ok=True)
        shutil.copy(REPO / name, made / name)
    for place in PARTS:
        (made / place).mkdir()
    for name in ("one", "two"):
        (made / "exercises" / f"{name}.ipynb").write_text(exercise(name), "utf-8")
    (made / "notebooks" / "00_start.ipynb").write_text(notebook("start"), "utf-8")
    (made / "solutions" / "one.ipynb").write_text(notebook("the answer"), "utf-8")
    (made / "tests" / "test_it.py").write_text("assert True\n")
    package = made / "orchestrator_kit" / "sub"
    package.mkdir(parents=True)
    (package / "module.py").write_text('"""A module."""\n')
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "module.pyc").write_bytes(b"old")
    (made / ".git").mkdir()
    return made


def notebook(*texts: str) -> str:
    cells = [{"cell_type": "markdown", "metadata": {}, "source": [text]} for text in texts]
    return json.dumps(
        {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1
    )


def exercise(*texts: str) -> str:
    """A generated exercise, with the seal that says that nobody has worked on it."""
    made = json.loads(notebook(*texts))
    made["metadata"]["orchestrator_kit"] = {"seal": exercises._seal(made)}
    return json.dumps(made, indent=1) + "\n"


def work_on(path: Path) -> str:
    made = json.loads(path.read_text("utf-8"))
    made["cells"][0]["source"] = ["my own work"]
    text = json.dumps(made, indent=1) + "\n"
    path.write_text(text, "utf-8")
    return text


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


# ---- what is in it ----


def test_it_holds_what_a_student_needs_and_nothing_else(handed_out: Path) -> None:
    found = names(handed_out)
    assert {n.split("/")[0] for n in found} == {
        *("notebooks", "exercises", "orchestrator_kit", "README.md", "LICENSE", "bundle.json"),
        *("pyproject.toml", LOCK, "environment.yml"),
    }
    for place in ("notebooks", "exercises"):
        assert {n for n in found if n.startswith(place)} == {
            f"{place}/{p.name}" for p in (REPO / place).glob("*.ipynb")
        }
    assert not [n for n in found if "__pycache__" in n or "/." in n or n.startswith(".")]
    for name in found - {"README.md", "bundle.json"}:
        assert (handed_out / name).read_bytes() == (REPO / name).read_bytes()


def test_the_kit_runs_from_it(handed_out: Path, tmp_path: Path) -> None:
    code = (
        "import orchestrator_kit as k; print(k.__file__); "
        "print(k.run(k.load_task('legal')).status); "
        "from orchestrator_kit.cli import main; main(['scenarios'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(handed_out), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    file, status, *scenarios = done.stdout.splitlines()
    assert Path(file).is_relative_to(handed_out)
    assert status == "done"
    assert any(line.startswith("research") for line in scenarios)


def solved(path: Path) -> Iterator[str]:
    """The lines between the marks of a solution."""
    for cell in exercises.read(path)["cells"]:
        inside = False
        for line in exercises.source(cell).splitlines():
            if "END SOLUTION" in line:
                inside = False
            if inside:
                yield line.strip()
            if "BEGIN SOLUTION" in line:
                inside = True


def lines_of(path: Path) -> list[str]:
    """The lines of a file, of a notebook those of its cells; without indents, none empty."""
    if path.suffix == ".ipynb":
        text = "\n".join(exercises.source(cell) for cell in exercises.read(path)["cells"])
    else:
        text = path.read_bytes().decode("utf-8", "replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


def pieces(lines: Sequence[str]) -> set[str]:
    """The lines, alone and two in a row, that are long enough to say something."""
    return {text for text in (*lines, *map("\n".join, pairwise(lines))) if len(text) > LONG}


def leaks(folder: Path) -> list[str]:
    """Pieces of solutions that stand in a file of the folder."""
    stand = {name: pieces(lines_of(folder / name)) for name in names(folder)}
    found = []
    for source in sorted((REPO / "solutions").glob("*.ipynb")):
        written = pieces(list(solved(source)))
        assert written, f"{source.name} has a solution"
        secret = written - pieces(lines_of(REPO / "exercises" / source.name))
        found += [f"{name}: {piece}" for name, there in stand.items() for piece in secret & there]
    return found


def test_no_piece_of_a_solution_stands_in_any_file_of_it(handed_out: Path) -> None:
    assert not leaks(handed_out)


def test_a_solution_that_leaked_would_be_seen(handed_out: Path, tmp_path: Path) -> None:
    source = next(iter(sorted((REPO / "solutions").glob("*.ipynb"))))
    copy = tmp_path / "leaky"
    (copy / "notebooks").mkdir(parents=True)
    shutil.copy(source, copy / "notebooks" / "helpful.ipynb")
    assert leaks(copy)


def test_its_page_installs_as_the_project_does_and_its_commands_exist(
    handed_out: Path, okit: Okit
) -> None:
    page = (handed_out / "README.md").read_text("utf-8")
    install, *commands = [
        line
        for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
        for line in block.splitlines()
    ]
    assert f"{install} && .venv/bin/okit compare legal" in (REPO / "README.md").read_text("utf-8")
    assert len(install.split(" && ")) == 3
    assert len(commands) == 3
    for command in commands:
        kit, *words = shlex.split(command)
        assert kit == ".venv/bin/okit"
        shown = okit(*[w for w in words if w[0].islower()], "--help")
        assert shown.code == 0
    assert "sent anywhere" in page


# ---- making it again ----


def test_again_only_what_changed_is_written_and_what_is_gone_is_taken_away(
    project: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "course"
    first = bundle(project, folder)
    assert set(first.written) == names(folder)
    assert not bundle(project, folder).written
    (folder / "my own page.md").write_text("the teacher's")
    (project / "notebooks" / "00_start.ipynb").write_text(notebook("changed"), "utf-8")
    (project / "exercises" / "three.ipynb").write_text(exercise("three"), "utf-8")
    (project / "exercises" / "two.ipynb").unlink()
    again = bundle(project, folder)
    assert set(again.written) == {
        "notebooks/00_start.ipynb",
        "exercises/three.ipynb",
        "bundle.json",
    }
    assert again.removed == ("exercises/two.ipynb",)
    assert names(folder) == {*first.written, "exercises/three.ipynb", "my own page.md"} - {
        "exercises/two.ipynb"
    }


@pytest.mark.parametrize("gone", [False, True])
def test_where_somebody_worked_on_an_exercise_nothing_is_written(
    project: Path, tmp_path: Path, gone: bool
) -> None:
    folder = tmp_path / "course"
    bundle(project, folder)
    work_on(folder / "exercises" / "two.ipynb")
    before = {n: (folder / n).read_bytes() for n in names(folder)}
    (project / "notebooks" / "00_start.ipynb").write_text(notebook("changed"), "utf-8")
    if gone:
        (project / "exercises" / "two.ipynb").unlink()
    with pytest.raises(UsageError, match=r"two\.ipynb: somebody has worked on it"):
        bundle(project, folder)
    assert {n: (folder / n).read_bytes() for n in names(folder)} == before


def test_an_exercise_that_the_teacher_solved_in_the_clone_is_not_handed_out(
    project: Path, tmp_path: Path
) -> None:
    work_on(project / "exercises" / "two.ipynb")
    with pytest.raises(UsageError, match="okit exercises build"):
        bundle(project, tmp_path / "course")
    assert not (tmp_path / "course").exists()


@pytest.mark.parametrize("place", [".", "..", "notebooks", "solutions/out", "orchestrator_kit/x"])
def test_the_project_itself_is_never_written_to(project: Path, place: str) -> None:
    before = names(project)
    with pytest.raises(UsageError, match="part of the project itself"):
        bundle(project, project / place)
    assert names(project) == before


def test_a_folder_with_other_things_is_left_alone(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.tex").write_text("")
    with pytest.raises(UsageError, match="was not made by okit class bundle"):
        bundle(project, folder)
    with pytest.raises(UsageError, match="is a file"):
        bundle(project, folder / "thesis.tex")
    assert names(folder) == {"thesis.tex"}


def test_a_list_that_was_tampered_with_takes_nothing_away_outside(
    project: Path, tmp_path: Path
) -> None:
    folder, precious = tmp_path / "course", tmp_path / "precious"
    bundle(project, folder)
    precious.write_text("")
    listed = {"files": ["../precious", str(precious), "..\\precious"]}
    (folder / "bundle.json").write_text(json.dumps(listed))
    bundle(project, folder)
    assert precious.exists()
    (folder / "bundle.json").write_text("{}")
    with pytest.raises(UsageError, match=r"bundle\.json: cannot be read"):
        bundle(project, folder)


def test_outside_of_a_clone_one_line_says_so(okit: Okit) -> None:
    assert "is no clone of the project" in okit("class", "bundle", "out").complaint


# ---- tapes ----


@pytest.fixture
def tape(tmp_path: Path) -> Callable[..., Path]:
    def record(name: str, prompt: str = "") -> Path:
        path = tmp_path / name
        with Reel(path, record=True) as reel:
            run(load_task("legal"), "single_call", Tape(reel, SimulatedModel(0)))
            if prompt:
                reel.add_run(json.dumps({"prompt": prompt}))
        return path

    return record


def test_tapes_are_handed_out_and_stay(
    project: Path, tmp_path: Path, tape: Callable[..., Path]
) -> None:
    folder = tmp_path / "course"
    bundle(project, folder, [tape("a.okit")])
    bundle(project, folder, [tape("b.okit")])
    assert {n for n in names(folder) if n.startswith("tapes/")} == {"tapes/a.okit", "tapes/b.okit"}
    assert "okit tape show tapes/a.okit" in (folder / "README.md").read_text("utf-8")
    assert Reel(folder / "tapes" / "a.okit").calls
    assert not bundle(project, folder).written


def test_a_damaged_tape_is_not_handed_out(
    project: Path, tmp_path: Path, tape: Callable[..., Path]
) -> None:
    path = tape("a.okit")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(TapeError):
        bundle(project, tmp_path / "course", [path])
    with pytest.raises(TapeError):
        bundle(project, tmp_path / "course", [tmp_path / "none.okit"])
    assert not (tmp_path / "course").exists()


@pytest.mark.parametrize(
    "secret",
    [
        "sk-" + "a1" * 16,
        "Authorization: Bearer " + "x9" * 15,
        "https://ada:hunter2@example.org/v1",
        "ghp_" + "Z" * 30,
        "the own key",
    ],
)
def test_a_tape_that_seems_to_hold_a_key_is_not_handed_out(
    secret: str, tape: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "the own key")
    check_tape(tape("clean.okit"))
    with pytest.raises(TapeError, match="looks like a key") as raised:
        check_tape(tape("leaky.okit", f"use {secret} please"))
    assert secret not in str(raised.value)


# ---- the way to the students ----


# As on a machine whose git has no settings, and with a name for commits of ours.
GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
WHO = {f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, env=os.environ | GIT | WHO, check=True)


def published(folder: Path, server: Path, message: str) -> None:
    """What docs/teaching.md has a teacher do after a bundle was made or updated."""
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "-b", "main")
        git(folder, "remote", "add", "origin", server.as_uri())
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", message)
    git(folder, "push", "-q", "origin", "main")


def pulled(server: Path, students: Path) -> None:
    """What a student's click on an nbgitpuller link does; its own command, in its own process."""
    command = [sys.executable, "-m", "nbgitpuller.pull", server.as_uri(), "main", str(students)]
    subprocess.run(command, env=os.environ | GIT, check=True, capture_output=True, timeout=300)


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A place that repositories are pushed to."""
    folder = tmp_path / "server.git"
    folder.mkdir()
    git(folder, "init", "-q", "--bare", "-b", "main")
    return folder


def test_an_update_reaches_a_students_copy_and_leaves_their_work_as_it_is(
    project: Path, tmp_path: Path, server: Path
) -> None:
    folder, students = tmp_path / "course", tmp_path / "student"
    bundle(project, folder)
    published(folder, server, "The course begins")
    pulled(server, students)
    for name in names(folder):
        if not name.startswith(".git/"):
            assert (students / name).read_bytes() == (folder / name).read_bytes()
    assert (students / "exercises" / "one.ipynb").read_text("utf-8") == exercise("one")

    own = work_on(students / "exercises" / "one.ipynb")
    (students / "diary copy.jsonl").write_text("mine")
    # The teacher's version of the very same cell changes, a notebook too, and files are new.
    (project / "exercises" / "one.ipynb").write_text(exercise("one, said better"), "utf-8")
    (project / "notebooks" / "00_start.ipynb").write_text(notebook("changed"), "utf-8")
    (project / "exercises" / "three.ipynb").write_text(exercise("three"), "utf-8")
    (project / "exercises" / "two.ipynb").unlink()
    bundle(project, folder)
    published(folder, server, "The second week")
    pulled(server, students)

    assert (students / "exercises" / "three.ipynb").read_text("utf-8") == exercise("three")
    assert (students / "notebooks" / "00_start.ipynb").read_text("utf-8") == notebook("changed")
    assert not (students / "exercises" / "two.ipynb").exists()
    kept = json.loads((students / "exercises" / "one.ipynb").read_text("utf-8"))
    assert kept["cells"] == json.loads(own)["cells"]
    assert (students / "diary copy.jsonl").read_text() == "mine"
    pulled(server, students)  # and once more, with nothing new
    assert json.loads((students / "exercises" / "one.ipynb").read_text("utf-8")) == kept


def test_an_exercise_that_is_gone_stays_with_those_who_worked_on_it(
    project: Path, tmp_path: Path, server: Path
) -> None:
    folder, students = tmp_path / "course", tmp_path / "student"
    bundle(project, folder)
    published(folder, server, "The course begins")
    pulled(server, students)
    own = work_on(students / "exercises" / "two.ipynb")
    (project / "exercises" / "two.ipynb").unlink()
    bundle(project, folder)
    published(folder, server, "One less")
    pulled(server, students)
    assert (students / "exercises" / "two.ipynb").read_text("utf-8") == own
