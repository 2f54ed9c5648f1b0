"""The third question: a task that grows and grows, and what gives way first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from orchestrator_kit.catalogue import N_
from orchestrator_kit.events import CallRefused, CallStarted, NotRead
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls, measure
from orchestrator_kit.models.base import Model
from orchestrator_kit.questions.reading import SECONDS, SHARE, Reading
from orchestrator_kit.questions.topic import Runs, Topic, plan_of
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import score
from orchestrator_kit.tasks import Document, Task

WORKERS = (1, 2, 4, 8, 16)
COPIES = (1, 2, 4, 8, 16)
_SOME = 0.1  # share of the sections that a plan may well leave out as not to the point


def _make(task: Task, model: Model) -> dict[str, Run]:
    runs = {f"workers {n}": run(task, model=model, workers=n) for n in WORKERS}
    runs |= {f"papers times {k}": run(grown(task, k), model=model, workers=4 * k) for k in COPIES}
    most = COPIES[-1]
    large = grown(task, most)
    runs[f"papers times {most}, no plan"] = run(large, "master_slave", model, workers=4 * most)
    return runs


def grown(task: Task, copies: int) -> Task:
    """The task with so many copies of its papers, each under a name of its own."""
    copied = ((c, d) for c in range(copies) for d in task.documents)
    papers = tuple(Document(f"{d.stem}-{c}.md", d.text) for c, d in copied)
    return replace(task, documents=papers)


def _read(task: Task, runs: Runs) -> Iterator[Reading]:
    for n in WORKERS:
        label = f"workers {n}"
        yield Reading(f"{label}: latency", measure(runs[label]).latency_s, SECONDS, (label,))
    labels = tuple(f"papers times {k}" for k in COPIES)
    for k, label in zip(COPIES, labels, strict=True):
        yield from _of_growth(label, runs[label], grown(task, k))
    label = f"papers times {COPIES[-1]}, no plan"
    yield from _of_growth(label, runs[label], grown(task, COPIES[-1]))
    grown_by = zip(labels, COPIES, strict=True)
    ways = [gives_way(runs[label], grown(task, k)) for label, k in grown_by]
    yield Reading("first bottleneck", next(filter(None, ways), "none"), "", labels)


def _of_growth(label: str, run: Run, task: Task) -> Iterator[Reading]:
    measures = measure(run)
    yield Reading(f"{label}: tokens", measures.tokens, "tokens", (label,))
    yield Reading(f"{label}: latency", measures.latency_s, SECONDS, (label,))
    nobody = _given_to_nobody(run, task)
    if nobody is not None:
        yield Reading(f"{label}: sections given to nobody", nobody, SHARE, (label,))
    recall = score(task, run.answer).recall
    if recall is not None:
        yield Reading(f"{label}: recall", recall, SHARE, (label,))
    joining = sum(c.role == "synthesizer" for c in calls(run))
    yield Reading(f"{label}: calls of the synthesizer", joining, "calls", (label,))
    centre = sum(c.seconds for c in calls(run) if c.role in ("orchestrator", "synthesizer"))
    if joining == 1 and nobody is not None:
        share = centre / measures.latency_s
        yield Reading(f"{label}: centre's share of latency", share, SHARE, (label,))


def gives_way(run: Run, task: Task) -> str:
    """The first part of a run that could not take what it was given; "" where all could.

    window: the planner's outline did not fit. plan: it did, and yet the plan gives a good part of
    the sections to nobody. workers: one could not read all it was given. synthesis: the reports
    did not fit one call.
    """
    short = {e.role for e in run.events if isinstance(e, CallRefused)}
    short |= {e.role for e in run.events if isinstance(e, CallStarted) and _left_out(run, e.call)}
    if "orchestrator" in short:
        return "window"
    if (_given_to_nobody(run, task) or 0.0) > _SOME:
        return "plan"
    if "worker" in short:
        return "workers"
    several = sum(c.role == "synthesizer" for c in calls(run)) > 1
    return "synthesis" if several or "synthesizer" in short else ""


def _given_to_nobody(run: Run, task: Task) -> float | None:
    """The share of the sections that no subtask has; None without a plan."""
    ids = set(task.section_by_id)
    given = {i for s in plan_of(run).subtasks for i in s.sections or ids}
    return 1 - len(given & ids) / len(ids) if given and ids else None


def _left_out(run: Run, call: int) -> bool:
    return any(isinstance(e, NotRead) and e.call == call for e in run.events)


SCALE = Topic(
    name="scale",
    title=N_("A task that grows"),
    asks=N_(
        "Suppose that a task grows by doubling, again and again. How would the orchestrator-worker "
        "pattern adapt, which bottlenecks would show, and where would it break as it scales?"
    ),
    predicts=N_(
        "The papers are doubled until there are sixteen times as many, and the workers with them. "
        'Which part gives way first: the planner\'s "window", its "plan", the "workers", or the '
        '"synthesis"? Say the word.'
    ),
    tries=N_(
        "The task with 1 to 16 workers; then 1 to 16 times the papers, with four workers for each "
        "copy; and the largest once more without any plan, split by code."
    ),
    task="legal",
    outcome="first bottleneck",
    within=0.0,
    make=_make,
    read=_read,
    follow_ups={
        "adapts": N_("What does the orchestrator change by itself when more is to be read?"),
        "head": N_(
            "Doubling the workers doubles the hands. Which single call must still see everything?"
        ),
        "serial": N_(
            "Compare your runs with 4, 8 and 16 workers. Why do they not get shorter and shorter?"
        ),
        "funnel": N_("The reports of all workers meet somewhere. What becomes of them there?"),
        "silent": N_(
            "Look at the largest task: how much of it did anybody read, and would a reader of the "
            "answer know?"
        ),
        "remedy": N_("What would you change in the shape of the system, not in its size?"),
    },
)
