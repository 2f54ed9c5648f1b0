"""A plan: subtasks and what each needs from others, as a directed acyclic graph.

Knows how to tell a sound plan from an unsound one, and which subtask is the most urgent.
Knows no model and no prompt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter


@dataclass(frozen=True, slots=True)
class Subtask:
    """One piece of work for one specialist.

    `sections` are the ids it is to read (none: all), `needs` the ids of the subtasks whose
    reports it builds on.
    """

    id: str
    specialist: str
    instruction: str
    sections: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Subtasks in the orchestrator's order, `why` in its words, and the call that made it.

    `workers` is how many it wants to work on them at a time; None: as many as may.
    """

    subtasks: tuple[Subtask, ...]
    why: str = ""
    call: int | None = None
    workers: int | None = None

    def __repr__(self) -> str:
        needs = sum(len(s.needs) for s in self.subtasks)
        return f"Plan({len(self.subtasks)} subtasks, {needs} dependencies)"


@dataclass(frozen=True, slots=True)
class Revision:
    """A change to a plan under way: subtasks to add, ids of waiting ones to drop, and why."""

    add: tuple[Subtask, ...] = ()
    drop: tuple[str, ...] = ()
    why: str = ""
    call: int | None = None


def complaints(
    plan: Plan, *, specialists: Collection[str], sections: Collection[str], limit: int
) -> list[str]:
    """What is wrong with a plan, a sentence each; an empty list is a sound plan."""
    found = unsound(plan)
    if len(plan.subtasks) > limit:
        found.append(f"the plan has {len(plan.subtasks)} subtasks; at most {limit} are allowed")
    for s in plan.subtasks:
        if s.specialist not in specialists:
            found.append(f"{s.id}: {s.specialist!r} is not on the roster")
        for section in s.sections:
            if section not in sections:
                found.append(f"{s.id}: there is no section {section!r}")
    return found + _overlaps(plan)


def unsound(plan: Plan) -> list[str]:
    """Why a plan could not be worked through by anybody, a sentence each."""
    found = []
    ids = Counter(s.id for s in plan.subtasks)
    if not ids:
        found.append("the plan is empty; it needs at least one subtask")
    if "" in ids:
        found.append("a subtask has an empty id")
    found += [
        f"the id {name!r} is used {n} times; each subtask needs its own"
        for name, n in ids.items()
        if n > 1
    ]
    found += [
        f"{s.id}: needs {need!r}, which is no subtask of the plan"
        for s in plan.subtasks
        for need in s.needs
        if need not in ids
    ]
    if cycle := _cycle(plan):
        found.append(f"these subtasks wait for each other in a circle: {' -> '.join(cycle)}")
    return found


def _overlaps(plan: Plan) -> list[str]:
    """Subtasks in which one specialist would do the same work twice.

    That is a section assigned to it twice, or, where no sections are named, one instruction.
    """
    found = []
    first: dict[tuple[str, str], str] = {}
    for s in plan.subtasks:
        works = s.sections or (" ".join(s.instruction.split()),)
        for work in works:
            other = first.setdefault((s.specialist, work), s.id)
            if other != s.id:
                found.append(f"{other} and {s.id} overlap: {s.specialist} has {work!r} in both")
                break
    return found


def _cycle(plan: Plan) -> list[str]:
    """The ids along a circle of needs, or an empty list."""
    try:
        TopologicalSorter({s.id: s.needs for s in plan.subtasks}).prepare()
    except CycleError as e:
        circle: list[str] = e.args[1]
        return circle
    return []


def followers(plan: Plan) -> dict[str, list[str]]:
    """For each subtask the ids of those that need it, in the plan's order."""
    found: dict[str, list[str]] = {s.id: [] for s in plan.subtasks}
    for s in plan.subtasks:
        for need in s.needs:
            found[need].append(s.id)
    return found


def urgency(plan: Plan, weights: Mapping[str, float] | None = None) -> dict[str, float]:
    """For each subtask the weight of the longest path from it to the end of the plan.

    `weights` says how long each is expected to take, in any unit; 1 where it is silent. Working
    on the largest first is the critical-path rule of list scheduling (Graham, 1969).
    """
    weights = weights or {}
    after = followers(plan)
    order = list(TopologicalSorter({s.id: s.needs for s in plan.subtasks}).static_order())
    longest: dict[str, float] = {}
    for name in reversed(order):
        ahead = max((longest[f] for f in after[name]), default=0.0)
        longest[name] = weights.get(name, 1.0) + ahead
    return longest
