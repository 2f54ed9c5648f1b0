"""The peer: an agent without anyone above it, who reads the board and writes on it.

In one turn it sees what is open, what it holds and what the others posted; it replies with the
findings in what it holds, what it claims next, what it hands to whom, and whether it is done.
Holds its prompts and the parser of its replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from orchestrator_kit.answer import Report, Statement
from orchestrator_kit.errors import MalformedReply
from orchestrator_kit.models.base import Format
from orchestrator_kit.roles.ask import Ask, data, report_blocks, section_blocks
from orchestrator_kit.roles.orchestrator import outline, roster_entry
from orchestrator_kit.roles.replies import (
    STRING,
    STRINGS,
    form,
    list_of,
    quote,
    read_object,
    read_rows,
    read_statements,
    read_text,
    read_texts,
)
from orchestrator_kit.roles.worker import expertise
from orchestrator_kit.tasks import Section, Specialist, Task

TURN = Format.of(
    "turn",
    form(
        findings=list_of(statement=STRING, source=STRING),
        claims=STRINGS,
        handovers=list_of(section=STRING, to=STRING),
        done={"type": "boolean"},
    ),
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a peer did in one turn; `handovers` are (section, specialist) pairs."""

    agent: str
    findings: tuple[Statement, ...]
    claims: tuple[str, ...]
    handovers: tuple[tuple[str, str], ...]
    done: bool
    call: int


def turn(
    task: Task,
    specialist: Specialist,
    *,
    name: str,
    board: Sequence[Report],
    unclaimed: Sequence[Section],
    held: Sequence[Section],
    claims: int,
    uses: tuple[int, ...] = (),
) -> Ask[Turn]:
    """Ask a peer for its next turn: it may claim at most `claims` of the open sections.

    `uses` are the calls that made the board what it is now.
    """
    lines = [
        f"<task>{data(task.prompt)}</task>",
        *[roster_entry(s) for s in task.specialists if s != specialist],
        expertise(specialist),
        "You work among equals; nobody is in charge. Report what the sections you hold say to "
        f"your expertise. Claim at most {claims} open sections that are yours to read; hand over "
        "to another by name what you hold and cannot use; say done when nothing is left for you. "
        'Reply as {"findings": [{"statement": "…", "source": "section id"}], "claims": ["…"], '
        '"handovers": [{"section": "…", "to": "…"}], "done": false}',
    ]
    return Ask(
        role="peer",
        agent=name,
        blocks=section_blocks(held) + outline(unclaimed, tag="open") + report_blocks(board, "post"),
        brief="\n".join(lines),
        format=TURN,
        parse=partial(_read, task, name),
        output_tokens=task.budget.report_tokens,
        uses=uses,
        model=specialist.model,
    )


def _read(task: Task, name: str, text: str, call: int) -> Turn:
    found = read_object(text)
    done = found.get("done")
    if not isinstance(done, bool):
        raise MalformedReply(f"'done' should be true or false: {quote(text)}")
    return Turn(
        agent=name,
        findings=read_statements(found, "findings", task.section_by_id),
        claims=read_texts(found, "claims"),
        handovers=tuple(
            (read_text(row, "section"), read_text(row, "to"))
            for row in (read_rows(found, "handovers") if found.get("handovers") else [])
        ),
        done=done,
        call=call,
    )
