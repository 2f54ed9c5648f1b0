"""How many trials a second a sweep makes, in one process and in the pool; cut off and gone on with.

    python benchmarks/sweep.py [--seeds 100]

100 seeds are 10,000 trials. The pool comes first, and the trials of one process after it, so that
neither finds anything read before. Then `okit sweep` is interrupted after a third of its trials
(SIGINT to it and its processes, as Ctrl-C gives), killed after two thirds, and run to its end.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator_kit import PATTERNS, load_task
from orchestrator_kit.grid import grid
from orchestrator_kit.sheet import Sheet
from orchestrator_kit.sweep import sweep

TASK = "legal"
AXES: dict[str, list[Any]] = {
    "pattern": [p for p in PATTERNS if p != "single_call"],  # which has no use for workers
    "workers": [1, 2, 4, 8],
    "fault_rate": [0.0, 0.05, 0.1, 0.2, 0.3],
}


@dataclass(frozen=True)
class Timed:
    """A sweep's table, the seconds it took, those of processor time, and the most memory."""

    rows: Sheet
    seconds: float
    processor_s: float
    peak_mib: float

    def line(self, name: str) -> str:
        """It as a row of the printed table."""
        trials = len(self.rows)
        return (
            f"| {name} | {self.seconds:.1f} | {trials / self.seconds:,.0f} | "
            f"{1000 * self.processor_s / trials:.1f} | {self.peak_mib:,.0f} |"
        )


def timed(seeds: int, executor: Executor | None) -> Timed:
    """A sweep in an executor of this process, or in the pool where none is given."""
    whose = resource.RUSAGE_CHILDREN if executor is None else resource.RUSAGE_SELF

    def spent() -> float:
        used = resource.getrusage(whose)
        return used.ru_utime + used.ru_stime

    before, start = spent(), time.perf_counter()
    rows = sweep(load_task(TASK), AXES | {"seed": list(range(seeds))}, executor=executor)
    seconds, peak = time.perf_counter() - start, resource.getrusage(whose).ru_maxrss / 1024
    return Timed(rows, seconds, spent() - before, peak)


def command(seeds: int, out: Path) -> list[str]:
    """`okit sweep` with the same grid."""
    okit = "import sys; from orchestrator_kit.cli import main; main(sys.argv[1:])"
    words = [sys.executable, "-c", okit, "sweep", TASK, "--seeds", str(seeds), "--out", str(out)]
    for name, values in AXES.items():
        words += ["--axis", f"{name}={','.join(map(str, values))}"]
    return words


def lines(journal: Path) -> int:
    """How many trials a journal holds."""
    return max(journal.read_bytes().count(b"\n") - 1, 0) if journal.exists() else 0


def cut(words: list[str], journal: Path, after: int, signal_: signal.Signals) -> tuple[int, str]:
    """Run a command, and signal to all its processes once it has done so many trials.

    Its exit code, and what it said.
    """
    with subprocess.Popen(
        words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        while lines(journal) < after:
            if process.poll() is not None:
                raise SystemExit(f"it ended before {after} trials were done")
            time.sleep(0.02)
        os.killpg(process.pid, signal_)
        _, said = process.communicate()
    return process.returncode, said.strip()


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    seeds = parser.parse_args().seeds
    trials = len(grid(AXES | {"seed": range(seeds)}))
    pool = timed(seeds, None)
    with ThreadPoolExecutor(1) as here:
        alone = timed(seeds, here)
    equal = alone.rows == pool.rows
    print(f"| {trials:,} trials of {TASK} | s | trials/s | processor ms a trial | peak MiB |")
    print("|---|---|---|---|---|")
    print(alone.line("one process"))
    print(pool.line(f"the pool, {os.cpu_count()} processes"))
    print(f"| ratio | {alone.seconds / pool.seconds:.2f} | | | |")
    print(f"\nboth tables are equal: {equal}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "sweep.csv"
        journal, words = out.with_suffix(".jsonl"), command(seeds, out)
        for part, how in ((1, signal.SIGINT), (2, signal.SIGKILL)):
            code, said = cut(words, journal, part * trials // 3, how)
            print(f"{how.name} with {lines(journal):,} trials done: exit code {code}; {said!r}")
            if out.exists() or lines(journal) >= trials:
                raise SystemExit("it was not cut off")
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        same = out.read_bytes() == alone.rows.to_csv().encode()
    print(f"gone on with to the end: the same table byte by byte: {same}")
    if not (same and equal):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
