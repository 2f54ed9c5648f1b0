"""Judge of an exercise on context windows: what fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Any

from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import scenes, stream
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import no_list, not_a_function, quoted, watched
from orchestrator_kit.models.simulated import count_tokens
from orchestrator_kit.ranking import relevance
from orchestrator_kit.tasks import Section


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
        return no_list()
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


def _words(text: str) -> int:
    """The tokens of the texts made here: one a word."""
    return len(text.split())
