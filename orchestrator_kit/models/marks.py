"""The marked blocks of a request: what the simulated reader sees as material, and as claims.

Knows the marks (`<section id="…">…</section>`), nothing of who wrote them or why.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from html import unescape

from orchestrator_kit.ranking import Index
from orchestrator_kit.text import sentences

Count = Callable[[str], int]
Passages = tuple[tuple[str, tuple[str, ...]], ...]

_BLOCK = re.compile(r"<(\w+)((?:\s+\w+=(?:\"[^\"]*\"|'[^']*'))*)>\s*(.*?)\s*</\1>", re.DOTALL)
_ATTRIBUTE = re.compile(r"(\w+)=(?:\"([^\"]*)\"|'([^']*)')")
_CLAIM = re.compile(r"^- (.*?)(?: \[([^\[\]]*)\])?$")


@dataclass(frozen=True, slots=True)
class Mark:
    """A marked block of a message."""

    tag: str
    id: str
    about: str
    text: str
    size: int
    sections: tuple[str, ...] = ()

    @property
    def carried(self) -> bool:
        """Whether this is what somebody found, and no document."""
        return self.tag != "section" and self.text.startswith("- ")

    @property
    def passages(self) -> Passages:
        """(statement, sources): claims carry their own, a document's prose rests on its block."""
        return _claims(self.text) if self.carried else _prose(self.id, self.text)

    @property
    def index(self) -> Index:
        return _claims_index(self.text) if self.carried else _prose_index(self.text)


@lru_cache(maxsize=16_384)
def _claims(text: str) -> Passages:
    found = [m for line in text.splitlines() if (m := _CLAIM.match(line))]
    return tuple((m[1], tuple(filter(None, (m[2] or "").split(", ")))) for m in found)


@lru_cache(maxsize=16_384)
def _prose(block: str, text: str) -> Passages:
    return tuple((s, (block,)) for s in sentences(text))


@lru_cache(maxsize=16_384)
def _claims_index(text: str) -> Index:
    return Index([claim for claim, _ in _claims(text)])


@lru_cache(maxsize=16_384)
def _prose_index(text: str) -> Index:
    return Index(sentences(text))


@lru_cache(maxsize=16_384)
def marks(content: str, count: Count) -> tuple[tuple[Mark, ...], str]:
    """The marked blocks of a message and the words outside of them."""
    found = []
    for m in _BLOCK.finditer(content):
        attributes = {a[1]: unescape(a[2] or a[3] or "") for a in _ATTRIBUTE.finditer(m[2])}
        about = attributes.get("title") or attributes.get("from") or attributes.get("name", "")
        named = tuple(filter(None, attributes.get("sections", "").split(", ")))
        found.append(Mark(m[1], attributes.get("id", ""), about, m[3], count(m[0]), named))
    return tuple(found), _BLOCK.sub(" ", content)
