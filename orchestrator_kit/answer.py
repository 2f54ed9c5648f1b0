"""What comes out of the work: statements with their sources, reports, one answer with its gaps.

Knows no model and no prompt.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from orchestrator_kit.text import normalise

_as_json = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Statement:
    """One claim, and the ids of the sections it rests on."""

    text: str
    sources: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} [{', '.join(self.sources)}]" if self.sources else self.text


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no result: `kind` is that of the error (see `errors`)."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What one worker hands back: findings, or a failure, never both.

    `agent` is the specialist, `subtask` the id it worked on, `call` the call that it came from;
    `parts` are further calls that it came from.
    """

    agent: str
    findings: tuple[Statement, ...] = ()
    subtask: str | None = None
    call: int | None = None
    failure: Failure | None = None
    parts: tuple[int, ...] = ()

    @classmethod
    def of_parts(cls, reports: Sequence[Report]) -> Report:
        """Reports on parts of one work as one report; a failure only where all of them failed."""
        first, *rest = [r for r in reports if not r.failure] or reports[:1]
        found: dict[str, Statement] = {}
        for finding in (f for r in (first, *rest) for f in r.findings):
            found.setdefault(normalise(finding.text), finding)
        more = tuple(c for r in rest for c in r.calls)
        return replace(first, findings=tuple(found.values()), parts=(*first.parts, *more))

    @property
    def calls(self) -> tuple[int, ...]:
        """All calls that it came from."""
        return () if self.call is None else (self.call, *self.parts)

    def gap(self) -> str | None:
        """What the answer must declare missing because of this report, if anything."""
        name = f"{self.subtask} ({self.agent})" if self.subtask else self.agent
        if self.failure:
            return f"{name}: no report ({self.failure.kind})"
        return None if self.findings else f"{name}: nothing found"

    def __repr__(self) -> str:
        state = self.failure.kind if self.failure else f"{len(self.findings)} findings"
        return f"Report({self.agent!r}, {state})"


@dataclass(frozen=True, slots=True)
class Answer:
    """The one answer of a run: its statements, and what it knows to be missing."""

    statements: tuple[Statement, ...] = ()
    gaps: tuple[str, ...] = ()

    def declaring(self, gaps: Iterable[str | None]) -> Answer:
        """The same answer with these gaps declared too."""
        return replace(self, gaps=tuple(dict.fromkeys((*self.gaps, *filter(None, gaps)))))

    def __str__(self) -> str:
        lines = [f"- {s}" for s in self.statements]
        if self.gaps:
            lines += ["", "Not covered:", *(f"- {g}" for g in self.gaps)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Answer({len(self.statements)} statements, {len(self.gaps)} gaps)"


def merge(reports: Sequence[Report], count_tokens: Callable[[str], int], limit: int) -> Answer:
    """Reports put together by code: in turn the next finding of each, each said once.

    It stops where a model would have to that wrote the same as JSON within `limit` tokens, so
    that no answer is better for being longer.
    """
    seen: dict[str, Statement] = {}
    room = limit
    for rank in range(max((len(r.findings) for r in reports), default=0)):
        for report in reports:
            if rank >= len(report.findings):
                continue
            finding = report.findings[rank]
            key = normalise(finding.text)
            size = count_tokens(_as_json({"statement": finding.text, "sources": finding.sources}))
            if key not in seen and size <= room:
                seen[key] = finding
                room -= size
    return Answer(tuple(seen.values()))


def majority(votes: Sequence[Report]) -> Answer:
    """The findings that more than half of the reports agree on, word for word."""
    cast = [v for v in votes if not v.failure]
    texts = [{normalise(f.text) for f in v.findings} for v in cast]
    first: dict[str, Statement] = {}
    for vote in cast:
        for finding in vote.findings:
            first.setdefault(normalise(finding.text), finding)
    return Answer(
        tuple(f for text, f in first.items() if 2 * sum(text in t for t in texts) > len(cast))
    )
