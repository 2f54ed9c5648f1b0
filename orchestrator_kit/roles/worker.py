"""The worker: a specialist that reads what it is given and reports what it found.

Holds its prompts and the parser of its replies; knows nothing of scheduling.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from orchestrator_kit.answer import Report
from orchestrator_kit.models.base import Format
from orchestrator_kit.plan import Subtask
from orchestrator_kit.roles.ask import Ask, Block, data, report_blocks, section_blocks
from orchestrator_kit.roles.replies import STRING, form, list_of, read_object, read_statements
from orchestrator_kit.tasks import GENERALIST, Section, Specialist, Task

REPORT = Format.of("report", form(findings=list_of(statement=STRING, source=STRING)))
_AS_JSON = 'the most important first, as {"findings": [{"statement": "…", "source": "section id"}]}'


def report(
    task: Task,
    sections: Sequence[Section],
    *,
    specialist: Specialist = GENERALIST,
    subtask: Subtask | None = None,
    received: Sequence[Report] = (),
    name: str | None = None,
) -> Ask[Report]:
    """Ask a worker for its findings in these sections; a generalist looks for everybody's.

    With a `subtask` it follows that instruction and builds on the reports `received` from the
    subtasks it needs. `name` tells workers of one specialist apart.
    """
    order = [f"<subtask>{data(subtask.instruction)}</subtask>"] if subtask else []
    if any(r.findings for r in received):
        order.append("Build on the reports you were given and add what they lack.")
    order.append(f"Report your findings, {_AS_JSON}")
    return _ask(
        task,
        specialist,
        blocks=section_blocks(sections) + report_blocks(received),
        order=order,
        output_tokens=task.budget.report_tokens,
        name=name,
        uses=received,
        subtask=subtask,
    )


def answer(task: Task, *, sample: int = 0) -> Ask[Report]:
    """Ask one worker for everything: all documents, all viewpoints, the whole answer.

    `sample` tells apart votes on the same question.
    """
    return _ask(
        task,
        GENERALIST,
        blocks=section_blocks(task.sections),
        order=[f"Answer for all of these viewpoints, {_AS_JSON}"],
        output_tokens=task.budget.answer_tokens,
        sample=sample,
    )


def stage(task: Task, specialist: Specialist, draft: Report | None) -> Ask[Report]:
    """Ask one stage of a pipeline to go over the draft that the stage before it left."""
    before = [draft] if draft else []
    return _ask(
        task,
        specialist,
        blocks=section_blocks(task.sections) + report_blocks(before, tag="draft"),
        order=[
            "Go over the draft with your expertise: keep what matters, add what it lacks. Hand on "
            f"the whole, {_AS_JSON}"
        ],
        output_tokens=task.budget.answer_tokens,
        uses=before,
    )


def expertise(specialist: Specialist) -> str:
    """A specialist as a prompt says it."""
    return f"<expertise>{data(specialist.name)}: {data(specialist.expertise)}</expertise>"


def _ask(
    task: Task,
    specialist: Specialist,
    *,
    blocks: tuple[Block, ...],
    order: Sequence[str],
    output_tokens: int,
    name: str | None = None,
    uses: Sequence[Report] = (),
    subtask: Subtask | None = None,
    sample: int = 0,
) -> Ask[Report]:
    agent = name or specialist.name
    viewpoints = task.specialists if specialist is GENERALIST else (specialist,)
    return Ask(
        role="worker",
        agent=agent,
        blocks=blocks,
        brief="\n".join([f"<task>{data(task.prompt)}</task>", *map(expertise, viewpoints), *order]),
        format=REPORT,
        parse=partial(_read, task, agent, subtask.id if subtask else None),
        output_tokens=output_tokens,
        uses=tuple(c for r in uses for c in r.calls),
        subtask=subtask.id if subtask else None,
        model=specialist.model,
        sample=sample,
    )


def _read(task: Task, agent: str, subtask: str | None, text: str, call: int) -> Report:
    findings = read_statements(read_object(text), "findings", task.section_by_id)
    return Report(agent, findings, subtask, call)
