"""Predictions are noted before a run and held against it; the diary shows what was edited."""

from __future__ import annotations

import json
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit import diary, predict
from orchestrator_kit.errors import RecordError, UsageError
from orchestrator_kit.predictions import Prediction


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A diary of this test's own."""
    path = tmp_path / "study" / "diary.jsonl"
    monkeypatch.setenv(diary.VARIABLE, str(path))
    return path


def test_a_prediction_and_its_outcome_are_noted_in_their_order(kept: Path) -> None:
    predict("enough", 6, sure=0.7).against(7, "workers")
    first, second = diary.read()
    assert (first.kind, first.data) == (
        "prediction",
        {"question": "enough", "value": 6, "sure": 0.7},
    )
    assert (second.kind, second.data["measured"], second.data["right"]) == ("outcome", 7, False)
    assert first.sound
    assert second.sound


def test_without_a_diary_a_lesson_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(diary.VARIABLE, "off")
    assert "right" in str(predict("enough", 7).against(7))
    assert diary.read() == ()


def test_a_diary_that_cannot_be_written_stops_nobody(kept: Path) -> None:
    kept.parent.write_text("a file where a folder should be")
    assert not diary.note("prediction", {})
    assert predict("enough", 7).value == 7


@pytest.mark.parametrize(
    ("said", "measured", "words"),
    [
        (6, 7, "You said 6; the run says 7: 1 too low (14%). Look why."),
        (7, 7, "You said 7; the run says 7. That is right."),
        ("peer agents", "peer_agents", "That is right."),
        ("pipeline", "peer_agents", "Look why."),
        (3.0, 0, "3 too high. Look why."),
    ],
)
def test_the_outcome_says_how_far_off_it_was(
    said: float | str, measured: float | str, words: str
) -> None:
    assert words in str(Prediction("q", said).against(measured))


def test_one_of_a_unit_is_said_in_the_singular() -> None:
    said = str(Prediction("q", 6).against(7, "workers"))
    assert said == "You said 6; the run says 7 workers: 1 worker too low (14%). Look why."


def test_within_accepts_a_share_more_or_less() -> None:
    said = Prediction("q", 90.0)
    assert said.against(100.0, within=0.1).right
    assert not said.against(101.0, within=0.1).right


@given(st.floats(0, 1), st.booleans())
def test_who_is_surer_gains_more_by_being_right_and_loses_more_by_being_wrong(
    sure: float, right: bool
) -> None:
    score = Prediction("q", 1, sure).against(1 if right else 2).brier
    assert score == pytest.approx((1 - sure) ** 2 if right else sure**2)


@pytest.mark.parametrize("value", [None, [1], float("nan")])
def test_what_is_neither_number_nor_name_is_no_prediction(value: object) -> None:
    with pytest.raises(UsageError):
        predict("q", value)  # type: ignore[arg-type]


@pytest.mark.parametrize(("question", "sure"), [(" ", 0.5), ("q", 70), ("q", -0.1)])
def test_a_prediction_needs_a_question_and_a_share(question: str, sure: float) -> None:
    with pytest.raises(UsageError):
        predict(question, 1, sure=sure)


def test_names_are_shown_as_text() -> None:
    assert "<script>" not in Prediction("q", "<script>").against("x")._repr_html_()


@given(st.integers(0, 3), st.sampled_from(["edit", "swap", "drop"]))
def test_a_line_edited_swapped_or_dropped_shows(at: int, how: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "d.jsonl"
        for n in range(5):
            assert diary.note("outcome", {"n": n}, path)
        assert all(e.sound for e in diary.read(path))
        lines = path.read_text("utf-8").splitlines()
        if how == "edit":
            lines[at] = lines[at].replace(f'"n": {at}', '"n": 100')
        elif how == "swap":
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
        else:
            del lines[at]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        assert not all(e.sound for e in diary.read(path))


def test_a_half_written_line_costs_only_itself(kept: Path) -> None:
    diary.note("outcome", {"n": 1})
    with kept.open("a", encoding="utf-8") as file:
        file.write('{"at": "2026')
    diary.note("outcome", {"n": 2})
    assert [(e.kind, e.sound) for e in diary.read()] == [
        ("outcome", True),
        ("unreadable", False),
        ("outcome", True),
    ]


def _note_many(path: Path) -> None:
    for n in range(50):
        diary.note("outcome", {"n": n}, path)


def test_two_notebooks_may_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    writers = [get_context("spawn").Process(target=_note_many, args=(path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = diary.read(path)
    assert len(found) == 100
    assert all(e.sound for e in found)


def test_a_folder_is_no_diary(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot be read as a diary"):
        diary.read(tmp_path)


def test_a_diary_is_plain_lines_of_json(kept: Path) -> None:
    predict("größe", "ünsicher")
    assert json.loads(kept.read_text("utf-8"))["data"]["question"] == "größe"
