"""Judges of the exercises on the orchestrator: a review that stops, enough workers for a plan."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations, pairwise
from math import ceil
from random import Random
from typing import Any

from orchestrator_kit import clock
from orchestrator_kit.agenda import Agenda
from orchestrator_kit.answer import Report
from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import scenes, stream
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import not_a_function, quoted, watched
from orchestrator_kit.events import PlanMade
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.roles.review import Verdict

# --- hub-1: a review loop that stops ---


@dataclass(frozen=True)
class _Script:
    """What comes of a review: what each version is worth (None: given up), which is accepted."""

    worth: tuple[int | None, ...]
    accepted: int | None
    rounds: int

    def __str__(self) -> str:
        revised = ", ".join("given up" if w is None else str(w) for w in self.worth[1:])
        at = "none" if self.accepted is None else f"version {self.accepted}"
        return (
            f"rounds={self.rounds}; a draft worth {self.worth[0]}, revisions worth {revised}; "
            f"accepted: {at}"
        )


@dataclass
class _Desk:
    """A reviewer and a worker who play a script, and note who asks them for what."""

    script: _Script
    versions: tuple[Report | None, ...]
    log: list[tuple[str, int]] = field(default_factory=list)
    made: int = 0  # calls, awaited or not
    fault: str | None = None  # the first thing that was asked wrongly
    verdicts: dict[int, Verdict] = field(default_factory=dict)

    def review(self, version: object) -> _Call:
        self.made += 1
        return _Call(lambda: self._reviewed(version))

    def revise(self, version: object, verdict: object) -> _Call:
        self.made += 1
        return _Call(lambda: self._revised(version, verdict))

    def worth(self, version: object) -> int:
        found = self.script.worth[self._number(version)]
        if found is None:
            raise TypeError("a revision that was given up is None; it is worth nothing")
        return found

    def _number(self, version: object) -> int:
        for n, one in enumerate(self.versions):
            if one is version:
                return n
        raise TypeError(f"expected one of the reports, not {quoted(version)}")

    def _reviewed(self, version: object) -> Verdict:
        n = self._number(version)
        self.log.append(("review", n))
        said = Verdict(n == self.script.accepted, f"Lacks point {n + 1}.", len(self.log))
        self.verdicts[n] = said
        return said

    def _revised(self, version: object, verdict: object) -> Report | None:
        n = self._number(version)
        if verdict is not self.verdicts.get(n):
            self.fault = self.fault or _(
                "A version was revised with something else than its own verdict. Whoever revises "
                "has to know what the reviewer misses in this very version."
            )
        self.log.append(("revise", n))
        return self.versions[min(n + 1, len(self.versions) - 1)]


class _Call:
    """A call that is made once it is awaited."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(1.0).__await__()
        return self._make()


@exercise(
    "hub-1",
    title=N_("A review loop that stops"),
    level=2,
    notebook="05_orchestrator_worker",
    hints=(
        N_(
            "Play it through on paper for two rounds, and write down every call. After which of "
            "them do you know that no other can change what you will return?"
        ),
        N_(
            "Keep the version that is the best so far in a variable of its own. A round begins "
            "with a review of it; what are the two ways in which the round can be the last?"
        ),
        N_(
            "What a version is worth costs nothing to know. So a revision that is worth no more "
            "than the best, or is None, needs no review, and neither does that of the last round."
        ),
    ),
)
def hub_1(reviewed: object) -> Iterator[Part]:
    """An async function that has a draft reviewed and revised until that brings nothing more."""
    yield Part(_("a function"), not_a_function(reviewed), needed=True)
    assert callable(reviewed)
    scripts = list(dict.fromkeys(_scripts(stream("hub-1"))))
    scripts.sort(key=lambda s: (s.rounds, len(s.worth)))
    accepted = [s for s in scripts if _end(s) == "accepted"]
    over = [s for s in scripts if _end(s) == "over"]
    idle = [s for s in scripts if _end(s) == "idle"]
    yield _review_part(_("{n} drafts that are accepted in the end"), reviewed, accepted)
    yield _review_part(_("{n} drafts for which the rounds run out"), reviewed, over)
    yield _review_part(_("{n} drafts that a revision does not better"), reviewed, idle)


def _review_part(asks: str, function: Callable[..., Any], scripts: Sequence[_Script]) -> Part:
    asks = asks.format(n=len(scripts))
    for n, script in enumerate(scripts):
        drafts = _drafts()[n % len(_drafts())]
        if complaint := _fault_in_review(function, script, drafts):
            return Part(asks, complaint, str(script))
    return Part(asks)


def _fault_in_review(
    function: Callable[..., Any], script: _Script, drafts: Sequence[Report]
) -> str | None:
    """What is wrong with how a function plays a script; None if it is right."""
    versions = [d if w is not None else None for d, w in zip(drafts, script.worth, strict=False)]
    desk = _Desk(script, tuple(versions))
    outcome = watched(function, versions[0], desk.review, desk.revise, desk.worth, script.rounds)
    if len(desk.log) < desk.made:
        return _(
            "A review or a revision was asked for, and its result not awaited. Both are calls, and "
            "take their time: await them."
        )
    if outcome.complaint:
        return outcome.complaint
    return desk.fault or _fault_in_log(desk) or _fault_in_result(desk, outcome.value)


def _fault_in_log(desk: _Desk) -> str | None:
    """What is wrong with the calls that were made: one too many, one too few, or a wrong one."""
    script, log = desk.script, desk.log
    for n, (what, version) in enumerate(log):
        if after := log[n + 1 :]:
            if what == "review" and version == script.accepted:
                return _(
                    "A version was accepted, and calls were made after that (so many: {n}). With "
                    "the acceptance it is decided: nothing that is called then can change the "
                    "result."
                ).format(n=len(after))
            if what == "revise" and not _gains(script, version):
                return _(
                    "A revision was given up or worth no more than the version before it, and "
                    "calls were made after that (so many: {n}). What a version is worth can be "
                    "seen without a call, and then nothing is left to pay for."
                ).format(n=len(after))
        if (what, version) in log[:n]:
            return _("The same version was sent to the same desk twice. It says nothing new.")
    for before, (what, version) in pairwise(log):
        if what == "review" and before != ("revise", version - 1):
            return _("A version was reviewed that is not the latest. Go on from the best so far.")
    for what in ("review", "revise"):
        if (made := sum(kind == what for kind, _version in log)) > script.rounds:
            return _(
                "With rounds={rounds} there were this many calls to {what}: {made}. A round is "
                "one review and, "
                "if need be, one revision; after the last one nothing more is asked."
            ).format(made=made, what=what, rounds=script.rounds)
    return _fault_in_end(desk)


def _fault_in_end(desk: _Desk) -> str | None:
    """Why the calls that were made are not all that were due."""
    script, log = desk.script, desk.log
    if not log:
        return (
            _("Nothing was reviewed, though rounds={rounds} would allow it.").format(
                rounds=script.rounds
            )
            if script.rounds
            else None
        )
    what, version = log[-1]
    if what == "review":
        return (
            None
            if version == script.accepted
            else _("It ended with a review that asked for better, and nobody was asked to revise.")
        )
    rounds = sum(kind == "revise" for kind, _version in log)
    if _gains(script, version) and rounds < script.rounds:
        return _(
            "It ended after {done} of {rounds} rounds, though the last revision was worth more "
            "than the version before it and nobody had accepted it yet."
        ).format(done=rounds, rounds=script.rounds)
    return None


def _fault_in_result(desk: _Desk, found: object) -> str | None:
    """Whether what is returned is the best of the versions that there were."""
    script = desk.script
    seen = [0] + [v + 1 for what, v in desk.log if what == "revise"]
    worth = {n: w for n in seen if (w := script.worth[n]) is not None}
    best = max(worth, key=lambda n: worth[n])
    if found is desk.versions[best]:
        return None
    if found is None:
        return _(
            "The function returned None, not a report. Does every way through it end in a return, "
            "and what becomes of a revision that was given up?"
        )
    for n, value in worth.items():
        if found is desk.versions[n]:
            return _(
                "The function returned a version worth {value}, though there was one worth {best}."
            ).format(value=value, best=worth[best])
    return _("Expected one of the versions; the function returned {found}.").format(
        found=quoted(found)
    )


def _gains(script: _Script, version: int) -> bool:
    """Whether the revision of a version is worth more than it."""
    before, after = script.worth[version], script.worth[version + 1]
    return before is not None and after is not None and after > before


def _end(script: _Script) -> str:
    """What ends a script that is played rightly."""
    stops = [n for n in range(script.rounds) if not _gains(script, n)]
    first = stops[0] if stops else script.rounds
    if script.accepted is not None and script.accepted <= min(first, script.rounds - 1):
        return "accepted"
    return "idle" if stops else "over"


def _scripts(rng: Random) -> Iterator[_Script]:
    """Reviews of all lengths, and with every way to end."""
    for rounds in range(5):
        for accepted in (None, *range(rounds + 1)):
            rising = [rng.randint(1, 5)]
            for _n in range(rounds + 1):
                rising.append(rising[-1] + rng.randint(1, 5))
            yield _Script(tuple(rising), accepted, rounds)
            for at in range(1, rounds + 1):
                flat = rng.choice([rising[at - 1], rising[at - 1] - 1, None])
                worth = (*rising[:at], flat, *(w + 9 for w in rising[at + 1 :]))
                yield _Script(worth, accepted, rounds)


@lru_cache
def _drafts() -> tuple[tuple[Report, ...], ...]:
    """Versions of real reports, each with a finding more than the one before."""
    found = []
    for scene in scenes("hub-1"):
        record = run(scene.task, "single_call", scene.model)
        said = record.answer.statements
        found.append(tuple(Report("generalist", said[: n + 1], call=n) for n in range(6)))
    return tuple(found)


# --- hub-2: enough workers for a plan ---


@exercise(
    "hub-2",
    title=N_("How many workers a plan deserves"),
    level=2,
    notebook="05_orchestrator_worker",
    hints=(
        N_(
            "First find out, by hand, when a small plan ends with one worker, with two, with "
            "three. What do you have to keep on paper while you do that?"
        ),
        N_(
            "Go from end to end: whenever somebody is free, the most urgent of what is ready "
            "begins (`urgency` says which); then jump to the time at which the next one ends, and "
            "see what that sets free."
        ),
        N_(
            "With as many workers as subtasks nobody ever waits for a worker. Compare all numbers "
            "up to that: a number that brings nothing may be followed by one that does."
        ),
    ),
)
def hub_2(enough: object) -> Iterator[Part]:
    """A function that says with how few workers a plan ends as soon as it ever can."""
    yield Part(_("a function"), not_a_function(enough), needed=True)
    assert callable(enough)
    plans = sorted(_plans(), key=lambda p: (len(p[0].subtasks), _needs(p[0])))
    free = [p for p in plans if not _needs(p[0])]
    small = [p for p in plans if _needs(p[0]) and len(p[0].subtasks) <= 4]
    large = [p for p in plans if _needs(p[0]) and len(p[0].subtasks) > 4]
    yield _enough_part(_("{n} plans in which nothing waits for anything"), enough, free)
    yield _enough_part(_("{n} plans of up to four subtasks, with needs"), enough, small)
    yield _enough_part(_("{n} larger plans, some of them from real runs"), enough, large)


Timed = tuple[Plan, Mapping[str, int]]


def _enough_part(asks: str, function: Callable[..., Any], plans: Sequence[Timed]) -> Part:
    asks = asks.format(n=len(plans))
    for plan, took in plans:
        found, complaint = _number(function, plan, took)
        if found is not None and (complaint := _fault_in_number(found, _ends(plan, took))):
            complaint = f"{complaint} {_idea(function, plans)}".strip()
        if complaint:
            needs = {s.id: list(s.needs) for s in plan.subtasks}
            return Part(asks, complaint, f"{needs}, {dict(took)}")
    return Part(asks)


def _number(
    function: Callable[..., Any], plan: Plan, took: Mapping[str, int]
) -> tuple[int | None, str | None]:
    """The number that a function says, or what is wrong if it says none."""
    given = dict(took)
    outcome = watched(function, plan, given)
    found = outcome.value
    if outcome.complaint:
        return None, outcome.complaint
    if given != took:
        return None, _("The function changed the durations that it was given. Only read them.")
    if found is None:
        return None, _(
            "The function returned None, not a number. Is it written already, and does every way "
            "through it end in a return?"
        )
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        return None, _(
            "Expected a whole number of workers, at least 1; the function returned {found}."
        ).format(found=quoted(found))
    return found, None


def _fault_in_number(found: int, ends: Sequence[float]) -> str | None:
    """What is wrong with a number of workers, given when the plan ends with 1, 2 and so on."""
    soonest = min(ends)
    if found > len(ends):
        return _(
            "The function says {found}. The plan has fewer subtasks than that, {n}: the other "
            "workers would never have anything to do."
        ).format(found=found, n=len(ends))
    if found == _first_best(ends):
        return None
    here = ends[found - 1]
    if here == soonest:
        return _(
            "The function says {found}. With so many workers the plan ends after {here:g}; but "
            "with fewer of them it ends just as soon."
        ).format(found=found, here=here)
    return _too_few(found, ends)


def _too_few(found: int, ends: Sequence[float]) -> str:
    here, after = ends[found - 1], ends[found]
    if after == here:
        return _(
            "The function says {found}. With so many workers the plan ends after {here:g}. One "
            "more "
            "changes nothing; but with several more it ends after {soonest:g}."
        ).format(found=found, here=here, soonest=min(ends))
    return _(
        "The function says {found}. With so many workers the plan ends after {here:g}; but with "
        "more "
        "of them it ends after {soonest:g}."
    ).format(found=found, here=here, soonest=min(ends))


def _idea(function: Callable[..., Any], plans: Sequence[Timed]) -> str:
    """What a function seems to do that is wrong: an idea that explains all that it says."""
    says: list[object] = []
    for plan, took in plans:
        outcome = watched(function, plan, dict(took))
        if not isinstance(outcome.value, int):
            return ""  # it does not even come to an end, or says something else
        says.append(outcome.value)
    ideas: tuple[tuple[Callable[[Plan, Mapping[str, int]], int], str], ...] = (
        (
            lambda plan, took: ceil(sum(took.values()) / min(_ends(plan, took))),
            _(
                "The work divided by the longest path is a bound that no plan can go below; not "
                "every plan reaches it, since subtasks cannot be cut into pieces."
            ),
        ),
        (
            _most_at_once,
            _(
                "So many are at work at once if each subtask begins as early as it can; but some "
                "of them may wait without making the whole any later."
            ),
        ),
        *(
            (
                lambda plan, took, weight=weight: _first_best(
                    _ends(plan, took, dict.fromkeys(took, weight))
                ),
                _(
                    "Which of the subtasks that are ready begins first makes a difference: the kit "
                    "takes the one with the longest path ahead of it, in time."
                ),
            )
            for weight in (0, 1)
        ),
    )
    for idea, said in ideas:
        if says == [idea(plan, took) for plan, took in plans]:
            return said
    return ""


def _first_best(ends: Sequence[float]) -> int:
    return ends.index(min(ends)) + 1


def _most_at_once(plan: Plan, took: Mapping[str, int]) -> int:
    starts: dict[str, int] = {}
    while len(starts) < len(plan.subtasks):
        for s in plan.subtasks:
            if s.id not in starts and all(need in starts for need in s.needs):
                starts[s.id] = max((starts[n] + took[n] for n in s.needs), default=0)
    return max(
        sum(starts[other] <= t < starts[other] + took[other] for other in starts)
        for t in starts.values()
    )


def _ends(
    plan: Plan, took: Mapping[str, int], weights: Mapping[str, int] | None = None
) -> tuple[float, ...]:
    """When the kit's own agenda ends a plan, with one worker, two, and so on, on virtual time."""
    return _ends_of(plan, tuple(took.items()), tuple((weights or took).items()))


@lru_cache(maxsize=4_096)
def _ends_of(
    plan: Plan, took: tuple[tuple[str, int], ...], weights: tuple[tuple[str, int], ...]
) -> tuple[float, ...]:
    seconds, weight = dict(took), dict(weights)

    async def dispatched(workers: int) -> float:
        agenda = Agenda(plan, lambda s: weight[s.id])

        async def work() -> None:
            while (subtask := await agenda.next()) is not None:
                await asyncio.sleep(seconds[subtask.id])
                agenda.close(subtask.id, None)

        await asyncio.gather(*(work() for _n in range(workers)))
        return asyncio.get_running_loop().time()

    return tuple(
        clock.run(lambda n=n: dispatched(n), virtual=True)  # type: ignore[misc]
        for n in range(1, len(plan.subtasks) + 1)
    )


def _needs(plan: Plan) -> int:
    return sum(len(s.needs) for s in plan.subtasks)


@lru_cache
def _plans() -> tuple[Timed, ...]:
    return tuple(_drawn(stream("hub-2")))


def _drawn(rng: Random) -> Iterator[Timed]:
    """Plans with durations: small ones, wide ones, long ones, and those of real runs."""
    for n in (1, 2, 3, 4, 6, 7):  # nothing waits, all take as long, or not
        yield _timed(rng, n, [], [2] * n)
        yield _timed(rng, n, [], [rng.randint(1, 3) for _k in range(n)])
    for n in (2, *[3] * 6, *[4] * 18):
        pairs = list(combinations(range(n), 2))
        needs = rng.sample(pairs, rng.randint(1, len(pairs)))
        yield _timed(rng, n, needs, [rng.randint(1, 4) for _k in range(n)])
    for _k in range(24):  # durations that hardly ever add up to the same time
        n = rng.randint(5, 9)
        pairs = list(combinations(range(n), 2))
        needs = rng.sample(pairs, rng.randint(2, n))
        yield _timed(rng, n, needs, [rng.randint(1_000, 9_999) for _j in range(n)])
    for scene in scenes("hub-2"):
        record = run(scene.task, "orchestrator_worker", scene.model)
        (plan,) = (e.plan for e in record.events if isinstance(e, PlanMade))
        yield plan, {c.subtask: round(1_000 * c.seconds) for c in calls(record) if c.subtask}


def _timed(
    rng: Random, n: int, needs: Sequence[tuple[int, int]], durations: Sequence[int]
) -> Timed:
    """A plan of n subtasks, of which the second of each pair needs the first, in any order."""
    ids = [f"s{k}" for k in rng.sample(range(1, 10), n)]
    subtasks = [
        Subtask(ids[k], "lawyer", "Read.", needs=tuple(ids[a] for a, b in needs if b == k))
        for k in range(n)
    ]
    rng.shuffle(subtasks)
    return Plan(tuple(subtasks)), dict(zip(ids, durations, strict=True))
