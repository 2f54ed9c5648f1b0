"""A statement beside a phrasing of a key point, as numbers. Knows no weights and no states."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise

from orchestrator_kit.matching import lexicon as lex
from orchestrator_kit.matching.reading import Statement, Term

CLOSE = 0.84  # how like two words of at least five letters are that count as one, mistyped
LESSER = 0.4  # what a light word, or one of an opening condition, weighs beside another

FEATURES = (
    "one",  # always 1
    "own",  # share of the phrasing's own words that are met: no names, none of the question's
    "given",  # share of its names and of its words from the question that are met
    "implied",  # the share of those that are not, where a pronoun may stand for them
    "order",  # share of its neighbouring words that are neighbours here too
    "beside",  # share of the statement's words that neither phrasing nor question has
    "whole",  # whether all its words are met
    "rival",  # how much better the statement fits a phrasing that it turns around
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A word of the phrasing, the word of the statement that meets it, and whether they agree.

    They do not where one is affirmed and the other denied, or one is the opposite of the other.
    """

    wanted: Term
    met: Term
    agrees: bool


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a statement stands to a phrasing: `features`, and what they rest on.

    `turned` says how often the statement turns the phrasing around. `topic` is the share of the
    phrasing's words that are met, agreeing or not; 0 where one of its names is missing, since it
    then speaks of something else. `exact`: the statement is the phrasing, word for word.
    """

    features: tuple[float, ...]
    pairs: tuple[Pair, ...]
    topic: float
    turned: int
    exact: bool


def weights(phrasings: Collection[Statement]) -> dict[str, float]:
    """How much each word of a point's phrasings weighs: more, the more of them have it."""
    counts: dict[str, int] = {}
    for phrasing in phrasings:
        for word in {t.stem for t in phrasing if t.content}:
            counts[word] = counts.get(word, 0) + 1
    return {
        word: (n / len(phrasings)) ** 0.5 * (LESSER if word in lex.LIGHT else 1.0)
        for word, n in counts.items()
    }


def compare(
    statement: Statement,
    phrasing: Statement,
    weight: Mapping[str, float],
    asked: Collection[str] = (),
) -> Likeness:
    """A statement beside a phrasing; `asked` are the stems of the question's words.

    The last feature is left at 0: it needs the other phrasings.
    """
    condition = _condition(phrasing)
    wanted = {t.stem: t for t in phrasing if t.content}
    heavy = {s: weight.get(s, 1.0) * (LESSER if s in condition else 1.0) for s in wanted}
    found = pairs(statement, phrasing)
    met = {p.wanted.stem for p in found}
    exact = [t.word for t in statement] == [t.word for t in phrasing]
    exact = exact and all(p.agrees for p in found)
    turned = 0 if exact else _turned(found, statement, phrasing)
    agreeing = {p.wanted.stem for p in found if p.agrees} if turned else met

    whole = _share(heavy, agreeing)
    own = {s: w for s, w in heavy.items() if s not in asked and not wanted[s].name}
    old = {s: w for s, w in heavy.items() if s in asked or wanted[s].name}
    given = _share(old, agreeing) if old else whole
    first = min((p.met.start for p in found), default=0)
    pronoun = any(t.word in lex.PRONOUNS and t.start < first for t in statement)
    order = _order(statement, phrasing, found, whole)
    said = [t for t in statement if t.content]
    taken = {(p.met.start, p.met.end) for p in found}
    beside = [t for t in said if (t.start, t.end) not in taken and t.stem not in asked]
    beside = [t for t in beside if t.stem not in wanted]
    features = (
        1.0,
        _share(own, agreeing) if own else whole,
        given,
        (1 - given) * pronoun if old else 0.0,
        order,
        len(beside) / max(len(said), 1),
        float(whole > 0.999),
        0.0,
    )
    names = {s for s, t in wanted.items() if t.name and s not in condition}
    topic = _share(heavy, met) if names <= met else 0.0
    return Likeness(features, found, topic, turned, exact)


def pairs(statement: Statement, phrasing: Statement) -> tuple[Pair, ...]:
    """For each content word of the phrasing the word of the statement that meets it, if any.

    The same word comes before another one, and of several one that agrees. A word that the
    phrasing has itself stands for no other: in "central control of distributed work", "central"
    is no opposite of "distributed". Of a word that the phrasing both affirms and denies, the
    first that is met counts.
    """
    said = [t for t in statement if t.content]
    known = {t.stem for t in phrasing if t.content}
    signed = {(t.stem, t.sign) for t in phrasing}
    found: dict[str, Pair] = {}
    for wanted in phrasing:
        if not wanted.content or wanted.stem in found:
            continue
        best: tuple[bool, bool] = (False, False)
        for met in said:
            if met.stem in known and met.stem != wanted.stem:
                continue
            relation = meets(met.word, met.stem, met.name, wanted.word, wanted.stem, wanted.name)
            if not relation:
                continue
            agrees = relation * met.sign * wanted.sign > 0
            rank = (met.stem == wanted.stem, agrees)
            if wanted.stem not in found or rank > best:
                best, found[wanted.stem] = rank, Pair(wanted, met, agrees)
            if best == (True, True) or (best[0] and (wanted.stem, -wanted.sign) in signed):
                break
    return tuple(found.values())


@lru_cache(maxsize=65_536)
def meets(word: str, stem: str, name: bool, w_word: str, w_stem: str, w_name: bool) -> int:
    """1 where two words say the same, -1 where they are opposites, else 0."""
    if name or w_name:
        return int(stem == w_stem and name == w_name)
    if stem == w_stem:
        return 1
    if theirs := lex.OPPOSITES.get(w_stem):
        mine = _sides(stem)
        for axis, side in theirs.items():
            if axis in mine:
                return side * mine[axis]
    for prefix in lex.PREFIXES:
        if stem == prefix + w_stem or prefix + stem == w_stem:
            return -1
    return int(_mistyped(word, w_word))


@lru_cache(maxsize=65_536)
def _sides(stem: str) -> Mapping[int, int]:
    """The axes of opposites on which a word lies, a mistyped one too, and on which side of each."""
    if stem in lex.OPPOSITES or len(stem) < 5:
        return lex.OPPOSITES.get(stem, {})
    near = (s for s in lex.OPPOSITES if s[0] == stem[0] and _mistyped(stem, s))
    return lex.OPPOSITES.get(next(near, ""), {})


def _mistyped(word: str, meant: str) -> bool:
    """Whether a word is another one but for a slip; a prefix is no slip."""
    if min(len(word), len(meant)) < 5 or abs(len(word) - len(meant)) > 2:
        return False
    if word.endswith(meant) or meant.endswith(word):
        return False
    matcher = SequenceMatcher(None, word, meant, autojunk=False)
    return matcher.real_quick_ratio() >= CLOSE and matcher.ratio() >= CLOSE


def _turned(found: Collection[Pair], statement: Statement, phrasing: Statement) -> int:
    """How often the statement turns the phrasing around: denials, opposites, a swap of roles."""
    speaking = [p for p in found if not p.wanted.name] or list(found)
    against = [p for p in speaking if not p.agrees]
    if len(against) == len(speaking):  # the sentence as a whole is denied
        return min(len(against), 1)
    if _swapped(found, statement, phrasing):
        # "A before B" and "B after A", "A takes more than B" and "B takes less than A"
        both = len(against) == 1 and bool(
            lex.ORDERING & lex.OPPOSITES.get(against[0].wanted.stem, {}).keys()
        )
        return 0 if both else len(against) + 1
    return len(against)


def _swapped(found: Collection[Pair], statement: Statement, phrasing: Statement) -> bool:
    """Whether two words have changed places around a word that gives a direction, or a verb."""
    if len(found) < 2 or any(p.wanted.stem in lex.SYMMETRIC for p in found):
        return False
    role = {p.met.start: p.wanted.stem for p in found}
    for marker in lex.DIRECTED:
        here, there = _around(statement, marker, role), _around(phrasing, marker, None)
        if here and there and here[1] != there[1] and here[1] in there[0] and there[1] in here[0]:
            return True
    if any(t.word == "by" for t in statement) != any(t.word == "by" for t in phrasing):
        return False  # one of the two is in the passive
    at = {p.wanted.stem: i for i, t in enumerate(statement) for p in found if p.met is t}
    first, *middle, last = [p.wanted.stem for p in found] if len(found) > 2 else ["", ""]
    return bool(middle) and all(at[last] < at[m] < at[first] for m in middle)


def _around(
    words: Statement, marker: str, role: Mapping[int, str] | None
) -> tuple[set[str], str] | None:
    """What stands before a marker, and the first word after it, as words of the phrasing."""
    for i, term in enumerate(words):
        if term.word in lex.SAME_MARKER.get(marker, (marker,)):
            named = [
                (j, t.stem if role is None else role.get(t.start, ""))
                for j, t in enumerate(words)
                if t.content and j != i
            ]
            after = next((stem for j, stem in named if j > i), "")
            if after:
                return {stem for j, stem in named if j < i}, after
    return None


def _order(
    statement: Statement, phrasing: Statement, found: Collection[Pair], default: float
) -> float:
    """The share of the phrasing's neighbours that are neighbours in the statement, either way."""
    role = {p.met.start: p.wanted.stem for p in found}
    run = [role.get(t.start, "") for t in statement if t.content]
    wanted = [t.stem for t in phrasing if t.content]
    near = {frozenset(two) for two in pairwise(run)}
    nexts = [frozenset(two) for two in pairwise(wanted)]
    return sum(two in near for two in nexts) / len(nexts) if nexts else default


def _condition(phrasing: Statement) -> frozenset[str]:
    """The words of an opening condition ("If C burns out, ..."), which answers often leave out."""
    if phrasing and phrasing[0].word in ("if", "when"):
        clause = phrasing[0].clause
        if any(t.clause > clause for t in phrasing):
            return frozenset(t.stem for t in phrasing if t.clause == clause)
    return frozenset()


def _share(of: Mapping[str, float], among: Collection[str]) -> float:
    """The share of weighted stems that are among others; 0 of none."""
    return sum(w for s, w in of.items() if s in among) / sum(of.values()) if of else 0.0
