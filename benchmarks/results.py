"""The patterns on every scenario, twenty trials each, and the rematch at equal budget.

    python benchmarks/results.py            prints the tables
    python benchmarks/results.py --write    puts them into docs/results.md

Each table is what `okit compare SCENARIO --trials 20` and `okit rematch SCENARIO --trials 20`
print; all of it runs on the simulated model, so it is the same on any machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from page import markdown, parser, show

from orchestrator_kit import SimulatedModel, compare_trials, load_task, scenarios
from orchestrator_kit.rematch import rematch
from orchestrator_kit.trials import table

TRIALS = 20


def sections() -> Iterator[str]:
    """A section a scenario, as it is measured."""
    for name in scenarios():
        task = load_task(name)
        patterns = compare_trials(task, SimulatedModel(), trials=TRIALS)
        again = rematch(task, SimulatedModel(), trials=TRIALS)
        yield (
            f"## {name}\n\n{task.title}: {len(task.facts)} gold facts, {len(task.documents)} "
            f"documents, {len(task.sections)} sections.\n\n    okit compare {name} --trials "
            f"{TRIALS}\n\n{markdown(*table(patterns))}\n\nAt equal budget:\n\n    okit rematch "
            f"{name} --trials {TRIALS}\n\n{markdown(*table(again))}\n"
        )


def main() -> None:
    """Print the tables, or put them between their marks in the page."""
    args = parser("The patterns on every scenario.").parse_args()
    show("results.py", sections(), write=args.write)


if __name__ == "__main__":
    main()
