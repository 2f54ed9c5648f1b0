"""Judges of the exercises on parallelization: shares of the material, and calls side by side."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from orchestrator_kit.answer import Answer, Report, Statement
from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.floor import CLOSE, Floor, told
from orchestrator_kit.checks.scenes import scenes, stream
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import Outcome, not_a_function, quoted, watched
from orchestrator_kit.crew import Crew
from orchestrator_kit.errors import (
    Crashed,
    EmptyReply,
    MalformedReply,
    ModelError,
    ModelTimeout,
    Refused,
)
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls
from orchestrator_kit.models.faults import Faults
from orchestrator_kit.roles import worker
from orchestrator_kit.tasks import Section, Specialist, Task

_ERRORS = (Crashed, ModelTimeout, EmptyReply, Refused, MalformedReply)


@exercise(
    "sections-1",
    title=N_("Sections in balanced shares"),
    level=1,
    notebook="03_parallelization",
    hints=(
        N_(
            "How many sections does each worker get if the division leaves no remainder? And who "
            "gets one more if it does? Try ten sections and four workers on paper."
        ),
        N_(
            "A share is a slice from one border to the next. The borders are what is to be worked "
            "out, and the end of one share is the beginning of the next."
        ),
        N_(
            "`divmod` gives the size of a share and the remainder. Or: border number k lies at k "
            "times the number of sections, divided by n and rounded down."
        ),
    ),
)
def sections_1(shares: object) -> Iterator[Part]:
    """A function that divides sections among n workers: balanced, and in order."""
    yield Part(_("a function"), not_a_function(shares), needed=True)
    assert callable(shares)
    even = [(n * k, n) for n in range(1, 6) for k in range(1, 5)]
    asks = _("{n} cases that divide without a remainder")
    yield _shared(asks, shares, [(_sections(size), n) for size, n in sorted(even)])
    odd = [(size, n) for n in range(2, 8) for size in range(n, 30) if size % n]
    asks = _("{n} cases with a remainder")
    yield _shared(asks, shares, [(_sections(size), n) for size, n in sorted(odd)])
    few = [(size, n) for n in range(1, 7) for size in range(n)]
    asks = _("{n} cases with fewer sections than workers")
    yield _shared(asks, shares, [(_sections(size), n) for size, n in sorted(few)])
    real = [(s.task.sections, n) for s in scenes("sections-1", 3) for n in (1, 2, 3, 4, 7, 16)]
    asks = _("{n} times the sections of real documents")
    yield _shared(asks, shares, real)


def _sections(size: int) -> tuple[Section, ...]:
    return tuple(Section(f"file#{k}", f"Part {k}", f"Text {k}.") for k in range(1, size + 1))


def _shared(
    asks: str, shares: Callable[..., Any], cases: Sequence[tuple[tuple[Section, ...], int]]
) -> Part:
    asks = asks.format(n=len(cases))
    for sections, n in cases:
        if complaint := _fault_in_shares(shares, sections, n):
            tried = _("{sections} sections, n={n}").format(sections=len(sections), n=n)
            return Part(asks, complaint, tried)
    return Part(asks)


def _fault_in_shares(
    shares: Callable[..., Any], sections: tuple[Section, ...], n: int
) -> str | None:
    """What is wrong with the shares; None if they are right."""
    outcome = watched(shares, sections, n)
    if outcome.complaint:
        return outcome.complaint
    found = outcome.value
    if found is None:
        return _(
            "The function returned None, not the shares. Is it written already, and does it return "
            "what it has divided?"
        )
    if not isinstance(found, list | tuple) or not all(isinstance(s, list | tuple) for s in found):
        return _("Expected a list of shares, each a list of sections; it returned {found}.").format(
            found=quoted(found)
        )
    if len(found) != n:
        return _(
            "Shares expected: {n}, one for each worker, also where some remain empty. Shares "
            "returned: {found}."
        ).format(n=n, found=len(found))
    given = list(itertools.chain.from_iterable(found))
    return _fault_in_content(given, sections) or _fault_in_sizes([len(s) for s in found], sections)


def _fault_in_content(given: list[Any], sections: tuple[Section, ...]) -> str | None:
    """Whether all sections are there, once and in order."""
    for thing in given:
        if not isinstance(thing, Section):
            return _("In the shares there is {thing}, which is no section.").format(
                thing=quoted(thing)
            )
    tally = Counter(s.id for s in given)
    if lost := [s.id for s in sections if not tally[s.id]]:
        return _(
            "{section} is in no share. What nobody is given, nobody reads, and no gap of the "
            "answer tells of it."
        ).format(section=lost[0])
    if twice := [name for name, times in tally.items() if times > 1]:
        return _(
            "{section} is in more than one share: it would be read, and paid for, twice."
        ).format(section=twice[0])
    if [s.id for s in given] != [s.id for s in sections]:
        return _(
            "The shares, one after another, do not give the sections in their order: {found}. "
            "Neighbours belong together, for a text explains itself from one section to the next."
        ).format(found=quoted([s.id for s in given]))
    return None


def _fault_in_sizes(sizes: list[int], sections: tuple[Section, ...]) -> str | None:
    if max(sizes) - min(sizes) <= 1:
        return None
    return _(
        "The shares have {sizes} sections. None may have two more than another: all wait for the "
        "largest."
    ).format(sizes=", ".join(map(str, sizes)))


@dataclass(frozen=True)
class _Round:
    """Specialists asked side by side: the seconds each takes, and who fails with which error."""

    roster: tuple[Specialist, ...]
    seconds: dict[str, float]
    failing: dict[str, ModelError] = field(default_factory=dict)

    def __str__(self) -> str:
        return ", ".join(
            f"{name}: {told(s)} s"
            + (f", {quoted(self.failing[name])}" if name in self.failing else "")
            for name, s in self.seconds.items()
        )

    def brings(self, name: str) -> tuple[Statement, ...]:
        """The findings of one who does not fail: every third finds nothing."""
        n = [s.name for s in self.roster].index(name)
        return () if n % 3 == 2 else (Statement(f"The {name} found this.", (f"file#{n}",)),)


_Seen = tuple[_Round, Floor, Outcome]


@exercise(
    "siblings-1",
    title=N_("One failed, the siblings live"),
    level=2,
    notebook="03_parallelization",
    hints=(
        N_(
            "Where must the exception be caught, so that it concerns one call and not the whole "
            "round? Think of a small async function that sees to one specialist."
        ),
        N_(
            "Let that small function always return a report: one with findings if all went well, "
            "one with a failure if the call raised. Then there is nothing left that could end the "
            "round, and the round needs only one line."
        ),
        N_(
            "`asyncio.gather` awaits several at the same time, and gives the results in the order "
            "in which they were handed over, whoever is ready first."
        ),
    ),
)
def siblings_1(ask_all: object) -> Iterator[Part]:
    """An async function that asks all specialists at once, and reports each failure as one."""
    yield Part(_("a function"), not_a_function(ask_all), needed=True)
    assert callable(ask_all)
    rng = stream("siblings-1")
    well = [_round(rng, n, 0) for n in (1, 2, 3, 3, 4, 5, 6)]
    seen = [_asked(ask_all, each) for each in well]
    asks = _("{n} rounds in which all goes well: every report in the roster's order")
    yield _judged(asks, _fault_in_reports, seen)
    asks = _("all are under way at the same time")
    yield _judged(asks, _fault_in_pace, seen)
    asks = _("{n} rounds with failures: each a failure with its kind, the others' findings stay")
    struck = [_round(rng, n, k) for n in (1, 2, 3, 4, 5) for k in sorted({1, (n + 1) // 2, n})]
    seen = [_asked(ask_all, each) for each in struck]
    yield _judged(asks, _fault_after_failure, seen)
    yield _real_rounds(ask_all, seen)


def _round(rng: Random, n: int, failures: int) -> _Round:
    names = rng.sample(["lawyer", "analyst", "critic", "auditor", "chemist", "editor"], n)
    roster = tuple(Specialist(name, f"The eyes of the {name}.") for name in names)
    # The first failure comes early, while the siblings are still at work.
    seconds = dict(zip(names, map(float, rng.sample(range(2, 20), n)), strict=True))
    failing: dict[str, ModelError] = {
        name: rng.choice(_ERRORS)(f"no luck for the {name}") for name in rng.sample(names, failures)
    }
    if failing:
        seconds[next(iter(failing))] = 1.0
    return _Round(roster, seconds, failing)


def _asked(ask_all: Callable[..., Any], each: _Round) -> _Seen:
    names = [s.name for s in each.roster]
    floor = Floor(each.seconds, {n: each.failing.get(n, each.brings(n)) for n in names})

    def ask(specialist: Specialist) -> Awaitable[Any]:
        return floor.work(specialist.name)

    return each, floor, watched(ask_all, each.roster, ask)


def _judged(asks: str, fault: Callable[..., str | None], seen: Sequence[_Seen]) -> Part:
    asks = asks.format(n=len(seen))
    for each, floor, outcome in seen:
        if complaint := _fault_at_all(floor, outcome) or fault(each, floor, outcome):
            return Part(asks, complaint, str(each))
    return Part(asks)


def _fault_at_all(floor: Floor, outcome: Outcome) -> str | None:
    """What makes looking further pointless."""
    if isinstance(outcome.error, ModelError):
        return _(
            "One call failed ({error}), and its exception came out of the function: with it all "
            "that the others have found is lost. Make a report of it."
        ).format(error=type(outcome.error).__name__)
    if complaint := floor.trouble or outcome.complaint:
        return complaint
    if not floor.stays:
        return _(
            "Nobody was ever asked. Is the function written already, and is it an `async def`?"
        )
    for stay in floor.stays:
        if len(floor.of(stay.name)) > 1:
            return _("The {name} was asked {n} times, and should be once.").format(
                name=stay.name, n=len(floor.of(stay.name))
            )
    return None


def _fault_in_pace(each: _Round, floor: Floor, outcome: Outcome) -> str | None:
    longest, together = max(each.seconds.values()), sum(each.seconds.values())
    if floor.most < len(each.roster):
        text = _(
            "Of {n} specialists never more than {most} were at work at the same time, and it took "
            "{t} s. All could begin at once: the longest call takes {longest} s."
        )
        if floor.most == 1 and abs(outcome.seconds - together) < CLOSE:
            text = _(
                "Nobody ever worked at the same time as somebody else: it took {t} s, the sum of "
                "all calls, and the longest call takes only {longest} s. An `await` in a loop "
                "waits for each before it asks the next."
            )
        return text.format(
            n=len(each.roster), most=floor.most, t=told(outcome.seconds), longest=told(longest)
        )
    if abs(outcome.seconds - longest) > CLOSE:
        return _("It took {t} s. Expected is the time of the longest call, {longest} s.").format(
            t=told(outcome.seconds), longest=told(longest)
        )
    return None


def _fault_in_reports(each: _Round, floor: Floor, outcome: Outcome) -> str | None:
    """What is wrong with the reports as such: how many, whose, in which order, with what."""
    reports = outcome.value
    if not isinstance(reports, list | tuple) or not all(isinstance(r, Report) for r in reports):
        return _("Expected a list of `Report`s; the function returned {found}.").format(
            found=quoted(reports)
        )
    names, agents = [s.name for s in each.roster], [r.agent for r in reports]
    if missing := [name for name in names if name not in agents]:
        return _(
            "There is no report of the {name}. Everybody on the roster has one, also who found "
            "nothing, and who failed: otherwise nobody notices."
        ).format(name=missing[0])
    if agents != names:
        return _(
            "The reports are those of {found}. Expected is the roster's order, {roster}, whoever "
            "is ready first."
        ).format(found=", ".join(map(str, agents)), roster=", ".join(names))
    for report in reports:
        if complaint := _fault_in_report(each, report):
            return complaint
    return None


def _fault_in_report(each: _Round, report: Report) -> str | None:
    """What is wrong with the report of one specialist."""
    error = each.failing.get(report.agent)
    if error is None:
        if report.failure:
            return _(
                "The report of the {name} is a failure ({failure}). But that call did not fail."
            ).format(name=report.agent, failure=quoted(report.failure))
        if report.findings != each.brings(report.agent):
            return _("The findings of the {name} are {found}, not those that came back.").format(
                name=report.agent, found=quoted(report.findings)
            )
        return None
    if report.findings:
        return _(
            "The call of the {name} failed, and its report has findings: {found}. The text of an "
            "error is no finding; a synthesizer would take it for one."
        ).format(name=report.agent, found=quoted(report.findings))
    if report.failure is None:
        return _(
            "The call of the {name} failed, and its report says nothing of it: it looks like the "
            "report of somebody who has read all and found nothing."
        ).format(name=report.agent)
    if report.failure.kind != error.kind or str(error) not in report.failure.message:
        return _(
            "The failure of the {name} is {found}. Expected is the kind of the error, {kind}, and "
            "its text as the message."
        ).format(name=report.agent, found=quoted(report.failure), kind=quoted(error.kind))
    return None


def _fault_after_failure(each: _Round, floor: Floor, outcome: Outcome) -> str | None:
    for specialist in each.roster:
        stays = floor.of(specialist.name)
        if not stays or stays[0].ended is None:
            return _(
                "The {name} did not come to an end. A sibling failed meanwhile, and that is no "
                "reason to call off work that is under way, and paid for."
            ).format(name=specialist.name)
    return _fault_in_reports(each, floor, outcome) or _fault_in_pace(each, floor, outcome)


def _real_rounds(ask_all: Callable[..., Any], seen: Sequence[_Seen]) -> Part:
    """The learner's function as a pattern in real runs, some calls of which fail."""
    asks = _("in real runs all calls are made at once, and what did not fail is in the answer")
    if complaint := next(filter(None, (_fault_at_all(f, o) for _each, f, o in seen)), None):
        return Part(asks, complaint)

    async def by_hand(crew: Crew, task: Task) -> Answer:
        async def ask(specialist: Specialist) -> tuple[Statement, ...]:
            report = await crew.report(worker.report(task, task.sections, specialist=specialist))
            if report.failure:
                raise Crashed(report.failure.message)
            return report.findings

        reports = await ask_all(task.specialists, ask)
        return Answer(tuple(f for r in reports for f in r.findings))

    for scene, plan in itertools.product(scenes("siblings-1", 2), ((), ("crash:nth=2",))):
        places = len(scene.task.specialists)
        model = Faults(scene.model, plan)
        again = partial(run, workers=places, recovery="degrade")
        outcome = watched(again, scene.task, by_hand, model)
        if outcome.complaint:
            return Part(asks, outcome.complaint, scene.task.title)
        made = calls(outcome.value)
        if len(made) != places or any(call.started > 0 for call in made):
            text = _("On the task {task} not all calls were made, or not all at once.")
            return Part(asks, text.format(task=scene.task.title), scene.task.title)
        due = calls(again(scene.task, "parallelization", model))
        if [c.usage for c in made] != [c.usage for c in due] or not outcome.value.answer.statements:
            text = _("On the task {task} the calls brought something else than the kit's own.")
            return Part(asks, text.format(task=scene.task.title), scene.task.title)
    return Part(asks)
