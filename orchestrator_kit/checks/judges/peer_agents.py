"""Judges of the exercises on peers: counting messages, a pattern of one's own."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from orchestrator_kit.answer import Answer
from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import Scene, scenes, stream
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import not_a_function, quoted, watched
from orchestrator_kit.crew import Crew
from orchestrator_kit.events import CallRefused, CallStarted, Event, Posted, Reported
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models.faults import Fault, Faults
from orchestrator_kit.patterns import PATTERNS
from orchestrator_kit.patterns.peer_agents import peer_agents
from orchestrator_kit.playback import CENTRE, cast_of, messages
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Task
from orchestrator_kit.text import normalise

# --- peers-1: count the messages ---

TEAMS = range(2, 10)  # the sizes of which runs are measured


@dataclass(frozen=True)
class _Sizes:
    """Tokens of a message of each kind."""

    post: int
    order: int
    report: int

    def __str__(self) -> str:
        return f"post={self.post}, order={self.order}, report={self.report}"


@dataclass(frozen=True)
class _Traffic:
    """Messages in one round of measured teams: told among peers, to and from the hub's centre."""

    told: int
    orders: int
    reports: int

    def mesh(self, sizes: _Sizes) -> int:
        return self.told * sizes.post

    def hub(self, sizes: _Sizes) -> int:
        return self.orders * sizes.order + self.reports * sizes.report


@exercise(
    "peers-1",
    title=N_("From how many on a hub is cheaper"),
    level=1,
    notebook="06_peer_agents",
    hints=(
        N_(
            "Draw three peers and every message of one round as an arrow from who says it to who "
            "reads it. Then draw four. Then do the same with a centre in the middle."
        ),
        N_(
            "Multiply each count of arrows by the size of such a message. The smallest team has "
            "two; go up from there."
        ),
        N_(
            "Stop at the first team for which the hub's tokens are fewer. As many is not yet fewer."
        ),
    ),
)
def peers_1(hub_from: object) -> Iterator[Part]:
    """A function that says from how many agents on a hub carries fewer tokens than a mesh."""
    yield Part(_("a function"), not_a_function(hub_from), needed=True)
    assert callable(hub_from)
    rng = stream("peers-1")
    one = [_Sizes(size, size, size) for size in (1, 10, 300)]
    one += [_Sizes(p, k * p, 0) for k, p in ((1, 5), (2, 7), (4, 20), (6, 9), (7, 100))]
    one += [_Sizes(p, 0, k * p) for k, p in ((1, 3), (3, 8), (5, 40))]
    posts = [rng.randint(20, 400) for _n in range(60)]
    any_size = [_Sizes(post, rng.randint(1, 4 * post), rng.randint(1, 3 * post)) for post in posts]
    for asks, cases in (
        (_("{n} sizes that are multiples of each other"), one),
        (_("{n} sizes of all kinds"), any_size),
        (_("{n} sizes of messages in real runs"), _real_sizes()),
    ):
        complaint, tried = _fault_in_sizes(hub_from, cases, [*one, *any_size])
        yield Part(asks.format(n=len(cases)), complaint, tried)


def _fault_in_sizes(
    function: Callable[..., Any], cases: Sequence[_Sizes], every: Sequence[_Sizes]
) -> tuple[str | None, str]:
    """What is wrong with the first answer at fault, and the sizes that showed it."""
    for sizes in cases:
        outcome = watched(function, sizes.post, sizes.order, sizes.report)
        if outcome.complaint:
            return outcome.complaint, str(sizes)
        if complaint := _fault_in_type(outcome.value):
            return complaint, str(sizes)
        if complaint := _fault_in_size(outcome.value, sizes):
            return f"{complaint} {_idea(function, every)}".strip(), str(sizes)
    return None, ""


def _fault_in_type(found: object) -> str | None:
    if found is None:
        return _(
            "The function returned None, not a number. Is it written already, and does every way "
            "through it end in a return?"
        )
    if isinstance(found, bool) or not isinstance(found, int) or found < min(TEAMS):
        return _(
            "Expected a whole number of agents, at least 2; the function returned {found}."
        ).format(found=quoted(found))
    return None


def _fault_in_size(found: int, sizes: _Sizes) -> str | None:
    """What is wrong with the size of team that a function names; None if runs bear it out."""
    for traffic in _traffic():
        cheaper = [n for n in TEAMS if traffic[n].hub(sizes) < traffic[n].mesh(sizes)]
        if found == min(cheaper):
            continue
        shown = min(found, max(TEAMS)) if found < min(cheaper) else min(cheaper)
        mesh, hub = traffic[shown].mesh(sizes), traffic[shown].hub(sizes)
        if found > min(cheaper):
            return _(
                "The function says {found}. But in a measured round of {n} agents already the "
                "peers carried {mesh:,} tokens to each other and the hub only {hub:,}."
            ).format(found=found, n=shown, mesh=mesh, hub=hub)
        return _(
            "The function says {found}. But in a measured round of {n} agents the peers carried "
            "{mesh:,} tokens to each other and the hub {hub:,}, which is not fewer."
        ).format(found=found, n=shown, mesh=mesh, hub=hub)
    return None


def _idea(function: Callable[..., Any], cases: Sequence[_Sizes]) -> str:
    """What a function seems to count, if one idea explains all that it says."""
    both = _(
        "In a hub there are two messages for each worker, and both are carried: the order to it, "
        "and its report."
    )
    ideas: tuple[tuple[Callable[[int, _Sizes], bool], str], ...] = (
        (
            lambda n, s: n * (s.order + s.report) <= n * (n - 1) * s.post,
            _("A hub that carries as many tokens as the mesh is not cheaper yet."),
        ),
        (
            lambda n, s: 2 * (s.order + s.report) < (n - 1) * s.post,
            _(
                "Do you count each pair of peers once? When two of them tell each other something, "
                "these are two messages."
            ),
        ),
        (
            lambda n, s: s.order + s.report < n * s.post,
            _("Nobody has to be told what they said themselves."),
        ),
        (lambda n, s: s.order < (n - 1) * s.post, both),
        (lambda n, s: s.report < (n - 1) * s.post, both),
    )
    says: list[object] = []
    for s in cases:
        outcome = watched(function, s.post, s.order, s.report)
        if not isinstance(outcome.value, int):
            return ""
        says.append(outcome.value)
    for idea, said in ideas:
        if says == [next((n for n in range(2, 60) if idea(n, s)), None) for s in cases]:
            return said
    return ""


@lru_cache
def _traffic() -> tuple[dict[int, _Traffic], ...]:
    """For each scene, the messages of one round, as the records of real runs have them."""
    return tuple({n: _counted(scene, n) for n in TEAMS} for scene in map(_short, scenes("peers-1")))


def _counted(scene: Scene, n: int) -> _Traffic:
    team = replace(scene.task, specialists=scene.task.specialists[:n])
    peers = run(team, partial(peer_agents, rounds=1), scene.model, workers=n)
    hub = run(team, "master_slave", scene.model, workers=n)
    sent = messages(hub, cast_of(hub))
    told = {(m.sender, other) for m in messages(peers, cast_of(peers)) for other in m.receivers}
    return _Traffic(
        len(told),
        sum(m.sender == CENTRE for m in sent),
        sum(CENTRE in m.receivers for m in sent),
    )


def _short(scene: Scene) -> Scene:
    """The scene with two documents: enough for everybody to have something, and quick."""
    return replace(scene, task=replace(scene.task, documents=scene.task.documents[:2]))


@lru_cache
def _real_sizes() -> tuple[_Sizes, ...]:
    """Sizes of posts, orders and reports in real runs; an order without the sections to read."""
    found = []
    for scene in scenes("peers-1"):
        count = scene.model.count_tokens
        peers = run(scene.task, "peer_agents", scene.model)
        posts = [
            sum(map(count, e.items))
            for e in peers.events
            if isinstance(e, Posted) and e.what == "findings"
        ]
        hub = run(scene.task, "orchestrator_worker", scene.model)
        briefs = {
            e.call: count(e.messages[-1].content) for e in hub.events if isinstance(e, CallStarted)
        }
        pairs = [(briefs[c.id], c.usage.output_tokens) for c in calls(hub) if c.subtask and c.usage]
        drawn = zip(sorted(posts, reverse=True), pairs, strict=False)
        found += [_Sizes(p, o, r) for p, (o, r) in drawn if o + r < (max(TEAMS) - 1) * p]
    return tuple(found)


# --- peers-2: a pattern of one's own ---

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
