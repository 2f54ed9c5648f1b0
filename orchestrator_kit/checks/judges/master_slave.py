"""Judges of the exercises on master and slaves: merging without doubles, an estimate of tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Any

from orchestrator_kit.answer import Failure, Report, Statement
from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import scenes, stream
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import not_a_function, quoted, watched
from orchestrator_kit.estimates import Rehearsal
from orchestrator_kit.events import CallStarted
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models import simulated
from orchestrator_kit.models.base import Reply, Request, Usage
from orchestrator_kit.record import Run
from orchestrator_kit.tasks import Task
from orchestrator_kit.text import normalise, sentences

WITHIN = 0.05  # how far an estimate may be from what was measured

# --- shards-1: merge without doubles ---


@exercise(
    "shards-1",
    title=N_("Merge without doubles"),
    level=1,
    notebook="04_master_slave",
    hints=(
        N_(
            "Go through the reports one after another, and through the findings of each. What do "
            "you have to remember to know whether you have met a finding before?"
        ),
        N_(
            "A dict keeps the order in which its keys came. What could the key be, so that two "
            "ways to write the same sentence have the same one?"
        ),
        N_(
            "Where the key is known already, only the sources grow: a new Statement with the old "
            "text, the old sources, and those of the new ones that are not among them."
        ),
    ),
)
def shards_1(merged: object) -> Iterator[Part]:
    """A function that reduces reports to their findings, each said once, with all sources."""
    yield Part(_("a function"), not_a_function(merged), needed=True)
    assert callable(merged)
    desks = sorted(_desks(stream("shards-1")), key=_findings)
    small = [desk for desk in desks if _findings(desk) <= 4]
    large = [desk for desk in desks if _findings(desk) > 4]
    yield _merge_part(_("{n} desks with a few findings"), merged, small)
    yield _merge_part(_("{n} desks with many findings, out of two tasks"), merged, large)


def _merge_part(asks: str, merged: Callable[..., Any], desks: Sequence[list[Report]]) -> Part:
    asks = asks.format(n=len(desks))
    for desk in desks:
        if complaint := _fault_in_merge(merged, desk):
            return Part(asks, complaint, _told(desk))
    return Part(asks)


def _fault_in_merge(merged: Callable[..., Any], desk: list[Report]) -> str | None:
    """What is wrong with what a function makes of some reports; None if it is right."""
    given = list(desk)
    outcome = watched(merged, given)
    if outcome.complaint:
        return outcome.complaint
    if given != desk:
        return _("The function changed the list of reports that it was given. Only read it.")
    found = outcome.value
    if found is None:
        return _(
            "The function returned None, not a list. Is it written already, and does every way "
            "through it end in a return?"
        )
    if not isinstance(found, list | tuple):
        return _("Expected a list of statements; the function returned {found}.").format(
            found=quoted(found)
        )
    for one in found:
        if not isinstance(one, Statement) or not isinstance(one.text, str):
            return _("Expected a list of statements; {one} in it is none.").format(one=quoted(one))
    return _fault_in_statements(list(found), desk)


def _fault_in_statements(found: list[Statement], desk: list[Report]) -> str | None:
    said = [finding for report in desk for finding in report.findings]
    names = [normalise(finding.text) for finding in said]
    back = [normalise(one.text) for one in found]
    for finding, name in zip(said, names, strict=True):
        if name not in back:
            return _(
                "The finding {finding} was reported, and is not among what came back. Two findings "
                "are the same only if all their words and figures are."
            ).format(finding=quoted(finding.text))
    for one, name in zip(found, back, strict=True):
        if name not in names:
            return _("{text} came back, and stands in no report.").format(text=quoted(one.text))
        if back.count(name) > 1:
            return _(
                "{text} came back {n} times. The same statement counts once, however often it was "
                "reported and whether or not its spaces and capitals are the same."
            ).format(text=quoted(one.text), n=back.count(name))
    if back != list(dict.fromkeys(names)):
        return _(
            "All statements are there, but not in the order in which they were first reported: "
            "the first report from its beginning to its end, then what the second has besides."
        )
    for one, name in zip(found, back, strict=True):
        mine = [finding for finding, n in zip(said, names, strict=True) if n == name]
        if complaint := _fault_in_sources(one, mine):
            return complaint
    return None


def _fault_in_sources(one: Statement, mine: list[Statement]) -> str | None:
    """What is wrong with one statement, of which these are the reports."""
    if one.text != mine[0].text:
        return _("Expected a statement in the words of whoever said it first, {first}.").format(
            first=quoted(mine[0].text)
        )
    if not isinstance(one.sources, tuple):
        return _("The sources of a statement are a tuple of ids; here they are {found}.").format(
            found=quoted(one.sources)
        )
    wanted = {source for finding in mine for source in finding.sources}
    if lost := sorted(wanted - set(one.sources)):
        return _(
            "{text} was reported from {lost} as well, and the merged statement does not name it. "
            "Whoever wants to look it up should find every place where it stands."
        ).format(text=quoted(one.text), lost=", ".join(lost))
    if len(one.sources) > len(set(one.sources)):
        return _("{text} names a source more than once.").format(text=quoted(one.text))
    if set(one.sources) != wanted:
        return _("{text} names a source that none of its reports has.").format(
            text=quoted(one.text)
        )
    if one.sources != tuple(dict.fromkeys(s for finding in mine for s in finding.sources)):
        return _("The sources of {text} are not in the order in which they were named.").format(
            text=quoted(one.text)
        )
    return None


def _desks(rng: Random) -> Iterator[list[Report]]:
    """Reports of several workers on real sections, with doubles in all ways that they can come."""
    for scene in scenes("shards-1"):
        pool = [
            Statement(text, (section.id,))
            for section in scene.task.sections
            for text in sentences(section.text)
            if 30 < len(text) < 120
        ]
        ids = [section.id for section in scene.task.sections]
        for findings in (1, 2, 2, 3, 3, 4, 4, 8, 12, 20, 30):
            for workers in (1, 2, 3):
                few = rng.sample(pool, max(1, round(findings * 0.6)))
                drawn = [_varied(rng, rng.choice(few), ids) for _n in range(findings)]
                yield _dealt(rng, drawn, workers)
        text = rng.choice(pool).text
        yield [  # the same sentence but for its figure is another one
            Report("worker 1", (Statement(f"{text} It rose by 4 points.", (ids[0],)),)),
            Report("worker 2", (Statement(f"{text} It rose by 9 points.", (ids[1],)),)),
        ]


def _varied(rng: Random, one: Statement, ids: Sequence[str]) -> Statement:
    """The same statement as somebody else might report it."""
    ways: tuple[Callable[[str], str], ...] = (
        str,
        str,
        str.upper,
        lambda text: text.replace(" ", "  ", 1),
        lambda text: text.replace("'", "\u2019").replace("-", "\u2013"),
    )
    sources = rng.sample(ids, 2) if rng.random() < 0.3 else [rng.choice([*one.sources, *ids[:2]])]
    return Statement(rng.choice(ways)(one.text), tuple(sources))


def _dealt(rng: Random, drawn: Sequence[Statement], workers: int) -> list[Report]:
    """The findings dealt out to workers; now and then one of them has failed."""
    hands = [rng.randrange(workers) for _one in drawn]
    reports = [
        Report(f"worker {n}", tuple(f for f, h in zip(drawn, hands, strict=True) if h == n - 1))
        for n in range(1, workers + 1)
    ]
    if rng.random() < 0.2:
        lost = Report("worker 9", failure=Failure("Timeout", "no reply"))
        reports.insert(rng.randrange(len(reports) + 1), lost)
    return reports


def _findings(desk: list[Report]) -> int:
    return sum(len(report.findings) for report in desk)


def _told(desk: list[Report]) -> str:
    each = (f"{r.agent}: {list(map(str, r.findings))}" for r in desk)
    return _cut("; ".join(each))


def _cut(text: str) -> str:
    """A text cut where nobody would read on."""
    return text if len(text) <= 600 else text[:599] + "…"


# --- shards-2: an estimate of tokens ---


@dataclass(frozen=True)
class _Case:
    """A run to be estimated: the task, the workers, and how the model counts."""

    task: Task
    workers: int
    count: Callable[[str], int]
    seed: int

    def __str__(self) -> str:
        limit = self.task.budget.report_tokens
        return (
            f"{self.task.title}, {len(self.task.sections)} sections, {self.workers} workers, "
            f"reports of at most {limit} tokens"
        )


class _NotAsked:
    """A model that counts, and notes whether anybody has it answer."""

    name = "counter"
    window = 128_000
    max_output_tokens = 4_000
    parallel = None
    virtual = True
    beats = True

    def __init__(self, count: Callable[[str], int]) -> None:
        self.count_tokens = count
        self.asked = self.rehearsed = False

    async def complete(self, request: Request) -> Reply:
        self.asked = True
        return Reply("{}", Usage(0, 0))

    def price(self, usage: Usage) -> float | None:
        self.rehearsed = True
        return None

    async def aclose(self) -> None:
        """Nothing is held open."""


@exercise(
    "shards-2",
    title=N_("Estimate the tokens of a run"),
    level=2,
    notebook="04_master_slave",
    hints=(
        N_(
            "List the calls of such a run on paper. What does each of them read, besides its part "
            "of the documents? And who reads last?"
        ),
        N_(
            "The kit can write every request without sending it: an ask's `request(model)` gives "
            "the request and what was left out, and a request has messages. `split` says who would "
            "get what."
        ),
        N_(
            "The reports that the last call reads are not there yet. Have its request written for "
            "no reports at all, and add for each report that will come what the master is expected "
            "to read of it."
        ),
    ),
)
def shards_2(input_tokens: object) -> Iterator[Part]:
    """A function that estimates the input of a master-slave run from task, model and workers."""
    yield Part(_("a function"), not_a_function(input_tokens), needed=True)
    assert callable(input_tokens)
    whole, few, other = _cases()
    yield _estimate_part(_("{n} runs on whole tasks"), input_tokens, whole)
    asks = _("{n} runs on a single document, with more workers than it needs")
    yield _estimate_part(asks, input_tokens, few)
    yield _estimate_part(_("{n} runs with another tokenizer"), input_tokens, other)


@lru_cache
def _cases() -> tuple[list[_Case], list[_Case], list[_Case]]:
    whole, few, other = [], [], []
    for scene in scenes("shards-2"):
        task, counts = scene.task, (simulated.count_tokens, _by_bytes)
        short = replace(task.budget, report_tokens=300)
        one = replace(task, documents=task.documents[:1], budget=short)
        whole += [_Case(task, n, counts[0], scene.seed) for n in (1, 4, 8)]
        few += [_Case(one, n, counts[0], scene.seed) for n in (2, len(one.sections) + 2)]
        other += [_Case(task, 3, counts[1], scene.seed), _Case(one, 4, counts[1], scene.seed)]
    return whole, few, other


def _by_bytes(text: str) -> int:
    return -(-len(text.encode()) // 4)


def _estimate_part(asks: str, function: Callable[..., Any], cases: Sequence[_Case]) -> Part:
    asks = asks.format(n=len(cases))
    for case in cases:
        if complaint := _fault_in_estimate(function, case):
            return Part(asks, complaint, str(case))
    return Part(asks)


def _fault_in_estimate(function: Callable[..., Any], case: _Case) -> str | None:
    """What is wrong with an estimate; None if it comes near enough to what was measured."""
    model = _NotAsked(case.count)
    outcome = watched(function, case.task, model, case.workers)
    if model.asked:
        return _(
            "The function had the model answer. An estimate is wanted before anything is bought: "
            "the model is there for its count_tokens."
        )
    if model.rehearsed:
        return _(
            "The function had a whole run rehearsed, and asked for its price. That is what the "
            "kit's own estimate does; here the tokens are to be worked out from the requests."
        )
    if outcome.complaint:
        return outcome.complaint
    found = outcome.value
    if found is None:
        return _(
            "The function returned None, not a number. Is it written already, and does every way "
            "through it end in a return?"
        )
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return _("Expected a number of tokens; the function returned {found}.").format(
            found=quoted(found)
        )
    measured = measure(_record(case)).input_tokens
    if abs(found - measured) <= WITHIN * measured:
        return None
    return _why(found, case)


def _why(found: float, case: _Case) -> str:
    """What an estimate that is too far off seems to have counted, or by how much it is off."""
    measured = measure(_record(case)).input_tokens
    near = {
        name: min(abs(found - size) / size for size in sizes)
        for name, sizes in _slips(case).items()
    }
    nearest = min(near, key=lambda name: near[name])
    far = _("The run took {measured:,} tokens of input; the function says {found:,.0f}.").format(
        measured=measured, found=found
    )
    known = {
        "characters": _("That is about the number of characters. Who counts tokens?"),
        "words": _("That is about the number of words. Who counts tokens?"),
        "documents only": _("That is about what the documents have alone. What else is read?"),
        "no merge": _(
            "That is about what the workers read. Somebody has to merge their reports, and reads "
            "for that as well."
        ),
        "no reports": _(
            "That is about what the run took without the reports: the master reads what the "
            "workers wrote, besides its own prompt."
        ),
        "no prompts": _(
            "That is about what the run took without the prompts: each call reads the words to "
            "everybody and its own brief, besides the material."
        ),
        "no words to everybody": _(
            "That is about what the run took without the message that stands first in every "
            "request and says how all of them are to work."
        ),
        "merge without prompt": _(
            "That is about right, but for the prompt of the merging call, which has a brief too."
        ),
        "one prompt": _(
            "That is about the run with one prompt. Every worker is sent a prompt of its own."
        ),
        "everything each": _(
            "That is about as much as if every worker read all documents. In this pattern each "
            "section goes to one worker only."
        ),
        "full reports": _(
            "That is about right if the master read reports as long as they may be. It reads "
            "lists, not JSON, which are shorter."
        ),
        "idle workers": _(
            "That is about what it would take if every worker were given something. Here there are "
            "more workers than sections, so some of them get no call, and write no report."
        ),
        "output": _("That is about input and output together. Only the input is asked for."),
    }
    if near[nearest] <= WITHIN:
        return f"{far} {known[nearest]}"
    if found < measured:
        return f"{far} {_('That is too little by more than a twentieth.')}"
    return f"{far} {_('That is too much by more than a twentieth.')}"


@lru_cache
def _record(case: _Case) -> Run:
    """The run that the case is about, on a reader with the case's tokenizer."""
    reader = Rehearsal(_NotAsked(case.count))
    reader.seed = case.seed
    return run(case.task, "master_slave", reader, workers=case.workers)


@lru_cache
def _slips(case: _Case) -> dict[str, tuple[float, ...]]:
    """What estimates would say that forget something, or count it another way."""
    record, count, task = _record(case), case.count, case.task
    took = measure(record)
    sent = {e.call: e.messages for e in record.events if isinstance(e, CallStarted)}
    made = calls(record)
    mine = [sent[c.id] for c in made if c.role == "worker"]
    (last,) = (sent[c.id] for c in made if c.role == "synthesizer")
    pages = sum(count(m.content) for messages in mine for m in messages[1:-1])
    first = count(last[0].content)
    briefs = [first + count(messages[-1].content) for messages in mine]
    reports = sum(count(m.content) for m in last[1:-1])
    longest = task.budget.report_tokens * len(mine)
    whole = took.input_tokens
    texts = [section.text for section in task.sections]
    idle = case.workers - len(mine)
    slips: dict[str, tuple[float, ...]] = {
        "characters": (sum(map(len, texts)), sum(len(d.text) for d in task.documents)),
        "words": (sum(len(text.split()) for text in texts),),
        "documents only": (pages, sum(map(count, texts))),
        "no merge": (pages + sum(briefs),),
        "no reports": (whole - reports,),
        "no prompts": (pages + reports, pages + longest),
        "no words to everybody": (whole - first * len(made),),
        "merge without prompt": (whole - first - count(last[-1].content),),
        "one prompt": (whole - sum(briefs[1:]),),
        "everything each": (whole + pages * (len(mine) - 1),),
        "full reports": (whole + longest - reports,),
        "idle workers": (whole + idle * (briefs[0] + reports / len(mine)),),
        "output": (took.tokens, whole + longest + task.budget.answer_tokens),
    }
    return {name: sizes for name, sizes in slips.items() if all(sizes)}
