"""Judges of the exercises on context and synthesis: what fits a window, a tree of reports."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import scenes, stream
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import not_a_function, quoted, watched
from orchestrator_kit.errors import ContextOverflow, KitError
from orchestrator_kit.models.simulated import count_tokens
from orchestrator_kit.ranking import relevance
from orchestrator_kit.tasks import Section

_MERGE_S = 1.0  # virtual seconds that a merge takes
_MOST_MERGES = 200


def _words(text: str) -> int:
    """The tokens of the texts made here: one a word."""
    return len(text.split())


# --- what fits ---


@exercise(
    "fits-1",
    title=N_("Choose what fits the window"),
    level=1,
    notebook="09_budgets_context_synthesis",
    hints=(
        N_(
            "There are two orders here, one of choosing and one of reading. In which of them do "
            "you go through the sections, and in which do you hand them out?"
        ),
        N_(
            "Go through the ids in the order of their rank and keep count of the room that is "
            "left. What does not fit is passed over; what comes after it may be shorter. At last "
            "go through the sections once more, and take those that were chosen."
        ),
    ),
)
def fits_1(what_fits: object) -> Iterator[Part]:
    """A function that chooses sections for a window, by rank, and leaves them in their order."""
    yield Part(_("a function"), not_a_function(what_fits), needed=True)
    assert callable(what_fits)
    rng = stream("fits-1")
    yield _fitting(_("budgets for some, for all and for none"), what_fits, _some(rng))
    yield _fitting(_("sections that are too long"), what_fits, _with_long_ones(rng))
    yield _fitting(_("the sections of real tasks"), what_fits, _of_tasks())


Choice = tuple[list[Section], list[str], Callable[[str], int], int]


def _fitting(asks: str, what_fits: Callable[..., Any], choices: Iterable[Choice]) -> Part:
    for sections, rank, count, budget in choices:
        given = list(sections), list(rank)
        outcome = watched(what_fits, *given, count, budget)
        complaint = outcome.complaint
        if not complaint and given != (sections, rank):
            complaint = _("The function changed a list that it was given. Only read them.")
        complaint = complaint or _fault_in_choice(outcome.value, sections, rank, count, budget)
        if complaint:
            sizes = {s.id: count(s.text) for s in sections}
            tried = _("tokens of each section {sizes}, rank {rank}, budget {budget}").format(
                sizes=quoted(sizes), rank=quoted(rank), budget=budget
            )
            return Part(asks, complaint, tried)
    return Part(asks)


def _fault_in_choice(
    found: Any, sections: list[Section], rank: list[str], count: Callable[[str], int], budget: int
) -> str | None:
    """What is wrong with the sections that were chosen; None if nothing."""
    if found is None:
        return _(
            "The function returned None, not a list. Is it written already, and does every way "
            "through it end in a return?"
        )
    if not isinstance(found, list | tuple):
        return _("Expected a list of sections; the function returned {found}.").format(
            found=quoted(found)
        )
    for section in found:
        if section not in sections:
            return _("Expected sections that were given; {found} is none of them.").format(
                found=quoted(section)
            )
    ids = [section.id for section in found]
    if len(set(ids)) < len(ids):
        return _("The function returned a section twice: {ids}.").format(ids=quoted(ids))
    sizes = {s.id: count(s.text) for s in sections}
    room = budget
    for place, name in enumerate(rank):
        if name in ids and sizes[name] > room:
            return _(
                "The sections chosen have {tokens} tokens together, or more; the budget is "
                "{budget}."
            ).format(tokens=budget - room + sizes[name], budget=budget)
        if name in ids:
            room -= sizes[name]
        elif sizes[name] <= room and any(sizes[n] > room for n in rank[:place]):
            return _(
                "{name} was left out. A section before it in rank is too long for the room that is "
                "left; but {name} has {tokens} tokens, and there is room for {room}."
            ).format(name=name, tokens=sizes[name], room=room)
        elif sizes[name] <= room:
            return _(
                "{name} was left out, though all that is ahead of it in rank leaves room for "
                "{room} tokens, and it has {tokens}."
            ).format(name=name, tokens=sizes[name], room=room)
    if ids != [s.id for s in sections if s.id in ids]:
        return _(
            "The right sections, but in the order {ids}. A reader wants them in the order in which "
            "they stand in the documents: one often builds on the one before."
        ).format(ids=quoted(ids))
    return None


def _sections(rng: Random, sizes: Sequence[int]) -> list[Section]:
    """Sections of so many tokens, each of a few long words, so that letters say nothing."""
    ids = [f"paper#{n}" for n in range(1, len(sizes) + 1)]
    return [
        Section(name, name, " ".join(["w" * rng.randint(1, 12)] * size))
        for name, size in zip(ids, sizes, strict=True)
    ]


def _choice(rng: Random, sizes: Sequence[int], budget: int) -> Choice:
    sections = _sections(rng, sizes)
    return sections, [s.id for s in rng.sample(sections, len(sections))], _words, budget


def _some(rng: Random) -> Iterator[Choice]:
    """From too little for any to enough for all, to the token."""
    yield _choice(rng, [4], 4)
    yield _choice(rng, [4], 3)
    yield [], [], _words, 10
    for budget in (0, 3, 6, 8, 9, 10, 100):
        yield _choice(rng, [3, 3, 3], budget)
    for _k in range(20):
        sizes = [rng.randint(1, 9) for _section in range(rng.randint(2, 9))]
        yield _choice(rng, sizes, rng.randint(0, sum(sizes) + 2))


def _with_long_ones(rng: Random) -> Iterator[Choice]:
    for sizes in ([20, 3], [3, 20], [20, 3, 3], [3, 20, 3, 20]):
        for _k in range(4):
            yield _choice(rng, sizes, rng.choice((3, 5, 6, 10)))
    for _k in range(20):
        sizes = [rng.choice((2, 3, 5, 30)) for _section in range(rng.randint(3, 9))]
        yield _choice(rng, sizes, rng.randint(2, 20))


def _of_tasks() -> Iterator[Choice]:
    for scene in scenes("fits-1"):
        sections = list(scene.task.sections)
        ranks = relevance(scene.task.prompt, [s.text for s in sections])
        order = sorted(range(len(sections)), key=lambda i: -ranks[i])
        for budget in (500, 2_000, 5_000):
            yield sections, [sections[i].id for i in order], count_tokens, budget


# --- a tree of reports ---


@exercise(
    "tree-1",
    title=N_("Put many reports together as a tree"),
    level=3,
    notebook="09_budgets_context_synthesis",
    hints=(
        N_(
            "Begin with a single level: how do neighbours come into groups, and when is a group "
            "full? Whatever the level leaves is again a list of reports. When is there nothing "
            "left to do, and when can nothing more be done?"
        ),
        N_(
            "Fill each group until the next report would burst it; then no other way of grouping "
            "neighbours has fewer groups. A group of one needs no merge. And merges of one level "
            "do not know of each other: start all of them, and then wait for all."
        ),
        N_(
            "A while loop over the levels, in it a loop that packs, and one asyncio.gather over "
            "the groups, which keeps their order. A level with as many groups as it had reports "
            "would go on for ever: that is where to raise ContextOverflow."
        ),
    ),
)
def tree_1(tree: object) -> Iterator[Part]:
    """An async function that merges reports level by level, in groups that fit a window."""
    yield Part(_("a function"), not_a_function(tree), needed=True)
    assert callable(tree)
    grown = list(_grown())
    yield _merged(_("every report once, in order, within the window"), tree, grown, _fault_in_whole)
    yield _merged(_("few groups, and a level at a time"), tree, grown, _fault_in_levels)
    yield _merged(_("one report alone, and what cannot be merged"), tree, _alone(), _fault_at_edges)


@dataclass(slots=True)
class _Merge:
    """One call of merge: what it was given, what it gave, from when to when."""

    texts: list[str]
    made: str
    began: float


@dataclass(slots=True)
class _Desk:
    """Merges texts into one of `merged` tokens, and keeps book."""

    reports: list[str]
    window: int
    merged: int
    merges: list[_Merge] = field(default_factory=list)
    fault: str | None = None

    async def merge(self, texts: Iterable[str]) -> str:
        given = list(texts)
        self.fault = self.fault or self._fault_in_group(given)
        if self.fault:
            raise KitError(self.fault)  # and the rest is of no interest
        made = " ".join([f"merge{len(self.merges) + 1}", *["~"] * (self.merged - 1)])
        self.merges.append(_Merge(given, made, asyncio.get_running_loop().time()))
        await asyncio.sleep(_MERGE_S)
        return made

    def _fault_in_group(self, texts: list[str]) -> str | None:
        known = {*self.reports, *(m.made for m in self.merges)}
        if strange := [t for t in texts if t not in known]:
            return _(
                "merge was given {text}, which is neither a report nor what a merge has made of "
                "some."
            ).format(text=quoted(strange[0]))
        if len(texts) < 2:
            return _(
                "merge was given a group of {n}. A single report needs no merge: it goes up to "
                "the next level as it is, and no call is paid."
            ).format(n=len(texts))
        if (size := sum(map(_words, texts))) > self.window:
            return _(
                "merge was given reports of {size} tokens together; the window holds {window}."
            ).format(size=size, window=self.window)
        if len(self.merges) >= _MOST_MERGES:
            return _("merge was called again and again, and no end is in sight.")
        return None

    def leaves(self, text: str) -> list[str]:
        """The reports that a text was made of, in their order."""
        for merge in self.merges:
            if merge.made == text:
                return [leaf for part in merge.texts for leaf in self.leaves(part)]
        return [text]

    def __str__(self) -> str:
        return _(
            "reports of {sizes} tokens, a window of {window}, merged reports of {merged}"
        ).format(sizes=list(map(_words, self.reports)), window=self.window, merged=self.merged)


@dataclass(frozen=True, slots=True)
class _Grown:
    """What came of a tree: a value or an error."""

    value: Any
    error: BaseException | None
    complaint: str | None


def _merged(
    asks: str,
    tree: Callable[..., Any],
    desks: Iterable[_Desk],
    fault: Callable[[_Desk, _Grown], str | None],
) -> Part:
    for desk in desks:
        desk.merges.clear()
        given = list(desk.reports)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of merges that nobody awaited
            outcome = watched(tree, given, desk.merge, _words, desk.window)
            if inspect.iscoroutine(outcome.value):
                outcome.value.close()
        complaint = desk.fault
        if not complaint and given != desk.reports:
            complaint = _("The function changed the list of reports. Only read it.")
        found = _Grown(outcome.value, outcome.error, outcome.complaint)
        if complaint := complaint or fault(desk, found):
            return Part(asks, complaint, str(desk))
    return Part(asks)


def _fault_in_whole(desk: _Desk, found: _Grown) -> str | None:
    """What is wrong with what a tree was made of; None if nothing."""
    if found.complaint:
        return found.complaint
    if inspect.iscoroutine(found.value):
        return _("The function returned a merge that was not awaited.")
    if not desk.merges or found.value is None:
        return _(
            "The function returned {found} after {n} merges; one report that is made of all of "
            "them was expected. Is it written already?"
        ).format(found=quoted(found.value), n=len(desk.merges))
    if found.value not in {*desk.reports, *(m.made for m in desk.merges)}:
        return _(
            "The function returned {found}. Expected was what the last merge made, or a report "
            "as it was."
        ).format(found=quoted(found.value))
    used, due = desk.leaves(found.value), desk.reports
    if lost := Counter(due) - Counter(used):
        return _("Of {n} reports, {lost} did not get into the result.").format(
            n=len(due), lost=lost.total()
        )
    if Counter(used) - Counter(due):
        return _("A report got into the result more than once.")
    if used != due:
        return _(
            "All reports are in the result, but not in their order: groups are made of "
            "neighbours, and results stay in the place of what they were made of."
        )
    return None


def _fault_in_levels(desk: _Desk, found: _Grown) -> str | None:
    """What is wrong with how a tree grew; None if nothing."""
    if complaint := _fault_in_whole(desk, found):
        return complaint
    ready = dict.fromkeys(desk.reports, 0.0)
    for merge in desk.merges:
        there = max(ready[text] for text in merge.texts)
        if merge.began > there + 1e-6:
            return _(
                "A merge began at {began:g} s, though everything that it needed was there at "
                "{there:g} s. Merges of one level do not need each other: a merge takes "
                "{seconds:g} s, and so should a level."
            ).format(began=merge.began, there=there, seconds=_MERGE_S)
        ready[merge.made] = merge.began + _MERGE_S
    level = list(desk.reports)
    for began in sorted({merge.began for merge in desk.merges}):
        after = list(level)
        for merge in (m for m in desk.merges if m.began == began):
            at = after.index(merge.texts[0])
            after[at : at + len(merge.texts)] = [merge.made]
        few = _fewest([_words(text) for text in level], desk.window)
        if len(after) > few:
            return _(
                "A level of {n} reports was put into {groups} groups, where {few} would do. More "
                "groups than needed are more calls, and in the end a tree that is deeper."
            ).format(n=len(level), groups=len(after), few=few)
        level = after
    return None


def _fewest(sizes: Sequence[int], window: int) -> int:
    """The fewest groups of neighbours that fit a window, of all ways to cut the row."""

    @cache
    def rest(begin: int) -> int:
        cuts = [begin + 1, *range(begin + 2, len(sizes) + 1)]
        whole = [end for end in cuts if end == begin + 1 or sum(sizes[begin:end]) <= window]
        return 0 if begin == len(sizes) else 1 + min(map(rest, whole))

    return rest(0)


def _fault_at_edges(desk: _Desk, found: _Grown) -> str | None:
    """What is wrong where there is nothing to merge, or no way to; None if nothing."""
    if len(desk.reports) == 1:
        if found.complaint:
            return found.complaint
        if found.value != desk.reports[0]:
            return _(
                "With one report there is nothing to put together, and it was expected back as "
                "it is; the function returned {found}."
            ).format(found=quoted(found.value))
        return None
    if isinstance(found.error, ContextOverflow):
        return None
    if found.complaint:
        return _(
            "Here no two neighbours fit the window together, at once or after some merges. A "
            "ContextOverflow was expected. {complaint}"
        ).format(complaint=found.complaint)
    return _(
        "Here no two neighbours fit the window together, at once or after some merges. A "
        "ContextOverflow was expected; the function returned {found}."
    ).format(found=quoted(found.value))


def _desk(sizes: Sequence[int], window: int, merged: int, *, alike: bool = False) -> _Desk:
    names = ["report" if alike else f"report{n}" for n, _size in enumerate(sizes, 1)]
    reports = [
        " ".join([name, *["~"] * (size - 1)]) for name, size in zip(names, sizes, strict=True)
    ]
    return _Desk(reports, window, merged)


def _grown() -> Iterator[_Desk]:
    """Reports of which two always fit, and so do two that were merged: there is a tree."""
    yield _desk([3, 3], 6, 3)
    yield _desk([3, 3, 3], 6, 3)
    yield _desk([1, 5, 1, 5], 10, 1)
    yield _desk([2, 2, 2, 2], 10, 2)
    yield _desk([3, 3, 3, 3, 3], 7, 2)
    yield _desk([3] * 5, 9, 3, alike=True)
    rng = stream("tree-1")
    for n in (4, 6, 7, 9, 12, 17, 30):
        for _k in range(3):
            window = rng.randint(8, 20)
            sizes = [rng.randint(1, window // 2) for _report in range(n)]
            yield _desk(sizes, window, rng.randint(1, window // 2))


def _alone() -> Iterator[_Desk]:
    yield _desk([3], 6, 3)
    yield _desk([9], 6, 3)
    yield _desk([4, 4], 7, 3)
    yield _desk([4, 4, 4, 4], 8, 5)
    yield _desk([3, 3, 12], 10, 2)
    yield _desk([12, 3, 3, 12], 10, 2)
