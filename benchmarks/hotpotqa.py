"""The patterns on questions of HotpotQA, beside a baseline that says the first sentences.

    python benchmarks/hotpotqa.py FILE

FILE is JSON as HotpotQA's own (Yang et al., 2018, arXiv 1809.09600): question, context,
supporting_facts. The paragraphs are the documents and the supporting sentences the gold facts,
to be said word for word: that serves the simulated reader, which copies; a real model would need
a judge. Every answer may be as long as four or five sentences. Nothing of the file stands here.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orchestrator_kit import PATTERNS, Answer, Budget, Document, Fact, Statement, Task, measure, run
from orchestrator_kit.answer import Report, merge
from orchestrator_kit.models.simulated import count_tokens
from orchestrator_kit.scoring import score
from orchestrator_kit.text import normalise, sentences
from orchestrator_kit.trials import bootstrap, verdict

BUDGET = Budget(answer_tokens=260, report_tokens=130)
Scores = list[float]


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


def first_sentences(task: Task) -> Answer:
    """The constant baseline: what the documents say first, in their order, as long as it may be."""
    opening = [
        Report(
            d.name,
            tuple(
                Statement(s, (section.id,))
                for section in d.sections
                for s in sentences(section.text)
            ),
        )
        for d in task.documents
    ]
    return merge(opening, count_tokens, BUDGET.answer_tokens)


def recalls(tasks: Iterable[Task], answers: Iterable[Answer]) -> Scores:
    """The recall of each question's answer."""
    return [score(t, a).recall or 0.0 for t, a in zip(tasks, answers, strict=True)]


def main() -> int:
    """Print one row a pattern; 2 where the file cannot be read."""
    parser = argparse.ArgumentParser(description="The patterns on questions of HotpotQA.")
    parser.add_argument("file", type=Path, help="questions as JSON")
    file = parser.parse_args().file
    try:
        tasks = [t for row in json.loads(file.read_text("utf-8")) if (t := task_of(row)).facts]
    except (OSError, ValueError, KeyError, TypeError) as e:
        print(f"{file}: is no file of HotpotQA's ({e})", file=sys.stderr)
        return 2
    facts = sum(len(t.facts) for t in tasks)
    print(f"{len(tasks)} questions, {facts} supporting sentences\n")
    print("| pattern | calls | tokens | latency s | recall | 95% | over the first sentences |")
    print("|---|---|---|---|---|---|---|")
    base = recalls(tasks, map(first_sentences, tasks))
    found = bootstrap(base)
    spread = f"{found.mean:.1%} | {found.low:.1%} to {found.high:.1%}"
    print(f"| first sentences | 0 | 0 | 0 | {spread} | |")
    for name in PATTERNS:
        records = [run(t, name) for t in tasks]
        mine = recalls(tasks, (r.answer for r in records))
        found = bootstrap(mine)
        over = bootstrap([m - b for m, b in zip(mine, base, strict=True)])
        calls, tokens, seconds = (
            sum(values) / len(tasks)
            for values in zip(
                *((m.calls, m.tokens, m.latency_s) for m in map(measure, records)), strict=True
            )
        )
        spread = f"{found.mean:.1%} | {found.low:.1%} to {found.high:.1%}"
        more = f"{100 * over.mean:+.1f} points, {verdict(over)}"
        print(f"| {name} | {calls:.1f} | {tokens:,.0f} | {seconds:.1f} | {spread} | {more} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
