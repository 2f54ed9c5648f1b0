"""The patterns on questions of HotpotQA, beside a baseline that says the first sentences.

    python benchmarks/hotpotqa.py FILE            prints the table
    python benchmarks/hotpotqa.py FILE --write    puts it into docs/results.md

FILE is JSON as HotpotQA's own (Yang et al., 2018, arXiv 1809.09600): question, context,
supporting_facts. The paragraphs are the documents and the supporting sentences the gold facts,
to be said word for word: that serves the simulated reader, which copies; a real model would need
a judge. Every answer may be as long as four or five sentences. Nothing of the file stands here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baseline import beside
from page import markdown, parser, show

from orchestrator_kit import Budget, Document, Fact, Task, compare
from orchestrator_kit.text import normalise, sentences
from orchestrator_kit.trials import Trials

BUDGET = Budget(answer_tokens=260, report_tokens=130)


def task_of(row: dict[str, Any]) -> Task:
    """A question as a task; sentences that no document has as it is divided here are left out."""
    documents = [
        Document(f"{n}.md", f"# {title}\n\n{''.join(text)}")
        for n, (title, text) in enumerate(row["context"], 1)
    ]
    stand = [normalise(s) for d in documents for s in sentences(d.text)]
    wanted = {(title, n) for title, n in row["supporting_facts"]}
    facts = [
        Fact(sentence.strip(), (sentence.strip(),))
        for title, text in row["context"]
        for n, sentence in enumerate(text)
        if (title, n) in wanted and normalise(sentence) in stand
    ]
    return Task(row["question"], tuple(documents), facts=tuple(facts), budget=BUDGET)


def section(tasks: Sequence[Task]) -> str:
    """What was asked, and a row a pattern; a pair is a question."""
    facts = sum(len(t.facts) for t in tasks)
    found = Trials(tuple(compare(t) for t in tasks))
    return (
        f"{len(tasks)} questions, {facts} supporting sentences.\n\n"
        f"{markdown(*beside(found, tasks))}\n"
    )


def main() -> int:
    """Print one row a pattern, or put them into the page; 2 where the file cannot be read."""
    options = parser("The patterns on questions of HotpotQA.")
    options.add_argument("file", type=Path, help="questions as JSON")
    args = options.parse_args()
    try:
        rows = json.loads(args.file.read_text("utf-8"))
        tasks = [t for row in rows if (t := task_of(row)).facts]
    except (OSError, ValueError, KeyError, TypeError) as e:
        print(f"{args.file}: is no file of HotpotQA's ({e})", file=sys.stderr)
        return 2
    show("hotpotqa.py", (section(t) for t in [tasks]), write=args.write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
