"""Predictions are noted before a run and held against it; the diary shows what was edited."""

from __future__ import annotations

import json
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orchestrator_kit
from orchestrator_kit import diary, predict
from orchestrator_kit.errors import RecordError, UsageError
from orchestrator_kit.predictions import Prediction

OLD = """\
{"at": "2026-11-26T11:09:25+00:00", "data": {"n": 0}, "kind": "outcome", "seal": "4151e7291f66d216"}
{"at": "2026-11-26T11:09:25+00:00", "data": {"n": 1, "q": "größe"}, "kind": "outcome", \
"seal": "cb1fa9df6d7a64e8"}
"""  # written before diaries had a begin line


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A diary of this test's own."""
    path = tmp_path / "study" / "diary.jsonl"
    monkeypatch.setenv(diary.VARIABLE, str(path))
    return path


def test_a_prediction_and_its_outcome_are_noted_in_their_order(kept: Path) -> None:
    predict("enough", 6, sure=0.7).against(7, "workers")
    begin, first, second = diary.read()
    assert (begin.kind, begin.data["kit"]) == ("begin", orchestrator_kit.__version__)
    assert (first.kind, first.data) == (
        "prediction",
        {"question": "enough", "value": 6, "sure": 0.7},
    )
    assert (second.kind, second.data["measured"], second.data["right"]) == ("outcome", 7, False)
    assert all(entry.sound for entry in (begin, first, second))


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


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines of a diary of several kinds of entries, each with its end."""
    path = tmp_path_factory.mktemp("diaries") / "d.jsonl"
    for n in range(5):
        assert diary.note("outcome", {"n": n, "said": "größer, so \N{LINE SEPARATOR}half"}, path)
    assert all(e.sound for e in diary.read(path))
    return [f"{line}\n" for line in path.read_text("utf-8").split("\n")[:-1]]


def sound(text: str) -> bool:
    return all(e.sound for e in diary.entries(text.encode()))


@given(st.data())
def test_any_one_letter_changed_shows(written: list[str], data: st.DataObject) -> None:
    text = "".join(written)
    assert sound(text)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != text[at]))
    assert not sound(text[:at] + other + text[at + 1 :])


@given(st.data(), st.sampled_from(["drop", "swap", "repeat", "move"]))
def test_a_line_dropped_swapped_repeated_or_moved_shows(
    written: list[str], data: st.DataObject, how: str
) -> None:
    lines = list(written)
    at = data.draw(st.integers(0, len(lines) - 2))
    if how == "drop":
        del lines[at]
    elif how == "swap":
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    elif how == "repeat":
        lines.insert(data.draw(st.integers(at, len(lines))), lines[at])
    else:
        others = [n for n in range(len(lines)) if n != at]
        lines.insert(data.draw(st.sampled_from(others)), lines.pop(at))
    assert not sound("".join(lines))


def test_a_diary_whose_lines_end_as_on_windows_is_sound(written: list[str]) -> None:
    assert sound("\N{BYTE ORDER MARK}" + "".join(written).replace("\n", "\r\n"))


def test_marks_that_end_a_line_in_texts_end_none_in_a_diary(kept: Path) -> None:
    said = "one\N{LINE SEPARATOR}two\x85three\x0b"
    diary.note("answer", {"text": said})
    diary.note("outcome", {})
    _, answer, outcome = diary.read()
    assert (answer.data["text"], answer.sound, outcome.sound) == (said, True, True)


def test_a_diary_without_a_begin_line_goes_on_being_read_and_written(kept: Path) -> None:
    kept.parent.mkdir()
    kept.write_text(OLD, "utf-8")
    diary.note("outcome", {"n": 2})
    found = diary.read()
    assert [(e.kind, e.sound) for e in found] == 3 * [("outcome", True)]


def test_two_new_diaries_have_no_line_in_common(tmp_path: Path) -> None:
    seals = []
    for name in ("ada", "ben"):
        for n in range(3):
            diary.note("outcome", {"n": n}, tmp_path / name)
        seals.append({e.seal for e in diary.read(tmp_path / name)})
    assert len(seals[0] | seals[1]) == 8


class Counting(BytesIO):
    """A file that knows how much of it was read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


@pytest.mark.parametrize("longest", [10, 200_000])
def test_of_a_long_diary_only_the_end_is_read_before_a_line_is_added(
    kept: Path, longest: int
) -> None:
    assert diary.note("answer", {"text": "x" * 2_000_000})
    assert diary.note("answer", {"text": "y" * longest})
    file = Counting(kept.read_bytes())
    assert diary._end(file) == (diary.read()[-1].seal, False)
    assert 0 < file.count < longest + 2 * diary._BLOCK


def test_an_editor_that_takes_the_last_line_end_away_costs_nothing(kept: Path) -> None:
    diary.note("outcome", {"n": 1})
    kept.write_bytes(kept.read_bytes().rstrip(b"\n"))
    diary.note("outcome", {"n": 2})
    assert [(e.kind, e.sound) for e in diary.read()][1:] == 2 * [("outcome", True)]


def test_numbers_of_numpy_are_noted_as_numbers(kept: Path) -> None:
    numpy = pytest.importorskip("numpy")
    assert predict("q", 3.0).against(numpy.float64(3.0)).right
    assert diary.read()[-1].data["right"] is True


def test_a_half_written_line_costs_only_itself(kept: Path) -> None:
    diary.note("outcome", {"n": 1})
    with kept.open("a", encoding="utf-8") as file:
        file.write('{"at": "2026')
    diary.note("outcome", {"n": 2})
    assert [(e.kind, e.sound) for e in diary.read()] == [
        ("begin", True),
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
    assert [e.kind for e in found] == ["begin"] + 100 * ["outcome"]
    assert all(e.sound for e in found)


def test_a_folder_is_no_diary(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot be read as a diary"):
        diary.read(tmp_path)


def test_a_diary_is_plain_lines_of_json(kept: Path) -> None:
    predict("größe", "ünsicher")
    _, line = kept.read_text("utf-8").splitlines()
    assert json.loads(line)["data"]["question"] == "größe"
