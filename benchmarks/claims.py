"""The shape of published claims, tested on this kit's own engine.

    python benchmarks/claims.py [--only CHECK ...]    prints claim, setting, figures and verdict
    python benchmarks/claims.py --write               puts them into docs/claims.md
    python benchmarks/claims.py --check               exits with 1 where they are not what is there
    python benchmarks/claims.py --table               writes the table of claims there alone

Every figure comes from runs on the simulated model (docs/simulated-model.md), so it is the same on
any machine. "Shape holds" or "does not hold here" is decided by a rule of benchmarks/shapes.py,
which is printed with it. No number of a paper is reproduced, and none is used in a rule.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean

import shapes

from orchestrator_kit import (
    Answer,
    Budget,
    Document,
    Fact,
    Faults,
    Report,
    SimulatedModel,
    Specialist,
    Task,
    load_task,
    measure,
    run,
    scenarios,
    score,
)
from orchestrator_kit.answer import merge
from orchestrator_kit.claims import claim_named, claims, markdown
from orchestrator_kit.crew import Crew
from orchestrator_kit.events import Reported
from orchestrator_kit.metrics import calls
from orchestrator_kit.models.reader import Habits
from orchestrator_kit.models.simulated import PROFILES
from orchestrator_kit.patterns import Pattern
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker
from orchestrator_kit.plan import Subtask
from orchestrator_kit.record import Run
from orchestrator_kit.rematch import rematch
from orchestrator_kit.roles import worker
from orchestrator_kit.scoring import stands

PAGE = Path(__file__).parents[1] / "docs" / "claims.md"
TABLE = "<!-- claims: made by okit claims --markdown -->\n", "<!-- /claims -->"
SHAPES = "<!-- shapes: made by benchmarks/claims.py -->\n", "<!-- /shapes -->"
VERDICTS = {True: "shape holds", False: "does not hold here"}


@dataclass(frozen=True)
class Found:
    """What was measured for some claims, and the rule that judges it."""

    title: str
    claims: tuple[str, ...]
    setting: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    rule: Callable[..., bool]
    holds: bool
    built_in: str = ""
    remark: str = ""

    def __str__(self) -> str:
        """A section in Markdown; what is quoted and what is measured stand apart."""
        parts = [f"### {self.title}"]
        for claim in map(claim_named, self.claims):
            printed = f" Printed there: {claim.figures}." if claim.figures else ""
            parts.append(
                f"*Claim* (`{claim.id}`; {claim.sure}): {claim.claim}{printed} "
                f"{claim.work}, {claim.source}; {claim.setting}."
            )
        parts.append(f"*Here:* {self.setting}")
        if self.built_in:
            parts.append(f"*Built in:* {self.built_in}")
        table = (self.head, ["---"] * len(self.head), *self.rows)
        parts.append("\n".join(f"| {' | '.join(map(str, line))} |" for line in table))
        if self.remark:
            parts.append(self.remark)
        parts.append(f"*Rule:* {' '.join((self.rule.__doc__ or '').split())}")
        parts.append(f"**{VERDICTS[self.holds].capitalize()}.**")
        return "\n\n".join(parts) + "\n"


def seeded(task: Task, pattern: Pattern | str, seeds: int, workers: int = 4) -> list[Run]:
    """The same run by so many seeds of the model."""
    return [run(task, pattern, SimulatedModel(s), workers=workers) for s in range(seeds)]


def mean_input(records: Iterable[Run]) -> float:
    return fmean(measure(r).input_tokens for r in records)


def mean_seconds(records: Iterable[Run]) -> float:
    return fmean(measure(r).latency_s for r in records)


def by_size(figures: Mapping[int, float], form: str) -> list[str]:
    return [format(figures[k], form) for k in sorted(figures)]


# ---- a task whose parts have nothing to do with each other ----

THINGS = (
    "pump valve crane motor rudder anchor boiler winch "
    "hatch mast keel bilge davit capstan stern galley"
).split()


def ship(parts: int, *, sentences: int, report: int, answer: int) -> Task:
    """A document for each part of a ship, and a specialist for each; reports of so many tokens."""
    documents, roster = [], []
    for n, thing in enumerate(THINGS[:parts]):
        roster.append(Specialist(f"{thing} expert", f"Examines the {thing} and what it costs."))
        said = " ".join(
            f"Joint {m} of the {thing} needs repairs of {1_000 + 137 * n + 11 * m} crowns "
            "before spring."
            for m in range(sentences)
        )
        documents.append(Document(f"{thing}.md", f"# The {thing}\n\n{said}"))
    return Task(
        "What has to be repaired, and what does it cost?",
        tuple(documents),
        tuple(roster),
        budget=Budget(report_tokens=report, answer_tokens=answer),
    )


async def loop(crew: Crew, task: Task) -> Answer:
    """One step after another, each sent all that was read and said before it."""
    said: list[Report] = []
    for n, expert in enumerate(task.specialists, 1):
        step = Subtask(f"s{n}", expert.name, f"Report on {task.sections[n - 1].title}.")
        ask = worker.report(task, task.sections[:n], specialist=expert, subtask=step, received=said)
        said.append(await crew.report(ask))
    return merge(said, crew.count_tokens, task.budget.answer_tokens)


async def apart(crew: Crew, task: Task) -> Answer:
    """One worker a document, none of whom hears of the others; code puts it together."""
    asks = [
        worker.report(task, [section], specialist=expert)
        for section, expert in zip(task.sections, task.specialists, strict=True)
    ]
    reports = await crew.reports(asks)
    return merge(reports, crew.count_tokens, task.budget.answer_tokens)


SIZES = (1, 2, 4, 8, 16)


def transcripts() -> Found:
    """Input tokens of a loop that sends its transcript again, and of a plan made once."""
    again, once = {}, {}
    for steps in SIZES:
        task = ship(steps, sentences=12, report=400, answer=1_200)
        again[steps] = mean_input(seeded(task, loop, 5, steps))
        once[steps] = mean_input(seeded(task, "orchestrator_worker", 5, steps))
    ratios = {k: again[k] / once[k] for k in SIZES}
    return Found(
        "Re-sent transcripts",
        ("rewoo",),
        "one document and one specialist a step. The loop sends with every step the documents "
        "and the reports of all steps before it; its end is put together by code and costs "
        "nothing. The other is `orchestrator_worker` as it is: plan and synthesis are paid for. "
        "Five seeds.",
        ("steps", *map(str, SIZES)),
        [
            ("input of the loop, tokens", *by_size(again, ",.0f")),
            ("input of the plan made once, tokens", *by_size(once, ",.0f")),
            ("ratio", *by_size(ratios, ".2f")),
        ],
        shapes.sending_again_is_quadratic,
        shapes.sending_again_is_quadratic(again, once),
        remark=(
            f"Powers between the last two: {shapes.exponent(again):.2f} for the loop, "
            f"{shapes.exponent(once):.2f} for the plan. With few steps the loop is the cheaper "
            "one. A server that caches prompts bills what is sent again at a discount; that is "
            "not simulated."
        ),
    )


def independent() -> Found:
    """How much faster independent subtasks are at the same time than step by step."""
    ratios: dict[str, dict[int, float]] = {}
    for name, sentences, tokens in (("long", 12, 400), ("short", 4, 60)):
        ratios[name] = {}
        for parts in SIZES:
            task = ship(parts, sentences=sentences, report=tokens, answer=400)
            alone = mean_seconds(seeded(task, loop, 5, parts))
            planned = mean_seconds(seeded(task, "orchestrator_worker", 5, parts))
            ratios[name][parts] = alone / planned
    return Found(
        "Independent subtasks",
        ("llmcompiler",),
        "the loop of the check before, against `orchestrator_worker` with a worker for each "
        "subtask; answers of 400 tokens. Only latency is tested: seconds of the loop over seconds "
        "of the team; long reports have up to 400 tokens, short ones 60. The rule is applied "
        "to the long ones. Five seeds.",
        ("subtasks", *map(str, SIZES)),
        [(f"ratio, {name} reports", *by_size(found, ".2f")) for name, found in ratios.items()],
        shapes.gains_with_parts,
        shapes.gains_with_parts(ratios["long"]),
        remark=(
            "A ratio below 1 says that the team is the slower one: writing the plan and the "
            "synthesis takes longer than what it saves. Where subtasks are short, that is so "
            f"up to {max((k for k, r in ratios['short'].items() if r < 1), default=0)} of them."
        ),
    )


POINT = 200  # tokens of a point, written out


async def skeleton(crew: Crew, task: Task, *, longest: int = 1) -> Answer:
    """The points in a line each, then all of them at the same time; the first may be longer."""
    points = len(task.documents)
    short = replace(worker.answer(task), output_tokens=42 * points + 12)
    bones = await crew.report(short)
    asks = []
    for n, bone in enumerate(bones.findings[:points]):
        ask = worker.report(
            task,
            [task.section_by_id[i] for i in bone.sources],
            subtask=Subtask(f"p{n + 1}", "generalist", bone.text),
            received=[replace(bones, findings=(bone,))],
        )
        asks.append(ask if n else replace(ask, output_tokens=longest * POINT))
    return merge(await crew.reports(asks), crew.count_tokens, task.budget.answer_tokens)


def outline() -> Found:
    """Writing a skeleton and then its points together, against writing from top to end."""
    seconds: list[tuple[float, float]] = []

    def speedup(points: int, longest: int = 1) -> float:
        size = POINT * (points + longest - 1)
        task = ship(points, sentences=24, report=POINT, answer=size)
        whole = mean_seconds(seeded(task, "single_call", 5))
        together = seeded(task, partial(skeleton, longest=longest), 5, points)
        for record in together:
            first, *rest = calls(record)
            parts = first.seconds + max(c.seconds for c in rest)
            seconds.append((measure(record).latency_s, parts))
        return whole / mean_seconds(together)

    ratios = {points: speedup(points) for points in SIZES}
    uneven = {longest: speedup(8, longest) for longest in (2, 4)}
    worst = max(abs(took - parts) for took, parts in seconds)
    return Found(
        "Skeleton first",
        ("skeleton-of-thought",),
        f"answers of {POINT} tokens a point. One call writes the whole, or one call writes a line "
        "for each point and a call for each writes it out, all at the same time. Five seeds.",
        ("points", *map(str, SIZES), "8, one 2 times as long", "8, one 4 times as long"),
        [("speed-up", *by_size(ratios, ".2f"), *by_size(uneven, ".2f"))],
        shapes.skeleton_and_longest,
        shapes.skeleton_and_longest(ratios, uneven[4], seconds),
        built_in="a call takes longer in proportion to what it writes. What is tested is that the "
        "engine runs the points together and waits for nothing else.",
        remark=(
            f"Over {len(seconds)} runs the makespan is off the sum of skeleton and longest point "
            f"by at most {worst * 1e6:.0f} microseconds. The skeleton grows with the points, "
            "so the speed-up levels off."
        ),
    )


# ---- evidence at a place ----

DOCUMENTS = 20
TOWNS = (
    "Arden Belport Corvik Dunmere Elsby Farrow Glint Harrow Innis Jarrow "
    "Kestrel Lorne Marrow Norcut Ostley Pellam Quarne Rothby Selwick Tarn"
).split()
CHATTER = (
    "The keeper wrote that the weather was fair and the road was dry.",
    "A visitor asked for the way to the market and was shown it.",
    "Nobody of the council came, and the meeting was put off again.",
    "The old lamp was cleaned, filled and hung back where it was.",
    "In the evening there was music by the river until it got late.",
)
ARCHIVIST = Specialist("archivist", "Looks up who repaired what and when.")


def evidence_at(place: int) -> Task:
    """Twenty logs, one of which has the answer; all others speak of the like elsewhere."""
    documents = []
    for n, town in enumerate(TOWNS):
        chatter = [CHATTER[(n + i) % len(CHATTER)] for i in range(24)]
        said = [
            f"The harbour light of {town} was last repaired in spring by a mason of the county."
        ]
        if n == place:
            said.append(
                "The harbour light of Selkirk was last repaired in autumn 1911 by a mason of the "
                "county."
            )
        text = " ".join([*chatter[:12], *said, *chatter[12:]])
        documents.append(Document(f"log-{n}.md", f"# Log {n}\n\n{text}"))
    return Task(
        "Who last repaired the harbour light of Selkirk, and when?",
        tuple(documents),
        (ARCHIVIST,),
        (Fact("In autumn 1911.", ("autumn 1911",), "archivist"),),
        budget=Budget(answer_tokens=120, report_tokens=120),
    )


def middle() -> Found:
    """Accuracy over the place of the evidence: one call, and workers who read a part each."""
    even = replace(PROFILES["small"], habits=Habits(fade=0.0))
    cases: list[tuple[str, Pattern | str, int, Callable[[int], SimulatedModel]]] = [
        ("single call", "single_call", 1, SimulatedModel),
        ("4 workers", "master_slave", 4, SimulatedModel),
        ("10 workers", "master_slave", 10, SimulatedModel),
        ("single call, no fading", "single_call", 1, partial(SimulatedModel, profile=even)),
    ]
    curves: dict[str, list[float]] = {}
    tokens: dict[str, float] = {}
    for name, pattern, workers, model in cases:
        curve, spent = [], []
        for task in map(evidence_at, range(DOCUMENTS)):
            records = [run(task, pattern, model(s), workers=workers) for s in range(20)]
            curve.append(fmean(score(task, r.answer).recall or 0.0 for r in records))
            spent += [measure(r).tokens for r in records]
        curves[name], tokens[name] = curve, fmean(spent)
    fifths = [slice(n, n + 4) for n in range(0, DOCUMENTS, 4)]
    single, *teams = (curves[name] for name, *_ in cases[:3])
    price = tokens["single call"]
    return Found(
        "The middle of a long context",
        ("lost-in-the-middle", "lost-in-the-middle-points"),
        f"{DOCUMENTS} documents of about {price / DOCUMENTS:.0f} tokens, one of which has "
        f"the answer, at each of {DOCUMENTS} places; the others say the like of other "
        "places. Two statements may be said. One call reads all, or workers read a part each "
        "(`master_slave`) and a synthesizer reads their reports. Share of 20 seeds that find it, "
        "by fifths of the context.",
        ("reader", *(f"place {f.start + 1} to {f.stop}" for f in fifths), "dip", "tokens", "price"),
        [
            (
                name,
                *(f"{fmean(curve[f]):.0%}" for f in fifths),
                f"{100 * shapes.dip(curve):.0f} points",
                f"{tokens[name]:,.0f}",
                f"{tokens[name] / price:.2f}x",
            )
            for name, curve in curves.items()
        ],
        shapes.workers_flatten,
        shapes.workers_flatten(single, teams),
        built_in="the simulated reader fades in the middle, as a stated parameter; the last row "
        "is without it. How deep the U is follows from that parameter. What is tested is whether "
        "workers flatten the curve once their reports "
        "have gone through a synthesis, and at what price in tokens.",
    )


# ---- voting ----

VOTES = (1, 3, 5, 9, 15)
WRONG = 6


async def ensemble(crew: Crew, task: Task, *, voters: int) -> Answer:
    """The single call several times over; the answer is what is said most often."""
    votes = await crew.reports(worker.answer(task, sample=n) for n in range(1, voters + 1))
    said = Counter(f.text for v in votes for f in v.findings[:1])
    best = said.most_common(1)
    return Answer(tuple(f for v in votes for f in v.findings[:1] if f.text == best[0][0])[:1])


def question(number: int, *, agreeing: bool) -> Task:
    """One register has the right year; six notes have wrong ones, each its own or all the same."""
    right = 1700 + number
    texts = [
        f"The harbour light was last repaired in {1850 + number + (0 if agreeing else 60 * n)}."
        for n in range(WRONG)
    ]
    place = number % (WRONG + 1)
    texts.insert(place, f"The harbour light was last repaired in {right} by Osric.")
    return Task(
        "When was the harbour light last repaired?",
        tuple(Document(f"note-{n}.md", f"# Note {n}\n\n{text}") for n, text in enumerate(texts)),
        (ARCHIVIST,),
        (Fact(f"In {right}.", (f"in {right}",), "archivist"),),
        budget=Budget(answer_tokens=45),
    )


def voting() -> Found:
    """Accuracy over the number of votes, where wrong answers scatter and where they agree."""
    right: dict[str, dict[int, list[float]]] = {}
    for name, agreeing in (("wrong answers scatter", False), ("wrong answers agree", True)):
        right[name] = {n: [] for n in VOTES}
        for number in range(60):
            task = question(number, agreeing=agreeing)
            model = SimulatedModel(number)
            for n in VOTES:
                record = run(task, partial(ensemble, voters=n), model, workers=n)
                right[name][n].append(score(task, record.answer).recall or 0.0)
    gains = {name: shapes.gain(found[1], found[VOTES[-1]]) for name, found in right.items()}
    return Found(
        "Votes that help and votes that hurt",
        ("more-agents",),
        "sixty questions, each with one right and six wrong notes; the right one stands out a "
        "little. The six say six different things, or all say the same: nothing else differs. "
        "One statement is the answer; of several votes, the one said most often.",
        ("votes", *map(str, VOTES), "gain, 95%"),
        [
            (
                name,
                *(f"{fmean(found[n]):.0%}" for n in VOTES),
                f"{100 * gains[name].low:+.0f} to {100 * gains[name].high:+.0f} points",
            )
            for name, found in right.items()
        ],
        shapes.voting_helps_and_hurts,
        shapes.voting_helps_and_hurts(*gains.values()),
        built_in="votes differ by a noise that is drawn for each of them apart. What is tested is "
        "what a count of votes makes of it, not whether it reaches the level of a larger model. "
        "The second row is no part of the claim but its limit.",
    )


# ---- backup tasks ----


def backups() -> Found:
    """Makespan with stragglers, with and without second copies of slow calls."""
    workers, seeds = 32, 20
    rows, judged = [], []
    for parts in (32, 64):
        text = "\n\n".join(
            f"## Berth {n}\n\nThe quay of berth {n} was seen in the morning. Berth {n} needs "
            f"repairs of {1_000 + 11 * n} crowns before spring. The crew was in good spirits."
            for n in range(parts)
        )
        task = Task("What has to be repaired?", (Document("port.md", text),), (ARCHIVIST,))
        makespans: dict[str, list[float]] = {"calm": [], "slow": [], "hedged": []}
        tokens: dict[str, list[int]] = {"calm": [], "slow": [], "hedged": []}
        for seed in range(seeds):
            for name, plan, policy in (
                ("calm", (), "degrade"),
                ("slow", STRAGGLERS, "degrade"),
                ("hedged", STRAGGLERS, "hedge"),
            ):
                model = Faults(SimulatedModel(seed), plan, seed)
                found = measure(run(task, each_section, model, workers=workers, recovery=policy))
                makespans[name].append(found.latency_s)
                tokens[name].append(found.tokens)
        more = sum(tokens["hedged"]) / sum(tokens["slow"]) - 1
        calm, slow, hedged = (fmean(m) for m in makespans.values())
        won = (slow - hedged) / (slow - calm) if slow > calm else 0.0
        rows.append(
            (parts, *(f"{s:.1f} s" for s in (calm, slow, hedged)), f"{won:.0%}", f"{more:+.1%}")
        )
        times = (makespans["calm"], makespans["slow"], makespans["hedged"])
        judged.append(shapes.backups_win_back(*times, more))
    return Found(
        "Backup tasks",
        ("mapreduce-backup",),
        f"one subtask a section at {workers} workers, one call in ten ten times as slow; second "
        f"copies are the policy `hedge`. Means of {seeds} seeds. The rule has to hold for both "
        "sizes.",
        (
            *("subtasks", "no stragglers", "stragglers", "with second copies"),
            *("won back", "more tokens"),
        ),
        rows,
        shapes.backups_win_back,
        all(judged),
        built_in="the stragglers are injected, and a second copy of a call is as likely to be "
        "slow as the first. What is tested is what the policy makes of that.",
    )


STRAGGLERS = ("straggler:role=worker,p=0.1,factor=10",)


async def each_section(crew: Crew, task: Task) -> Answer:
    """One call a section, all independent; code puts it together."""
    asks = [worker.report(task, [section]) for section in task.sections]
    return merge(await crew.reports(asks), crew.count_tokens, task.budget.answer_tokens)


# ---- what more tokens bring to one reader ----


def equal_budget() -> Found:
    """The best of what one reader makes of a team's tokens, against the team."""
    rows, best = [], []
    for name in scenarios():
        found = rematch(load_task(name), SimulatedModel(), trials=10)
        team, *ways = found.patterns
        over = {way: found.difference(way, team, "recall") for way in ways}
        way, difference = max(
            ((w, d) for w, d in over.items() if d is not None), key=lambda p: p[1].mean
        )
        mine, theirs = found.mean(way, "recall"), found.mean(team, "recall")
        assert mine
        assert theirs
        best.append(difference)
        spread = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f} points"
        rows.append((name, f"{theirs.mean:.1%}", way, f"{mine.mean:.1%}", spread))
    return Found(
        "The same tokens for one reader",
        ("equal-tokens",),
        "`okit rematch` on the five scenarios, ten trials each: the single call, votes, passes "
        "and reviews of its own answer with the tokens of `orchestrator_worker`.",
        ("scenario", "team's recall", "best of one reader", "its recall", "difference, 95%"),
        rows,
        shapes.one_reader_keeps_up,
        shapes.one_reader_keeps_up(best),
        built_in="the simulated reader copies and does not reason, so more tokens buy it no "
        "thought, and its attention fades over a long context, which the claim itself names as "
        "the case in which teams catch up.",
    )


SAMPLES = (1, 2, 5, 10, 20, 50, 100)


async def samples(crew: Crew, task: Task) -> Answer:
    """The single call as often as there are workers; each report stands in the record."""
    asks = (worker.answer(task, sample=n) for n in range(1, crew.workers + 1))
    return merge(await crew.reports(asks), crew.count_tokens, task.budget.answer_tokens)


def coverage() -> Found:
    """The share of facts that at least one of many samples says."""
    most = SAMPLES[-1]
    hits: list[int] = []
    for task in map(load_task, scenarios()):
        record = run(task, samples, SimulatedModel(), workers=most)
        reports = [e.report for e in record.events if isinstance(e, Reported)]
        said = [score(task, Answer(r.findings)).found for r in reports]
        hits += [sum(fact in found for found in said) for fact in task.facts]
    rate = fmean(h / most for h in hits)
    covered = {
        k: fmean(1 - math.comb(most - h, k) / math.comb(most, k) for h in hits) for k in SAMPLES
    }
    common = {k: 1 - (1 - rate) ** k for k in SAMPLES}
    never = sum(not h for h in hits)
    a, b, drawn = 0.122, 0.645, 250
    one, many = a / (a + b), 1 - math.exp(_log_beta(a, b + drawn) - _log_beta(a, b))
    return Found(
        "Coverage of many samples",
        ("monkeys",),
        f"the single call {most} times on each of the five scenarios, at the temperature of "
        f"votes; a task here is one of their {len(hits)} gold facts. Share of facts that at "
        "least one of k samples says.",
        ("samples", *map(str, SAMPLES)),
        [
            ("covered", *(f"{covered[k]:.1%}" for k in SAMPLES)),
            (
                f"if each fact had the mean rate of {rate:.1%}",
                *(f"{common[k]:.1%}" for k in SAMPLES),
            ),
        ],
        shapes.coverage_grows_unevenly,
        shapes.coverage_grows_unevenly(covered, common),
        built_in="that scores are spread by noise. How differently hard the facts are comes out "
        "of the scenarios.",
        remark=(
            f"{never} of the {len(hits)} facts are never said: the noise is bounded, so this "
            "curve must level off. For comparison, by the formula and not by a run: rates drawn "
            f"from Beta({a}, {b}) give {one:.1%} with one sample and {many:.1%} with {drawn}; one "
            f"rate common to all tasks would give {1 - (1 - one) ** drawn:.0%}."
        ),
    )


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


WRONG_CALLS = ("wrong:role=worker,p=0.1",)


def first_reports(record: Run) -> list[Report]:
    """What each worker reported at first, before anybody had it bettered."""
    first: dict[str, Report] = {}
    for event in record.events:
        if isinstance(event, Reported):
            first.setdefault(event.report.agent, event.report)
    return list(first.values())


def amplification() -> Found:
    """How much likelier a spoiled answer is than a spoiled report, by the number of workers."""
    seeds = 100
    amplified: dict[str, dict[int, float]] = {"apart": {}, "with a centre that reviews": {}}
    tokens: dict[str, float] = {}
    reviewing = partial(orchestrator_worker, rounds=1)
    ways: tuple[Pattern, ...] = (apart, reviewing)
    for name, pattern in zip(amplified, ways, strict=True):
        for workers in SIZES:
            task = ship(workers, sentences=4, report=120, answer=120 * workers + 60)
            spoiled, wrong = 0, []
            for seed in range(seeds):
                model = Faults(SimulatedModel(seed), WRONG_CALLS, seed)
                record = run(task, pattern, model, workers=workers)
                spoiled += bool(score(task, record.answer).ungrounded)
                wrong += [
                    not all(stands(f.text, task.documents) for f in r.findings)
                    for r in first_reports(record)
                ]
                tokens[name] = measure(record).tokens
            amplified[name][workers] = (spoiled / seeds) / fmean(wrong) if any(wrong) else 0.0
    price = tokens["with a centre that reviews"] / tokens["apart"]
    return Found(
        "Errors of workers who do not check each other",
        ("scaling-agents-errors",),
        f"one call in ten comes back wrong, independently; any error in the answer spoils it. "
        "Share of spoiled answers over share of reports that were wrong at first: workers apart, "
        "their reports joined by code, or `orchestrator_worker` with a round of review. "
        f"{seeds} seeds.",
        ("workers", *map(str, SIZES)),
        [(name, *(f"{found[n]:.1f}x" for n in SIZES)) for name, found in amplified.items()],
        shapes.errors_add_up,
        shapes.errors_add_up(*amplified.values()),
        built_in="errors are injected, and the reviewer recognises what does not stand in the "
        "sections. With n workers who err independently more than n times is impossible: at most "
        "as many answers are spoiled as reports. A larger factor would need other errors than "
        "these, or another count of them.",
        remark=f"With {SIZES[-1]} workers plan, reviews and synthesis take {price:.1f} times the "
        "tokens of workers apart.",
    )


CHECKS: dict[str, Callable[[], Found]] = {
    f.__name__: f
    for f in (
        *(transcripts, independent, outline, middle, voting, backups),
        *(equal_budget, coverage, amplification),
    )
}


def report(found: Sequence[Found]) -> str:
    """The verdicts as a table, and a section for each check."""
    lines = ["| check | claims | verdict |", "| --- | --- | --- |"]
    for f in found:
        ids = ", ".join(f"`{name}`" for name in f.claims)
        lines.append(f"| {f.title} | {ids} | {VERDICTS[f.holds]} |")
    return "\n".join(lines) + "\n\n" + "\n".join(map(str, found))


def put(page: str, marks: tuple[str, str], content: str) -> str:
    """A page with other content between its marks."""
    before, rest = page.split(marks[0])
    _, after = rest.split(marks[1])
    return before + marks[0] + "\n" + content + "\n" + marks[1] + after


def main() -> int:
    """Print the checks, or put them and the table of claims into the page."""
    parser = argparse.ArgumentParser(description="The shape of published claims, tested here.")
    parser.add_argument("--only", nargs="+", choices=CHECKS, help="some of the checks")
    parser.add_argument("--write", action="store_true", help="put all of it into docs/claims.md")
    parser.add_argument("--check", action="store_true", help="1 where that page has another result")
    parser.add_argument("--table", action="store_true", help="write the table of claims there only")
    options = parser.parse_args()
    if options.only and (options.write or options.check or options.table):
        parser.error("the page takes all checks: leave out --only")
    if options.write or options.check or options.table:
        before = PAGE.read_text("utf-8")
        page = put(before, TABLE, markdown(claims()))
        if not options.table:
            page = put(page, SHAPES, report([check() for check in CHECKS.values()]))
        if options.check:
            print(f"{PAGE.name}: {'as measured' if page == before else 'not as measured now'}")
            return int(page != before)
        PAGE.write_text(page, "utf-8")
        return 0
    for name in options.only or CHECKS:
        print(CHECKS[name](), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
