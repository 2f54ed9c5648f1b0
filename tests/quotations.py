"""Published numbers in prose: which works a text cites, and which of its figures they do not list.

A stretch of prose (a paragraph, a list item, a row of a table) that cites a work may hold only the
figures which the claims of that work list. Figures of one's own stand in stretches without a
citation. A heading that names a work counts for all that stands under it. Knows no files.

What counts as a figure: a number with a unit (3.7x, five times, 40%, 6 points), with a decimal
point, or of two digits and more; not years, not a small bare number, nothing in code marks, and
nothing that is part of a name (GPT-4). What counts as a citation: the arXiv id or the name of a
work that has an entry; any other arXiv id, a venue with a year, or an author with a year, and that
one must have an entry; or that a paper or its authors report something.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields

from orchestrator_kit.claims import Claim

_ARXIV = re.compile(r"(?:arxiv[\s:.]*(?:org/\w+/)?)(\d{4}\.\d{4,5})(?:v\d+)?", re.IGNORECASE)
_VENUE = re.compile(
    r"\b(AAAI|ACL|ASPLOS|CHI|COLM|EMNLP|EuroSys|ICLR|ICML|IJCAI|ISCA|KDD|NAACL|NeurIPS|NIPS|NSDI|"
    r"OSDI|PLDI|SIGMOD|SOSP|TACL|USENIX|VLDB)\W{0,3}((?:19|20)\d\d)\b"
)
_AUTHOR = re.compile(
    r"\b([A-Z][\w'\u2019-]+)(?: (?:and|&) [A-Z][\w'\u2019-]+| et al\.)?(?:, | \()((?:19|20)\d\d)\b"
)
_NO_AUTHORS = frozenset(
    "January February March April May June July August September October November December "
    "From In Since Until".split()
)
_SPOKEN = re.compile(
    r"\b(?:papers?|authors?|preprints?|stud(?:y|ies)) "
    r"(?:claim|find|found|measure|report|say|said|show|state)(?:s|ed|n)?\b",
    re.IGNORECASE,
)
_WORDS = {
    word: str(n)
    for n, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve".split(), 2
    )
}
_UNIT = r"x\b|\u00d7|-?fold\b|times\b|%|per ?cent\b|(?:percentage )?points\b"
_FIGURE = re.compile(
    rf"(?P<up>\bup to (?:about |~|≈)?)?(?<![\w.,])(?<![A-Za-z]-)(?P<n>\d+(?:,\d{{3}})*(?:\.\d+)?)"
    rf"(?:\s?-?(?P<unit>{_UNIT}))?(?![\w]|\.\d)",
    re.IGNORECASE,
)
_SPELT = re.compile(rf"\b({'|'.join(_WORDS)})(?= ?-?(?:{_UNIT}))", re.IGNORECASE)
_HIDDEN = re.compile(
    r"^```.*?^```|<!--.*?-->|`[^`\n]*`|\]\([^)]*\)|https?://\S+", re.MULTILINE | re.DOTALL
)
_UNITS = {"\u00d7": "x", "fold": "x", "times": "x", "percent": "%"}

Figure = tuple[str, str, bool]  # the number, its unit ("" for none), and whether it is "up to" that


def figures(text: str) -> list[Figure]:
    """The figures of a text that count as quoted."""
    text = _SPELT.sub(lambda m: _WORDS[m[1].lower()], text)
    found = []
    for m in _FIGURE.finditer(text):
        unit = (m["unit"] or "").lower().replace(" ", "").lstrip("-").removeprefix("percentage")
        number = m["n"].replace(",", "")
        year = not unit and re.fullmatch(r"(?:19|20)\d\d", m["n"])
        if not year and (unit or len(number) > 1):
            found.append((number, _UNITS.get(unit, unit), bool(m["up"])))
    return found


def listed(claims: Iterable[Claim]) -> set[Figure]:
    """The figures that the entries of a work hold, wherever in them; none that is from memory."""
    return {
        figure
        for claim in claims
        if claim.sure != "memory"
        for f in fields(claim)
        for value in (getattr(claim, f.name),)
        for text in ([value] if isinstance(value, str) else value)
        for figure in figures(_ARXIV.sub(" ", text))
    }


def complaints(text: str, claims: Sequence[Claim]) -> list[str]:
    """What a Markdown text quotes without an entry, a sentence each."""
    found = []
    for heading, stretch in _stretches(_HIDDEN.sub(_blank, text)):
        cited, unknown = _cited(f"{heading}\n{stretch}", claims)
        shown = " ".join(stretch.split())[:60]
        found += [f"{name} has no entry in claims.toml: {shown!r}" for name in unknown]
        quoted = figures(_VENUE.sub(" ", _ARXIV.sub(" ", stretch)))
        if not quoted or unknown:
            continue
        if not cited and _SPOKEN.search(stretch):
            found.append(f"says what a paper reports, but not which: {shown!r}")
        if cited:
            known = listed(cited)
            names = ", ".join(dict.fromkeys(c.id for c in cited))
            found += [
                f"{'up to ' * up}{number}{unit} is not listed by {names}; figures of one's own "
                f"stand in a paragraph without a citation: {shown!r}"
                for number, unit, up in quoted
                if not _lists(known, (number, unit, up))
            ]
    return found


def python_prose(source: str) -> Iterator[str]:
    """The texts of a module: its docstrings and other strings, and its comments."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
    comments: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if comments and token.start[0] > comments[-1].start[0] + 1:
                yield "\n".join(c.string.lstrip("# ") for c in comments)
                comments.clear()
            comments.append(token)
    yield "\n".join(c.string.lstrip("# ") for c in comments)


def _lists(known: set[Figure], figure: Figure) -> bool:
    """Whether a figure is among the known; without a unit it is whichever has its number."""
    number, unit, up = figure
    return any(n == number and (not unit or u == unit) and o == up for n, u, o in known)


def _blank(match: re.Match[str]) -> str:
    """Nothing, but for an arXiv id in an address, which is a citation."""
    return " ".join(f"arXiv {name}" for name in _ARXIV.findall(match[0]))


def _stretches(text: str) -> Iterator[tuple[str, str]]:
    """(heading, paragraph, list item or row of a table) in order."""
    heading = ""
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*+]|\d+[.)])\s)|\n(?=\s*\|)|\n(?=#{1,6}\s)", text):
        first, _, rest = block.strip().partition("\n")
        if re.match(r"#{1,6}\s", first):
            heading = first
            yield "", first
            if rest.strip():
                yield heading, rest
        elif block.strip():
            yield heading, re.sub(r"^\s*\d+[.)]\s", "", block)


def _cited(text: str, claims: Sequence[Claim]) -> tuple[list[Claim], list[str]]:
    """The claims whose works a text cites, and the citations that have no entry."""
    cited = [
        c
        for c in claims
        if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in c.names)
    ]
    unknown = []
    citations: list[tuple[str, tuple[str, ...]]] = []
    citations += [(m[0], (m[1],)) for m in _ARXIV.finditer(text)]
    citations += [(m[0], (m[1], m[2])) for m in _VENUE.finditer(text)]
    citations += [
        (m[0].replace("(", ""), (m[1], m[2]))
        for m in _AUTHOR.finditer(text)
        if m[1] not in _NO_AUTHORS
    ]
    for name, parts in citations:
        meant = [c for c in claims if all(part in c.source for part in parts)]
        cited += meant
        if not meant:
            unknown.append(name)
    return cited, unknown
