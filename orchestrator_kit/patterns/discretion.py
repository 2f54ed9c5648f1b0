"""Discretion: which decisions about a plan the model makes, and which code makes instead.

Five switches between a workflow, whose path is laid down in code, and an agent, who chooses it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import UnknownName
from orchestrator_kit.events import PlanMade
from orchestrator_kit.patterns.steps import make_plan
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.ranking import relevance
from orchestrator_kit.tasks import Task

# split: into which subtasks; assign: who reads what; count: how many work at a time;
# order: what needs what; stop: when a report, and the plan, is good enough.
DECISIONS = frozenset({"split", "assign", "count", "order", "stop"})


async def decided_plan(crew: Crew, task: Task, decides: Collection[str]) -> Plan:
    """A plan in which the model decides what it may, and code the rest.

    Code splits by the roster, a subtask each; assigns each section to whom it concerns most by
    its words (BM25); lets as many work as may, in any order. Where the model decides nothing of
    the plan it is not asked for one.
    """
    for name in decides:
        if name not in DECISIONS:
            raise UnknownName.among("decision", name, DECISIONS)
    plan = by_roster(task)
    if DECISIONS - {"stop"} & set(decides):
        made = await make_plan(crew, task)
        plan = made if "split" in decides else _with_parts_of(plan, made, "assign" in decides)
    if "assign" not in decides:
        plan = by_relevance(task, plan)
    if "count" not in decides:
        plan = replace(plan, workers=None)
    if "order" not in decides:
        plan = replace(plan, subtasks=tuple(replace(s, needs=()) for s in plan.subtasks))
    crew.note(PlanMade(crew.now, plan))
    return plan


def by_roster(task: Task) -> Plan:
    """One subtask for each specialist, who reads everything."""
    return Plan(
        tuple(
            Subtask(f"s{n}", s.name, f"As {s.name}, examine what you are given.")
            for n, s in enumerate(task.specialists, 1)
        ),
        "one subtask for each specialist, by code",
    )


def by_relevance(task: Task, plan: Plan) -> Plan:
    """The same subtasks, with each section given to the one it has most to do with."""
    concerns = [
        relevance(
            f"{s.specialist} {task.specialist(s.specialist).expertise} {s.instruction}",
            [f"{section.title}. {section.text}" for section in task.sections],
        )
        for s in plan.subtasks
    ]
    given: list[list[str]] = [[] for _ in plan.subtasks]
    for n, section in enumerate(task.sections):
        best = max(range(len(given)), key=lambda i: (concerns[i][n], -len(given[i])))
        given[best].append(section.id)
    parts = zip(plan.subtasks, given, strict=True)
    kept = tuple(replace(s, sections=tuple(ids)) for s, ids in parts if ids)
    ids = {s.id for s in kept}
    return replace(
        plan,
        subtasks=tuple(
            replace(s, needs=tuple(n for n in s.needs if n in ids)) for s in kept or plan.subtasks
        ),
    )


def _with_parts_of(fixed: Plan, made: Plan, assigned: bool) -> Plan:
    """The subtasks of one plan with the sections, the order and the number of another.

    Where those sections count (`assigned`), who was given none is left out: a subtask without
    sections would read everything.
    """
    whose = {s.id: s.specialist for s in made.subtasks}
    own = {s.specialist: s.id for s in fixed.subtasks}
    subtasks = []
    for n, s in enumerate(fixed.subtasks):
        theirs = [m for m in made.subtasks if m.specialist == s.specialist]
        if assigned and not theirs:
            continue
        everything = not all(m.sections for m in theirs)
        sections = () if everything else dict.fromkeys(i for m in theirs for i in m.sections)
        needs = dict.fromkeys(own[whose[need]] for m in theirs for need in m.needs)
        earlier = {e.id for e in fixed.subtasks[:n]}  # so that no circle can come about
        subtasks.append(
            replace(s, sections=tuple(sections), needs=tuple(i for i in needs if i in earlier))
        )
    return replace(made, subtasks=tuple(subtasks))
