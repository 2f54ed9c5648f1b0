"""Review: the orchestrator judges what comes in, asks for better, changes its plan, settles doubts.

Holds the prompts of these and the parsers of their replies; `patterns/supervision.py` decides when
and how often they are asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from orchestrator_kit.answer import Report, Statement
from orchestrator_kit.errors import MalformedReply
from orchestrator_kit.models.base import Format
from orchestrator_kit.plan import Plan, Revision, Subtask
from orchestrator_kit.roles.ask import (
    Ask,
    attribute,
    data,
    report_blocks,
    section_blocks,
)
from orchestrator_kit.roles.orchestrator import outline, read_subtasks, roster_entry, subtask_form
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
from orchestrator_kit.text import normalise

VERDICT_TOKENS = 300
VERDICT = Format.of(
    "verdict", form(verdict={"type": "string", "enum": ["accept", "improve"]}, reason=STRING)
)
IMPROVEMENT = Format.of(
    "improvement", form(findings=list_of(statement=STRING, source=STRING), withdrawn=STRINGS)
)
_KEPT = {"type": "string", "enum": ["first", "second", "neither"]}
CONFLICTS = Format.of(
    "conflicts", form(conflicts=list_of(first=STRING, second=STRING, kept=_KEPT, reason=STRING))
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The orchestrator's judgement of a report; the reason says what to improve."""

    accepted: bool
    reason: str
    call: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two findings that cannot both hold; `kept` is the one that stays, None: neither is sure."""

    first: Statement
    second: Statement
    kept: Statement | None
    reason: str
    call: int

    def gap(self) -> str | None:
        """What the answer must declare, where it could not be settled."""
        return None if self.kept else f"conflict: '{self.first}' against '{self.second}'"


def verdict(task: Task, subtask: Subtask, report: Report, *, round: int) -> Ask[Verdict]:  # noqa: A002
    """Ask the orchestrator whether a report does what its subtask asks for.

    It sees the report, in full the sections that its findings cite, and of the others that were to
    be read the titles and openings. `round` is counted from 1.
    """
    cited = {source for f in report.findings for source in f.sources}
    assigned = [task.section_by_id[i] for i in subtask.sections] or list(task.sections)
    lines = [
        f"<task>{data(task.prompt)}</task>",
        expertise(task.specialist(subtask.specialist)),
        f"<subtask>{data(subtask.instruction)}</subtask>",
        f"Review round {round}. Does the report do what the subtask asks for? Does each finding "
        "stand in the section it names, with its figures? Is anything missing that the sections "
        "listed without their text may hold? Accept it, or say in one or two sentences what to "
        "improve: quote the findings that do not hold, name the sections that lack. "
        'Reply as {"verdict": "accept" or "improve", "reason": "…"}',
    ]
    return Ask(
        role="orchestrator",
        agent="orchestrator",
        blocks=(
            *section_blocks([s for s in task.sections if s.id in cited]),
            *outline([s for s in assigned if s.id not in cited]),
            *report_blocks([report]),
        ),
        brief="\n".join(lines),
        format=VERDICT,
        parse=_read_verdict,
        output_tokens=VERDICT_TOKENS,
        uses=report.calls,
    )


def improvement(
    task: Task,
    sections: Sequence[Section],
    *,
    specialist: Specialist,
    subtask: Subtask,
    draft: Report,
    verdict: Verdict,
) -> Ask[Report]:
    """Ask a worker to better its report; only what is new or withdrawn has to be written."""
    lines = [
        f"<task>{data(task.prompt)}</task>",
        expertise(specialist),
        f"<subtask>{data(subtask.instruction)}</subtask>",
        f"<complaint>{data(verdict.reason)}</complaint>",
        "Improve your draft. Withdraw, word for word, what does not stand in its section; report "
        "only findings that the draft lacks, the most important first. Reply as "
        '{"findings": [{"statement": "…", "source": "section id"}], "withdrawn": ["…"]}',
    ]
    return Ask(
        role="worker",
        agent=draft.agent,
        blocks=section_blocks(sections) + report_blocks([draft], tag="draft"),
        brief="\n".join(lines),
        format=IMPROVEMENT,
        parse=partial(_read_improvement, task, draft),
        output_tokens=task.budget.report_tokens,
        uses=tuple(dict.fromkeys((*draft.calls, verdict.call))),
        subtask=subtask.id,
        model=specialist.model,
    )


def revision(
    task: Task,
    plan: Plan,
    reports: Sequence[Report],
    *,
    waiting: Sequence[str],
    running: Mapping[str, float],
    unread: Sequence[Section],
    limit: int,
) -> Ask[Revision]:
    """Ask the orchestrator whether the plan needs a change, after what came back so far.

    It may add at most `limit` subtasks and drop those in `waiting`, which nobody has begun, and
    those `running`, for so many seconds, which are then called off.
    """
    by_id = {s.id: s for s in plan.subtasks}
    lost = {r.subtask for r in reports if r.failure}
    others = [s for s in plan.subtasks if s.id not in lost]
    failed = [
        s for s in plan.subtasks if s.id in lost and not any(_makes_good(o, s) for o in others)
    ]
    ids = [f"r{n}" for n in range(1, limit + 1 + len(by_id)) if f"r{n}" not in by_id][:limit]
    specialists = tuple(s.name for s in task.specialists)
    added = {
        name: subtask_form(specialists, tuple(task.section_by_id), [*by_id, *ids[:n]])
        for n, name in enumerate(ids)
    }
    droppable = [*waiting, *running]
    lines = [
        f"<task>{data(task.prompt)}</task>",
        *map(roster_entry, task.specialists),
        *(_subtask_mark("failed", s) for s in failed),
        *(_subtask_mark("waiting", by_id[i]) for i in waiting),
        *(_subtask_mark("running", by_id[i], f"{s:.0f}") for i, s in running.items()),
        "You see what was reported so far, and of the sections that nobody has read the titles "
        f"and openings. Add at most {limit} subtasks where something is missing that the task "
        "needs, such as failed work or unread sections; drop waiting ones that are no longer "
        "needed, and running ones that are not worth waiting for; to split one, drop it and add "
        "its parts. Change nothing where nothing is gained. "
        'Reply as {"why": "…", "add": {"r1": {"specialist": "…", "instruction": "…", '
        '"sections": ["…"], "needs": []}}, "drop": []}',
    ]
    return Ask(
        role="orchestrator",
        agent="orchestrator",
        blocks=outline(unread) + report_blocks(reports),
        brief="\n".join(lines),
        format=Format.of(
            "revision",
            form(
                why=STRING,
                add=form(**added) | {"required": []},
                drop={"type": "array", "items": {"type": "string", "enum": droppable}}
                if droppable
                else {"type": "array", "items": STRING, "maxItems": 0},
            ),
        ),
        parse=_read_revision,
        output_tokens=1_000,
        uses=tuple(c for r in reports for c in r.calls),
    )


def conflicts(task: Task, reports: Sequence[Report]) -> Ask[tuple[Conflict, ...]]:
    """Ask for findings that cannot both hold, and which of them stands in its section."""
    cited = {source for r in reports for f in r.findings for source in f.sources}
    lines = [
        f"<task>{data(task.prompt)}</task>",
        "Which findings of the reports contradict each other, so that both cannot hold? Quote "
        "each pair word for word. Keep the one that its section bears out; where the sections "
        "themselves disagree, keep neither. Reply as "
        '{"conflicts": [{"first": "…", "second": "…", "kept": "first", "second" or "neither", '
        '"reason": "…"}]}',
    ]
    return Ask(
        role="orchestrator",
        agent="orchestrator",
        blocks=(
            *report_blocks(reports),
            *section_blocks([s for s in task.sections if s.id in cited]),
        ),
        brief="\n".join(lines),
        format=CONFLICTS,
        parse=partial(_read_conflicts, tuple(f for r in reports for f in r.findings)),
        output_tokens=1_000,
        uses=tuple(c for r in reports for c in r.calls),
    )


def settled(reports: Sequence[Report], found: Sequence[Conflict]) -> list[Report]:
    """The reports without the findings that lost."""
    lost = {normalise(s.text) for c in found if c.kept for s in (c.first, c.second) if s != c.kept}
    return [
        replace(r, findings=tuple(f for f in r.findings if normalise(f.text) not in lost))
        for r in reports
    ]


def _makes_good(other: Subtask, failed: Subtask) -> bool:
    """Whether a subtask is to do what a failed one did not."""
    if other.specialist != failed.specialist:
        return False
    if failed.sections:
        return set(failed.sections) <= set(other.sections)
    return failed.instruction in other.instruction


def _subtask_mark(tag: str, subtask: Subtask, seconds: str = "") -> str:
    sections = attribute(", ".join(subtask.sections))
    since = f" seconds={attribute(seconds)}" if seconds else ""
    return (
        f"<{tag} id={attribute(subtask.id)} name={attribute(subtask.specialist)} "
        f"sections={sections}{since}>{data(subtask.instruction)}</{tag}>"
    )


def _read_verdict(text: str, call: int) -> Verdict:
    found = read_object(text)
    word = read_text(found, "verdict")
    if word not in ("accept", "improve"):
        raise MalformedReply(f"'verdict' should be accept or improve: {quote(text)}")
    accepted = word == "accept"
    return Verdict(accepted, read_text(found, "reason", default="" if accepted else None), call)


def _read_improvement(task: Task, draft: Report, text: str, call: int) -> Report:
    found = read_object(text)
    withdrawn = {normalise(t) for t in read_texts(found, "withdrawn")}
    new = read_statements(found, "findings", task.section_by_id)
    kept: dict[str, Statement] = {}
    for finding in (*draft.findings, *new):
        name = normalise(finding.text)
        if name not in withdrawn:
            kept.setdefault(name, finding)
    return replace(draft, findings=tuple(kept.values()), call=call, parts=draft.calls)


def _read_revision(text: str, call: int) -> Revision:
    found = read_object(text)
    rows: Any = found.get("add", {})
    return Revision(
        read_subtasks(rows, "add", text),
        read_texts(found, "drop"),
        read_text(found, "why", default=""),
        call,
    )


def _read_conflicts(findings: tuple[Statement, ...], text: str, call: int) -> tuple[Conflict, ...]:
    known = {normalise(str(f)): f for f in findings} | {normalise(f.text): f for f in findings}
    pairs: dict[frozenset[Statement], Conflict] = {}
    for row in read_rows(read_object(text), "conflicts"):
        first = known.get(normalise(read_text(row, "first")))
        second = known.get(normalise(read_text(row, "second")))
        kept = read_text(row, "kept")
        if kept not in ("first", "second", "neither"):
            raise MalformedReply(f"'kept' should be first, second or neither: {quote(text)}")
        if first and second and first != second:
            stays = {"first": first, "second": second}.get(kept)
            reason = read_text(row, "reason", default="")
            pair = frozenset((first, second))
            pairs.setdefault(pair, Conflict(first, second, stays, reason, call))
    return tuple(pairs.values())
