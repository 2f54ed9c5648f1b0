"""What recovery brings and what it costs: remedies, review, a standby, the journal, a replay.

    python benchmarks/recovery.py [--only hedge reassign centre review journal replay] [--grid]

All but the journal run on the simulated model and its virtual clock, so their figures are the same
on any machine. Exits with 1 where a target is missed: hedging cuts the makespan by a third for at
most 15% more tokens, reassigning keeps 95% of the recall, the journal costs 5% of wall time at
calls of 50 ms, a tape of 10,000 calls is replayed within a second.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import ParamSpec, TypeVar

import endpoint
from engine import ledger, one_subtask_a_section
from synthesis import planted

from orchestrator_kit import (
    Answer,
    EndpointModel,
    SimulatedModel,
    Task,
    clock,
    load_task,
    measure,
    remedies,
    run,
    score,
)
from orchestrator_kit import recovery as policies
from orchestrator_kit.crew import Crew
from orchestrator_kit.events import Reviewed, TookOver
from orchestrator_kit.models.base import Format, Message, Model, Purpose, Request
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.models.reel import Reel
from orchestrator_kit.models.tape import Tape
from orchestrator_kit.patterns import Pattern
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.record import Run
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.roles import worker

CUT, MORE_TOKENS, KEPT, JOURNAL, REPLAY_S = 1 / 3, 0.15, 0.95, 1.05, 1.0
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Mean:
    """What several runs gave on average."""

    recall: float
    grounded: float
    gaps: float
    calls: float
    tokens: float
    usd: float
    seconds: float

    @classmethod
    def of(cls, task: Task, runs: Sequence[Run]) -> Mean:
        scores, found = [score(task, r.answer) for r in runs], [measure(r) for r in runs]
        return cls(
            fmean(s.recall or 0.0 for s in scores),
            fmean(s.groundedness or 0.0 for s in scores),
            fmean(len(r.answer.gaps) for r in runs),
            fmean(m.calls for m in found),
            fmean(m.tokens for m in found),
            fmean(m.cost_usd or 0.0 for m in found),
            fmean(m.latency_s for m in found),
        )


def runs(
    task: Task,
    pattern: Pattern | str,
    seeds: int,
    *,
    faults: Sequence[str] = (),
    recovery: Recovery | str = "degrade",
    workers: int = 4,
) -> list[Run]:
    """The same run by several seeds of the model and of its faults."""
    models = (Faults(SimulatedModel(seed), faults, seed) for seed in range(seeds))
    return [run(task, pattern, m, workers=workers, recovery=recovery) for m in models]


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table in Markdown, each row as soon as it is measured."""
    print(f"\n{title}\n")
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


# ---- hedging ----

STRAGGLERS = ("straggler:role=worker,p=0.1,factor=10",)
HANDS = 32


async def each_section(crew: Crew, task: Task) -> Answer:
    """One subtask a section, all of them independent; what is found is the answer."""
    roster = task.specialists
    plan = Plan(
        tuple(
            Subtask(f"s{n}", roster[n % len(roster)].name, f"Report on {s.title}.", (s.id,))
            for n, s in enumerate(task.sections)
        )
    )
    found = await crew.dispatch(
        plan,
        lambda s, _: worker.report(
            task,
            [task.section_by_id[i] for i in s.sections],
            specialist=task.specialist(s.specialist),
            subtask=s,
        ),
    )
    return Answer(tuple(f for r in found for f in r.findings))


@dataclass(frozen=True)
class Hedged:
    """How a policy compares with doing nothing, run by run."""

    cuts: list[float]
    tokens: list[float]
    seconds: float

    @property
    def met(self) -> bool:
        cut = min(median(self.cuts), fmean(self.cuts))
        return cut >= CUT and fmean(self.tokens) <= MORE_TOKENS

    def __str__(self) -> str:
        return f"{median(self.cuts):.0%} / {fmean(self.cuts):.0%}, {fmean(self.tokens):+.1%}"


def hedged(
    task: Task, pattern: Pattern | str, without: Sequence[Run], recovery: Recovery | str
) -> Hedged:
    """The same runs with a policy, against those without."""
    before = [measure(r) for r in without]
    hedging = runs(task, pattern, len(without), faults=STRAGGLERS, recovery=recovery, workers=HANDS)
    after = [measure(r) for r in hedging]
    pairs = list(zip(before, after, strict=True))
    return Hedged(
        [1 - a.latency_s / b.latency_s for b, a in pairs],
        [a.tokens / b.tokens - 1 for b, a in pairs],
        fmean(a.latency_s for a in after),
    )


def hedge(options: argparse.Namespace) -> int:
    """Second calls beside slow ones, at 32 workers with one call in ten ten times as slow."""
    cases: list[tuple[str, Task, Pattern | str]] = [
        ("128 subtasks, small sections", planted(16, 8), each_section),
        ("32 subtasks, small sections", planted(8, 4), each_section),
        ("master_slave, 32 shards of 256 sections", planted(32, 8), "master_slave"),
    ]
    missed, before = 0, {}

    def rows() -> Iterator[tuple[object, ...]]:
        nonlocal missed
        for title, task, pattern in cases:
            calm = Mean.of(task, runs(task, pattern, options.seeds, workers=HANDS))
            without = runs(task, pattern, options.seeds, faults=STRAGGLERS, workers=HANDS)
            before[title] = without
            found = hedged(task, pattern, without, "hedge")
            missed += not found.met
            slow = fmean(measure(r).latency_s for r in without)
            yield (
                title,
                f"{calm.seconds:.1f} / {slow:.1f} / {found.seconds:.1f}",
                f"{median(found.cuts):.0%} / {fmean(found.cuts):.0%}",
                f"{median(found.tokens):+.1%} / {fmean(found.tokens):+.1%}",
                f"{sum(c <= 0 for c in found.cuts)} of {len(found.cuts)}",
            )

    table(
        f"hedge: 10% stragglers of 10x, {HANDS} workers, {options.seeds} seeds",
        (
            "task",
            "makespan s: no faults / stragglers / hedged",
            "cut: median / mean",
            "more tokens: median / mean",
            "runs not shortened",
        ),
        rows(),
    )
    if options.grid:
        shares, factors, beside = (0.5, 0.75, 0.9), (1.2, 1.5, 2.0), (1, 2)
        for title, task, pattern in cases:
            table(
                f"{title}: cut (median / mean) and tokens, by quantile",
                ("calls beside", "factor", *map(str, shares)),
                _grid(task, pattern, before[title], shares, factors, beside),
            )
    return missed


def _grid(
    task: Task,
    pattern: Pattern | str,
    without: Sequence[Run],
    shares: Sequence[float],
    factors: Sequence[float],
    beside: Sequence[int],
) -> Iterator[tuple[object, ...]]:
    """What other settings would have brought; those of the kit are put back."""
    kept = remedies.BESIDE, policies.Patience.FACTOR
    try:
        for remedies.BESIDE in beside:
            for policies.Patience.FACTOR in factors:
                cells = [hedged(task, pattern, without, Recovery(0, hedge=q)) for q in shares]
                yield remedies.BESIDE, policies.Patience.FACTOR, *cells
    finally:
        remedies.BESIDE, policies.Patience.FACTOR = kept


# ---- one worker in four fails ----

FAILING = {
    "crash": "crash:role=worker,worker=2",
    "kill": "kill:role=worker,worker=2",
    "crash, anybody, p = 1/4": "crash:role=worker,p=0.25",
    "malformed replies": "malformed:role=worker,worker=2",
    "time-out, 30 s": "timeout:role=worker,worker=2",
}
REMEDIES = ("degrade", "reassign", "retry", "split", "full")


def reassign(options: argparse.Namespace) -> int:
    """Recall kept when one worker of four fails, by remedy, and what the remedy took."""
    missed, costs = 0, []

    def rows() -> Iterator[tuple[object, ...]]:
        nonlocal missed
        for name in ("legal", "research"):
            for pattern in ("orchestrator_worker", "master_slave", "parallelization"):
                task = load_task(name)
                calm = Mean.of(task, runs(task, pattern, options.seeds))
                detail: list[tuple[object, ...]] = [("nothing", "", *_totals(calm))]
                for title, fault in FAILING.items():
                    kept = {}
                    for policy in REMEDIES:
                        made = runs(task, pattern, options.seeds, faults=(fault,), recovery=policy)
                        found = Mean.of(task, made)
                        kept[policy] = found.recall / calm.recall
                        detail.append((title, policy, *_more(found, calm)))
                    missed += kept["reassign"] < KEPT
                    yield (name, pattern, title, *(f"{k:.0%}" for k in kept.values()))
                if pattern == "orchestrator_worker":
                    costs.append((f"{name}, {pattern}: what it took more", detail))

    table(
        f"reassign: share of the fault-free recall, 4 workers, {options.seeds} seeds",
        ("task", "pattern", "worker 2 fails by", *REMEDIES),
        rows(),
    )
    for title, detail in costs:
        table(title, ("fails by", "remedy", "gaps", "calls", "tokens", "US cents", "s"), detail)
    return missed


def _totals(m: Mean) -> tuple[str, ...]:
    return (
        f"{m.gaps:.1f}",
        f"{m.calls:.1f}",
        f"{m.tokens:,.0f}",
        f"{100 * m.usd:.3f}",
        f"{m.seconds:.1f}",
    )


def _more(found: Mean, calm: Mean) -> tuple[str, ...]:
    return (
        f"{found.gaps - calm.gaps:+.1f}",
        f"{found.calls - calm.calls:+.1f}",
        f"{found.tokens - calm.tokens:+,.0f}",
        f"{100 * (found.usd - calm.usd):+.3f}",
        f"{found.seconds - calm.seconds:+.1f}",
    )


# ---- the centre is killed ----


def centre(options: argparse.Namespace) -> int:
    """One kill, of the centre with and without a standby, and of one peer among equals."""
    reviewing = partial(orchestrator_worker, rounds=1)
    alone, standby = Recovery(retries=0), Recovery(retries=0, standby=True)
    cases: list[tuple[str, Pattern | str, str, Recovery]] = [
        ("orchestrator_worker", "orchestrator_worker", "", alone),
        ("centre killed at the plan", "orchestrator_worker", "orchestrator,nth=1", alone),
        ("the same, standby", "orchestrator_worker", "orchestrator,nth=1", standby),
        ("centre killed at the synthesis", "orchestrator_worker", "synthesizer,nth=1", alone),
        ("the same, standby", "orchestrator_worker", "synthesizer,nth=1", standby),
        ("orchestrator_worker, rounds=1", reviewing, "", alone),
        ("centre killed at the third review", reviewing, "orchestrator,nth=4", alone),
        ("the same, standby", reviewing, "orchestrator,nth=4", standby),
        ("peer_agents", "peer_agents", "", alone),
        ("peer killed in the first round", "peer_agents", "peer,nth=3", alone),
        ("peer killed in the second round", "peer_agents", "peer,nth=8", alone),
    ]

    def rows(task: Task) -> Iterator[tuple[object, ...]]:
        calm = None
        for title, pattern, whom, policy in cases:
            faults = (f"kill:role={whom}",) if whom else ()
            made = runs(task, pattern, options.seeds, faults=faults, recovery=policy)
            found = Mean.of(task, made)
            calm = calm if whom and calm else found
            yield (
                title,
                f"{sum(r.status == 'done' for r in made)} of {len(made)}",
                f"{sum(any(isinstance(e, TookOver) for e in r.events) for r in made)}",
                f"{found.recall / calm.recall:.0%}",
                *_totals(found),
            )

    for name in ("legal", "research"):
        table(
            f"{name}: one kill, {options.seeds} seeds",
            (
                *("run", "answered", "taken over", "recall kept", "gaps"),
                *("calls", "tokens", "US cents", "s"),
            ),
            rows(load_task(name)),
        )
    return 0


# ---- review ----


def review(options: argparse.Namespace) -> int:
    """Quality by rounds of review, with three calls in ten of the workers confidently wrong."""

    def rows(task: Task) -> Iterator[tuple[object, ...]]:
        for faults in (("wrong:role=worker,p=0.3",), ()):
            before = None
            for rounds in range(4):
                pattern = partial(orchestrator_worker, rounds=rounds)
                made = runs(task, pattern, options.seeds, faults=faults)
                found = Mean.of(task, made)
                verdicts = [e.verdict for r in made for e in r.events if isinstance(e, Reviewed)]
                yield (
                    "30%" if faults else "none",
                    rounds,
                    f"{found.grounded:.1%}",
                    f"{found.recall:.1%}",
                    f"{verdicts.count('improve') / len(made):.1f}",
                    *_totals(found),
                    f"{found.tokens - before.tokens:+,.0f}" if before else "",
                )
                before = found

    for name in ("legal", "research"):
        table(
            f"{name}, orchestrator_worker: rounds of review, {options.seeds} seeds",
            (
                *("wrong", "rounds", "grounded", "recall", "sent back"),
                *("gaps", "calls", "tokens", "US cents", "s", "tokens of the last round"),
            ),
            rows(load_task(name)),
        )
    return 0


# ---- the journal ----


def journal(options: argparse.Namespace) -> int:
    """Wall time of a run against a server of 50 ms a call, with and without a tape around it."""
    task = endpoint.TASK

    async def pattern(crew: Crew, task: Task) -> Answer:
        plan = Plan(tuple(Subtask(f"s{n}", "generalist", "") for n in range(options.journal_calls)))
        reports = await crew.dispatch(plan, lambda s, _: endpoint.report(s.id, 1))
        assert all(r.findings for r in reports)
        return Answer(reports[0].findings)

    def seconds(url: str, path: Path | None) -> tuple[float, float]:
        """Of the whole, and of opening the tape and putting it to rest."""
        began = time.perf_counter()
        model: Model = EndpointModel(endpoint.MODEL, url)
        reel = Reel(path, record=True) if path else None
        opened = time.perf_counter()
        found = run(task, pattern, Tape(reel, model) if reel else model, workers=8)
        ran = time.perf_counter()
        if reel:
            reel.close()
        ended = time.perf_counter()
        assert found.status == "done"
        assert measure(found).calls == options.journal_calls
        return ended - began, opened - began + ended - ran

    bare: list[float] = []
    taped: list[tuple[float, float]] = []
    with served() as url, tempfile.TemporaryDirectory() as folder:
        seconds(url, None)  # imports, and whatever else happens once
        for n in range(options.rounds):
            for on_tape in (True, False) if n % 2 else (False, True):
                if on_tape:
                    taped.append(seconds(url, Path(folder, f"{n}.tape")))
                else:
                    bare.append(seconds(url, None)[0])
    without, whole, ends = median(bare), median(t for t, _ in taped), median(e for _, e in taped)
    ratio = whole / without
    inside = median(t - e for t, e in taped) / without
    table(
        f"journal: {options.journal_calls} calls of 51 ms, 8 workers, {options.rounds} rounds",
        ("without", "on a tape", "ratio", "of it opening and closing", "ratio without these"),
        [(f"{without:.3f} s", f"{whole:.3f} s", f"{ratio:.3f}", f"{ends:.3f} s", f"{inside:.3f}")],
    )
    return int(ratio > JOURNAL)


@contextmanager
def served() -> Iterator[str]:
    """The server of benchmarks/endpoint.py, in a process of its own; its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=endpoint.serve, args=(theirs,), daemon=True)
    server.start()
    theirs.close()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        ours.close()
        server.join()


# ---- a replay ----


def replay(options: argparse.Namespace) -> int:
    """A tape of many calls: opened and asked for each of them, and a whole run on it."""
    n = options.calls
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.tape")
        recording = fresh(whole_run, n, path, record=True)
        size = path.stat().st_size
        asked = [fresh(opened_and_asked, path) for _ in range(3)]
        again = fresh(whole_run, n, path)
    model = fresh(whole_run, n, None)
    opening, asking = (median(column) for column in zip(*asked, strict=True))
    whole = median(map(sum, asked))
    table(
        f"replay: a tape of {n:,} calls ({size / 2**20:.0f} MiB), each time in a new process",
        ("what", "seconds", "calls a second"),
        [
            ("opening the tape", f"{opening:.2f}", ""),
            ("asking it for every call", f"{asking:.2f}", f"{n / asking:,.0f}"),
            ("both", f"{whole:.2f}", f"{n / whole:,.0f}"),
            ("a whole run on the tape", f"{again:.2f}", f"{n / again:,.0f}"),
            ("the same on the simulated model", f"{model:.2f}", f"{n / model:,.0f}"),
            ("the same, recorded", f"{recording:.2f}", f"{n / recording:,.0f}"),
        ],
    )
    print(f"\na run on the tape takes {again / model:.2f} of the time on the model")
    return int(whole > REPLAY_S)


def fresh(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """What a function returns in a new process, which has read and ranked nothing yet."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *args, **options).result()


def whole_run(n: int, path: Path | None, *, record: bool = False) -> float:
    """Seconds of a run with one subtask a section, on the model or on the tape of it."""
    task = ledger(n)
    task.section_by_id  # noqa: B018 - dividing the documents is no part of a run
    done: list[int] = []
    began = time.perf_counter()
    model: Model = SimulatedModel(1)
    if path:
        model = Tape(path, model if record else None)
    found = run(task, one_subtask_a_section(done), model, workers=16)  # type: ignore[arg-type]
    took = time.perf_counter() - began
    assert found.status == "done"
    assert measure(found).calls == n
    return took


def opened_and_asked(path: Path) -> tuple[float, float]:
    """Seconds to open a tape, and to ask it for everything that is on it, one after another."""
    requests = list(recorded(path))
    began = time.perf_counter()
    tape = Tape(path)
    opened = time.perf_counter()

    async def ask() -> int:
        replies = [await tape.complete(request) for request in requests]
        await tape.aclose()
        return sum(bool(r.text) for r in replies)

    assert clock.run(ask, virtual=True) == len(requests)
    return opened - began, time.perf_counter() - opened


def recorded(path: Path) -> Iterator[Request]:
    """The requests of a tape, as they were asked."""
    with Reel(path) as reel:
        texts = {d.hex(): t for d, t in reel.texts().items()}
        for _, body in reel.requests():
            yield Request(
                tuple(Message(speaker, texts[d]) for speaker, d in body["messages"]),
                Format(body["format"], texts[body["schema"]]),
                body["max_output_tokens"],
                body["temperature"],
                body["sample"],
                Purpose(body["role"], body["agent"], subtask=body["subtask"]),
            )


PARTS = {f.__name__: f for f in (hedge, reassign, centre, review, journal, replay)}


def main() -> int:
    """Print the tables; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--grid", action="store_true", help="hedge: other quantiles and factors")
    parser.add_argument("--rounds", type=int, default=5, help="of the journal")
    parser.add_argument("--journal-calls", type=int, default=400)
    parser.add_argument("--calls", type=int, default=10_000, help="on the tape to be replayed")
    options = parser.parse_args()
    missed = {name: PARTS[name](options) for name in options.only}
    told = ", ".join(f"{name} ({n})" for name, n in missed.items() if n)
    print(f"\ntargets missed: {told or 'none'}")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
