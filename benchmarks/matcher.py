"""The matcher of free text on real students' answers, beside a plain overlap of words.

    python benchmarks/matcher.py FOLDER            prints the tables
    python benchmarks/matcher.py FOLDER --write    puts them into docs/teaching.md
    python benchmarks/matcher.py FOLDER --fit      prints the constants fitted on all questions

FOLDER holds questions of the Beetle corpus as XML, a file each: reference answers, and answers of
students marked correct, contradictory or incorrect (SemEval-2013 task 7, CC BY-SA 3.0). Nothing of
their text stands here. How it is tuned and judged is in `fitting.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree

from fitting import (
    CAUTIOUS,
    FOLDS,
    MEASURES,
    OVERLAP_CAUTIOUS,
    OVERLAP_LENIENT,
    RESAMPLES,
    Answer,
    Question,
    Validation,
    answers_of,
    fits,
    found_at,
    interval,
    share,
    validate,
)
from page import markdown, show

from orchestrator_kit.matching import comparing, finding, lexicon, reading
from orchestrator_kit.matching.finding import Fit, KeyPoint, readings
from orchestrator_kit.text import terms

PAGE = Path(__file__).parents[1] / "docs" / "teaching.md"
BESIDE = (
    ("matcher, apart", "overlap, apart"),
    ("matcher, cautious", "overlap, cautious"),
    ("matcher, cautious", "overlap, lenient"),
)
RATES = (0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3)


def overlap(answer: str, reference: str) -> float:
    """The words that two texts share, as F1 over sets of stems."""
    mine, theirs = set(terms(answer)), set(terms(reference))
    return 2 * len(mine & theirs) / max(len(mine) + len(theirs), 1)


def load(folder: Path) -> list[Question]:
    """The questions of a folder; SystemExit in one line where there are none or one is broken."""
    found = []
    for file in sorted(folder.glob("*.xml")):
        try:
            root = ElementTree.parse(file).getroot()
        except ElementTree.ParseError as e:
            sys.exit(f"{file}: is no XML: {e}")
        asked = root.findtext("questionText") or ""
        references = tuple(r.text or "" for r in root.iter("referenceAnswer"))
        if not references:
            sys.exit(f"{file}: has no reference answers")
        point = KeyPoint(file.stem, references[0], references)
        answers = tuple(
            Answer(
                a.get("accuracy", ""),
                tuple(readings(a.text or "", point, context=asked)),
                max(overlap(a.text or "", r) for r in references),
            )
            for a in root.iter("studentAnswer")
        )
        found.append(Question(file.stem, answers))
    if len(found) < FOLDS:
        sys.exit(f"{folder}: has {len(found)} questions as XML, {FOLDS} or more are needed")
    return found


def without_opposites(folder: Path) -> list[Question]:
    """The questions read by a matcher that knows no opposites; those were listed by hand."""
    _forget()
    with patch.dict(lexicon.OPPOSITES, clear=True):
        found = load(folder)
    _forget()
    return found


def _forget() -> None:
    """Empty the caches of the matcher, which hold what the opposites led to."""
    for module in (reading, comparing, finding):
        for cached in vars(module).values():
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()


def sections(done: Validation, less: Validation) -> Iterator[str]:
    """What was judged, the shares, the differences, and the curve; `less` knew no opposites."""
    n = Counter(done.labels)
    yield (
        f"{len(done.outcomes['overlap, apart'].counts)} questions, {len(done.labels):,} answers: "
        f"{n['correct']:,} correct, "
        f"{n['contradictory']:,} contradictory, {n['incorrect']:,} incorrect. Each question is "
        f"judged with what was fitted on the questions of the other {FOLDS - 1} of {FOLDS} folds. "
        "*Apart*: the threshold sets the first two shares furthest apart on those questions. "
        f"*Cautious*: it takes at most {CAUTIOUS:.0%} of their contradictory answers for "
        f"mentioned, as the kit does; the overlap may take {OVERLAP_CAUTIOUS:.0%}, and "
        f"{OVERLAP_LENIENT:.0%} where it is *lenient*. In brackets 95% intervals, from "
        f"{RESAMPLES:,} samples of questions.\n"
    )
    rows = []
    for outcome in done.outcomes.values():
        plain = outcome.name.startswith("overlap")
        cells = [
            "-" if plain and "conflict" in m else _cell(share(outcome, m), interval(outcome, m))
            for m in MEASURES
        ]
        rows.append([outcome.name, *cells])
    for first, second in BESIDE:
        matcher, base = done.outcomes[first], done.outcomes[second]
        cells = [
            "-"
            if "conflict" in m
            else _cell(share(matcher, m) - share(base, m), interval(matcher, m, base), sign="+")
            for m in MEASURES
        ]
        rows.append([f"difference: {first} - {second}", *cells])
    yield markdown(["", *MEASURES], rows) + "\n"
    yield "Correct answers found where as many contradictory ones are taken for mentioned:\n"
    yield (
        markdown(
            ["contradictory, mentioned", *(f"{r:.0%}" for r in RATES)],
            [
                [name, *(f"{found_at(s, done.labels, r):.0%}" for r in RATES)]
                for name, s in (
                    ("overlap", done.overlaps),
                    ("matcher", done.scores),
                    ("matcher without its list of opposites", less.scores),
                )
            ],
        )
        + "\n"
    )


def _cell(value: float, ends: tuple[float, float], sign: str = "") -> str:
    low, high = ends
    return f"{100 * value:{sign}.0f}% ({100 * low:{sign}.0f} to {100 * high:{sign}.0f})"


def main() -> int:
    """Print the tables, or put them into the page, or print the constants."""
    options = argparse.ArgumentParser(description="The matcher of free text beside plain overlap.")
    options.add_argument("folder", type=Path, help="where the questions are, as XML")
    options.add_argument(
        "--write", action="store_true", help="put the tables into docs/teaching.md"
    )
    options.add_argument("--fit", action="store_true", help="print the constants the kit ships")
    args = options.parse_args()
    questions = load(args.folder)
    if args.fit:
        (found,) = fits(answers_of(questions), [CAUTIOUS])
        print(
            Fit(
                tuple(round(w, 2) for w in found.weights), round(found.mentioned, 2), found.conflict
            )
        )
        return 0
    made = sections(validate(questions), validate(without_opposites(args.folder)))
    show("matcher.py", made, write=args.write, page=PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
