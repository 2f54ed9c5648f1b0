"""The page for teachers: its commands exist and run, its votes and notebooks are there."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from orchestrator_kit import SimulatedModel, Tape, diary, exercises, load_task, run
from orchestrator_kit.models.reel import Reel
from tests import test_cli
from tests.test_cli import Okit

okit = test_cli.okit
REPO = Path(__file__).parent.parent
PAGE = (REPO / "docs" / "teaching.md").read_text("utf-8")
COMMANDS = [
    line.strip()
    for block in re.findall(r"^ *```sh\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.strip().startswith("okit ")
]


def predicted() -> set[str]:
    """The questions of all predictions in the notebooks."""
    found: set[str] = set()
    for path in (REPO / "notebooks").glob("*.ipynb"):
        for cell in exercises.read(path)["cells"]:
            if cell["cell_type"] == "code":
                found |= set(re.findall(r'predict\(f?"([^"]+)"', exercises.source(cell)))
    return found


LOCK = "requirements-learners.lock"


def test_the_commands_of_the_page_run(
    okit: Okit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OKIT_LANG", "en")
    monkeypatch.setenv(diary.VARIABLE, str(tmp_path / "kept.jsonl"))
    (tmp_path / "clone").mkdir()
    for name in (*("pyproject.toml", "environment.yml", "LICENSE", "README.md"), LOCK):
        shutil.copy(REPO / name, tmp_path / "clone" / name)
    monkeypatch.chdir(tmp_path / "clone")
    with Reel("class.okit", record=True) as reel:
        run(load_task("legal"), "single_call", Tape(reel, SimulatedModel(0)))
    for where in (None, Path("handed-in/ada.jsonl")):
        data = {"question": "00-finds-most", "value": "pipeline", "sure": 0.5}
        assert diary.note("prediction", data, where)
    assert len(COMMANDS) >= 9
    for command in COMMANDS:
        _, *words = shlex.split(command)
        done = okit(*words)
        assert (done.code, done.err) == (0, ""), command
    assert (tmp_path / "course" / "tapes" / "class.okit").is_file()
    assert Path("vote.svg").is_file()
    assert Path("marks.csv").is_file()
    assert Path("ada-lovelace.jsonl").is_file()


def test_every_vote_of_the_page_is_on_a_prediction_of_a_notebook() -> None:
    votes = set(re.findall(r"`(\d\d-[a-z-]+)`", PAGE))
    known = predicted()
    assert len(votes) > 20
    for question in votes:
        pattern = [k for k in known if k == question or ("{" in k and question.startswith(k[:8]))]
        assert pattern, question


def test_the_syllabus_of_six_weeks_has_every_notebook() -> None:
    six = PAGE[PAGE.index("### Six weeks") : PAGE.index("What each notebook is for")]
    each = PAGE[PAGE.index("What each notebook is for") : PAGE.index("## An evening's")]
    for path in (REPO / "notebooks").glob("*.ipynb"):
        number = path.name[:2]
        assert re.search(rf"\| .*\b{number} [a-z]", six), number
        assert re.search(rf"^\| {number} ", each, re.MULTILINE), number
