"""The first question: central control and distributed work, and what each is paid for with."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from orchestrator_kit.catalogue import N_
from orchestrator_kit.experiments import run
from orchestrator_kit.models.base import Model
from orchestrator_kit.models.faults import Fault, Faults
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.questions.reading import Reading
from orchestrator_kit.questions.topic import Runs, Topic, coordination, losses, usual
from orchestrator_kit.record import Run
from orchestrator_kit.tasks import Task

_WORKER = "kill:worker=2,nth=1"
_CENTRE = "kill:role=orchestrator,nth=3"
_PEER = "kill:role=peer,nth=1"


def _make(task: Task, model: Model) -> dict[str, Run]:
    def broken(fault: str) -> Model:
        return Faults(model, [Fault.parse(fault)])

    reviewing = partial(orchestrator_worker, rounds=1)  # so that the centre is needed to the end
    return {
        "hub": run(task, orchestrator_worker, model),
        "single call": run(task, "single_call", model),
        "peers": run(task, "peer_agents", model),
        "worker killed": run(task, orchestrator_worker, broken(_WORKER), recovery="degrade"),
        "worker replaced": run(task, orchestrator_worker, broken(_WORKER), recovery="reassign"),
        "centre killed": run(task, reviewing, broken(_CENTRE), recovery="reassign"),
        "peer killed": run(task, "peer_agents", broken(_PEER), recovery="degrade"),
    }


def _read(task: Task, runs: Runs) -> Iterator[Reading]:
    for label in ("hub", "single call", "peers"):
        yield from usual(label, runs[label], task)
    yield from coordination("hub", runs["hub"])
    for label in ("worker killed", "worker replaced", "centre killed", "peer killed"):
        if label != "peer killed":  # peers have no subtasks
            yield from losses(label, runs[label])
        yield from usual(label, runs[label], task)


BALANCE = Topic(
    name="balance",
    title=N_("Control and distribution"),
    asks=N_(
        "One centre plans, hands out and puts together; many workers read and report. How does "
        "the orchestrator-worker pattern weigh what central control brings against what "
        "distributed work brings, and what is paid for each?"
    ),
    predicts=N_(
        "Of all tokens that the hub takes, which share goes into coordination, that is, into the "
        "calls of the orchestrator and the synthesizer? Say a number in percent."
    ),
    tries=N_(
        "The task once with a hub, once in a single call and once among peers; then the hub with "
        "a worker who is killed (and not replaced, or replaced), the hub whose centre is killed "
        "when it reviews the reports, and the peers when one of them is killed."
    ),
    task="legal",
    outcome="hub: coordination, share of tokens",
    within=0.1,
    make=_make,
    read=_read,
    follow_ups={
        "price": N_(
            "What does the centre itself take, before any worker has read a line? Which figure "
            "of your run says so?"
        ),
        "serial": N_("What do the workers do while the centre plans, and while it writes?"),
        "loss": N_(
            "Compare your runs in which somebody is killed: whose loss can be made good, by whom?"
        ),
        "centre": N_("If you could kill only one call of the whole run, which one would it be?"),
        "coherence": N_(
            "Somebody has to see to it that parts which nobody sees together become one answer. "
            "Who can do that in a hub, and who among peers?"
        ),
        "condition": N_(
            "For which kind of task would you take the single call of your own runs instead?"
        ),
    },
)
