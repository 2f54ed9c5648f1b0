"""The judge of the exercise on plans, and the plans that it and the dispatcher's are tried on."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from graphlib import CycleError, TopologicalSorter
from random import Random
from typing import Any

from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import stream
from orchestrator_kit.checks.verdict import Part, first_fault
from orchestrator_kit.checks.watch import no_list, not_a_function, quoted, watched

Plan = dict[str, list[str]]


@exercise(
    "plan-1",
    title=N_("Find a circle in a plan"),
    level=2,
    notebook="01_primitives",
    hints=(
        N_(
            "Walk along the needs, as a worker would who asks: what do I wait for, and what does "
            "that wait for? When does such a walk tell you that nobody on it can ever start?"
        ),
        N_(
            "Start a walk at every subtask, and remember the walk itself, in order, not only which "
            "subtasks were seen: two walks may meet in one subtask without any harm."
        ),
        N_(
            "When the next step leads to a subtask that is already on the walk, only the part of "
            "the walk from that subtask on is a circle; what came before merely leads there."
        ),
    ),
)
def plan_1(find_cycle: object) -> Iterator[Part]:
    """A function that finds a circle of needs in a plan, or says that there is none."""
    yield Part(_("a function"), not_a_function(find_cycle), needed=True)
    assert callable(find_cycle)
    plans = sorted(_plans(stream("plan-1")), key=size)  # so that the first fault is easy to see
    small = [plan for plan in plans if len(plan) <= 3]
    large = [plan for plan in plans if len(plan) > 3]
    asks = _("{n} plans of up to three subtasks, {circles} of them with a circle")
    yield _part(asks, find_cycle, small)
    asks = _("{n} larger plans, {circles} of them with a circle")
    yield _part(asks, find_cycle, large)


def _part(asks: str, find_cycle: Callable[..., Any], plans: Sequence[Plan]) -> Part:
    asks = asks.format(n=len(plans), circles=sum(map(_waits_for_itself, plans)))
    return first_fault(asks, plans, partial(_fault_in_cycle, find_cycle), repr)


def _fault_in_cycle(find_cycle: Callable[..., Any], plan: Plan) -> str | None:
    """What is wrong with what a function says about a plan; None if it is right."""
    given = copy.deepcopy(plan)
    outcome = watched(find_cycle, given)
    if outcome.complaint:
        return outcome.complaint
    if given != plan:
        return _(
            "The function changed the plan that it was given, to {changed}. Only read it."
        ).format(changed=quoted(given))
    found = outcome.value
    if found is None:
        return no_list()
    if not isinstance(found, list | tuple):
        return _("Expected a list of ids; the function returned {found}.").format(
            found=quoted(found)
        )
    cyclic = _waits_for_itself(plan)
    if not found:
        return (
            _(
                "The function returned an empty list: no circle. But in this plan a subtask waits, "
                "directly or by way of others, for itself, and could never start."
            )
            if cyclic
            else None
        )
    return _fault_in_circle(list(found), plan, cyclic)


def _fault_in_circle(found: list[Any], plan: Plan, cyclic: bool) -> str | None:
    """What is wrong with a circle that a function claims to have found."""
    if not cyclic:
        return _(
            "The function returned {found}. But nobody in this plan waits for itself: there is an "
            "order in which all its subtasks can start, so an empty list is expected. (Needs that "
            "are no subtasks of the plan cannot close a circle.)"
        ).format(found=quoted(found))
    if len(found) > 1 and found[0] == found[-1]:
        found = found[:-1]  # the first said again at the end, to close the circle
    for name in found:
        if not isinstance(name, str) or name not in plan:
            return _(
                "The function returned {found}. {name} is not the id of a subtask of this plan."
            ).format(found=quoted(found), name=quoted(name))
    if len(set(found)) < len(found):
        return _(
            "The function returned {found}. Each subtask of a circle is named once; here one "
            "comes several times."
        ).format(found=quoted(found))
    steps = list(zip(found, [*found[1:], found[0]], strict=True))
    if all(b in plan[a] for a, b in steps) or all(a in plan[b] for a, b in steps):
        return None  # either way round is a fair reading
    a, b = next((a, b) for a, b in steps if b not in plan[a])
    return _(
        "The function returned {found}. Expected ids of which each needs the next, and the last "
        "the first; but {one} does not need {other}, so this is not a circle."
    ).format(found=quoted(found), one=quoted(a), other=quoted(b))


def _waits_for_itself(plan: Mapping[str, Sequence[str]]) -> bool:
    try:
        TopologicalSorter(plan).prepare()
    except CycleError:
        return True
    return False


def _plans(rng: Random) -> Iterator[Plan]:
    """Plans with and without circles: every shape of up to three subtasks, and larger ones."""
    for n in range(4):
        pairs = [(a, b) for a in range(n) for b in range(n)]
        for kept in itertools.product((False, True), repeat=len(pairs)):
            yield drawn(rng, n, [pair for pair, keep in zip(pairs, kept, strict=True) if keep])
    for _k in range(120):  # acyclic: needs go one way only; some are diamonds, some fall apart
        n = rng.randint(4, 9)
        ordered = [(b, a) for a, b in itertools.combinations(range(n), 2)]
        needs = rng.sample(ordered, rng.randint(2, min(len(ordered), 2 * n)))
        yield drawn(rng, n, needs, stray=rng.random() < 0.3)
        length = rng.randint(1, n)  # the same, with one circle closed through some of them
        ring = rng.sample(range(n), length)
        closed = [(ring[i], ring[(i + 1) % length]) for i in range(length)]
        yield drawn(rng, n, list(dict.fromkeys(needs + closed)), stray=rng.random() < 0.3)
    for n in (1, 2, 4):  # needs that are no subtasks
        yield drawn(rng, n, [], stray=True)
    yield drawn(rng, 60, [(i, i + 1) for i in range(59)])  # a long chain
    yield drawn(rng, 60, [(i, (i + 1) % 60) for i in range(60)])  # a long circle


def drawn(rng: Random, n: int, needs: Sequence[tuple[int, int]], *, stray: bool = False) -> Plan:
    """A plan of n subtasks under random ids, in random order."""
    ids = [f"s{k}" for k in rng.sample(range(1, 10 if n < 9 else 100), n)]
    plan: Plan = {ids[k]: [] for k in rng.sample(range(n), n)}
    for a, b in rng.sample(needs, len(needs)):
        plan[ids[a]].append(ids[b])
    if stray:
        rng.choice(list(plan.values())).append("s0")
    return plan


def size(plan: Plan) -> tuple[int, int]:
    """How large a plan is: its subtasks, and their needs."""
    return len(plan), sum(map(len, plan.values()))
