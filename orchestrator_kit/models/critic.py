"""The simulated critic: how the reader judges what others wrote, by the texts before it.

It checks claims against the sections they cite, word by word and figure by figure, and looks for
claims that cannot both hold. It knows no pattern, role, scenario or fact.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from orchestrator_kit.models.marks import Mark
from orchestrator_kit.text import normalise, sentences, terms, words

if TYPE_CHECKING:
    from orchestrator_kit.models.reader import Page

COVERED = 0.8  # share of a claim's words that must stand in two neighbouring sentences
ALIKE = 0.6  # share of two claims' words in common, from which they speak of the same
_NAMED = re.compile(r"[\w.-]+#\d+")
_NEGATED = frozenset(("not", "no", "never", "without", "neither", "nor", "cannot"))

Claim = tuple[str, tuple[str, ...]]


def verdict(page: Page) -> dict[str, Any]:
    """Accept a report, or say which claims do not hold and which sections are missing."""
    claims = _claims(page.material)
    open_book = {m.id: m.text for m in page.material if m.tag == "section"}
    wrong = [text for text, sources in claims if not _borne_out(text, sources, open_book)]
    listed = [m for m in page.material if m.tag == "outline"]
    cited = [m for m in page.material if m.tag == "section"]
    fits = page.relevance(" ".join(page.query()), [*cited, *listed])
    bar = 0.5 * max(fits[: len(cited)], default=0.0)
    missing = [
        m.id
        for m, fit in zip(listed, fits[len(cited) :], strict=True)
        if page.jittered(fit) > max(bar, 0.0)
    ]
    reasons = []
    if wrong:
        quoted = "; ".join(f"'{text}'" for text in wrong[:3])
        reasons.append(f"These findings do not stand in their sections: {quoted}.")
    if missing:
        reasons.append(f"Nothing is reported from {', '.join(missing[:8])}.")
    word = "improve" if reasons else "accept"
    return {"verdict": word, "reason": " ".join(reasons) or "It does what was asked."}


def improvement(page: Page) -> tuple[list[Claim], list[str]]:
    """New findings that a draft lacks, best first, and those of the draft that do not hold.

    A complaint that names sections is about those; one that only doubts findings has as many
    others put in their place.
    """
    open_book = {m.id: m.text for m in page.material if m.tag == "section"}
    draft = _claims(page.material)
    complaint = " ".join(m.text for m in page.asked if m.tag == "complaint")
    # Of what rests on sections that are not at hand, the word of whoever complains is taken.
    withdrawn = [
        text
        for text, sources in draft
        if not _borne_out(text, sources, open_book, unknown=f"'{text}'" not in complaint)
    ]
    said = {normalise(text) for text, _ in draft}
    sections = [m for m in page.material if m.tag == "section"]
    found = [(t, s) for t, s in page.ranked(sections) if normalise(t) not in said]
    named = set(_NAMED.findall(complaint)) & open_book.keys()
    if named:
        found = [(t, s) for t, s in found if named & set(s)]
    elif withdrawn:
        found = found[: len(withdrawn)]
    return found, withdrawn


def revision(page: Page, wanted: dict[str, Any]) -> dict[str, Any]:
    """Subtasks for what failed and for what nobody read though it may matter."""
    ids = iter(wanted["add"].get("properties", {}))
    limit = len(wanted["add"].get("properties", {}))
    roster = page.roster()
    rows: list[tuple[str, str, list[str]]] = []
    for mark in page.asked:
        if mark.tag == "failed":
            rows.append((mark.about, f"Once more: {mark.text}", list(mark.sections)))
    unread = [m for m in page.material if m.tag == "outline"]
    fits = {name: page.relevance(f"{name} {skill}", unread) for name, skill in roster.items()}
    taken = {section for _, _, sections in rows for section in sections}
    shares: dict[str, list[Mark]] = {}
    for n, mark in enumerate(unread):
        best = max(fits, key=lambda name: (fits[name][n], name), default=None)
        if best is not None and fits[best][n] > 0 and mark.id not in taken:
            shares.setdefault(best, []).append(mark)
    for name, sections in shares.items():
        titles = ", ".join(dict.fromkeys(m.about for m in sections if m.about)) or "what is left"
        rows.append((name, f"As {name}, examine also {titles}.", [m.id for m in sections]))
    add = {
        next(ids): {"specialist": name, "instruction": said, "sections": where, "needs": []}
        for name, said, where in rows[:limit]
    }
    failed = sum(m.tag == "failed" for m in page.asked)
    why = f"{failed} subtasks failed and {len(unread)} sections are unread; {len(add)} are added."
    return {"why": why, "add": add, "drop": []}


def conflicts(page: Page) -> list[dict[str, str]]:
    """Pairs of claims about the same thing of which at most one can hold."""
    open_book = {m.id: m.text for m in page.material if m.tag == "section"}
    claims = _claims(page.material)
    found = []
    for n, (first, of_first) in enumerate(claims):
        for second, of_second in claims[:n]:
            why = disagreement(second, first)
            if why is None or of_first == of_second:  # a section tells things apart, if alike
                continue
            holds = [
                _borne_out(second, of_second, open_book, unknown=False),
                _borne_out(first, of_first, open_book, unknown=False),
            ]
            kept = {(True, False): "first", (False, True): "second"}.get(
                (holds[0], holds[1]), "neither"
            )
            found.append({"first": second, "second": first, "kept": kept, "reason": why})
    return found


def carried(page: Page) -> dict[str, Any]:
    """Whether an answer says a fact, by the claim of it that has most of the fact's words.

    It knows words, not meaning: where most but not nearly all of them, or not the same figures and
    denials, stand together, it is unsure.
    """
    fact = " ".join(m.text for m in page.material if m.tag == "fact")
    wanted, figures, denied = _sense(fact)
    best: tuple[float, str, bool] = (0.0, "", False)
    for text, _ in _claims(page.material):
        said, of_said, denies = _sense(text)
        share = len(wanted & said) / (len(wanted) or 1)
        alike = figures <= of_said and denied == denies
        best = max(best, (page.jittered(share), text, alike))
    share, text, alike = best
    word = "yes" if share >= COVERED and alike else "no" if share < ALIKE else "unsure"
    return {"carried": word, "quotes": [] if word == "no" else [text]}


@lru_cache(maxsize=65_536)
def disagreement(one: str, other: str) -> str | None:
    """Why two claims cannot both hold, if they speak of the same and differ in figures or a not."""
    (a, figures_a, no_a), (b, figures_b, no_b) = _sense(one), _sense(other)
    common = a & b
    if len(common) < 4 or len(common) < ALIKE * len(a | b):
        return None
    if (no_a - no_b) % 2 and figures_a == figures_b:
        return "one denies what the other says"
    if figures_a and figures_b and not (figures_a <= figures_b or figures_b <= figures_a):
        return f"{', '.join(sorted(figures_a - figures_b))} against " + ", ".join(
            sorted(figures_b - figures_a)
        )
    return None


@lru_cache(maxsize=65_536)
def _sense(text: str) -> tuple[frozenset[str], frozenset[str], int]:
    """A claim's content words, its figures, and how many times it denies something."""
    spoken = words(text)
    figures = frozenset(w for w in spoken if w[0].isdigit())
    return frozenset(terms(text)) - figures, figures, sum(w in _NEGATED for w in spoken)


def _claims(material: Sequence[Mark]) -> list[Claim]:
    return [claim for m in material if m.carried for claim in m.passages]


def _borne_out(
    text: str, sources: Sequence[str], open_book: dict[str, str], *, unknown: bool = True
) -> bool:
    """Whether one of the cited sections says so; `unknown` where none of them is at hand."""
    at_hand = [open_book[s] for s in sources if s in open_book]
    return any(stands(text, section) for section in at_hand) if at_hand else unknown


@lru_cache(maxsize=65_536)
def stands(claim: str, section: str) -> bool:
    """Whether a sentence of a section, or two neighbours, say a claim: words, figures and nots."""
    if f" {' '.join(words(claim))} " in f" {' '.join(words(section))} ":
        return True
    wanted, figures, denied = _sense(claim)
    said = [_sense(s) for s in sentences(section)]
    for n in range(len(said)):
        for near in (said[n : n + 1], said[n : n + 2]):
            if len(wanted & frozenset().union(*(s[0] for s in near))) < COVERED * len(wanted):
                continue  # what one sentence says, the next one cannot deny
            if figures <= frozenset().union(*(s[1] for s in near)) and (
                denied == sum(s[2] for s in near)
            ):
                return True
            break
    return False
