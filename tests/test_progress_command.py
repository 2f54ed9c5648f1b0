"""`okit progress`: what is done, what is next, and a copy to hand in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator_kit import diary, predict
from orchestrator_kit.cli import study
from tests import test_cli
from tests.test_cli import Okit

okit = test_cli.okit


@dataclass(frozen=True)
class Drill:
    name: str
    level: int
    notebook: str
    title: str


KNOWN = {
    d.name: d
    for d in (
        Drill("plan-1", 1, "01_plan_check", "A plan that waits for itself"),
        Drill("plan-2", 3, "01_plan_check", "An order to work in"),
        Drill("fit-1", 2, "10_fit", "Fit a law"),
    )
}


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A diary of this test's own, messages in English, and a kit with three exercises."""
    path = tmp_path / "study" / "diary.jsonl"
    monkeypatch.setenv(diary.VARIABLE, str(path))
    monkeypatch.setenv("OKIT_LANG", "en")
    monkeypatch.setattr(study, "known", lambda: KNOWN)
    return path


def work() -> None:
    predict("finds-most", "pipeline", sure=0.8).against("peer_agents")
    predict("enough", 4, sure=0.6).against(4)
    for earned in (0.5, 1):
        diary.note(
            "check", {"exercise": "plan-1", "earned": earned, "of": 1, "passed": earned == 1}
        )
    diary.note("hint", {"exercise": "plan-1", "step": 1})
    diary.note(
        "answer", {"question": "scale", "text": "x", "points": {"a": "mentioned", "b": "no"}}
    )
    diary.note("evidence", {"question": "scale", "figure": "f", "cited": 1, "stands": True})
    diary.note("rating", {"question": "scale", "points": {"a": 1, "b": 0.5}})
    diary.note("review", {"item": "compare with a pipeline", "sure": 0.2})


def test_without_a_diary_one_line_says_how_to_begin(okit: Okit, kept: Path) -> None:
    done = okit("progress")
    (line,) = done.out.splitlines()
    assert "okit lab" in line
    assert str(kept) in line
    assert (done.code, done.err) == (0, "")
    assert not kept.exists()


def test_what_is_done_is_shown_by_notebook_with_what_is_next(okit: Okit, kept: Path) -> None:
    work()
    done = okit("progress")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert str(kept) in lines[0]
    rows = [line.split() for line in lines]
    assert lines.index("01_plan_check") < lines.index("10_fit")
    today = diary.read()[0].at[:10]
    assert [
        *("plan-1", "*", "1/1", "passed", "2", "1", today),
        *"A plan that waits for itself".split(),
    ] in rows
    assert ["plan-2", "***", "0/3", "-", "0", "0", "-", "An", "order", "to", "work", "in"] in rows
    assert ["scale", "1", "no", "1/1", "1/2", "0", "75%"] in rows
    assert "Exercises: 1 of 3 passed, 1 of 6 points" in done.out
    assert "2 predictions were held against a run: 50% right, 70% sure on average." in done.out
    assert "Brier score 0.40" in done.out  # (0.64 + 0.16) / 2
    assert "compare with a pipeline (20%)" in done.out
    assert "Next: plan-2, An order to work in, in exercises/01_plan_check.ipynb" in done.out


def test_progress_as_json_is_what_the_screen_says(okit: Okit, tmp_path: Path) -> None:
    work()
    okit("progress", "--json", "p.json")
    found = json.loads((tmp_path / "p.json").read_text("utf-8"))
    assert (found["schema"], found["passed"], found["earned"], found["of"]) == (1, 1, 1, 6)
    assert found["predictions"]["brier"] == pytest.approx(0.4)
    assert found["next"] == "plan-2"
    assert found["revisit"] == ["compare with a pipeline"]
    assert found["questions"][0]["points"] == {"a": "mentioned", "b": "no"}
    assert [w["name"] for w in found["works"]] == list(KNOWN)


def test_another_diary_can_be_looked_at(okit: Okit, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    diary.note("check", {"exercise": "fit-1", "earned": 2, "of": 2, "passed": True}, other)
    assert "2/2" in okit("progress", "--diary", other).out
    assert "no such file" in okit("progress", "--diary", "missing.jsonl").complaint


def test_a_line_changed_by_hand_is_said_and_left_out(okit: Okit, kept: Path) -> None:
    work()
    kept.write_text(kept.read_text("utf-8").replace('"earned": 0.5', '"earned": 1.0'), "utf-8")
    done = okit("progress")
    assert "1 line of it was changed by hand" in done.err
    assert ["plan-1", "*", "1/1", "passed", "1"] in [r.split()[:5] for r in done.out.splitlines()]


def test_a_diary_turned_off_is_said(okit: Okit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(diary.VARIABLE, "off")
    for words in (["progress"], ["progress", "hand-in", "ada"]):
        assert "OKIT_DIARY=off" in okit(*words).complaint


def test_what_a_text_says_to_a_terminal_does_not_reach_it(okit: Okit) -> None:
    diary.note("check", {"exercise": "\x1b[2J", "earned": 0, "of": 1, "passed": False})
    diary.note("review", {"item": "[red]\x1b[31m", "sure": 0})
    done = okit("progress")
    assert "\x1b" not in done.out
    assert "[red]" in done.out


def test_a_diary_is_handed_in_as_it_is_and_the_help_says_that_nothing_is_sent(
    okit: Okit, kept: Path, tmp_path: Path
) -> None:
    work()
    done = okit("progress", "hand-in", "ada")
    copy = tmp_path / "ada.jsonl"
    assert copy.read_bytes() == kept.read_bytes()
    assert f"Copied: ada.jsonl ({len(diary.read())} lines). Nothing was sent" in done.out
    for words in (["progress", "--help"], ["progress", "hand-in", "--help"]):
        assert "Nothing is sent anywhere" in okit(*words).out


def test_an_earlier_copy_is_brought_up_to_date_and_no_other_file_is_written_over(
    okit: Okit, kept: Path, tmp_path: Path
) -> None:
    work()
    okit("progress", "hand-in", "ada.jsonl")
    work()
    assert "Brought up to date: ada.jsonl" in okit("progress", "hand-in", "ada.jsonl").out
    assert (tmp_path / "ada.jsonl").read_bytes() == kept.read_bytes()
    other = tmp_path / "ben.jsonl"
    diary.note("hint", {"exercise": "plan-1", "step": 1}, other)
    before = other.read_bytes()
    assert "is no earlier copy of this diary" in okit("progress", "hand-in", "ben.jsonl").complaint
    assert other.read_bytes() == before


def test_into_a_folder_the_copy_is_called_diary(okit: Okit, kept: Path, tmp_path: Path) -> None:
    work()
    (tmp_path / "ada").mkdir()
    okit("progress", "hand-in", "ada")
    assert (tmp_path / "ada" / "diary.jsonl").read_bytes() == kept.read_bytes()


def test_mistakes_at_handing_in_end_in_one_line(okit: Okit, kept: Path) -> None:
    assert "no diary" in okit("progress", "hand-in", "ada").complaint
    work()
    assert "ends in .jsonl" in okit("progress", "hand-in", "ada.txt").complaint
    assert "the diary itself" in okit("progress", "hand-in", kept).complaint
    assert "after the word" in okit("progress", "--json", "x", "hand-in", "ada").complaint
