"""The fourth question: workflow or agent, what speaks for each, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from statistics import fmean, pstdev

from orchestrator_kit.answer import Answer
from orchestrator_kit.catalogue import N_
from orchestrator_kit.crew import Crew
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models.base import Model
from orchestrator_kit.models.faults import Fault, Faults
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.playback import CENTRE, cast_of, messages
from orchestrator_kit.questions.reading import SHARE, Reading
from orchestrator_kit.questions.topic import TRIALS, Runs, Topic, plan_of
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Task
from orchestrator_kit.trials import compare_trials


async def none_decided(crew: Crew, task: Task) -> Answer:
    """Code decides everything; the frame alone."""
    return await orchestrator_worker(crew, task, rounds=1, decides=())


async def all_decided(crew: Crew, task: Task) -> Answer:
    """The model decides whatever it may within the frame."""
    return await orchestrator_worker(crew, task, rounds=1)


_DIALS = {"none": none_decided, "all": all_decided}
_OFFERED = 12  # workers, so that the model has something to choose from
_LIE = "wrong:role=worker"


def _make(task: Task, model: Model) -> dict[str, Run]:
    runs: dict[str, Run] = {}
    patterns = list(_DIALS.values())
    found = compare_trials(task, model, trials=TRIALS, patterns=patterns, workers=_OFFERED)
    for n, one in enumerate(found.comparisons, 1):
        runs |= {f"dial at {d} {n}": one.row(p.__name__).run for d, p in _DIALS.items()}
    runs["peers"] = run(task, "peer_agents", model)
    lying = Faults(model, [Fault.parse(_LIE)])
    runs["lies, none reviewed"] = run(task, orchestrator_worker, lying)
    runs["lies, reviewed"] = run(task, partial(orchestrator_worker, rounds=2), lying)
    return runs


def _read(task: Task, runs: Runs) -> Iterator[Reading]:
    for dial in _DIALS:
        labels = tuple(f"dial at {dial} {n}" for n in range(1, TRIALS + 1))
        yield from _of_dial(f"dial at {dial}", labels, [runs[label] for label in labels], task)
    yield _through_centre("peers", ("peers",), [runs["peers"]])
    yield Reading("peers: tokens", measure(runs["peers"]).tokens, "tokens", ("peers",))
    for label in ("lies, none reviewed", "lies, reviewed"):
        marks = score(task, runs[label].answer)
        if marks.groundedness is not None:
            yield Reading(f"{label}: groundedness", marks.groundedness, SHARE, (label,))
        yield Reading(f"{label}: tokens", measure(runs[label]).tokens, "tokens", (label,))


def _of_dial(
    name: str, labels: tuple[str, ...], trials: list[Run], task: Task
) -> Iterator[Reading]:
    stages = {tuple(dict.fromkeys(c.role for c in calls(r))) for r in trials}
    yield Reading(f"{name}: different orders of stages", len(stages), "orders", labels)
    yield _through_centre(name, labels, trials)
    plans = {frozenset((s.specialist, s.sections) for s in plan_of(r).subtasks) for r in trials}
    yield Reading(f"{name}: different plans", len(plans), "plans", labels)
    made = [len(calls(r)) for r in trials]
    yield Reading(f"{name}: fewest calls", min(made), "calls", labels)
    yield Reading(f"{name}: most calls", max(made), "calls", labels)
    wanted = [plan_of(r).workers or r.workers for r in trials]
    yield Reading(f"{name}: mean of workers at a time", fmean(wanted), "workers", labels)
    tokens = [float(measure(r).tokens) for r in trials]
    yield Reading(f"{name}: mean tokens", fmean(tokens), "tokens", labels)
    yield Reading(f"{name}: spread of tokens", pstdev(tokens), "tokens", labels)
    recalls = [v for r in trials if (v := score(task, r.answer).recall) is not None]
    if recalls:
        yield Reading(f"{name}: mean recall", fmean(recalls), SHARE, labels)


def _through_centre(name: str, labels: tuple[str, ...], trials: list[Run]) -> Reading:
    told = [m for r in trials for m in messages(r, cast_of(r))]
    through = sum(CENTRE in (m.sender, *m.receivers) for m in told)
    share = through / len(told) if told else 0.0
    return Reading(f"{name}: messages through the centre", share, SHARE, labels)


DEBATE = Topic(
    name="debate",
    title=N_("Workflow or agent"),
    asks=N_(
        "Anthropic counts this pattern among the workflows, not among the agent patterns. What in "
        "your own runs speaks for each of the two, and what follows from the choice for how such a "
        "system is designed and built?"
    ),
    predicts=N_(
        "Six runs with the dial at “all”: the model decides whatever it may. In how many different "
        "orders do the stages (who is called first, second, third) come? Say a number from 1 to 6."
    ),
    tries=N_(
        "Six seeds with the dial at “none” and six at “all”, with twelve workers to be had; peers "
        "beside them; and workers who lie, with and without rounds of review."
    ),
    task="legal",
    outcome="dial at all: different orders of stages",
    within=0.0,
    make=_make,
    read=_read,
    follow_ups={
        "path": N_("What was the same in every one of your runs, whatever the model decided?"),
        "freedom": N_("What differed from seed to seed, though nobody changed a line of code?"),
        "bounds": N_("What can the model not change, however much the dial gives it?"),
        "testing": N_(
            "How would you test the part that is always the same, and how the part that is not?"
        ),
        "bridge": N_(
            "Suppose somebody says that it is neither, or both. Which of your figures would they "
            "show you?"
        ),
    },
)
