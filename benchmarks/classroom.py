"""How long a teacher waits for the table of a class.

    python benchmarks/classroom.py [--students 200] [--lines 300] [--odd 20]

Simulated students study: their predictions, checks, hints, answers and reviews are noted by the
kit's own diary, each in a file of its own, as a learning platform hands them out. A few copy from
a neighbour or edit a line. Then `collect` reads all of them. Exits with 1 where that takes more
than 10 seconds, or where anybody was flagged who did nothing odd, or not flagged who did.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from orchestrator_kit import diary, predict
from orchestrator_kit.submissions import collect

TARGET_S = 10.0
WORDS = "worker plan token report budget window latency synthesis retry overlap fact order".split()
STATES = ("mentioned", "mentioned", "not found", "may conflict")


@dataclass(frozen=True)
class Drill:
    """An exercise that there could be."""

    name: str
    level: int
    notebook: str

    @property
    def title(self) -> str:
        return f"Exercise {self.name}"


KNOWN = {
    name: Drill(name, 1 + k % 3, f"{n:02}_practice")
    for n in range(1, 11)
    for k in range(2)
    for name in [f"drill-{n}{'ab'[k]}"]
}


def study(path: Path, lines: int, rng: Random) -> None:
    """A student's work, noted in a diary at `path`: as many lines, and the one that begins it."""
    os.environ[diary.VARIABLE] = str(path)
    able, noted = rng.uniform(0.2, 0.9), 1
    names = list(KNOWN.values())
    while noted < lines:
        kind = rng.choices(["check", "hint", "guess", "answer", "review"], [8, 2, 5, 3, 2])[0]
        left = lines - noted
        drill = rng.choice(names)
        question = f"{rng.randrange(14):02}-question-{rng.randrange(3)}"
        if kind == "check":
            passed = rng.random() < able
            earned = drill.level if passed else round(rng.uniform(0, drill.level * 0.9), 2)
            data = {"exercise": drill.name, "earned": earned, "of": drill.level, "passed": passed}
            noted += diary.note("check", data)
        elif kind == "hint":
            noted += diary.note("hint", {"exercise": drill.name, "step": rng.randint(1, 3)})
        elif kind == "guess" and left > 1:
            said: str | int = rng.randrange(40)
            if rng.random() < 0.6:
                said = rng.choice(["pipeline", "peer_agents"])
            found = said if rng.random() < able else 12
            predict(question, said, sure=round(rng.random(), 1)).against(found, "workers")
            noted += 2
        elif kind == "answer" and left > 2:
            text = " ".join(rng.choices(WORDS, k=90))
            points = {f"point {n}": rng.choice(STATES) for n in range(5)}
            noted += diary.note("answer", {"question": question, "text": text, "points": points})
            figure = {"figure": "latency_s", "cited": 61.5, "stands": rng.random() < able}
            noted += diary.note("evidence", {"question": question, **figure})
            ratings = {name: round(rng.random(), 1) for name in points}
            noted += diary.note("rating", {"question": question, "points": ratings})
        else:
            item = f"item {rng.randrange(20)}"
            noted += diary.note("review", {"item": item, "sure": round(rng.random(), 1)})


def make_class(folder: Path, students: int, lines: int, odd: int, seed: int = 0) -> dict[str, str]:
    """Diaries of a class; of those who did something odd, by name, what their flag begins with."""
    rng = Random(seed)
    kept = os.environ.get(diary.VARIABLE)
    try:
        for n in range(students):
            study(_path(folder, n), lines, rng)
    finally:
        if kept is None:
            os.environ.pop(diary.VARIABLE, None)
        else:
            os.environ[diary.VARIABLE] = kept
    expected: dict[str, str] = {}
    for n in range(0, odd - odd % 2, 2):  # in turn a copy of the next one's, and a line made better
        path = _path(folder, n)
        if n % 4:
            path.write_bytes(_path(folder, n + 1).read_bytes())
            expected |= dict.fromkeys((_name(n), _name(n + 1)), "duplicate")
        else:
            text = path.read_text("utf-8")
            path.write_text(text.replace('"passed": false', '"passed": true', 1), "utf-8")
            expected[_name(n)] = "tampered"
    return expected


def _name(n: int) -> str:
    return f"student {n:03}"


def _path(folder: Path, n: int) -> Path:
    return folder / _name(n) / "diary.jsonl"


def main() -> int:
    """Make a class, collect it, print how long that took; 1 where a target is missed."""
    options = argparse.ArgumentParser(description="How long the table of a class takes.")
    options.add_argument("--students", type=int, default=200)
    options.add_argument("--lines", type=int, default=300)
    options.add_argument("--odd", type=int, default=20)
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        started = time.perf_counter()
        expected = make_class(folder, args.students, args.lines, min(args.odd, args.students))
        made = time.perf_counter() - started
        size = sum(p.stat().st_size for p in folder.rglob("*.jsonl"))
        started = time.perf_counter()
        found = collect(folder, KNOWN)
        took = time.perf_counter() - started
    lines = sum(s.portfolio.entries for s in found.students)
    print(f"{len(found.students)} diaries, {lines:,} lines, {size / 1e6:.1f} MB")
    print(f"noted in {made:.1f} s, {made / lines * 1e6:.0f} µs a line")
    print(f"collected in {took:.2f} s, {lines / took:,.0f} lines/s (target: {TARGET_S:g} s)")
    flagged = {s.name: s.flags for s in found.students if s.flags}
    wrong = {
        name
        for name in {*expected, *flagged}
        if not any(f.startswith(expected.get(name, "!")) for f in flagged.get(name, ()))
    }
    print(f"{len(flagged)} with a flag, {len(expected)} did something odd, {len(wrong)} mistaken")
    return 1 if took > TARGET_S or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
