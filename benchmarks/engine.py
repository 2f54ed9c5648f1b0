"""How fast the engine is on the simulated model: calls a second, a comparison, memory, import.

    python benchmarks/engine.py [--calls 4000] [--subtasks 100000]

Everything runs through the whole stack: crew, record, roles, parsers, reader. Medians of three.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from orchestrator_kit import Document, SimulatedModel, Task, compare, load_task, run
from orchestrator_kit.answer import Answer
from orchestrator_kit.crew import Crew
from orchestrator_kit.metrics import measure
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.roles import worker
from orchestrator_kit.tasks import Specialist

CLERK = Specialist("clerk", "Finds amounts, dates and duties in a ledger entry.")


def ledger(entries: int, first: int = 0) -> Task:
    """A task of many short sections, each different, numbered from `first`."""
    text = "\n\n".join(
        f"## Entry {n}\n\nOn day {n} the tenant of unit {n * 7} owed {n * 13} crowns for water. "
        f"The office of quarter {n % 97} waived {n % 11} crowns of it. A reminder is due."
        for n in range(first, first + entries)
    )
    return Task("Which duties and amounts are open?", (Document("ledger.md", text),), (CLERK,))


def one_subtask_a_section(crew_done: list[int]) -> Callable[[Crew, Task], object]:
    async def many_subtasks(crew: Crew, task: Task) -> Answer:
        plan = Plan(
            tuple(
                Subtask(f"s{n}", CLERK.name, f"Read entry {n}.", (section.id,))
                for n, section in enumerate(task.sections)
            )
        )
        reports = await crew.dispatch(
            plan,
            lambda subtask, received: worker.report(
                task,
                [task.section_by_id[i] for i in subtask.sections],
                specialist=CLERK,
                subtask=subtask,
                received=received,
            ),
        )
        crew_done.append(sum(bool(r.findings) for r in reports))
        return Answer(tuple(r.findings[0] for r in reports[:10]))

    return many_subtasks


def calls_a_second(calls: int, first: int) -> list[float]:
    """Calls a second on documents never seen; with new requests on known ones; on known replies.

    Another seed makes every request a new one for the model, which has to read, rank and write
    again; the division of the documents into sentences stays known.
    """
    task, done = ledger(calls, first), list[int]()
    task.section_by_id  # noqa: B018 - dividing the documents is no part of a call
    rates = []
    one, other = SimulatedModel(1), SimulatedModel(2)
    for model in (one, other, other):
        start = time.perf_counter()
        found = run(task, one_subtask_a_section(done), model, workers=16)  # type: ignore[arg-type]
        rates.append(calls / (time.perf_counter() - start))
        assert done[-1] == measure(found).calls == calls
    return rates


def comparisons() -> tuple[float, float]:
    """Seconds for six patterns at 1 to 16 workers: the first time, and the second."""
    task, model = load_task("legal"), SimulatedModel(seed=1)
    times = []
    for _ in range(2):
        start = time.perf_counter()
        for workers in range(1, 17):
            compare(task, model, workers=workers)
        times.append(time.perf_counter() - start)
    return times[0], times[1]


def import_ms(rounds: int = 9) -> tuple[float, float]:
    """Milliseconds of a bare interpreter, and of one that imports the kit; medians."""
    times: dict[str, list[float]] = {"pass": [], "import orchestrator_kit": []}
    for _ in range(rounds):
        for code, taken in times.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            taken.append(1000 * (time.perf_counter() - start))
    bare, kit = (statistics.median(taken) for taken in times.values())
    return bare, kit


def main() -> None:
    """Print all of it as one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4_000)
    parser.add_argument("--subtasks", type=int, default=100_000)
    parser.add_argument("--only-memory", action="store_true")
    options = parser.parse_args()
    if options.only_memory:
        start = time.perf_counter()
        done: list[int] = []
        run(ledger(options.subtasks), one_subtask_a_section(done), workers=64)  # type: ignore[arg-type]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {options.subtasks:,} subtasks in one run, peak memory | {peak:,.0f} MiB |")
        print(f"| the same, wall time | {time.perf_counter() - start:.1f} s |")
        return
    print("| what | measured |\n|---|---|")
    rates = [calls_a_second(options.calls, n * options.calls) for n in range(3)]
    unseen, new, known = (statistics.median(column) for column in zip(*rates, strict=True))
    print(f"| simulated calls a second, replies worked out before | {known:,.0f} |")
    print(f"| the same, every request new, to be read and answered | {new:,.0f} |")
    print(f"| the same, every document new as well | {unseen:,.0f} |")
    first, second = comparisons()
    print(f"| six patterns, workers 1 to 16, first time | {first:.2f} s |")
    print(f"| the same, replies known | {second:.2f} s |")
    bare, kit = import_ms()
    print(f"| bare interpreter; with `import orchestrator_kit` | {bare:.0f} ms; {kit:.0f} ms |")
    sys.stdout.flush()
    again = [sys.executable, __file__, "--only-memory", "--subtasks", str(options.subtasks)]
    subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
