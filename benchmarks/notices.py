"""The patterns on three real penalty notices, beside a baseline that says the first sentences.

    python benchmarks/notices.py FOLDER            prints the tables
    python benchmarks/notices.py FOLDER --write    puts them into docs/results.md

FOLDER holds three notices of the UK Information Commissioner as Markdown (their background and
legal framework, as MASLegalBench has them). Nothing of their text stands here: `facts/` says in
words of our own what a good answer says, and in which numbered paragraph that stands.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from baseline import beside
from page import markdown, parser, show

from orchestrator_kit import Budget, Fact, SimulatedModel, Specialist, Task, compare_trials
from orchestrator_kit.errors import TaskError
from orchestrator_kit.loading import read_document
from orchestrator_kit.rematch import rematch
from orchestrator_kit.trials import table

FACTS = Path(__file__).parent / "facts"
TRIALS = 20


def tasks(folder: Path) -> Iterator[tuple[Task, dict[Fact, tuple[str, ...]]]]:
    """Each notice as a task, and the paragraphs that say each fact; TaskError for a missing one."""
    for file in sorted(FACTS.glob("*.toml")):
        made = tomllib.loads(file.read_text("utf-8"))
        where = {
            Fact(row["says"], tuple(row["match"]), row["specialist"]): tuple(row["where"])
            for row in made["facts"]
        }
        task = Task(
            made["prompt"],
            (read_document(folder / made["document"]),),
            tuple(Specialist(**row) for row in made["specialists"]),
            tuple(where),
            Budget(**made.get("budget", {})),
            made["title"],
        )
        yield task, where


def sections(chosen: Sequence[Task]) -> Iterator[str]:
    """What each notice is, a row a pattern, and the rematch; a pair is a seed."""
    for task in chosen:
        patterns = compare_trials(task, SimulatedModel(), trials=TRIALS)
        again = rematch(task, SimulatedModel(), trials=TRIALS)
        (document,) = task.documents
        yield (
            f"### {task.title}\n\n`{document.name}`: {len(document.text.split()):,} words, "
            f"{len(task.sections)} sections, {len(task.facts)} gold facts; an answer may have "
            f"{task.budget.answer_tokens:,} tokens.\n\n"
            f"{markdown(*beside(patterns, [task] * TRIALS))}\n\nAt equal budget:\n\n"
            f"{markdown(*table(again))}\n"
        )


def main() -> int:
    """Print the tables, or put them into the page; 2 where a notice cannot be read."""
    options = parser("The patterns on three penalty notices.")
    options.add_argument("folder", type=Path, help="where the notices are, as Markdown")
    args = options.parse_args()
    try:
        chosen = [task for task, _ in tasks(args.folder)]
    except TaskError as e:
        print(e, file=sys.stderr)
        return 2
    show("notices.py", sections(chosen), write=args.write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
