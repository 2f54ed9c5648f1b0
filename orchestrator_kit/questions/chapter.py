"""A chapter of the checklist, and an item of it: what to know, and what to ask oneself about it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_kit.catalogue import _

Place = tuple[str, str]  # a notebook's stem, and a heading in it


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to know: a name for it, what it is, a question to put to oneself, where it is.

    `says` and `asks` are marked for the catalogue; `places` are where it is learned.
    """

    name: str
    says: str
    asks: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the checklist; `page` is its heading in docs/coverage.md, with its number."""

    title: str
    page: str
    items: tuple[Item, ...]

    @property
    def heading(self) -> str:
        """Its number and its title, in the learner's language."""
        number = self.page.removeprefix("Checklist ").split(":")[0]
        return f"{number}. {_(self.title)}"
