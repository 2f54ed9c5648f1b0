"""Judge of the exercise on merging what slaves report, without doubles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import Any

from orchestrator_kit.answer import Failure, Report, Statement
from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import scenes, stream
from orchestrator_kit.checks.verdict import Part, first_fault
from orchestrator_kit.checks.watch import no_list, not_a_function, quoted, watched
from orchestrator_kit.text import normalise, sentences


@exercise(
    "shards-1",
    title=N_("Merge without doubles"),
    level=1,
    notebook="04_master_slave",
    hints=(
        N_(
            "Go through the reports one after another, and through the findings of each. What do "
            "you have to remember to know whether you have met a finding before?"
        ),
        N_(
            "A dict keeps the order in which its keys came. What could the key be, so that two "
            "ways to write the same sentence have the same one?"
        ),
        N_(
            "Where the key is known already, only the sources grow: a new Statement with the old "
            "text, the old sources, and those of the new ones that are not among them."
        ),
    ),
)
def shards_1(merged: object) -> Iterator[Part]:
    """A function that reduces reports to their findings, each said once, with all sources."""
    yield Part(_("a function"), not_a_function(merged), needed=True)
    assert callable(merged)
    desks = sorted(_desks(stream("shards-1")), key=_findings)
    small = [desk for desk in desks if _findings(desk) <= 4]
    large = [desk for desk in desks if _findings(desk) > 4]
    yield _merge_part(_("{n} desks with a few findings"), merged, small)
    yield _merge_part(_("{n} desks with many findings, out of two tasks"), merged, large)


def _merge_part(asks: str, merged: Callable[..., Any], desks: Sequence[list[Report]]) -> Part:
    asks = asks.format(n=len(desks))
    return first_fault(asks, desks, partial(_fault_in_merge, merged), _told)


def _fault_in_merge(merged: Callable[..., Any], desk: list[Report]) -> str | None:
    """What is wrong with what a function makes of some reports; None if it is right."""
    given = list(desk)
    outcome = watched(merged, given)
    if outcome.complaint:
        return outcome.complaint
    if given != desk:
        return _("The function changed the list of reports that it was given. Only read it.")
    found = outcome.value
    if found is None:
        return no_list()
    if not isinstance(found, list | tuple):
        return _("Expected a list of statements; the function returned {found}.").format(
            found=quoted(found)
        )
    for one in found:
        if not isinstance(one, Statement) or not isinstance(one.text, str):
            return _("Expected a list of statements; {one} in it is none.").format(one=quoted(one))
    return _fault_in_statements(list(found), desk)


def _fault_in_statements(found: list[Statement], desk: list[Report]) -> str | None:
    said = [finding for report in desk for finding in report.findings]
    names = [normalise(finding.text) for finding in said]
    back = [normalise(one.text) for one in found]
    for finding, name in zip(said, names, strict=True):
        if name not in back:
            return _(
                "The finding {finding} was reported, and is not among what came back. Two findings "
                "are the same only if all their words and figures are."
            ).format(finding=quoted(finding.text))
    for one, name in zip(found, back, strict=True):
        if name not in names:
            return _("{text} came back, and stands in no report.").format(text=quoted(one.text))
        if back.count(name) > 1:
            return _(
                "{text} came back {n} times. The same statement counts once, however often it was "
                "reported and whether or not its spaces and capitals are the same."
            ).format(text=quoted(one.text), n=back.count(name))
    if back != list(dict.fromkeys(names)):
        return _(
            "All statements are there, but not in the order in which they were first reported: "
            "the first report from its beginning to its end, then what the second has besides."
        )
    for one, name in zip(found, back, strict=True):
        mine = [finding for finding, n in zip(said, names, strict=True) if n == name]
        if complaint := _fault_in_sources(one, mine):
            return complaint
    return None


def _fault_in_sources(one: Statement, mine: list[Statement]) -> str | None:
    """What is wrong with one statement, of which these are the reports."""
    if one.text != mine[0].text:
        return _("Expected a statement in the words of whoever said it first, {first}.").format(
            first=quoted(mine[0].text)
        )
    if not isinstance(one.sources, tuple):
        return _("The sources of a statement are a tuple of ids; here they are {found}.").format(
            found=quoted(one.sources)
        )
    wanted = {source for finding in mine for source in finding.sources}
    if lost := sorted(wanted - set(one.sources)):
        return _(
            "{text} was reported from {lost} as well, and the merged statement does not name it. "
            "Whoever wants to look it up should find every place where it stands."
        ).format(text=quoted(one.text), lost=", ".join(lost))
    if len(one.sources) > len(set(one.sources)):
        return _("{text} names a source more than once.").format(text=quoted(one.text))
    if set(one.sources) != wanted:
        return _("{text} names a source that none of its reports has.").format(
            text=quoted(one.text)
        )
    if one.sources != tuple(dict.fromkeys(s for finding in mine for s in finding.sources)):
        return _("The sources of {text} are not in the order in which they were named.").format(
            text=quoted(one.text)
        )
    return None


def _desks(rng: Random) -> Iterator[list[Report]]:
    """Reports of several workers on real sections, with doubles in all ways that they can come."""
    for scene in scenes("shards-1"):
        pool = [
            Statement(text, (section.id,))
            for section in scene.task.sections
            for text in sentences(section.text)
            if 30 < len(text) < 120
        ]
        ids = [section.id for section in scene.task.sections]
        for findings in (1, 2, 2, 3, 3, 4, 4, 8, 12, 20, 30):
            for workers in (1, 2, 3):
                few = rng.sample(pool, max(1, round(findings * 0.6)))
                drawn = [_varied(rng, rng.choice(few), ids) for _n in range(findings)]
                yield _dealt(rng, drawn, workers)
        text = rng.choice(pool).text
        yield [  # the same sentence but for its figure is another one
            Report("worker 1", (Statement(f"{text} It rose by 4 points.", (ids[0],)),)),
            Report("worker 2", (Statement(f"{text} It rose by 9 points.", (ids[1],)),)),
        ]


def _varied(rng: Random, one: Statement, ids: Sequence[str]) -> Statement:
    """The same statement as somebody else might report it."""
    ways: tuple[Callable[[str], str], ...] = (
        str,
        str,
        str.upper,
        lambda text: text.replace(" ", "  ", 1),
        lambda text: text.replace("'", "\u2019").replace("-", "\u2013"),
    )
    sources = rng.sample(ids, 2) if rng.random() < 0.3 else [rng.choice([*one.sources, *ids[:2]])]
    return Statement(rng.choice(ways)(one.text), tuple(sources))


def _dealt(rng: Random, drawn: Sequence[Statement], workers: int) -> list[Report]:
    """The findings dealt out to workers; now and then one of them has failed."""
    hands = [rng.randrange(workers) for _one in drawn]
    reports = [
        Report(f"worker {n}", tuple(f for f, h in zip(drawn, hands, strict=True) if h == n - 1))
        for n in range(1, workers + 1)
    ]
    if rng.random() < 0.2:
        lost = Report("worker 9", failure=Failure("Timeout", "no reply"))
        reports.insert(rng.randrange(len(reports) + 1), lost)
    return reports


def _findings(desk: list[Report]) -> int:
    return sum(len(report.findings) for report in desk)


def _told(desk: list[Report]) -> str:
    each = (f"{r.agent}: {list(map(str, r.findings))}" for r in desk)
    return _cut("; ".join(each))


def _cut(text: str) -> str:
    """A text cut where nobody would read on."""
    return text if len(text) <= 600 else text[:599] + "…"
