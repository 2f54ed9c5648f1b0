"""What a diary comes to: the best of each exercise, the evidence, how sure and how often right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit import diary
from orchestrator_kit.diary import Entry
from orchestrator_kit.portfolio import Guess, Portfolio, gather


@dataclass(frozen=True)
class Drill:
    name: str
    level: int
    notebook: str = "01_plan"
    title: str = "A title"


KNOWN = {d.name: d for d in (Drill("plan-1", 1), Drill("plan-2", 3), Drill("fit-1", 2, "10_fit"))}


def told(*rows: tuple[str, dict[str, Any]]) -> Portfolio:
    """The portfolio of entries, a minute apart."""
    entries = [
        Entry(f"2026-11-26T10:{n:02}:00+00:00", kind, data) for n, (kind, data) in enumerate(rows)
    ]
    return gather(entries, KNOWN)


def checked(earned: float, *, passed: bool, exercise: str = "plan-2") -> tuple[str, dict[str, Any]]:
    return "check", {"exercise": exercise, "earned": earned, "of": 3, "passed": passed}


def test_of_an_exercise_the_best_attempt_counts_and_all_are_counted() -> None:
    found = told(
        checked(1.5, passed=False),
        ("hint", {"exercise": "plan-2", "step": 1}),
        checked(3, passed=True),
        checked(0, passed=False),
    )
    work = next(w for w in found.works if w.name == "plan-2")
    assert (work.earned, work.of, work.passed) == (3, 3, True)
    assert (work.attempts, work.failed, work.hints) == (3, 2, 1)
    assert (work.first[11:16], work.last[11:16]) == ("10:00", "10:03")
    assert (found.passed, found.earned, found.of) == (1, 3, 1 + 3 + 2)


def test_exercises_stand_in_the_order_of_the_kit_and_the_first_unsolved_is_next() -> None:
    found = told(checked(1, passed=True, exercise="plan-1"), checked(1, passed=True, exercise="x"))
    assert [w.name for w in found.works] == ["plan-1", "plan-2", "fit-1", "x"]
    assert found.next
    assert found.next.name == "plan-2"


def test_an_exercise_that_the_kit_does_not_know_is_shown_and_never_next() -> None:
    found = gather([Entry("2026", *checked(1, passed=False, exercise="x"))], {})
    assert [w.notebook for w in found.works] == [""]
    assert found.next is None


def test_a_question_has_what_is_behind_its_last_answer() -> None:
    found = told(
        ("prediction", {"question": "scale", "value": 6, "sure": 0.5}),
        ("answer", {"question": "scale", "text": "a", "points": {"a": "not found"}}),
        ("evidence", {"question": "scale", "figure": "latency", "cited": 1, "stands": False}),
        ("evidence", {"question": "scale", "figure": "latency", "cited": 2, "stands": True}),
        ("evidence", {"question": "scale", "figure": "tokens", "cited": 2, "stands": False}),
        ("answer", {"question": "scale", "text": "b", "points": {"a": "mentioned"}}),
        ("rating", {"question": "scale", "points": {"a": 1, "b": 0.5}}),
    )
    (question,) = found.questions
    assert (question.answers, question.predicted, question.points) == (2, True, {"a": "mentioned"})
    assert (question.stands, question.cited, question.rating) == (1, 2, 0.75)


def test_a_prediction_after_the_answer_was_not_made_before_it() -> None:
    found = told(
        ("answer", {"question": "scale", "text": "a", "points": {"a": "mentioned"}}),
        ("prediction", {"question": "scale", "value": 6, "sure": 0.5}),
        ("answer", {"question": "scale, looking back", "text": "a", "points": {}}),
    )
    assert [q.predicted for q in found.questions] == [False]


def test_the_prediction_that_stood_before_the_first_measurement_counts_and_no_later_one() -> None:
    found = told(
        ("prediction", {"question": "q", "value": 5, "sure": 0.2}),
        ("prediction", {"question": "q", "value": 6, "sure": 0.8}),
        ("outcome", {"question": "q", "measured": 7, "unit": "", "right": False}),
        ("prediction", {"question": "q", "value": 7, "sure": 1.0}),
        ("outcome", {"question": "q", "measured": 7, "unit": "", "right": True}),
        ("prediction", {"question": "open", "value": 1, "sure": 0.9}),
    )
    assert found.guesses == (Guess("q", 6, 0.8, False), Guess("open", 1, 0.9, None))
    assert found.brier == pytest.approx(0.64)
    assert (found.right, found.sure) == (0.0, 0.8)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_calibration_is_the_predictions_again_in_steps(said: list[tuple[float, bool]]) -> None:
    rows: list[tuple[str, dict[str, Any]]] = []
    for n, (sure, right) in enumerate(said):
        rows.append(("prediction", {"question": f"{n}", "value": 1, "sure": sure}))
        rows.append(("outcome", {"question": f"{n}", "right": right}))
    found = gather([Entry("2026", *row) for row in rows], {})
    steps = found.calibration()
    assert sum(s.count for s in steps) == len(said)
    assert sum(s.count * s.right for s in steps) == pytest.approx(sum(r for _, r in said))
    assert sum(s.count * s.sure for s in steps) == pytest.approx(sum(s for s, _ in said))
    assert all(s.low - 1e-9 <= s.sure <= s.high + 1e-9 for s in steps)
    assert found.brier == pytest.approx(sum((s - r) ** 2 for s, r in said) / len(said))


def test_of_the_checklist_the_last_look_counts_and_the_least_sure_comes_first() -> None:
    found = told(
        ("review", {"item": "a", "sure": 0.1}),
        ("review", {"item": "b", "sure": 0.6}),
        ("review", {"item": "c", "sure": 0.3}),
        ("review", {"item": "a", "sure": 0.9}),
    )
    assert found.revisit() == ("c", "b")
    assert found.revisit(below=0.5) == ("c",)


def test_what_was_edited_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    for kind, data in (checked(0, passed=False), checked(0, passed=False, exercise="fit-1")):
        diary.note(kind, data, path)
    path.write_text(path.read_text("utf-8").replace("false", "true", 1), "utf-8")
    found = gather(diary.read(path), KNOWN)
    assert (found.unsound, found.entries, found.passed) == (1, 3, 0)
    assert [w.attempts for w in found.works] == [0, 0, 1]


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_fields = "exercise earned of passed question value sure right points stands figure item text id"


@given(
    st.lists(
        st.tuples(
            st.sampled_from("begin prediction outcome check hint answer evidence rating".split()),
            st.dictionaries(
                st.sampled_from(_fields.split()),
                _anything | st.sampled_from(["q", "plan-1", 10**400]),
            ),
        ),
        max_size=8,
    )
)
def test_a_diary_of_whatever_form_is_read_to_its_end(
    rows: list[tuple[str, dict[str, Any]]],
) -> None:
    found = gather([Entry("2026", *row) for row in rows], KNOWN)
    assert found.entries == len(rows)
    assert found.brier is None or 0 <= found.brier <= 1
    assert 0 <= found.stands <= found.cited
    assert 0 <= found.earned <= found.of
    assert found.calibration() is not None
