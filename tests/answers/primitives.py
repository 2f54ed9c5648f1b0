"""Answers to the exercises of 01_primitives."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from tests.answers import right, wrong

Plan = dict[str, list[str]]

# --- plan-1, right ---


@right("plan-1")
def by_library(plan: Plan) -> list[str]:
    try:
        TopologicalSorter(plan).prepare()
    except CycleError as e:
        return list(e.args[1])  # the first is said again at the end, and it runs backwards
    return []


@right("plan-1")
def by_recursion(plan: Plan) -> list[str]:
    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        for need in plan.get(name, []):
            if circle := walk(need, [*path, name]):
                return circle
        return []

    return next((circle for name in plan if (circle := walk(name, []))), [])


@right("plan-1")
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


# --- plan-1, plausible and wrong ---


@wrong("plan-1", "returned None")
def not_written(plan: Plan) -> None:
    """The stub of the exercise."""


@wrong("plan-1", "But in this plan a subtask waits")
def never_a_circle(plan: Plan) -> list[str]:
    return []


@wrong("plan-1", "nobody in this plan waits for itself")
def everybody(plan: Plan) -> list[str]:
    return list(plan)


@wrong("plan-1", "But in this plan a subtask waits")
def only_itself(plan: Plan) -> list[str]:
    return next(([name] for name, needs in plan.items() if name in needs), [])


@wrong("plan-1", "But in this plan a subtask waits")
def only_pairs(plan: Plan) -> list[str]:
    pairs = ([a, b] for a in plan for b in plan if a in plan.get(b, []) and b in plan[a])
    return next(pairs, [])


@wrong("plan-1", "does not need")
def met_before(plan: Plan) -> list[str]:
    """Takes meeting a subtask a second time, on any walk, for a circle."""
    seen: list[str] = []

    def walk(name: str) -> bool:
        if name in seen:
            return True
        seen.append(name)
        return any(walk(need) for need in plan.get(name, []))

    return seen if any(walk(name) for name in plan if name not in seen) else []


@wrong("plan-1", "does not need")
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


@wrong("plan-1", "raised KeyError")
def stumbles_over_unknown_needs(plan: Plan) -> list[str]:
    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        for need in plan[name]:
            if circle := walk(need, [*path, name]):
                return circle
        return []

    return next((circle for name in plan if (circle := walk(name, []))), [])


@wrong("plan-1", "But in this plan a subtask waits")
def first_need_only(plan: Plan) -> list[str]:
    """Follows only the first need of each subtask."""
    return by_recursion({name: needs[:1] for name, needs in plan.items()})


@wrong("plan-1", "does not come to an end")
def goes_round_and_round(plan: Plan) -> list[str]:
    for name in plan:
        while plan.get(name):
            name = plan[name][0]
    return []


@wrong("plan-1", "calls itself without an end")
def calls_itself(plan: Plan) -> list[str]:
    def walk(name: str) -> None:
        for need in plan.get(name, []):
            walk(need)

    for name in plan:
        walk(name)
    return []


@wrong("plan-1", "changed the plan")
def takes_the_plan_apart(plan: Plan) -> list[str]:
    found = by_recursion(plan)
    plan.clear()
    return found


@wrong("plan-1", "Expected a list of ids; the function returned False")
def yes_or_no(plan: Plan) -> bool:
    return bool(by_recursion(plan))


@wrong("plan-1", "<generator object one_by_one>")
def one_by_one(plan: Plan) -> Iterator[str]:
    yield from by_recursion(plan)


@wrong("plan-1", "is not the id of a subtask")
def strangers(plan: Plan) -> list[str]:
    return [name.upper() for name in by_recursion(plan)]


@wrong("plan-1", "named once")
def round_twice(plan: Plan) -> list[str]:
    return by_recursion(plan) * 2


@wrong("plan-1", "nobody in this plan waits for itself")
def a_constant(plan: Plan) -> list[str]:
    return ["s1", "s2"]
