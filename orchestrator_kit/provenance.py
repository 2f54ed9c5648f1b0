"""Provenance: from a sentence of an answer back to the call, the report and the passage behind it.

A reading of a run's events; follows the causes that each call names. Knows no models at work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from orchestrator_kit.answer import Answer, Statement
from orchestrator_kit.errors import RunError, UsageError
from orchestrator_kit.events import (
    CallEnded,
    CallFailed,
    CallStarted,
    ConflictFound,
    Event,
    PlanMade,
    PlanRevised,
    Reviewed,
)
from orchestrator_kit.plan import Subtask
from orchestrator_kit.roles.replies import read_object
from orchestrator_kit.text import normalise, one_line, printable, sentences, terms

NEAR = 0.5  # share of words in common from which two sentences may be one reworded


@dataclass(frozen=True, slots=True)
class Link:
    """One call in whose reply the statement stands, as it stands there; times in seconds.

    `request` is what was sent: its messages, and under `uses` the calls that it builds on.
    """

    call: int
    role: str
    agent: str
    worker: int | None
    subtask: str | None
    started: float
    ended: float
    tokens: int
    said: Statement
    request: CallStarted = field(repr=False)

    def __str__(self) -> str:
        slot = "" if self.worker is None else f", worker {self.worker}"
        work = "" if self.subtask is None else f", subtask {self.subtask}"
        return (
            f"call {self.call}: {self.agent} ({self.role}{slot}{work}), "
            f"{self.started:.1f} to {self.ended:.1f} s, {self.tokens:,} tokens"
        )


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is behind one statement of an answer.

    `links` lead from the last call that said it to the first; `reworded`: not all in these words;
    `invented`: no call was found that said it. `passage` is (section, sentence) of what the first
    one read, None where it was given none of the sections that it names. `also` are other calls
    that said it by themselves.
    """

    statement: Statement
    links: tuple[Link, ...] = ()
    reworded: bool = False
    passage: tuple[str, str] | None = None
    subtask: Subtask | None = None
    plan_call: int | None = None
    reviews: tuple[Reviewed, ...] = ()
    conflicts: tuple[ConflictFound, ...] = ()
    also: tuple[int, ...] = ()

    @property
    def invented(self) -> bool:
        return not self.links

    def __str__(self) -> str:
        """A tree for a terminal: the statement, then whatever it comes from, further in."""
        lines = [f"- {self.statement}"]
        if self.invented:
            lines.append("  no reply of this run says so: whoever wrote the answer made it up")
        for n, link in enumerate(self.links):
            indent = "  " * (n + 1)
            lines.append(f"{indent}{link}")
            if normalise(link.said.text) != normalise(self.statement.text):
                lines.append(f"{indent}  in other words: {link.said}")
        indent = "  " * (len(self.links) + 1)
        if self.subtask:
            needs = f", builds on {', '.join(self.subtask.needs)}" if self.subtask.needs else ""
            lines.append(f"{indent}asked: {self.subtask.instruction}{needs}")
        if self.plan_call is not None:
            lines.append(f"{indent}by the plan of call {self.plan_call}")
        if self.passage:
            lines.append(f"{indent}read in {self.passage[0]}: {self.passage[1]}")
        elif self.links:
            lines.append(f"{indent}read nowhere: it names no section that was put before it")
        lines += [
            f"{indent}reviewed in call {r.call}, round {r.round}: {r.verdict}; {r.reason}"
            for r in self.reviews
        ]
        lines += [
            f"{indent}in conflict with '{c.second if _is(c.first, self.statement) else c.first}': "
            f"{c.reason}"
            for c in self.conflicts
        ]
        if self.also:
            lines.append(f"{indent}said too by calls {', '.join(map(str, self.also))}")
        return "\n".join(map(printable, lines))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def explain(events: Sequence[Event], answer: Answer, text: str) -> Explanation:
    """What is behind the statement of the answer that is nearest to a text.

    UsageError where the answer has nothing like it.
    """
    statement = _nearest(answer, text)
    started = {e.call: e for e in events if isinstance(e, CallStarted)}
    failed = {e.call for e in events if isinstance(e, CallFailed)}
    ended = {
        e.call: e
        for e in events
        if isinstance(e, CallEnded) and e.call in started and e.call not in failed
    }
    found = {call: list(_statements(e.text)) for call, e in ended.items()}
    said: dict[int, Statement] = {}
    for call, statements in found.items():
        if same := [s for s in statements if _is(s, statement)]:
            said[call] = next((s for s in same if _shares(s, statement)), same[0])
    # The same words may stand in several sections: those who cite the same one come first.
    said = {call: s for call, s in said.items() if _shares(s, statement)} or said
    chain = _chain(started, said, _alike(found, statement))
    links = tuple(
        Link(
            *(c, started[c].role, started[c].agent, started[c].worker, started[c].subtask),
            *(started[c].t, ended[c].t, ended[c].usage.total, its, started[c]),
        )
        for c, its in chain.items()
    )
    reworded = any(not _is(its, statement) for its in chain.values())
    conflicts = tuple(
        e
        for e in events
        if isinstance(e, ConflictFound)
        and any(_is(s, its) for s in (e.first, e.second) for its in (statement, *chain.values()))
    )
    if not links:
        return Explanation(statement, conflicts=conflicts)
    first = links[-1]
    subtask, plan_call = _subtask(events, first.subtask)
    reviews = tuple(
        e for e in events if isinstance(e, Reviewed) and subtask and e.subtask == subtask.id
    )
    also = tuple(
        c for c in said if c not in chain and not any(u in said for u in _causes(started, c))
    )
    passage = _passage(first.request, first.said)
    return Explanation(
        statement, links, reworded, passage, subtask, plan_call, reviews, conflicts, also
    )


def _nearest(answer: Answer, text: str) -> Statement:
    wanted = normalise(text)
    known = answer.statements
    same = [s for s in known if normalise(s.text) == wanted]
    if same := same or [s for s in known if wanted and wanted in normalise(str(s))]:
        return same[0]
    best = max(known, key=lambda s: _share(text, s.text), default=None)
    if best is None:
        raise UsageError("the answer has no statements that could be explained")
    if _share(text, best.text) < NEAR:
        some = "; ".join(f"'{s.text}'" for s in known[:3])
        raise UsageError(f"the answer says nothing like {text!r}; it says, for instance: {some}")
    return best


def _share(one: str, other: str) -> float:
    """The share of the first one's words that the other has too."""
    words = set(terms(one))
    return len(words & set(terms(other))) / len(words) if words else 0.0


def _is(one: Statement, other: Statement) -> bool:
    return normalise(one.text) == normalise(other.text)


def _shares(one: Statement, other: Statement) -> bool:
    """Whether two statements rest on a section in common."""
    return not set(one.sources).isdisjoint(other.sources)


def _statements(reply: str) -> Iterator[Statement]:
    """The statements in a reply of any role; nothing where it is no JSON."""
    try:
        body = read_object(reply)
    except RunError:
        return
    for rows in body.values():
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and isinstance(row.get("statement"), str):
                sources: Any = row.get("sources", [row.get("source")])
                named = sources if isinstance(sources, list) else []
                sources = tuple(s for s in named if isinstance(s, str))
                yield Statement(one_line(row["statement"]), sources)


def _alike(found: dict[int, list[Statement]], statement: Statement) -> dict[int, Statement]:
    """In each reply the statement that this one may be a rewording of, where there is one."""
    alike = {}
    for call, statements in found.items():
        near = [s for s in statements if _shares(s, statement)] or statements
        best = max(near, key=lambda s: _share(statement.text, s.text), default=None)
        if best is not None and _share(statement.text, best.text) >= NEAR:
            alike[call] = best
    return alike


def _chain(
    started: dict[int, CallStarted], said: dict[int, Statement], alike: dict[int, Statement]
) -> dict[int, Statement]:
    """From the last call that said it, cause by cause, to the first; what each of them said.

    Who read no section that it names, and has it word for word from nobody, has put in other
    words what one of its causes said.
    """
    chain: dict[int, Statement] = {}
    whose = said or alike
    at = max(whose, default=None)
    while at is not None:
        chain[at] = whose[at]
        causes = _causes(started, at) - chain.keys()
        read = _passage(started[at], chain[at]) is not None
        whose = said if read or causes & said.keys() else alike
        at = max((c for c in causes if c in whose), default=None)
    return chain


def _causes(started: dict[int, CallStarted], call: int) -> set[int]:
    """All calls that a call builds on, directly or not."""
    found: set[int] = set()
    ahead = [call]
    while ahead:
        for cause in started[ahead.pop()].uses:
            if cause in started and cause not in found:
                found.add(cause)
                ahead.append(cause)
    return found


def _subtask(events: Sequence[Event], name: str | None) -> tuple[Subtask | None, int | None]:
    """The subtask of that id, and the call that put it into the plan."""
    for event in events:
        if isinstance(event, PlanMade | PlanRevised):
            for subtask in event.plan.subtasks:
                if subtask.id == name:
                    by = event if isinstance(event, PlanRevised) else event.plan
                    return subtask, by.call
    return None, None


def _passage(request: CallStarted, statement: Statement) -> tuple[str, str] | None:
    """The section among those cited that bears the statement out best, and the sentence in it."""
    best: tuple[float, str, str] | None = None
    for source in statement.sources:
        block = re.compile(
            rf'<section id="{re.escape(escape(source))}"[^>]*>\n(.*?)\n</section>', re.DOTALL
        )
        for message in request.messages:
            for match in block.finditer(message.content):
                for sentence in sentences(match[1]):
                    same = normalise(sentence) == normalise(statement.text)
                    share = 2.0 if same else _share(statement.text, sentence)
                    if best is None or share > best[0]:
                        best = share, source, sentence
    return best[1:] if best else None
