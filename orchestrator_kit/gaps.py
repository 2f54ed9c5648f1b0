"""The gaps that an answer declares, held against those that its run has. Knows no models.

What is missing is read from the events: sections that no worker read, work that brought nothing,
conflicts that stayed open, an answer that nobody made. None of it needs gold facts; where a task
has them, those that the answer lacks are told apart by whether anybody could have known them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import Any, Literal

from orchestrator_kit.answer import Answer, Report
from orchestrator_kit.events import (
    CallEnded,
    CallFailed,
    CallRefused,
    CallStarted,
    ConflictFound,
    NotRead,
    Reported,
)
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import needs_several, says, score
from orchestrator_kit.tasks import Fact, Task
from orchestrator_kit.text import normalise, stands_in

CENTRE = ("orchestrator", "synthesizer")  # who reads to judge or to join, not to report
NO_ANSWER = "no answer"
Kind = Literal["section", "work", "conflict", "step"]
Key = tuple[Kind, str]

_SECTION = re.compile(r'<section id="([^"]*)"')
_UNREAD = re.compile(r"^(\d+) of \d+ sections unread: (.*)$")
_WHY = re.compile(r"\((\w+)\)(?:$|[,;])")  # the kind of a failure, as the kit's gaps give it
_LEFT_OUT = re.compile(r"^\S+ (.+) was left out: ")
_LACKS = re.compile(
    r"\bunread\b|\bno (?:report|findings?|results?)\b|\bnothing (?:was )?(?:found|reported)\b|"
    r"\bfailed\b|\bleft out\b|\bnot (?:been )?(?:read|examined|reported|covered|available)\b"
)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is missing, and whether the answer says so.

    section: no worker that succeeded read it. work: a worker found nothing, or failed on all or a
    part of it. conflict: two findings that cannot both hold. step: what the centre failed to do.
    """

    kind: Kind
    what: str
    declared: bool

    def __str__(self) -> str:
        return f"{self.kind} {self.what}"


@dataclass(frozen=True, slots=True)
class LostFact:
    """A gold fact that the answer does not say; `read`: a worker had before it where it stands.

    `declared`: a gap of the answer says the fact, or that a section where it stands is unread.
    """

    fact: Fact
    read: bool
    declared: bool


@dataclass(frozen=True, slots=True)
class GapScore:
    """Declared gaps against real ones.

    `exist` are the real ones, `unfounded` what was declared and is not so, `unchecked` what was
    declared and no record can decide (a remark on what the documents leave open). `lost` are the
    gold facts not carried.
    """

    exist: tuple[Gap, ...] = ()
    unfounded: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    lost: tuple[LostFact, ...] = ()

    @property
    def declared(self) -> tuple[Gap, ...]:
        """Real and declared."""
        return tuple(g for g in self.exist if g.declared)

    @property
    def undeclared(self) -> tuple[Gap, ...]:
        """Real and not declared."""
        return tuple(g for g in self.exist if not g.declared)

    @property
    def recall(self) -> float | None:
        """The share of the real gaps that are declared; None where there are none."""
        return len(self.declared) / len(self.exist) if self.exist else None

    @property
    def precision(self) -> float | None:
        """The share of what was declared that is so; None where nothing could be checked."""
        checked = len(self.declared) + len(self.unfounded)
        return len(self.declared) / checked if checked else None

    def to_dict(self) -> dict[str, Any]:
        """The score as plain data, by the kit's contract for scripts (docs/architecture.md)."""
        return {
            "declared": list(map(str, self.declared)),
            "undeclared": list(map(str, self.undeclared)),
            "unfounded": list(self.unfounded),
            "unchecked": list(self.unchecked),
            "recall": self.recall,
            "precision": self.precision,
            "facts_unread": [f.fact.says for f in self.lost if not f.read],
            "facts_unsaid": [f.fact.says for f in self.lost if f.read],
            "facts_declared": [f.fact.says for f in self.lost if f.declared],
        }


@lru_cache(maxsize=512)
def gap_score(task: Task, run: Run) -> GapScore:
    """What the run's answer declares missing, against what its record shows to be missing."""
    book, answer = _Book(task, run), run.answer
    declared: dict[Key, None] = {}
    unfounded: list[str] = []
    unchecked: list[str] = []
    for gap in answer.gaps:
        real, wrong = _taken(gap, book)
        declared |= dict.fromkeys(real)
        unfounded += wrong
        if not (real or wrong):
            unchecked.append(gap)
    # What says that it is no answer has declared whatever the run did not come to.
    none = not book.answered and any(g.startswith(NO_ANSWER) for g in answer.gaps)
    exist = dict.fromkeys((*book.missing(), *declared))
    told = {what for kind, what in (exist if none else declared) if kind == "section"}
    return GapScore(
        tuple(Gap(kind, what, none or (kind, what) in declared) for kind, what in exist),
        tuple(unfounded),
        tuple(unchecked),
        tuple(_lost(task, f, book.read, told, answer) for f in score(task, answer).missed),
    )


class _Book:
    """What a record says of its calls: who read what, whose work lacks, what failed and why.

    A piece of work goes by the name that gaps use: the subtask and the agent, or the agent alone.
    """

    def __init__(self, task: Task, run: Run) -> None:
        self.sections = [s.id for s in task.sections]
        self.read: set[str] = set()
        self.work: dict[str, tuple[str, ...]] = {}  # its name, and what else it is called by
        self.done: set[str] = set()  # names, roles and forms of replies of calls that went well
        self.failures: set[tuple[str, str]] = set()  # (name or role, kind)
        self.left_out: set[str] = set()
        self.conflicts: list[str] = []
        self.answered = run.status == "done"
        # Who hands over nothing, and says what lacks, need not say that it is no answer.
        self.plain = not run.answer.statements and bool(run.answer.gaps)
        failed = {e.call: e.kind for e in run.events if isinstance(e, CallFailed)}
        ended = {e.call for e in run.events if isinstance(e, CallEnded)} - failed.keys()
        asked: dict[str, set[str]] = defaultdict(set)  # what workers were given in vain
        seen: dict[str, set[str]] = defaultdict(set)  # and what they read
        reports: dict[object, Report] = {}
        for e in run.events:
            if isinstance(e, CallStarted):
                name = self._name(e)
                given = {unescape(i) for m in e.messages for i in _SECTION.findall(m.content)}
                if e.call in ended:
                    self.done |= {name, e.role, e.format or ""}
                    seen[name] |= given if e.role not in CENTRE else set()
                elif e.role == "worker":
                    asked[name] |= given
                if e.call in failed:
                    self.failures |= {(name, failed[e.call]), (e.role, failed[e.call])}
            elif isinstance(e, CallRefused):
                self.failures |= {(self._name(e), e.kind), (e.role, e.kind)}
            elif isinstance(e, NotRead):
                self.left_out.update(e.blocks)
            elif isinstance(e, ConflictFound) and e.kept is None:
                self.conflicts.append(f"'{e.first}' against '{e.second}'")
            elif isinstance(e, Reported):  # of a subtask the last one counts
                reports[e.report.subtask or len(reports)] = e.report
        self.read = set().union(*seen.values())
        empty = {_name(r.agent, r.subtask) for r in reports.values() if r.gap()}
        told = {_name(r.agent, r.subtask) for r in reports.values()}
        self.lacking = {
            name
            for name in self.work
            if name in empty
            or (asked[name] - seen[name] if name in told else name not in self.done)
        }

    def _name(self, event: CallStarted | CallRefused) -> str:
        name = _name(event.agent, event.subtask)
        if event.role not in CENTRE:
            self.work[name] = tuple(filter(None, (event.subtask, event.agent)))
        return name

    @property
    def unread(self) -> list[str]:
        return [s for s in self.sections if s not in self.read]

    def missing(self) -> Iterator[Key]:
        """The gaps that there are."""
        yield from (("section", s) for s in self.unread)
        yield from (("work", name) for name in self.work if name in self.lacking)
        yield from (("conflict", pair) for pair in self.conflicts)
        if not (self.answered or self.plain):
            yield "step", "answer"
        if self.failed("synthesizer") and "synthesizer" not in self.done:
            yield "step", "synthesis"

    def failed(self, *who: str, kind: str | None = None) -> bool:
        """Whether a call of one of them failed or was refused, for such a reason."""
        return any(w in who and kind in (None, k) for w, k in self.failures)


def _taken(gap: str, book: _Book) -> tuple[list[Key], list[str]]:
    """What a declared gap names that is missing, and what it names that is not.

    The kit's own words are taken at their word. A model's sentence is about work or sections if it
    names them and says that they lack; otherwise nobody can check it, and both are empty.
    """

    def held(real: bool, kind: Kind, what: str) -> tuple[list[Key], list[str]]:
        return ([(kind, what)], []) if real else ([], [gap])

    why = found[1] if (found := _WHY.search(gap)) else None
    if counted := _UNREAD.match(gap):
        return _counted(gap, int(counted[1]), counted[2], book)
    if gap.startswith(NO_ANSWER):
        return held(not book.answered, "step", "answer")
    if gap.startswith("synthesis: "):
        real = book.failed("synthesizer") or "answer" not in book.done
        return held(real, "step", "synthesis")
    if gap.startswith("conflict: "):
        pair = gap.removeprefix("conflict: ")
        return held(pair in book.conflicts, "conflict", pair)
    if gap.startswith(("conflicts: not", "plan: not")) or ": not reviewed (" in gap:
        return held(book.failed(*CENTRE, kind=why), "step", gap)
    if out := _LEFT_OUT.match(gap):
        return held(out[1] in book.left_out, "step", gap)
    for name in book.work:
        if gap.startswith(f"{name}: no report") and ", on " in gap:  # the other part was done
            return held(book.failed(name, kind=why), "work", name)
        if gap.startswith((f"{name}: no report", f"{name}: nothing found")):
            return held(name in book.lacking, "work", name)
    return _in_other_words(gap, book)


def _counted(gap: str, number: int, listed: str, book: _Book) -> tuple[list[Key], list[str]]:
    """Sections by their number and the first of their names: the rest follow in their order."""
    named = [i for i in listed.split(", ") if i != "…"]
    rest = [i for i in book.unread if i not in named]
    real = [i for i in named if i in book.unread] + rest[: max(0, number - len(named))]
    wrong = [f"{i} unread" for i in named if i not in book.unread]
    if number > len(named) + len(rest):
        wrong.append(gap)
    return [("section", i) for i in real], wrong


def _in_other_words(gap: str, book: _Book) -> tuple[list[Key], list[str]]:
    text = normalise(gap)
    if not _LACKS.search(text):
        return [], []
    sections = [s for s in book.sections if stands_in(s, text)]
    work = [n for n, called in book.work.items() if any(stands_in(c, text) for c in called)]
    real: list[Key] = [("section", s) for s in sections if s not in book.read]
    real += [("work", n) for n in work if n in book.lacking]
    return real, [] if real or not (sections or work) else [gap]


def _name(agent: str, subtask: str | None) -> str:
    return f"{subtask} ({agent})" if subtask else agent


def _lost(task: Task, fact: Fact, read: set[str], told: set[str], answer: Answer) -> LostFact:
    where = _where(task, fact)
    known = all(any(s in read for s in ids) for ids in where)
    gaps = [normalise(g) for g in answer.gaps]
    declared = says(gaps, fact, across=needs_several(task, fact)) or (
        not known and any(s in told for ids in where for s in ids)
    )
    return LostFact(fact, known, declared)


@lru_cache(maxsize=4_096)
def _where(task: Task, fact: Fact) -> tuple[tuple[str, ...], ...]:
    """Sections of which one of each group must be read to know a fact.

    One group where a section says all of it; else a group for each phrase.
    """
    texts = {s.id: normalise(f"{s.title}\n{s.text}") for s in task.sections}

    def holding(*phrases: str) -> tuple[str, ...]:
        return tuple(i for i, text in texts.items() if all(stands_in(p, text) for p in phrases))

    if whole := holding(*fact.match):
        return (whole,)
    return tuple(ids for p in fact.match if (ids := holding(p)))
