"""The orchestrator: splits the task, chooses specialists and how many, assigns what each reads.

It sees the roster and an outline of the documents (each section's title and opening), not their
text: reading is the workers' part. Holds its prompts and the parser of its replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from orchestrator_kit.errors import MalformedReply
from orchestrator_kit.models.base import Format
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.roles.ask import Ask, Block, attribute, data
from orchestrator_kit.roles.replies import (
    STRING,
    form,
    quote,
    read_object,
    read_text,
    read_texts,
)
from orchestrator_kit.tasks import Section, Specialist, Task

PLAN_TOKENS = 2_000  # the most a plan may take; an usual one takes a third


def subtask_form(
    specialists: Sequence[str], sections: Sequence[str], earlier: Sequence[str]
) -> dict[str, Any]:
    """The form of a subtask, which may need only those before it."""
    return form(
        specialist={"type": "string", "enum": list(specialists)},
        instruction=STRING,
        sections={"type": "array", "items": {"type": "string", "enum": list(sections)}},
        needs={"type": "array", "items": {"type": "string", "enum": list(earlier)}}
        if earlier
        else {"type": "array", "items": STRING, "maxItems": 0},
    )


@lru_cache(maxsize=64)
def plan_format(
    specialists: tuple[str, ...], sections: tuple[str, ...], limit: int, workers: int
) -> Format:
    """The form of a plan: subtasks by id, each of which may need only those before it.

    A server that keeps to schemas can then name no unknown specialist or section, use no id
    twice, and make no circle. Every plan can be put into such an order.
    """
    ids = [f"s{n}" for n in range(1, limit + 1)]
    subtasks = {name: subtask_form(specialists, sections, ids[:n]) for n, name in enumerate(ids)}
    return Format.of(
        "plan",
        form(
            why=STRING,
            workers={"type": "integer", "minimum": 1, "maximum": workers},
            subtasks=form(**subtasks) | {"required": ids[:1]},
        ),
    )


def plan(
    task: Task,
    *,
    limit: int,
    workers: int,
    rejected: Plan | None = None,
    complaints: Sequence[str] = (),
) -> Ask[Plan]:
    """Ask for a plan of at most `limit` subtasks for at most so many `workers` at a time.

    After an unsound one, with the complaints.
    """
    lines = [f"<task>{data(task.prompt)}</task>", *map(roster_entry, task.specialists)]
    lines.append(
        "Split the task into subtasks. Choose as many specialists as it needs, no more; give each "
        "an instruction of its own and the ids of the sections to read, so that no two do the "
        f"same work and nothing is left out that may matter; at most {limit} subtasks. Where one "
        "builds on the report of an earlier one, name that under needs. Say how many workers "
        f"should be at work at a time, of {workers} that you may have, and in one sentence why. "
        'Reply as {"why": "…", "workers": 1, "subtasks": {"s1": {"specialist": "…", '
        '"instruction": "…", "sections": ["…"], "needs": []}, "s2": {…, "needs": ["s1"]}}}'
    )
    lines += [f"<complaint>{data(c)}</complaint>" for c in complaints]
    if complaints:
        lines.append("Your last plan had these faults. Make a plan without them.")
    return Ask(
        role="orchestrator",
        agent="orchestrator",
        blocks=outline(task.sections),
        brief="\n".join(lines),
        format=plan_format(
            tuple(s.name for s in task.specialists), tuple(task.section_by_id), limit, workers
        ),
        parse=_read,
        output_tokens=PLAN_TOKENS,
        uses=(rejected.call,) if rejected and rejected.call is not None else (),
    )


def outline(sections: Sequence[Section], tag: str = "outline") -> tuple[Block, ...]:
    """Sections as titles with their opening words."""
    return tuple(Block(tag, s.id, s.opening, s.title) for s in sections)


def roster_entry(specialist: Specialist) -> str:
    """A specialist as one who can be chosen."""
    name, expertise = attribute(specialist.name), data(specialist.expertise)
    return f"<specialist name={name}>{expertise}</specialist>"


def _read(text: str, call: int) -> Plan:
    found = read_object(text)
    workers = found.get("workers")
    if workers is not None and not (type(workers) is int and workers > 0):
        raise MalformedReply(f"'workers' should be a number from 1: {quote(text)}")
    subtasks = read_subtasks(found.get("subtasks"), "subtasks", text)
    return Plan(subtasks, read_text(found, "why", default=""), call, workers)


def read_subtasks(rows: Any, key: str, text: str) -> tuple[Subtask, ...]:
    """Subtasks by their ids; MalformedReply for anything else."""
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise MalformedReply(f"{key!r} should be objects by id: {quote(text)}")
    return tuple(
        Subtask(
            id=read_text({"id": name}, "id"),
            specialist=read_text(row, "specialist"),
            instruction=read_text(row, "instruction"),
            sections=tuple(dict.fromkeys(read_texts(row, "sections"))),
            needs=tuple(dict.fromkeys(read_texts(row, "needs"))),
        )
        for name, row in rows.items()
    )
