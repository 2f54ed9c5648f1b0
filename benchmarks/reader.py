"""How well the simulated reader's two signals tell gold sentences from others.

    python benchmarks/reader.py

For each packaged scenario: the area under the ROC curve (0.5 is chance) of BM25 for what is
asked, of specificity, and of their sum with each weight. docs/simulated-model.md quotes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_kit import Task, load_task, scenarios
from orchestrator_kit.ranking import index, scores
from orchestrator_kit.text import normalise, sentences, stands_in, terms

WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0)


def area(values: Sequence[float], gold: set[int]) -> float:
    """How often a gold sentence has the larger value, over all pairs."""
    ours = [values[i] for i in gold]
    rest = [v for i, v in enumerate(values) if i not in gold]
    wins = sum((a > b) + 0.5 * (a == b) for a in ours for b in rest)
    return wins / len(ours) / len(rest)


def gold_of(task: Task, lines: Sequence[str], specialist: str | None = None) -> set[int]:
    """The sentences that hold a phrase of a gold fact (of one specialist)."""
    facts = [f for f in task.facts if specialist in (None, f.specialist)]
    phrases = [p for f in facts for p in f.match]
    said = [normalise(line) for line in lines]
    return {i for i, line in enumerate(said) if any(stands_in(p, line) for p in phrases)}


def main() -> None:
    """Print a table: a row for each scenario and signal."""
    print("| scenario | asked by | BM25 alone | specificity alone | sum, weight 0.25, 0.5, 1, 2 |")
    print("|---|---|---|---|---|")
    for name in scenarios():
        task = load_task(name)
        lines = [line for s in task.sections for line in sentences(s.text)]
        found = index(tuple(lines))
        everybody = " ".join(s.expertise for s in task.specialists)
        askers = [("all", everybody, gold_of(task, lines))]
        askers += [(s.name, s.expertise, gold_of(task, lines, s.name)) for s in task.specialists]
        for asker, expertise, gold in askers:
            asked = scores(terms(f"{task.prompt} {expertise}"), [found])[0]
            areas = [
                area([a + w * s for a, s in zip(asked, found.specific, strict=True)], gold)
                for w in WEIGHTS
            ]
            sums = ", ".join(f"{a:.2f}" for a in areas[1:])
            print(
                f"| {name} | {asker} | {areas[0]:.2f} | {area(found.specific, gold):.2f} | {sums} |"
            )


if __name__ == "__main__":
    main()
