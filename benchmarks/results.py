"""The patterns on every scenario, twenty trials each, and the rematch at equal budget.

    python benchmarks/results.py            prints the tables
    python benchmarks/results.py --write    puts them into docs/results.md

Each table is what `okit compare SCENARIO --trials 20` and `okit rematch SCENARIO --trials 20`
print; all of it runs on the simulated model, so it is the same on any machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from orchestrator_kit import SimulatedModel, compare_trials, load_task, scenarios
from orchestrator_kit.rematch import rematch
from orchestrator_kit.trials import Trials, table

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
BEGIN, END = "<!-- tables: made by benchmarks/results.py -->\n", "<!-- /tables -->"
TRIALS = 20


def markdown(found: Trials) -> str:
    """The table of some trials, in Markdown."""
    head, rows = table(found)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tables() -> Iterator[str]:
    """A section a scenario, as it is measured."""
    for name in scenarios():
        task = load_task(name)
        patterns = compare_trials(task, SimulatedModel(), trials=TRIALS)
        again = rematch(task, SimulatedModel(), trials=TRIALS)
        yield (
            f"## {name}\n\n{task.title}: {len(task.facts)} gold facts, {len(task.documents)} "
            f"documents, {len(task.sections)} sections.\n\n    okit compare {name} --trials "
            f"{TRIALS}\n\n{markdown(patterns)}\n\nAt equal budget:\n\n    okit rematch {name} "
            f"--trials {TRIALS}\n\n{markdown(again)}\n"
        )


def main() -> None:
    """Print the tables, or put them between their marks in the page."""
    parser = argparse.ArgumentParser(description="The patterns on every scenario.")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/results.md")
    write = parser.parse_args().write
    found = []
    for section in tables():
        found.append(section)
        if not write:
            print(section, flush=True)
    if write:
        before, rest = PAGE.read_text("utf-8").split(BEGIN)
        _, after = rest.split(END)
        PAGE.write_text(before + BEGIN + "\n" + "\n".join(found) + "\n" + END + after, "utf-8")


if __name__ == "__main__":
    main()
