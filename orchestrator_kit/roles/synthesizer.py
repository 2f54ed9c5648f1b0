"""The synthesizer: makes one answer of the reports, with its sources, and says what is missing.

Holds its prompts and the parser of its replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from orchestrator_kit.answer import Answer, Report
from orchestrator_kit.models.base import Format
from orchestrator_kit.roles.ask import Ask, data, report_blocks
from orchestrator_kit.roles.replies import (
    STRING,
    STRINGS,
    form,
    list_of,
    read_object,
    read_statements,
    read_texts,
)
from orchestrator_kit.roles.worker import expertise
from orchestrator_kit.tasks import Task

ANSWER = Format.of(
    "answer", form(statements=list_of(statement=STRING, sources=STRINGS), gaps=STRINGS)
)

PART = Format.of("part", form(statements=list_of(statement=STRING, sources=STRINGS)))


def answer(task: Task, reports: Sequence[Report]) -> Ask[Answer]:
    """Ask for one answer out of the reports; those that failed are named as gaps, not shown."""
    lines = [f"<task>{data(task.prompt)}</task>", *map(expertise, task.specialists)]
    lines += [f"<gap>{data(gap)}</gap>" for r in reports if (gap := r.gap())]
    lines.append(
        "Make one answer of the reports: the most important statements first, each said once, "
        "with the sections it rests on; under gaps what the reports leave open. Reply as "
        '{"statements": [{"statement": "…", "sources": ["section id"]}], "gaps": ["…"]}'
    )
    return Ask(
        role="synthesizer",
        agent="synthesizer",
        blocks=report_blocks(reports),
        brief="\n".join(lines),
        format=ANSWER,
        parse=partial(_read, task),
        output_tokens=task.budget.answer_tokens,
        uses=tuple(dict.fromkeys(c for r in reports if r.findings for c in r.calls)),
        whole=True,
    )


def part(task: Task, reports: Sequence[Report]) -> Ask[Report]:
    """Ask for one shorter report out of several: a step on the way to an answer."""
    lines = [
        f"<task>{data(task.prompt)}</task>",
        *map(expertise, task.specialists),
        "Make one report of these: keep every finding that matters, said once, the most important "
        "first, with the section it rests on; leave out what matters least. Reply as "
        '{"statements": [{"statement": "…", "sources": ["section id"]}]}',
    ]
    return Ask(
        role="synthesizer",
        agent="synthesizer",
        blocks=report_blocks(reports),
        brief="\n".join(lines),
        format=PART,
        parse=partial(_read_part, task),
        output_tokens=task.budget.answer_tokens,
        uses=tuple(dict.fromkeys(c for r in reports for c in r.calls)),
        whole=True,
    )


def _read(task: Task, text: str, call: int) -> Answer:
    found = read_object(text)
    statements = read_statements(found, "statements", task.section_by_id)
    return Answer(statements, read_texts(found, "gaps"))


def _read_part(task: Task, text: str, call: int) -> Report:
    found = read_statements(read_object(text), "statements", task.section_by_id)
    return Report("synthesizer", found, call=call)
