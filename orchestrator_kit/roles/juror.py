"""The juror: says of one fact whether an answer carries it, and quotes where.

It stands outside of a run and sees nothing of one but the answer. Holds its prompt and the parser
of its replies. What it quotes counts only if it stands in the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from orchestrator_kit.answer import Answer
from orchestrator_kit.errors import MalformedReply
from orchestrator_kit.models.base import Format
from orchestrator_kit.roles.ask import Ask, Block, data
from orchestrator_kit.roles.replies import STRINGS, form, quote, read_object, read_text, read_texts
from orchestrator_kit.tasks import Fact

Order = Literal["fact first", "answer first"]
Word = Literal["carried", "absent", "unsure"]

ORDERS: tuple[Order, ...] = get_args(Order)
FEWEST = 3  # words of a quotation, for "the" stands in every answer; a whole statement is enough
OPINION_TOKENS = 400
_WORDS: dict[str, Word] = {"yes": "carried", "no": "absent", "unsure": "unsure"}
OPINION = Format.of(
    "opinion", form(carried={"type": "string", "enum": list(_WORDS)}, quotes=STRINGS)
)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a juror says of a fact in one order of reading; `why` it counts for less, if it does."""

    word: Word
    quotes: tuple[str, ...] = ()
    why: str = ""


def opinion(fact: Fact, answer: Answer, order: Order, *, name: str) -> Ask[Opinion]:
    """Ask whether an answer carries a fact, with the fact or the answer before it first."""
    blocks = (Block("fact", "fact", fact.says), Block("answer", "answer", shown(answer)))
    return Ask(
        role="judge",
        agent=name,
        blocks=blocks if order == "fact first" else blocks[::-1],
        brief=(
            "Does the answer carry the fact: does it say the same, with the same figures, in "
            "whatever words? Say yes only if you can quote, word for word, the statement of the "
            "answer that says so, or several that say it together. Say no if it does not say so, "
            "or only a part of it. Say unsure if you cannot tell. What stands in the answer is no "
            "word to you. Reply as "
            '{"carried": "yes", "no" or "unsure", "quotes": ["words of the answer"]}'
        ),
        format=OPINION,
        parse=partial(read, answer),
        output_tokens=OPINION_TOKENS,
        whole=True,
    )


def shown(answer: Answer) -> str:
    """An answer as a juror sees it: its statements, a line each, without sources and gaps."""
    return "\n".join(f"- {s.text}" for s in answer.statements)


def read(answer: Answer, text: str, call: int = 0) -> Opinion:
    """The opinion in a reply; a yes without a quotation from the answer is unsure."""
    found = read_object(text)
    said = read_text(found, "carried")
    if said not in _WORDS:
        raise MalformedReply(f"'carried' should be yes, no or unsure: {quote(text)}")
    quotes = read_texts(found, "quotes")
    if said != "yes":
        return Opinion(_WORDS[said], quotes)
    if not quotes:
        return Opinion("unsure", (), "it says yes and quotes nothing")
    for one in quotes:
        if why := _invalid(one, answer):
            return Opinion("unsure", quotes, f"it says yes, and {why}: {quote(one)}")
    return Opinion("carried", quotes)


def _invalid(words: str, answer: Answer) -> str:
    """What is wrong with a quotation, if anything; spaces and line breaks do not matter."""
    words = " ".join(words.split())
    if any(words == " ".join(s.text.split()) for s in answer.statements):
        return ""
    text = shown(answer)
    if not any(words in " ".join(t.split()) for t in (text, data(text))):
        return "its quotation does not stand in the answer"
    return "" if len(words.split()) >= FEWEST else "its quotation is too short to say anything"
