"""The second question: coordination by a model and by code: reliable, adaptable, maintainable?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean, pstdev

from orchestrator_kit.answer import Answer
from orchestrator_kit.catalogue import N_
from orchestrator_kit.crew import Crew
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.base import Model
from orchestrator_kit.models.faults import Fault, Faults
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.questions.reading import SHARE, Reading
from orchestrator_kit.questions.topic import TRIALS, Runs, Topic, losses, plan_of
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Task
from orchestrator_kit.trials import compare_trials

_UNREADABLE = "malformed:role=orchestrator"


async def code_split(crew: Crew, task: Task) -> Answer:
    """Code decides everything about the plan; no model is asked for one."""
    return await orchestrator_worker(crew, task, decides=())


async def model_split(crew: Crew, task: Task) -> Answer:
    """The model decides everything about the plan."""
    return await orchestrator_worker(crew, task)


_SPLITS = (code_split, model_split)


def _label(pattern: object) -> str:
    return str(getattr(pattern, "__name__", "")).replace("_", " ")


def _make(task: Task, model: Model) -> dict[str, Run]:
    runs: dict[str, Run] = {}
    found = compare_trials(task, model, trials=TRIALS, patterns=_SPLITS)
    for n, one in enumerate(found.comparisons, 1):
        runs |= {f"{_label(p)} {n}": one.row(p.__name__).run for p in _SPLITS}
    part = replace(task, documents=task.documents[:1])
    unreadable = Faults(model, [Fault.parse(_UNREADABLE)])
    for p in _SPLITS:
        runs[f"{_label(p)}, first document"] = run(part, p, model)
        runs[f"{_label(p)}, plan unreadable"] = run(task, p, unreadable)
    return runs


def _read(task: Task, runs: Runs) -> Iterator[Reading]:
    for name in map(_label, _SPLITS):
        labels = tuple(f"{name} {n}" for n in range(1, TRIALS + 1))
        trials = [runs[label] for label in labels]
        tokens = [float(measure(r).tokens) for r in trials]
        recalls = [score(task, r.answer).recall for r in trials]
        known = [r for r in recalls if r is not None]
        plans = {_shape(r) for r in trials}
        yield Reading(f"{name}: different plans", len(plans), "plans", labels)
        yield Reading(f"{name}: mean tokens", fmean(tokens), "tokens", labels)
        yield Reading(f"{name}: spread of tokens", pstdev(tokens), "tokens", labels)
        if known:
            yield Reading(f"{name}: mean recall", fmean(known), SHARE, labels)
        n = len(plan_of(trials[0]).subtasks)
        yield Reading(f"{name}: subtasks", n, "subtasks", labels[:1])
        part = f"{name}, first document"
        n = len(plan_of(runs[part]).subtasks)
        yield Reading(f"{part}: subtasks", n, "subtasks", (part,))
        yield Reading(f"{part}: tokens", measure(runs[part]).tokens, "tokens", (part,))
        lost = f"{name}, plan unreadable"
        yield from losses(lost, runs[lost])
        yield Reading(f"{lost}: failed calls", len(measure(runs[lost]).failures), "calls", (lost,))


def _shape(run: Run) -> frozenset[tuple[str, tuple[str, ...]]]:
    """Who reads what, in whatever order it stands in the plan."""
    return frozenset((s.specialist, s.sections) for s in plan_of(run).subtasks)


EVOLUTION = Topic(
    name="evolution",
    title=N_("Coordination by a model, or by code"),
    asks=N_(
        "In which ways is coordination by a language model another thing than coordination by "
        "code that was written beforehand, and what does that mean for how reliable, how "
        "adaptable and how maintainable a system is?"
    ),
    predicts=N_(
        "The same task goes through six seeds. In how many different plans (who reads what) does "
        "that end if the model makes the plan? Say a number from 1 to 6."
    ),
    tries=N_(
        "Six seeds with a split by code and six with a split by the model; then both on the first "
        "document alone, and both with an orchestrator whose replies cannot be read."
    ),
    task="legal",
    outcome="model split: different plans",
    within=0.0,
    make=_make,
    read=_read,
    follow_ups={
        "adapts": N_(
            "Look at the plans for the first document alone: who of the specialists is still asked "
            "in each of the two?"
        ),
        "varies": N_(
            "Would you get the same plan, and the same bill, if you ran it once more? With which "
            "of the two?"
        ),
        "new-failures": N_(
            "What can go wrong in a plan that a model writes and cannot go wrong in a loop?"
        ),
        "maintain": N_(
            "Something comes out wrong. Where do you look, and what do you change, with each of "
            "the two?"
        ),
        "guard": N_(
            "Which part of your system checks what the model decides, before it costs anything?"
        ),
    },
)
