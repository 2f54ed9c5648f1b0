"""Flat synthesis against a tree, while the synthesizer's window shrinks.

    python benchmarks/synthesis.py

Everybody reads with a large window but the synthesizer, who has the one in the first column;
means of forty seeds (of ten, chance alone can take a tenth). "refuses": the reports do not fit one
call, so no model can make an answer of them. Exits with 1 where a tree keeps less than nine tenths
of what a flat synthesis with an unlimited window finds, while the flat one refuses.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from statistics import fmean

from orchestrator_kit import (
    Document,
    Fact,
    SimulatedModel,
    Specialist,
    Task,
    load_task,
    measure,
    run,
    score,
)
from orchestrator_kit.events import CallRefused
from orchestrator_kit.models.simulated import PROFILES
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.patterns.synthesis import Shape
from orchestrator_kit.record import Run

UNLIMITED = 1_000_000
WINDOWS = (24_000, 12_000, 8_000, 6_000, 5_000, 4_000, 3_000, 2_500, 2_000, 1_600)
KEPT = 0.9
SEEDS = range(40)


def planted(specialists: int = 10, sections: int = 6) -> Task:
    """A task in which every section plants one figure among sentences of no account."""
    things = "pump valve crane motor rudder anchor boiler winch hatch mast keel bilge".split()
    documents, roster, facts = [], [], []
    for n in range(specialists):
        name = f"{things[n % len(things)]} {n}"
        roster.append(Specialist(f"{name} expert", f"Examines the {name} and what it costs."))
        text = []
        for m in range(sections):
            cost = 1_000 + 137 * n + 11 * m
            text.append(
                f"## The {name}, part {m}\n\nThe {name} was seen in the morning. "
                f"Part {m} of the {name} needs repairs of {cost} crowns before spring. "
                "The weather was fair and the crew was in good spirits."
            )
            facts.append(Fact(f"Part {m} costs {cost}.", (f"{cost} crowns",), roster[-1].name))
        documents.append(Document(f"{name}.md", "\n\n".join(text)))
    return Task(
        "What has to be repaired, and what does it cost?",
        tuple(documents),
        tuple(roster),
        tuple(facts),
    )


def runs(task: Task, window: int, shape: Shape) -> list[Run]:
    """The same run by several seeds, with a synthesizer of that window."""
    small, found = PROFILES["small"], []
    for seed in SEEDS:
        everybody = SimulatedModel(seed, replace(small, window=UNLIMITED))
        own = {"synthesizer": SimulatedModel(seed, replace(small, window=window))}
        pattern = partial(orchestrator_worker, synthesis=shape)
        found.append(run(task, pattern, everybody, models=own))
    return found


def refused(record: Run) -> bool:
    """Whether the synthesizer refused the reports."""
    return any(isinstance(e, CallRefused) and e.role == "synthesizer" for e in record.events)


def mean_recall(task: Task, records: list[Run]) -> float:
    """The recall of gold facts, averaged."""
    return fmean(score(task, r.answer).recall or 0.0 for r in records)


def main() -> int:
    """Print a table for each task; 1 where the tree loses too much."""
    failed = 0
    for title, task in (
        ("planted", planted()),
        ("planted, longer", planted(12, 12)),
        ("legal", load_task("legal")),
        ("research", load_task("research")),
    ):
        print(f"\n{title}: {len(task.facts)} facts\n")
        print("| window | flat | tree | calls | tokens | latency s | kept |")
        print("|---|---|---|---|---|---|---|")
        whole = mean_recall(task, runs(task, UNLIMITED, "flat"))
        for window in WINDOWS:
            flat = runs(task, window, "flat")
            tree = runs(task, window, "tree")
            kept = mean_recall(task, tree) / whole
            refuses = any(map(refused, flat))
            if refuses and (kept < KEPT or any(r.status != "done" for r in tree)):
                failed += 1
            found = [measure(r) for r in tree]
            print(
                f"| {window:,} | {'refuses' if refuses else f'{mean_recall(task, flat):.0%}'} | "
                f"{mean_recall(task, tree):.0%} | {fmean(m.calls for m in found):.0f} | "
                f"{fmean(m.tokens for m in found):,.0f} | "
                f"{fmean(m.latency_s for m in found):.1f} | {kept:.2f} |"
            )
    print(f"\n{failed} windows at which the tree kept less than {KEPT:.0%}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
