"""Exercise checks: right work in any style passes, wrong work is told why."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from orchestrator_kit import checks
from orchestrator_kit.checks import Plan, check, hint
from orchestrator_kit.errors import UnknownName, UsageError

FindCycle = Callable[[Plan], object]

# --- right, in different styles ---


def by_library(plan: Plan) -> list[str]:
    try:
        TopologicalSorter(plan).prepare()
    except CycleError as e:
        return list(e.args[1])  # the first is said again at the end, and it runs backwards
    return []


def by_recursion(plan: Plan) -> list[str]:
    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        for need in plan.get(name, []):
            if circle := walk(need, [*path, name]):
                return circle
        return []

    return next((circle for name in plan if (circle := walk(name, []))), [])


def by_taking_away(plan: Plan) -> tuple[str, ...]:
    """Takes away what can start, then follows what is left until it comes round."""
    left = {name: [n for n in needs if n in plan] for name, needs in plan.items()}
    while free := [name for name, needs in left.items() if not needs]:
        left = {
            name: [n for n in needs if n not in free]
            for name, needs in left.items()
            if name not in free
        }
    if not left:
        return ()
    walk = [next(iter(left))]
    while walk.count(walk[-1]) == 1:
        walk.append(left[walk[-1]][0])
    return tuple(walk[walk.index(walk[-1]) : -1])


@pytest.mark.parametrize("right", [by_library, by_recursion, by_taking_away])
def test_right_answers_written_differently_pass(right: FindCycle) -> None:
    verdict = check("plan-1", right)
    assert verdict
    assert "Right on" in str(verdict)


# --- plausible and wrong ---


def not_written(plan: Plan) -> None:
    """The stub of the exercise."""


def never_a_circle(plan: Plan) -> list[str]:
    return []


def everybody(plan: Plan) -> list[str]:
    return list(plan)


def only_itself(plan: Plan) -> list[str]:
    return next(([name] for name, needs in plan.items() if name in needs), [])


def only_pairs(plan: Plan) -> list[str]:
    pairs = ([a, b] for a in plan for b in plan if a in plan.get(b, []) and b in plan[a])
    return next(pairs, [])


def met_before(plan: Plan) -> list[str]:
    """Takes meeting a subtask a second time, on any walk, for a circle."""
    seen: list[str] = []

    def walk(name: str) -> bool:
        if name in seen:
            return True
        seen.append(name)
        return any(walk(need) for need in plan.get(name, []))

    return seen if any(walk(name) for name in plan if name not in seen) else []


def with_the_way_there(plan: Plan) -> list[str]:
    """Returns the whole walk, also what only leads to the circle."""

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path
        for need in plan.get(name, []):
            if circle := walk(need, [*path, name]):
                return circle
        return []

    return next((circle for name in plan if (circle := walk(name, []))), [])


def stumbles_over_unknown_needs(plan: Plan) -> list[str]:
    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        for need in plan[name]:
            if circle := walk(need, [*path, name]):
                return circle
        return []

    return next((circle for name in plan if (circle := walk(name, []))), [])


def first_need_only(plan: Plan) -> list[str]:
    """Follows only the first need of each subtask."""
    return by_recursion({name: needs[:1] for name, needs in plan.items()})


def goes_round_and_round(plan: Plan) -> list[str]:
    for name in plan:
        while plan.get(name):
            name = plan[name][0]
    return []


def calls_itself(plan: Plan) -> list[str]:
    def walk(name: str) -> None:
        for need in plan.get(name, []):
            walk(need)

    for name in plan:
        walk(name)
    return []


def takes_the_plan_apart(plan: Plan) -> list[str]:
    found = by_recursion(plan)
    plan.clear()
    return found


def yes_or_no(plan: Plan) -> bool:
    return bool(by_recursion(plan))


def one_by_one(plan: Plan) -> Iterator[str]:
    yield from by_recursion(plan)


def strangers(plan: Plan) -> list[str]:
    return [name.upper() for name in by_recursion(plan)]


def round_twice(plan: Plan) -> list[str]:
    return by_recursion(plan) * 2


def a_constant(plan: Plan) -> list[str]:
    return ["s1", "s2"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (not_written, "returned None"),
        (never_a_circle, "But in this plan a subtask waits"),
        (everybody, "nobody in this plan waits for itself"),
        (only_itself, "But in this plan a subtask waits"),
        (only_pairs, "But in this plan a subtask waits"),
        (met_before, "nobody in this plan waits for itself"),
        (with_the_way_there, "does not need"),
        (stumbles_over_unknown_needs, "raised KeyError"),
        (first_need_only, "But in this plan a subtask waits"),
        (goes_round_and_round, "does not come to an end"),
        (calls_itself, "calls itself without an end"),
        (takes_the_plan_apart, "changed the plan"),
        (yes_or_no, "Expected a list of ids; the function returned False"),
        (one_by_one, "<generator object one_by_one>"),
        (strangers, "is not the id of a subtask"),
        (round_twice, "named once"),
        (a_constant, "nobody in this plan waits for itself"),
    ],
)
def test_wrong_answers_are_told_why(wrong: FindCycle, says: str) -> None:
    verdict = check("plan-1", wrong)
    assert not verdict
    assert says in verdict.says
    assert verdict.tried


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


def test_the_same_work_gets_the_same_verdict() -> None:
    assert check("plan-1", only_pairs) == check("plan-1", only_pairs)


def test_a_verdict_is_shown_as_text_in_a_notebook() -> None:
    def hostile(plan: Plan) -> str:
        return "<img src=x onerror=alert(1)>"

    html = check("plan-1", hostile)._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html


def test_a_verdict_offers_a_hint_and_does_not_give_it() -> None:
    text = str(check("plan-1", never_a_circle))
    assert 'hint("plan-1")' in text
    assert all(h not in text for h in checks.EXERCISES["plan-1"].hints)


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


def test_a_second_exercise_is_entered_in_a_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "EXERCISES", dict(checks.EXERCISES))

    @checks.exercise("twice-1", "Add it to itself.")
    def judge(double: Callable[[int], int]) -> checks.Verdict:
        outcome = checks.watched(double, 21)
        passed = outcome.value == 42
        return checks.Verdict("twice-1", passed, outcome.complaint or "Compared on 21.")

    assert check("twice-1", lambda n: n + n)
    assert not check("twice-1", lambda n: n)
    assert "ZeroDivisionError" in str(check("twice-1", lambda n: n / 0))
