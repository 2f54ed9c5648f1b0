"""The judge: a model that says of each gold fact whether an answer carries it. Off until asked for.

Two calls a fact, in two orders. They are a run like any other, with a budget, a record, a tape and
an estimate; the verdicts are a reading of that record (`verdicts`), also of one that was cut short.
"""

from __future__ import annotations

from orchestrator_kit.answer import Answer, Statement
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import UsageError
from orchestrator_kit.estimates import Estimate, estimate
from orchestrator_kit.experiments import WORKERS, Listener, run
from orchestrator_kit.group import together
from orchestrator_kit.models.base import Model
from orchestrator_kit.patterns import Pattern
from orchestrator_kit.record import Run
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.roles import juror
from orchestrator_kit.roles.juror import ORDERS
from orchestrator_kit.tasks import Budget, Task
from orchestrator_kit.verdicts import Judgement, read


def judge(
    found: Run | Answer,
    task: Task,
    model: Model,
    *,
    workers: int = WORKERS,
    budget: Budget | None = None,
    recovery: Recovery | str = "retry",
    listen: Listener | None = None,
) -> Judgement:
    """Have a model judge the answer of a run, or an answer, against the task's gold facts.

    Two calls a fact, `workers` at a time, within a `budget` of the judge's own. Calls that fail
    are remedied by the `recovery`; what stays without a reply is "not judged". UsageError where
    there are no facts or no statements. Ctrl-C raises RunInterrupted with the judge's record so
    far, of which `verdicts.read` makes those that there are.
    """
    answer = answer_of(found)
    record = run(
        _task(task, budget),
        _pattern(answer, task),
        model,
        workers=workers,
        recovery=recovery,
        listen=listen,
    )
    return read(record, answer, task)


def foreseen(found: Run | Answer, task: Task, model: Model, *, workers: int = WORKERS) -> Estimate:
    """What judging would take, by a rehearsal on the simulated reader; nothing is spent."""
    return estimate(_task(task, None), _pattern(answer_of(found), task), workers, model)


def _pattern(answer: Answer, facts: Task) -> Pattern:
    """The judge's calls, in the order of the facts, as something that a crew can run."""
    if not facts.facts:
        raise UsageError("there are no gold facts to judge by; a task has them under [[facts]]")
    if not answer.statements:
        raise UsageError("there is nothing to judge: the answer has no statements")
    asks = [
        juror.opinion(fact, answer, order, name=f"fact {n}, {order}")
        for n, fact in enumerate(facts.facts, 1)
        for order in ORDERS
    ]

    async def judge(crew: Crew, task: Task) -> Answer:
        left = iter(asks)

        async def work() -> None:
            for ask in left:  # one iterator for all: each ask goes to whoever is free
                await crew.turn(ask)

        async with together() as group:
            for _ in range(min(crew.workers, len(asks))):
                group.create_task(work())
        found = read(Run(tuple(crew.events)), answer, facts).verdicts
        return Answer(
            tuple(Statement(f"{v.word}: {v.fact.says}") for v in found if v.word != "not judged"),
            tuple(f"not judged: {v.fact.says}" for v in found if v.word == "not judged"),
        )

    return judge


def _task(task: Task, budget: Budget | None) -> Task:
    """What the judge's run is about: it gets no documents, which an answer need not be true to."""
    return Task(
        "Which facts does the answer carry?",
        title=task.title or task.prompt,
        budget=budget or Budget(),
    )


def answer_of(found: Run | Answer) -> Answer:
    """The answer that is to be judged."""
    return found.answer if isinstance(found, Run) else found
