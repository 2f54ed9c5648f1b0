"""A task: what is asked, of which documents, with which specialists.

Knows neither models nor files; `loading` reads tasks from disk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from orchestrator_kit.errors import TaskError, UnknownName

SECTION_WORDS = 400  # a longer stretch without a heading is divided at paragraphs
_HEADING = re.compile(r"^#{1,6}\s+(.*)")


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document that can be assigned and quoted; `id` is "document#number"."""

    id: str
    title: str
    text: str

    @property
    def words(self) -> int:
        return len(self.text.split())

    @property
    def opening(self) -> str:
        """The first words of the text, as an outline shows them."""
        head = self.text.split(maxsplit=25)
        return " ".join(head[:25]) + (" …" if len(head) > 25 else "")


@dataclass(frozen=True)
class Document:
    """A named text; `sections` follow its headings."""

    name: str
    text: str

    @property
    def stem(self) -> str:
        """The name without its ending and without what would disturb a list of ids."""
        return re.sub(r"[^\w.-]+", "-", Path(self.name).stem).strip("-") or "document"

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        return tuple(
            Section(f"{self.stem}#{n}", title, text)
            for n, (title, text) in enumerate(_split(self.text, self.stem), 1)
        )

    def __repr__(self) -> str:
        return f"Document({self.name!r}, {len(self.text.split()):,} words)"


@dataclass(frozen=True, slots=True)
class Specialist:
    """A worker's expertise; `model` names a model of its own, None the run's."""

    name: str
    expertise: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a good answer says.

    Every phrase of `match` must stand in the answer; a phrase may list alternatives with "|".
    """

    says: str
    match: tuple[str, ...]
    specialist: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "match", tuple(self.match))  # a list will do


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two statements of the documents that cannot both hold; `match` has a phrase of each."""

    says: str
    match: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Injection:
    """An instruction that somebody hid in a document, which nobody is to obey.

    `passage` is what stands there, word for word. All phrases of `match` stand in one statement of
    an answer that obeyed; quoting the passage is not obeying it.
    """

    says: str
    passage: str
    match: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "match", tuple(self.match))  # a list will do


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may spend and say; None is no limit.

    `tokens` bounds input and output of all calls together, `usd` their price, `seconds` the run's
    time. `answer_tokens` bounds the answer of every pattern alike, so that none scores by saying
    more; `report_tokens` bounds a worker's.
    """

    tokens: int | None = None
    answer_tokens: int = 2_400
    report_tokens: int = 800
    usd: float | None = None
    seconds: float | None = None


GENERALIST = Specialist("generalist", "Reads everything and answers what was asked.")

# Who works on a prompt with files, for which nobody named specialists.
DEFAULT_ROSTER = (
    Specialist(
        "fact finder", "Collects what happened: events, names, dates, numbers, amounts and places."
    ),
    Specialist(
        "rules analyst",
        "Looks for laws, articles, obligations, requirements, standards, conditions and duties.",
    ),
    Specialist(
        "cause analyst",
        "Explains why: reasons, causes, failures, weaknesses, methods, measures and evidence.",
    ),
    Specialist(
        "consequence analyst",
        "Weighs effects: risks, harm, costs, penalties, benefits, results and recommendations.",
    ),
)


@dataclass(frozen=True)
class Task:
    """What is asked, of which documents, by whom, and within which budget."""

    prompt: str
    documents: tuple[Document, ...] = ()
    specialists: tuple[Specialist, ...] = DEFAULT_ROSTER
    facts: tuple[Fact, ...] = ()
    budget: Budget = field(default_factory=Budget)
    title: str = ""
    contradictions: tuple[Contradiction, ...] = ()
    injections: tuple[Injection, ...] = ()

    def __post_init__(self) -> None:
        for name in ("documents", "specialists", "facts", "contradictions", "injections"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # a list will do
        if not self.prompt.strip():
            raise TaskError("the prompt is empty; say what the answer should be about")
        if not self.specialists:
            raise TaskError("the roster is empty; name at least one specialist")
        for what, names in (
            ("specialist", [s.name for s in self.specialists]),
            ("document", [d.stem for d in self.documents]),
        ):
            for name in names:
                if not name.strip():
                    raise TaskError(f"a {what} has no name; give it one")
                if names.count(name) > 1:
                    raise TaskError(f"two {what}s are called {name!r}; rename one of them")

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The sections of all documents, in order."""
        return tuple(s for d in self.documents for s in d.sections)

    @cached_property
    def section_by_id(self) -> dict[str, Section]:
        return {s.id: s for s in self.sections}

    def specialist(self, name: str) -> Specialist:
        """The specialist of that name; UnknownName lists who there is."""
        for s in self.specialists:
            if s.name == name:
                return s
        raise UnknownName.among("specialist", name, [s.name for s in self.specialists])

    def __hash__(self) -> int:  # in keeping with equality, without reading all documents
        return hash((self.prompt, self.title, self.budget, len(self.documents)))

    def __repr__(self) -> str:
        return (
            f"Task({self.title or self.prompt[:40]!r}, {len(self.documents)} documents, "
            f"{len(self.specialists)} specialists, {len(self.facts)} facts)"
        )


def _split(text: str, stem: str) -> list[tuple[str, str]]:
    """(title, text) of the stretches between headings, long ones divided at paragraphs."""
    parts: list[tuple[str, list[str]]] = [(stem, [])]
    for line in text.splitlines():
        if heading := _HEADING.match(line.strip()):
            parts.append((heading[1].strip(), []))
        else:
            parts[-1][1].append(line)
    found = []
    for title, lines in parts:
        for piece in _pieces("\n".join(lines).strip()):
            found.append((title, piece))
    return found or [(stem, text.strip())]


def _pieces(text: str) -> list[str]:
    """A text in stretches of at most SECTION_WORDS where its paragraphs allow."""
    pieces: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        for part in _portions(paragraph):
            joined = f"{pieces[-1]}\n\n{part}" if pieces else part
            if pieces and len(joined.split()) <= SECTION_WORDS:
                pieces[-1] = joined
            elif part.strip():
                pieces.append(part)
    return pieces


def _portions(paragraph: str) -> list[str]:
    """A paragraph, or packs of its lines (or words) where it is longer than a section."""
    if len(paragraph.split()) <= SECTION_WORDS:
        return [paragraph]
    lines = paragraph.splitlines()  # a PDF's page is one paragraph of many lines
    if any(len(line.split()) > SECTION_WORDS for line in lines):
        sep, parts = " ", paragraph.split()
    else:
        sep, parts = "\n", lines
    packs: list[list[str]] = [[]]
    size = 0
    for part in parts:
        size += len(part.split())
        if size > SECTION_WORDS and packs[-1]:
            packs.append([])
            size = len(part.split())
        packs[-1].append(part)
    return [sep.join(pack) for pack in packs]
