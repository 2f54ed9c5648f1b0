"""Judge of the exercise on estimating the tokens of a master-slave run before it is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import scenes
from orchestrator_kit.checks.verdict import Part, first_fault
from orchestrator_kit.checks.watch import no_number, not_a_function, quoted, watched
from orchestrator_kit.estimates import Rehearsal
from orchestrator_kit.events import CallStarted
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models import simulated
from orchestrator_kit.models.base import Reply, Request, Usage
from orchestrator_kit.record import Run
from orchestrator_kit.tasks import Task

WITHIN = 0.05  # how far an estimate may be from what was measured


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
    return first_fault(asks, cases, partial(_fault_in_estimate, function))


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
        return no_number()
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
    low = _("That is too little by more than a twentieth.")
    high = _("That is too much by more than a twentieth.")
    return f"{far} {low if found < measured else high}"


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
