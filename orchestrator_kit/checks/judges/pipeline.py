"""Judges of the exercises on the pipeline: the stages in a row, and where a fact was lost."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from random import Random
from typing import Any

from orchestrator_kit.answer import Answer, Failure, Report, Statement
from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.floor import CLOSE, Floor, told
from orchestrator_kit.checks.scenes import scenes, stream
from orchestrator_kit.checks.verdict import Part, first_fault
from orchestrator_kit.checks.watch import Outcome, not_a_function, quoted, watched
from orchestrator_kit.crew import Crew
from orchestrator_kit.events import Event, Reported, RunEnded, RunStarted
from orchestrator_kit.experiments import run
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.roles import worker
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Fact, Specialist, Task

_DESKS = ("reader", "lawyer", "statistician", "critic", "editor", "proof-reader", "archivist")


@exercise(
    "lost-1",
    title=N_("Where was it lost?"),
    level=1,
    notebook="02_pipeline",
    hints=(
        N_(
            "Every stage's draft is in a `Reported` event, in order. Put the drafts that count "
            "into a list first; then look at neighbours."
        ),
        N_(
            "A stage whose report has no findings has handed on the draft that it got: it has lost "
            "nothing, and the next stage's neighbour is the one before it."
        ),
        N_(
            "A fact may be lost, found again and lost again. What counts is the last time, so "
            "begin at the end. (`itertools.pairwise` gives the neighbours.)"
        ),
    ),
)
def lost_1(lost_at: object) -> Iterator[Part]:
    """A function from a record's events to the specialist at whose stage a fact was lost."""
    yield Part(_("a function"), not_a_function(lost_at), needed=True)
    assert callable(lost_at)
    rng = stream("lost-1")
    asks = _("{n} rows of drafts in which a fact comes and goes")
    yield _lost(asks, lost_at, [_row(rng, s) for n in range(1, 6) for s in _words("x.", n)])
    asks = _("{n} rows with stages that failed")
    failing = (s for n in range(1, 5) for s in _words("x.-", n) if "-" in s)
    yield _lost(asks, lost_at, [_row(rng, s) for s in failing])
    asks = _("{n} gold facts in the records of real pipelines")
    yield _lost(asks, lost_at, _real_rows())


@dataclass(frozen=True)
class _Row:
    """Stages in a row: who had a certain fact in the draft (x), who did not (.), who failed (-)."""

    events: tuple[Event, ...]
    agents: tuple[str, ...]
    marks: str
    has: Callable[[Report], bool]

    def __str__(self) -> str:
        words = {"x": _("has it"), ".": _("does not have it"), "-": _("failed")}
        return ", ".join(f"{a}: {words[m]}" for a, m in zip(self.agents, self.marks, strict=True))


def _lost(asks: str, lost_at: Callable[..., Any], rows: Sequence[_Row]) -> Part:
    asks = asks.format(n=len(rows))
    return first_fault(asks, rows, partial(_fault_in_loss, lost_at))


def _fault_in_loss(lost_at: Callable[..., Any], row: _Row) -> str | None:
    """What is wrong with the name that a function gives; None if it is right."""
    outcome = watched(lost_at, row.events, row.has)
    if outcome.complaint:
        return outcome.complaint
    name, drafts = outcome.value, row.marks.replace("-", "")
    gone = "x" in drafts and drafts.endswith(".")
    if name is None:
        return (
            _(
                "The function returned None. But the fact stood in a draft, and the last one does "
                "not have it, so somebody has lost it."
            )
            if gone
            else None
        )
    if not isinstance(name, str) or name not in row.agents:
        return _(
            "The function returned {found}. Expected is the name of the specialist whose stage it "
            "was, as the report has it (`agent`), or None."
        ).format(found=quoted(name))
    if not gone and row.marks[row.agents.index(name)] != "-":
        return (
            _(
                "The function returned {found}. But the fact stands in the last draft: it is not "
                "lost, whatever became of it on the way."
            )
            if "x" in drafts
            else _(
                "The function returned {found}. But no draft ever had the fact. What was never "
                "found cannot be lost: that is a fault of the reading, not of the row."
            )
        ).format(found=quoted(name))
    return _fault_in_loser(row, row.agents.index(name))


def _fault_in_loser(row: _Row, at: int) -> str | None:
    """Why it was not this one that lost a fact for good; None if it was."""
    before, mark, after = row.marks[:at].replace("-", ""), row.marks[at], row.marks[at + 1 :]
    if mark == "-":
        text = _(
            "The function returned {found}, whose stage failed. It handed on the draft that it "
            "got, and lost nothing."
        )
    elif mark == "x":
        text = _(
            "The function returned {found}, whose draft still has the fact. Expected is the one "
            "whose draft lacks it first."
        )
    elif "x" in after:
        text = _(
            "The function returned {found}. It was missing there, but a later draft has it again, "
            "and it was lost once more. Expected is where it was lost for good."
        )
    elif not before.endswith("x"):
        text = _(
            "The function returned {found}. But the draft that came to this stage did not have "
            "the fact any more: it was lost before."
        )
    else:
        return None
    return text.format(found=quoted(row.agents[at]))


def _words(letters: str, length: int) -> Iterator[str]:
    return map("".join, itertools.product(letters, repeat=length))


def _row(rng: Random, marks: str) -> _Row:
    """Events of stages that had a fact or had it not, or failed."""
    agents = tuple(rng.sample(_DESKS, len(marks)))
    reports = [_draft(agent, mark) for agent, mark in zip(agents, marks, strict=True)]
    events: list[Event] = [RunStarted(0.0, "pipeline", "made up", "made up", 1)]
    events += [Reported(float(n), report) for n, report in enumerate(reports, 1)]
    events.append(RunEnded(float(len(marks)), "done"))
    return _Row(tuple(events), agents, marks, _says_seven)


def _draft(agent: str, mark: str) -> Report:
    if mark == "-":
        return Report(agent, failure=Failure("crash", "It broke down."))
    said = [f"The {agent} says this.", *(["There are seven."] if mark == "x" else [])]
    return Report(agent, tuple(map(Statement, said)))


def _says_seven(report: Report) -> bool:
    return any("seven" in finding.text for finding in report.findings)


@lru_cache
def _real_rows() -> tuple[_Row, ...]:
    """Rows of real runs, one for each gold fact that some stage knew, and a few that none did."""
    found: list[_Row] = []
    for scene in scenes("lost-1", 2):
        model = Faults(scene.model, ["crash:nth=3"])
        events = run(scene.task, "pipeline", model, recovery="degrade").events
        reports = [e.report for e in events if isinstance(e, Reported)]
        for fact in scene.task.facts:
            has = partial(_stands_in, scene.task, fact)
            marks = "".join("x" if has(r) else "." if r.findings else "-" for r in reports)
            found.append(_Row(events, tuple(r.agent for r in reports), marks, has))
    return tuple(row for n, row in enumerate(found) if "x" in row.marks or n % 4 == 0)


@lru_cache(maxsize=2_048)
def _stands_in(task: Task, fact: Fact, report: Report) -> bool:
    return bool(score(replace(task, facts=(fact,)), Answer(report.findings)).found)


@exercise(
    "stages-1",
    title=N_("A pipeline by hand"),
    level=2,
    notebook="02_pipeline",
    hints=(
        N_(
            "One stage after another means one `await` after another. What must be remembered from "
            "one turn of the loop to the next?"
        ),
        N_(
            "Two things are remembered: the draft that is handed on, and who brought nothing. A "
            "report without findings changes the second and not the first."
        ),
        N_(
            "If no stage brought anything, there is still no draft when the loop has ended. The "
            "answer then has no statements, and all the more gaps."
        ),
    ),
)
def stages_1(hand_on: object) -> Iterator[Part]:
    """An async function that hands a draft from stage to stage, and makes an answer of the last."""
    yield Part(_("a function"), not_a_function(hand_on), needed=True)
    assert callable(hand_on)
    rng = stream("stages-1")
    marks = [s for n in range(1, 4) for s in _words("x.-", n)] + ["xx--", "-x.x", "x-.-", ".x-x"]
    seen = [_handed(hand_on, rng, s) for s in marks]
    asks = _("{n} rows: every stage once, in order, one after another")
    yield _passed(asks, _fault_in_order, seen)
    asks = _("each gets the draft that there is, also after a stage that brought nothing")
    yield _passed(asks, _fault_in_drafts, seen)
    asks = _("the answer is the last draft, and its gaps name whoever brought nothing")
    yield _passed(asks, _fault_in_answer, seen)
    yield _real_pipelines(hand_on, seen)


@dataclass(frozen=True)
class _Hands:
    """A row of stages as a learner's function worked through it, and what each brings."""

    roster: tuple[Specialist, ...]
    reports: dict[str, Report]
    floor: Floor
    outcome: Outcome

    def __str__(self) -> str:
        return ", ".join(f"{name}: {_brought(report)}" for name, report in self.reports.items())


def _brought(report: Report) -> str:
    if report.failure:
        return _("fails")
    return _("finds something") if report.findings else _("finds nothing")


def _handed(hand_on: Callable[..., Any], rng: Random, marks: str) -> _Hands:
    names = rng.sample(_DESKS, len(marks))
    roster = tuple(Specialist(name, f"The eyes of a {name}.") for name in names)
    reports = {}
    for name, mark in zip(names, marks, strict=True):
        reports[name] = Report(name) if mark == "." else _draft(name, mark)
    floor = Floor({name: rng.randint(1, 9) for name in names}, reports)

    def stage(specialist: Specialist, draft: object) -> Awaitable[Any]:
        return floor.work(specialist.name, draft)

    return _Hands(roster, reports, floor, watched(hand_on, roster, stage))


def _passed(asks: str, fault: Callable[[_Hands], str | None], seen: Sequence[_Hands]) -> Part:
    asks = asks.format(n=len(seen))
    for hands in seen:
        if complaint := _fault_at_all(hands) or fault(hands):
            return Part(asks, complaint, str(hands))
    return Part(asks)


def _fault_at_all(hands: _Hands) -> str | None:
    """What makes looking further pointless."""
    if complaint := hands.floor.trouble or hands.outcome.complaint:
        return complaint
    if not hands.floor.stays:
        return _(
            "No stage was ever begun. Is the function written already, and is it an `async def`?"
        )
    return None


def _fault_in_order(hands: _Hands) -> str | None:
    roster = [s.name for s in hands.roster]
    stays = hands.floor.stays
    for name in roster:
        if len(times := hands.floor.of(name)) != 1:
            return _("The stage of the {name} was worked on {n} times, and should be once.").format(
                name=name, n=len(times)
            )
    if [stay.name for stay in stays] != roster:
        return _(
            "The stages began in the order {found}. Expected is the roster's: {roster}."
        ).format(found=", ".join(stay.name for stay in stays), roster=", ".join(roster))
    for first, then in itertools.pairwise(stays):
        if first.ended is None or then.began < first.ended - CLOSE:
            return _(
                "The {then} began at {t} s, while the {first} was still at work. In a pipeline "
                "each waits for the draft of the one before."
            ).format(then=then.name, t=told(then.began), first=first.name)
    return None


def _fault_in_drafts(hands: _Hands) -> str | None:
    draft: Report | None = None
    for stay in hands.floor.stays:
        given = stay.given[0]
        if given != draft:
            return _wrong_draft(hands, stay.name, given, draft)
        if (report := hands.reports[stay.name]).findings:
            draft = report
    return None


def _wrong_draft(hands: _Hands, name: str, given: object, due: Report | None) -> str:
    """The message for a stage that got another draft than it should."""
    if given is not None and not isinstance(given, Report):
        text = _(
            "The {name} was given {given}. Expected is the report of a stage before, as it is."
        )
    elif isinstance(given, Report) and not given.findings:
        text = _(
            "The {name} was given the report of the {other}, which has no findings. A stage that "
            "brought nothing hands on the draft that it got."
        )
    elif due is None:
        text = _("The {name} was given {given}, and there was no draft yet: expected None.")
    elif given is None:
        text = _("The {name} was given None, though the draft of the {due} was there.")
    else:
        text = _("The {name} was given the draft of the {other}; the latest is that of the {due}.")
    other = given.agent if isinstance(given, Report) else ""
    return text.format(name=name, given=quoted(given), other=other, due=due.agent if due else "")


def _fault_in_answer(hands: _Hands) -> str | None:
    found = hands.outcome.value
    if not isinstance(found, Answer):
        return _("Expected an `Answer`; the function returned {found}.").format(found=quoted(found))
    drafts = [r.findings for r in hands.reports.values() if r.findings]
    if found.statements != (drafts[-1] if drafts else ()):
        return _(
            "The statements of the answer are {found}. Expected are the findings of the last "
            "draft, or none where there is no draft."
        ).format(found=quoted([s.text for s in found.statements]))
    silent = [name for name, r in hands.reports.items() if not r.findings]
    for name in silent:
        if not any(name in str(gap) for gap in found.gaps):
            return _(
                "The {name} brought nothing, and no gap of the answer says so. Whoever reads it "
                "takes it for the work of all."
            ).format(name=name)
    if len(found.gaps) > len(silent):
        return _(
            "The answer declares the gaps {gaps}, and only {n} of the stages brought nothing."
        ).format(gaps=quoted(list(found.gaps)), n=len(silent))
    return None


def _real_pipelines(hand_on: Callable[..., Any], seen: Sequence[_Hands]) -> Part:
    """The learner's row in real runs, beside the kit's own."""
    asks = _("in real runs, with and without failures, it finds what the kit's pipeline finds")
    if complaint := next(filter(None, map(_fault_at_all, seen)), None):
        return Part(asks, complaint)

    async def by_hand(crew: Crew, task: Task) -> Answer:
        def stage(specialist: Specialist, draft: Report | None) -> Awaitable[Report]:
            return crew.report(worker.stage(task, specialist, draft))

        answer = await hand_on(task.specialists, stage)
        return answer if isinstance(answer, Answer) else Answer()

    for scene, plan in itertools.product(scenes("stages-1", 2), ((), ("crash:nth=2",))):
        model = Faults(scene.model, plan)
        outcome = watched(partial(run, recovery="degrade"), scene.task, by_hand, model)
        if outcome.complaint:
            return Part(asks, outcome.complaint, scene.task.title)
        due = run(scene.task, "pipeline", model, recovery="degrade").answer
        if outcome.value.answer.statements != due.statements:
            text = _(
                "On the task {task} the answer has {mine} statements, and the kit's pipeline "
                "another answer, with {due}. Faults: {faults}."
            )
            mine, wanted = len(outcome.value.answer.statements), len(due.statements)
            faults = ", ".join(plan) or _("none")
            told_so = text.format(task=scene.task.title, mine=mine, due=wanted, faults=faults)
            return Part(asks, told_so, scene.task.title)
    return Part(asks)
