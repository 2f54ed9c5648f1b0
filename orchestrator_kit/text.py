"""Words, sentences and token counts of plain or Markdown text. Knows no task and no model."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"\d+(?:[.,:/]\d+)*%?|[^\W\d_]+")
_HEADING = re.compile(r"^#{1,6}\s")
_LIST_ITEM = re.compile(r"^\s*(?:[-*+•]|\(?[0-9]{1,2}[.)]|\([a-z]{1,4}\)|[a-z][.)])\s+")
# A letter's full stop may bear a footnote's number, which stays with its sentence: "files.5 The".
_SENTENCE_END = re.compile(
    r"""[.!?](?:["'”’)\]]*|(?<=[a-z][.!?])[0-9]{1,3})\s+(?=["'“‘(\[]*([^\W_]))"""
)
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)*\.?")  # a paragraph's or a page's, where it stands alone
_PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_ABBREVIATION = re.compile(
    r"\b(?:[A-Z]|al|approx|art|arts|cf|co|corp|dr|e\.g|etc|fig|i\.e|inc|llc|ltd|mr|mrs|ms|"
    r"no|nos|p|para|paras|pp|prof|s|sec|st|v|vol|vs)\.$",
    re.IGNORECASE,
)
_QUOTES = str.maketrans(dict.fromkeys("‘’", "'") | dict.fromkeys("“”", '"'))
_QUOTES |= str.maketrans(dict.fromkeys("\u2010\u2011\u2012–—\u2015−", "-"))
_SUFFIX = re.compile(r"(?:ations?|ings?|ments?|ities|ity|ies|ed|es|s|ly)$")

# Function words carry no subject; a reader who ranks by shared words skips them.
STOPWORDS = frozenset(  # one string reads better than a hundred quoted words
    """
    a about after all also an and any are as at be been before between both but by can could did
    do does each for from had has have how if in into is it its may more most must no nor not of
    on one only or other our out over own per shall should so some such than that the their them
    then there these they this those through to under up use was we were what when where which
    while who whose will with within would you your
    """.split()
)


def printable(text: str) -> str:
    """A text with a space for every control or formatting character and line break."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def one_line(text: str) -> str:
    """A text without line breaks, control characters and double spaces."""
    return " ".join(printable(text).split())


@lru_cache(maxsize=32_768)
def normalise(text: str) -> str:
    """Text as it is compared: one case, one kind of quote, dash and space."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold().split())


def words(text: str) -> list[str]:
    """Words and numbers of a text in order, in one case; a number keeps its marks ("4.5%")."""
    return _WORD.findall(normalise(text))


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """A word without its commonest English endings, so that "risks" meets "risk"."""
    if len(word) < 5 or word[0].isdigit():
        return word[:-1] if len(word) == 4 and word.endswith("s") else word
    if word.endswith("ies"):
        word = word[:-3] + "y"
    short = _SUFFIX.sub("", word)
    return short if len(short) >= 3 else word


@lru_cache(maxsize=16_384)
def terms(text: str) -> tuple[str, ...]:
    """The stems of a text's content words, in order, with repetitions."""
    return tuple(stem(w) for w in words(text) if w not in STOPWORDS)


def stands_in(phrase: str, normalised: str) -> bool:
    """Whether a phrase, or one of its "|" alternatives, stands in a normalised text as words."""
    return any(p in normalised and whole.search(normalised) for p, whole in _alternatives(phrase))


@lru_cache(maxsize=4_096)
def _alternatives(phrase: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each alternative as it is compared, with the pattern that finds it as whole words."""
    found = []
    for part in filter(None, map(normalise, phrase.split("|"))):
        # "5%" does not stand in "15%", nor "1.2" in "1.25" or "31.2"; a plural is the same word.
        begin = r"(?<!\w)(?<!\d[.,])" if part[0].isalnum() else ""  # "$5" may follow "US"
        body = rf"{begin}{re.escape(part)}(?:(?<=[a-z])e?s)?(?!\w)(?![.,]\d)"
        found.append((part, re.compile(body)))
    return tuple(found)


@lru_cache(maxsize=16_384)
def sentences(text: str) -> tuple[str, ...]:
    """The statements of a Markdown text: sentences, list items and table rows.

    Headings, table rules, pictures and lone numbers are left out; a paragraph's lines are joined
    first, and a paragraph's number ("3.19.") stays with what it numbers.
    """
    found: list[str] = []
    for block in _blocks(text):
        start = 0
        for end in _SENTENCE_END.finditer(block):
            said = block[start : end.start() + 1]
            # "Inc. The", "1. The", "3.19. The" and "e.g. the" go on
            if end[1].islower() or _ABBREVIATION.search(said) or _NUMBER.fullmatch(said):
                continue
            found.append(block[start : end.end()].strip())
            start = end.end()
        found.append(block[start:].strip())
    return tuple(s for s in found if _WORD.search(s) and not _NUMBER.fullmatch(s))


def _blocks(text: str) -> list[str]:
    """Paragraphs, list items and table rows, each on one line and without its Markdown marks."""
    blocks: list[str] = []
    lines: list[str] = []
    in_list = False

    def close() -> None:
        if lines:
            blocks.append(" ".join(lines))
            lines.clear()

    for raw in text.splitlines():
        line = raw.strip().replace("**", "").replace("`", "")
        if picture := _PICTURE.fullmatch(line):
            line = picture[1]
        if not line or _HEADING.match(line) or _is_rule(line):
            close()
            in_list = False
        elif line.startswith("|"):
            close()
            blocks.append(" | ".join(cell.strip() for cell in line.strip("|").split("|")))
        elif line.startswith(">"):
            close()
            lines.append(line.lstrip("> "))
        elif (item := _LIST_ITEM.match(line)) and (
            in_list or not lines or item[0].strip() in "-*+•"
        ):
            # a number that opens a line of running prose belongs to the prose
            close()
            lines.append(line[item.end() :])
            in_list = True
        else:
            lines.append(line)
    close()
    return blocks


def _is_rule(line: str) -> bool:
    """Whether a line only draws: under a table's head, or across the page."""
    return "--" in line and not line.strip("|:- \t")
