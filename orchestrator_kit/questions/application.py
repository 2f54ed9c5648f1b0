"""The fifth question: a system that reads many papers and writes a review of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from orchestrator_kit.catalogue import N_
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls
from orchestrator_kit.models.base import Model
from orchestrator_kit.models.faults import Fault, Faults
from orchestrator_kit.patterns import Pattern
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.questions.reading import Reading
from orchestrator_kit.questions.topic import Runs, Topic, losses, usual
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Task

_LIE = "wrong:role=worker,p=0.4"
_CRASH = "crash:worker=2"
_REVIEW = partial(orchestrator_worker, rounds=1)


def _make(task: Task, model: Model) -> dict[str, Run]:
    def broken(fault: str) -> Model:
        return Faults(model, [Fault.parse(fault)])

    designs: dict[str, Pattern] = {
        "plain": orchestrator_worker,
        "conflicts": partial(orchestrator_worker, conflicts=True),
        "review": _REVIEW,
    }
    runs = {label: run(task, pattern, model) for label, pattern in designs.items()}
    runs["shards"] = run(task, "master_slave", model)
    runs["lies"] = run(task, orchestrator_worker, broken(_LIE))
    runs["lies, reviewed"] = run(task, _REVIEW, broken(_LIE))
    for label, policy in (("crash", "degrade"), ("crash, reassigned", "reassign")):
        runs[label] = run(task, orchestrator_worker, broken(_CRASH), recovery=policy)
    return runs


def _read(task: Task, runs: Runs) -> Iterator[Reading]:
    for label, made in runs.items():
        yield from usual(label, made, task)
        yield Reading(f"{label}: calls", len(calls(made)), "calls", (label,))
        if task.contradictions:
            fates = [fate for _, fate in score(task, made.answer).contradictions]
            told = sum(fate == "declared" for fate in fates)
            yield Reading(f"{label}: contradictions declared", told, "contradictions", (label,))
    for label in ("crash", "crash, reassigned"):
        yield from losses(label, runs[label])


APPLICATION = Topic(
    name="application",
    title=N_("A literature review"),
    asks=N_(
        "You are to build an orchestrator-worker system for a complex piece of research: it reads "
        "many scientific papers and writes a review of them. Which difficulties do you expect, and "
        "how does your design meet each?"
    ),
    predicts=N_(
        "Four in ten replies of the workers have wrong figures in them, and nobody reviews. How "
        "much of the answer is still borne out by the papers? Say a number in percent."
    ),
    tries=N_(
        "The review by a plain crew, with a look for conflicts, with a round of review, and by "
        "shards; workers who misread figures, reviewed and not; a worker who breaks down, replaced "
        "and not."
    ),
    task="research",
    outcome="lies: groundedness",
    within=0.1,
    make=_make,
    read=_read,
    follow_ups={
        "conflict": N_("What if two of the papers do not agree? Who in your design would notice?"),
        "errors": N_(
            "A worker misreads a figure. How far does the error travel, and who stops it?"
        ),
        "context": N_("There will be a hundred papers. What must then not be read by one call?"),
        "provenance": N_("How does a reader of the review find the passage behind a sentence?"),
        "failure": N_("A worker breaks down at two in the morning. What does the review say then?"),
        "cost": N_("Which of your runs is worth its tokens, and how would you know beforehand?"),
    },
)
