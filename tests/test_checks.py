"""Exercise checks: how a verdict reads, how hints come, what the diary gets."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_kit import diary
from orchestrator_kit.checks import Part, Verdict, book, check, exercises, hint, watch
from orchestrator_kit.errors import UnknownName, UsageError
from tests.answers.primitives import (
    Plan,
    by_library,
    goes_round_and_round,
    never_a_circle,
    only_itself,
    only_pairs,
    stumbles_over_unknown_needs,
)


def test_the_verdict_names_the_smallest_failing_plan() -> None:
    assert len(check("plan-1", only_pairs).tried.split(":")) == 4  # three subtasks in a ring
    assert len(check("plan-1", only_itself).tried.split(":")) == 3  # two


def test_a_self_loop_is_a_cycle() -> None:
    tried = check("plan-1", never_a_circle).tried
    name = tried.split("'")[1]
    assert tried == f"{{'{name}': ['{name}']}}"


def test_an_exception_is_shown_with_its_line_and_without_a_path() -> None:
    verdict = check("plan-1", stumbles_over_unknown_needs)
    assert "(for need in plan[name]:)" in verdict.says
    assert __file__ not in str(verdict)


def test_what_is_no_function_is_refused_in_words() -> None:
    def without_a_plan() -> list[str]:
        return []

    assert "without brackets" in str(check("plan-1", ["s1"]))
    assert "raised TypeError" in str(check("plan-1", without_a_plan))


def test_a_verdict_is_shown_as_text_in_a_notebook() -> None:
    def hostile(plan: Plan) -> str:
        return "<img src=x onerror=alert(1)>"

    html = check("plan-1", hostile)._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html


def test_a_verdict_offers_a_hint_and_does_not_give_it() -> None:
    text = str(check("plan-1", never_a_circle))
    assert 'hint("plan-1")' in text
    assert all(h not in text for h in exercises()["plan-1"].hints)


def test_hints_come_one_step_at_a_time() -> None:
    steps = [str(hint("plan-1", n)) for n in (1, 2, 3)]
    assert steps[0] == str(hint("plan-1"))
    assert "Hint 1 of 3" in steps[0]
    assert 'hint("plan-1", 2)' in steps[0]
    assert "last" in steps[2]
    with pytest.raises(UsageError, match="3 hints"):
        hint("plan-1", 4)


def test_a_misspelt_exercise_lists_those_there_are() -> None:
    with pytest.raises(UnknownName, match="plan-1"):
        check("plan-one", by_library)


def test_a_check_without_evidence_says_how_it_is_called() -> None:
    with pytest.raises(UsageError, match=r'check\("plan-1", find_cycle\)'):
        check("plan-1")


def test_a_check_leaves_tracing_as_it_was() -> None:
    before = sys.gettrace()
    check("plan-1", goes_round_and_round)
    assert sys.gettrace() is before


@pytest.fixture
def twice(monkeypatch: pytest.MonkeyPatch) -> None:
    exercises()  # entered in the book itself, not in the copy
    monkeypatch.setattr(book, "_BOOK", dict(book._BOOK))

    @book.exercise("twice-1", title="Twice", level=2, notebook="00", hints=("Add it to itself.",))
    def judge(double: object) -> Iterator[Part]:
        yield Part("a function", watch.not_a_function(double), needed=True)
        assert callable(double)
        for n in (21, -3):
            outcome = watch.watched(double, n)
            wrong = outcome.complaint or (None if outcome.value == 2 * n else "Not twice as much.")
            yield Part(f"twice {n}", wrong, repr(n))


@pytest.mark.usefixtures("twice")
def test_a_second_exercise_is_entered_in_a_few_lines() -> None:
    assert check("twice-1", lambda n: n + n)
    assert not check("twice-1", lambda n: n)
    assert "ZeroDivisionError" in str(check("twice-1", lambda n: n / 0))


@pytest.mark.usefixtures("twice")
def test_what_is_half_right_earns_half_the_points() -> None:
    verdict = check("twice-1", lambda n: abs(n) * 2)
    assert (verdict.earned, verdict.of, verdict.passed) == (1.0, 2, False)
    assert "✔ twice 21" in str(verdict)
    assert "✘ twice -3" in str(verdict)


@pytest.mark.usefixtures("twice")
def test_without_a_needed_part_nothing_is_earned() -> None:
    verdict = check("twice-1", 42)
    assert verdict.earned == 0
    assert len(verdict.parts) == 1


@pytest.mark.usefixtures("twice")
def test_an_object_that_raises_when_it_is_looked_at_is_a_complaint() -> None:
    class Hostile:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("hands off")

        __hash__ = None  # type: ignore[assignment]

    assert "hands off" in check("twice-1", lambda n: Hostile()).says


@pytest.mark.usefixtures("twice")
def test_an_async_function_runs_on_the_virtual_clock() -> None:
    async def slowly(n: int) -> int:
        await asyncio.sleep(3600)
        return n + n

    async def stuck(n: int) -> None:
        await asyncio.Event().wait()

    async def in_a_group(n: int) -> int:
        async with asyncio.TaskGroup() as group:
            group.create_task(slowly(n // 0))
        return n

    assert check("twice-1", slowly)
    assert watch.watched(slowly, 1).seconds == 3600
    assert "waits for something that never happens" in check("twice-1", stuck).says
    assert "ZeroDivisionError" in check("twice-1", in_a_group).says


def test_what_the_kit_does_for_a_learner_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def asks_the_kit(n: int) -> bool:
        return all(Part("asks") == Part("asks") for _k in range(n))

    monkeypatch.setattr(watch, "STEPS", 15_000)
    assert watch.watched(asks_the_kit, 500).complaint is None
    assert watch.watched(asks_the_kit, 5_000).complaint


def test_a_loop_of_one_instruction_comes_to_an_end() -> None:
    def forever(n: int) -> None:
        while True:
            pass

    assert "does not come to an end" in str(watch.watched(forever, 1).complaint)


@pytest.mark.usefixtures("twice")
def test_checks_and_hints_are_noted_in_the_diary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(diary.VARIABLE, str(tmp_path / "diary.jsonl"))
    check("twice-1", lambda n: abs(n) * 2)
    hint("twice-1")
    entries = [e for e in diary.read() if e.kind in ("check", "hint")]
    assert [e.data for e in entries] == [
        {"exercise": "twice-1", "earned": 1.0, "of": 2, "passed": False},
        {"exercise": "twice-1", "step": 1},
    ]


def test_under_nbgrader_the_text_of_a_verdict_is_its_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdict = Verdict("x-1", (Part("a"), Part("b", "No.")), 3)
    assert verdict._repr_mimebundle_()["text/plain"] == str(verdict)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert verdict._repr_mimebundle_()["text/plain"] == "1.5"


def test_a_verdict_says_what_was_right() -> None:
    verdict = Verdict("x-1", (Part("a function", needed=True), Part("all of it")), 1)
    assert str(verdict) == "x-1: passed, 1 of 1 point. Right: all of it."
