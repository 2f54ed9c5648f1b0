"""Judge of the exercise on a pattern of one's own, by what its runs do."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from orchestrator_kit.answer import Answer
from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import Scene, scenes
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import not_a_function, quoted, watched
from orchestrator_kit.crew import Crew
from orchestrator_kit.events import CallRefused, CallStarted, Event, Reported
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models.faults import Fault, Faults
from orchestrator_kit.patterns import PATTERNS
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Task
from orchestrator_kit.text import normalise

SIX = tuple(PATTERNS)
MOST_CALLS = 200
GROUNDED = 0.9
SOONER = 0.75  # of the time of one worker, with four of them
TIMES = 2  # as many tokens as master_slave takes
WORKERS = 4


@dataclass(frozen=True)
class _Tried:
    """What came of running a pattern: a record, or what went wrong, in words."""

    record: Run | None = None
    complaint: str | None = None


class _TooMany(BaseException):
    """A pattern that goes on calling; beyond the reach of its own `except Exception`."""


class _NoAnswer(Exception):
    """A pattern that returned something else than an answer; the message is for the learner."""


@exercise(
    "peers-2",
    title=N_("A pattern of your own"),
    level=3,
    notebook="06_peer_agents",
    hints=(
        N_(
            "Begin with who reads what. Every section must come to somebody, nobody should read "
            "everything, and no part may have to wait for another one: there is your first step."
        ),
        N_(
            "The second step is somebody who is given the reports of the first: `received=` of "
            "`worker.report`, or `synthesizer.answer`. Which of them can say something that no "
            "single reader of the first step could?"
        ),
        N_(
            "`crew.report` and `crew.reports` never raise for a failed call; what is missing "
            "becomes a gap by itself. `crew.turn` returns None, and `crew.ask` raises a RunError: "
            "there the pattern has to say what is missing (`crew.declare`), and to answer with "
            "what there is (`merge`)."
        ),
    ),
)
def peers_2(pattern: object) -> Iterator[Part]:
    """An async pattern, from crew and task to an answer, that is none of the six."""
    yield Part(_("a function"), not_a_function(pattern), needed=True)
    assert callable(pattern)
    stages = list(scenes("peers-2"))
    tried = [_tried(pattern, scene, scene.model, WORKERS) for scene in stages]
    for scene, one in zip(stages, tried, strict=True):
        complaint = one.complaint or _fault_in_answer(one.record)
        yield Part(_("an answer"), complaint, scene.task.title if complaint else "", needed=True)
    records = [one.record for one in tried if one.record]
    pairs = list(zip(stages, records, strict=True))
    for asks, fault, needed in (
        (_("none of the six"), _fault_in_kind, True),
        (_("what it says stands in the documents, and is no longer than allowed"), _untrue, False),
        (_("every section is read"), _fault_in_reading, False),
        (
            _("somebody builds on what others found, and no report is lost"),
            _fault_in_building,
            False,
        ),
        (_("at most twice the tokens of master_slave"), _fault_in_price, False),
    ):
        yield _of_all(asks, fault, pairs, needed)
    yield _of_all(_("more workers make it sooner"), partial(_fault_in_pace, pattern), pairs, False)
    yield _of_all(
        _("a call that fails costs its part, and is declared"),
        partial(_fault_in_failing, pattern),
        pairs,
        False,
    )


def _of_all(
    asks: str,
    fault: Callable[[Scene, Run], str | None],
    pairs: Sequence[tuple[Scene, Run]],
    needed: bool,
) -> Part:
    for scene, record in pairs:
        if complaint := fault(scene, record):
            return Part(asks, complaint, scene.task.title, needed=needed)
    return Part(asks, needed=needed)


def _tried(pattern: Callable[..., Any], scene: Scene, model: Any, workers: int) -> _Tried:
    """Run a learner's pattern, so that it comes to an end whatever it does."""

    async def own(crew: Crew, task: Task) -> Answer:
        found = pattern(crew, task)
        if not inspect.isawaitable(found):
            raise _NoAnswer(
                _("A pattern is an async function (async def); this one returned {found}.").format(
                    found=quoted(found)
                )
            )
        answer = await found
        if not isinstance(answer, Answer):
            raise _NoAnswer(
                _("Expected an Answer; the pattern returned {found}.").format(found=quoted(answer))
            )
        return answer

    made = 0

    def listen(event: Event) -> None:
        nonlocal made
        made += isinstance(event, CallStarted | CallRefused)
        if made > MOST_CALLS:
            raise _TooMany

    try:
        outcome = watched(
            run, scene.task, own, model, workers=workers, recovery="degrade", listen=listen
        )
    except _TooMany:
        return _Tried(
            complaint=_(
                "The pattern made more than {most} calls, and was stopped. Does it go round and "
                "round?"
            ).format(most=MOST_CALLS)
        )
    if isinstance(outcome.error, _NoAnswer):
        return _Tried(complaint=str(outcome.error))
    if outcome.complaint:
        return _Tried(complaint=outcome.complaint)
    return _Tried(outcome.value)


def _fault_in_answer(record: Run | None) -> str | None:
    if record is None:
        return _("There is no record of the run.")
    if record.status != "done":
        return _("The run failed: {why}").format(why=quoted(record.answer.gaps))
    if not record.answer.statements:
        return _("The answer has no statements, though nothing had failed.")
    return None


def _asked(record: Run) -> Counter[Any]:
    """What was asked in a run, whoever asked it and in whatever order."""
    return Counter(e.messages for e in record.events if isinstance(e, CallStarted))


@lru_cache
def _known(n: int) -> dict[str, Run]:
    """The records of the six in a scene."""
    scene = list(scenes("peers-2"))[n]
    return {name: run(scene.task, name, scene.model, workers=WORKERS) for name in SIX}


def _six_of(scene: Scene) -> dict[str, Run]:
    return _known([s.seed for s in scenes("peers-2")].index(scene.seed))


def _fault_in_kind(scene: Scene, record: Run) -> str | None:
    """Whether all that one of the six asks is asked here as well; then it is that one."""
    mine = _asked(record)
    for name, known in _six_of(scene).items():
        theirs = _asked(known)
        if theirs == mine or (len(theirs) > 1 and theirs <= mine):
            return _(
                "This is {name}, by whatever name: all {n} requests that {name} sends are sent "
                "here word for word. Change who reads what, who is told what, or how it goes on."
            ).format(name=name, n=theirs.total())
    return None


def _untrue(scene: Scene, record: Run) -> str | None:
    found = score(scene.task, record.answer)
    if (found.groundedness or 0.0) < GROUNDED:
        return _(
            "Of the statements of the answer only {share:.0%} stand in the documents, for example "
            "not this one: {text}."
        ).format(share=found.groundedness, text=quoted(found.ungrounded[0].text))
    if (found.source_precision or 0.0) < GROUNDED:
        return _(
            "Only {share:.0%} of the statements stand in a section that they name as their source. "
            "Hand the findings on as they are, with their sources."
        ).format(share=found.source_precision)
    said = sum(
        scene.model.count_tokens(
            json.dumps({"statement": s.text, "sources": s.sources}, ensure_ascii=False)
        )
        for s in record.answer.statements
    )
    if said > 1.05 * scene.task.budget.answer_tokens:
        return _(
            "The answer has about {said:,} tokens, and the task allows {limit:,}. An answer must "
            "not be better for being longer."
        ).format(said=said, limit=scene.task.budget.answer_tokens)
    return None


def _fault_in_reading(scene: Scene, record: Run) -> str | None:
    sent = {m.content for messages_ in _asked(record) for m in messages_}
    unread = [
        s.id for s in scene.task.sections if not any(f'<section id="{s.id}"' in m for m in sent)
    ]
    if unread:
        return _(
            "There are sections that nobody read: {n} of {all}, the first of them {first}. What "
            "nobody reads cannot be found."
        ).format(n=len(unread), all=len(scene.task.sections), first=unread[0])
    return None


def _fault_in_building(scene: Scene, record: Run) -> str | None:
    used = {call for c in calls(record) for call in c.uses}
    if not used:
        return _(
            "All calls stand side by side: nobody was given what another one had found. Let at "
            "least one call build on the results of others."
        )
    said = {normalise(s.text) for s in record.answer.statements}
    for report in (e.report for e in record.events if isinstance(e, Reported)):
        found = {normalise(f.text) for f in report.findings}
        if found and not found & said and not used & set(report.calls):
            return _(
                "What {agent} reported went nowhere: nobody was given it, and nothing of it is in "
                "the answer. Who was it for?"
            ).format(agent=report.agent)
    return None


def _fault_in_price(scene: Scene, record: Run) -> str | None:
    mine, theirs = (measure(r).tokens for r in (record, _six_of(scene)["master_slave"]))
    if mine <= TIMES * theirs:
        return None
    return _(
        "The pattern takes {mine:,} tokens and master_slave {theirs:,}, which is less than half "
        "of it. Who reads what somebody else has read already?"
    ).format(mine=mine, theirs=theirs)


def _fault_in_pace(pattern: Callable[..., Any], scene: Scene, record: Run) -> str | None:
    alone = _tried(pattern, scene, scene.model, 1)
    if alone.record is None:
        return alone.complaint
    one, four = measure(alone.record).latency_s, measure(record).latency_s
    if four <= SOONER * one:
        return None
    return _(
        "With one worker it takes {one:.1f} seconds, with {n} of them {four:.1f}. Which of the "
        "calls could be made at the same time, and are awaited one by one?"
    ).format(one=one, n=WORKERS, four=four)


def _fault_in_failing(pattern: Callable[..., Any], scene: Scene, record: Run) -> str | None:
    """What becomes of the answer if the first, a middle or the last call fails."""
    n = len(calls(record))
    for nth in sorted({1, (n + 1) // 2, n}):
        tried = _tried(pattern, scene, Faults(scene.model, [Fault("crash", nth=(nth,))]), WORKERS)
        if tried.record is None:
            return _("When call {nth} of {n} fails: {complaint}").format(
                nth=nth, n=n, complaint=tried.complaint
            )
        if tried.record.status != "done":
            return _(
                "When call {nth} of {n} fails, the whole run fails with it. An error of a call "
                "that is the pattern's own "
                "has to be caught (RunError); what was found until then should still be answered."
            ).format(nth=nth, n=n)
        if not tried.record.answer.statements:
            return _(
                "When call {nth} of {n} fails, the answer is empty, though other calls came "
                "through."
            ).format(nth=nth, n=n)
        if not set(tried.record.answer.gaps) - set(record.answer.gaps):
            return _(
                "When call {nth} of {n} fails, the answer declares no gap that it does not "
                "declare anyway. Whoever reads "
                "it must be told that something is missing, and only then."
            ).format(nth=nth, n=n)
    return None
