"""The exercises' checks: right work in any style passes, wrong work is told why."""

from __future__ import annotations

import inspect
from collections import Counter
from typing import Any

import pytest

from orchestrator_kit.checks import check, exercises, hint
from tests.answers import Given, every

ALL = every()
RIGHT = [given for given in ALL if given.says is None]
NAMES = list(exercises())


@pytest.mark.parametrize("given", RIGHT, ids=str)
def test_right_answers_written_differently_pass(given: Given) -> None:
    verdict = check(given.exercise, *given.evidence)
    assert verdict, str(verdict)
    assert verdict.earned == verdict.of


@pytest.mark.parametrize("name", NAMES)
def test_wrong_answers_are_told_why_each_with_the_message_that_fits(name: str) -> None:
    wrong = [given for given in ALL if given.exercise == name and given.says is not None]
    told = set()
    for given in wrong:
        verdict = check(name, *given.evidence)
        assert not verdict, given
        assert verdict.earned < verdict.of, given
        assert str(given.says) in verdict.says, (given, verdict.says)
        told.add(verdict.says)
    assert len(wrong) >= 2
    assert len(told) >= 2
    assert any(given.exercise == name for given in RIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_and_a_constant_earn_nothing(name: str) -> None:
    """Stubs, whatever the check hands them."""
    arguments = len(inspect.signature(exercises()[name].judge).parameters)
    constants: tuple[Any, ...] = (None, 0, 1, True, "", "s1", [], ["s1"], {}, (0, 0))
    for constant in constants:
        assert check(name, *[lambda *a, _c=constant, **k: _c] * arguments).earned == 0
        assert check(name, *[constant] * arguments).earned == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_same_work_gets_the_same_verdict(name: str) -> None:
    for given in [g for g in ALL if g.exercise == name][:3]:
        assert check(name, *given.evidence) == check(name, *given.evidence)


@pytest.mark.parametrize("name", NAMES)
def test_hints_come_in_steps_from_faint_to_plain(name: str) -> None:
    hints = exercises()[name].hints
    assert len(hints) >= 2
    assert len(set(hints)) == len(hints)
    assert str(hint(name)) == str(hint(name, 1))


def test_there_are_enough_of_every_level() -> None:
    levels = Counter(e.level for e in exercises().values())
    assert set(levels) == {1, 2, 3}
    assert sum(levels.values()) >= 16
    assert min(levels.values()) >= 4
