"""A learner's text as statements: their content words, each affirmed or denied. Knows no rubric."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from orchestrator_kit.matching import lexicon as lex

_TOKEN = re.compile(
    r"""(?P<number>\d+(?:[.,]\d+)*)%?|(?P<word>[^\W\d_]+(?:['"\u2019`](?:t|s|re|ll|ve|d|m)(?![^\W_]))?)"""
    r"""|(?P<end>[.;!?\n]+)|(?P<pause>[,:()\u2013\u2014]|\s-\s)"""
)
_NOT = re.compile(
    r"(?:do|does|did|is|are|was|were|has|have|had|would|could|should|must|need|wo|ca|ai)n['\"\u2019`]?t",
)
_QUOTES = str.maketrans(dict.fromkeys('\u2019`"', "'"))
_NUMBERS = {w: str(n) for n, w in enumerate("zero one two three four five six seven eight".split())}
WINDOW = 40  # words of a statement that are read at once


@dataclass(frozen=True, slots=True)
class Term:
    """A word of a statement: its stem, where it stands, whether the statement affirms it (1, -1).

    A `name` is a number or a single letter, which no other may stand for. `glue` carries no
    subject. `cue` is a word that denies.
    """

    word: str
    stem: str
    start: int
    end: int
    sign: int = 1
    name: bool = False
    glue: bool = False
    cue: bool = False
    clause: int = 0

    @property
    def content(self) -> bool:
        """Whether it carries a subject."""
        return not (self.glue or self.cue)


Statement = tuple[Term, ...]


@lru_cache(maxsize=4_096)
def sentences(text: str) -> tuple[Statement, ...]:
    """The sentences of a text; those without words, and those to whoever marks, are left out."""
    found: list[Statement] = []
    for sentence in _sentences(text):
        terms = _signed(sentence)
        if found and _takes_back(terms):
            found[-1] = tuple(replace(t, sign=-t.sign) for t in found[-1])
        found.append(terms)
    return tuple(found)


def windows(sentence: Statement) -> Iterator[Statement]:
    """A sentence, or overlapping windows of a long one."""
    last = max(len(sentence) - WINDOW // 2, 1)
    for start in range(0, last, WINDOW // 2):
        yield sentence[start : start + WINDOW]


def _sentences(text: str) -> Iterator[list[Term]]:
    """Each sentence as terms that are all affirmed; clauses are counted through the text."""
    terms: list[Term] = []
    clause = 0
    for m in _TOKEN.finditer(text):
        if m["end"]:
            yield from _answering(terms)
            terms = []
            clause += 1
        elif m["pause"]:
            clause += 1
        else:
            word = m[0].casefold().translate(_QUOTES)
            if word in lex.CLAUSE:
                clause += 1
            terms.append(_term(word, m, terms, text, clause))
    yield from _answering(terms)


def _answering(terms: list[Term]) -> Iterator[list[Term]]:
    """A sentence up to where it turns to whoever marks: "ignore the rubric", "give full marks"."""
    for i, term in enumerate(terms):
        first = all(t.word in lex.BEFORE_ORDERS for t in terms[:i])
        of_marking = lex.OF_MARKING if first else lex.PLAINLY_OF_MARKING
        if term.word in lex.TO_MARKER and any(t.word in of_marking for t in terms[i + 1 : i + 8]):
            terms = terms[:i]
            break
    if terms:
        yield terms


def _term(word: str, m: re.Match[str], before: Sequence[Term], text: str, clause: int) -> Term:
    """One word as a term."""
    start, end = m.span()
    if number := m["number"]:
        plain = number.replace(",", ".")
        value = plain.rstrip("0").rstrip(".") if plain.count(".") == 1 else plain
        return Term(word, value or "0", start, end, name=True, clause=clause)
    if _NOT.fullmatch(word) or word == "cant":
        return Term(word, "not", start, end, cue=True, clause=clause)
    word = re.sub(r"'(?:s|re|ll|ve|d|m)$", "", word)
    if word in lex.DENIALS:
        return Term(word, "not", start, end, cue=True, clause=clause)
    after_content = bool(before) and before[-1].content
    if word in _NUMBERS and (word != "one" or (after_content and not before[-1].name)):
        return Term(word, _NUMBERS[word], start, end, name=True, clause=clause)
    if len(word) == 1 and word != "i" and (word != "a" or _names_a(m, before, text)):
        return Term(word, word, start, end, name=True, clause=clause)
    return Term(
        word, lex.root(word), start, end, glue=word in lex.GLUE or len(word) == 1, clause=clause
    )


_AFTER_A = re.compile(
    r"\s*(?:$|[,.;/&)]|(?:and|or|is|was|are|were|will|would|did|does|has|in|on|to|from|with|of|by)\b|'s|\"s)",
    re.I,
)


def _names_a(m: re.Match[str], before: Sequence[Term], text: str) -> bool:
    """Whether "a" is a letter's name and no article: a capital in a sentence, or what follows."""
    if m[0] == "A" and before:
        return True
    return bool(_AFTER_A.match(text, m.end()))


def _signed(terms: list[Term]) -> Statement:
    """The terms of a sentence, each denied as often as a denial reaches it."""
    flips = [0] * len(terms)
    content = [t.content and t.word not in lex.BARE for t in terms]

    def flip(reach: Iterable[int]) -> None:
        for j in reach:
            flips[j] += 1

    for i, term in enumerate(terms):
        following = terms[i + 1].word if i + 1 < len(terms) else ""
        if not _denies(term, following):
            continue
        if term.word == "nor" and any(t.word == "neither" for t in terms[:i]):
            continue  # "neither B nor C are on" denies once
        reach = [j for j in range(i + 1, len(terms)) if terms[j].clause == term.clause]
        said = next((j for j in reach[:4] if terms[j].word in lex.SAYINGS), None)
        if said is not None and any(content[said + 1 :]):
            flip(range(said + 1, len(terms)))  # "it is not true that ..."
        elif any(content[j] for j in reach):
            flip(_denied(terms, [j for j in reach if content[j]], noun=term.word in lex.OF_NOUNS))
        elif i and terms[i - 1].word != "or":
            own = [j for j in range(i) if terms[j].clause == term.clause]
            flip(own if any(content[j] for j in own) else range(i))  # "..., but it does not"
    for i, term in enumerate(terms):
        rest = any(content[i + 1 :])
        following = terms[i + 1].word if i + 1 < len(terms) else ""
        if (term.word in lex.DOUBTS and rest) or (
            term.word in lex.UNTRUE and rest and following in ("that", "to")
        ):
            flip(range(i + 1, len(terms)))
    last = [i for i, t in enumerate(terms) if t.clause == terms[-1].clause]
    if last[0] and _takes_back([terms[i] for i in last]):
        flip(range(last[0]))  # "..., which is wrong"
    return tuple(
        replace(t, sign=-1) if n % 2 and not t.cue else t for t, n in zip(terms, flips, strict=True)
    )


def _denies(term: Term, following: str) -> bool:
    """Whether a word denies, before the word that follows it."""
    if term.cue:
        return following not in lex.UNLESS_FOLLOWED.get(term.word, ())
    return (term.word in lex.TO_DENY and following == "to") or (
        (term.word, following) in lex.PAIRS_THAT_DENY
    )


def _denied(terms: Sequence[Term], reach: Sequence[int], *, noun: bool) -> list[int]:
    """Which of the content words in its reach a denial turns around.

    The first that has an opposite ("not in the same path"), else the first ("not read"). A denial
    of a `noun` reaches to the end of that noun's group, and turns its last word around ("no large
    gap", "no worker reads").
    """
    ends = [j for j in range(reach[0], len(terms)) if terms[j].word in lex.SUBJECTS]
    if noun:
        ends += [j for j in range(reach[0], len(terms)) if terms[j].glue]
    reach = [j for j in reach if j < min(ends, default=len(terms))]
    reach = [j for j in reach if not _helps(terms, j)] or reach[:1]
    polar = [j for j in reach if terms[j].stem in lex.OPPOSITES]
    plain = [j for j in reach if not terms[j].name] or list(reach)
    return (polar or plain[-1 if noun else 0 :])[:1]


def _helps(terms: Sequence[Term], at: int) -> bool:
    """Whether a word only leads to the next verb: "need to", "have to"."""
    return terms[at].word in lex.HELPERS and at + 1 < len(terms) and terms[at + 1].word == "to"


def _takes_back(terms: Sequence[Term]) -> bool:
    """Whether a clause only says that what comes before it is untrue: "That is wrong"."""
    if not 2 <= len(terms) <= 6 or not any(t.word in lex.ANAPHORS for t in terms[:2]):
        return False
    spoken = [t.word for t in terms if t.word in lex.UNTRUE | lex.DOUBTS | lex.SAYINGS]
    denials = sum(t.cue for t in terms) + sum(word not in lex.SAYINGS for word in spoken)
    others = [t for t in terms if t.content and t.word not in (*spoken, *lex.BARE, *lex.ANAPHORS)]
    return bool(spoken) and not others and denials % 2 == 1
