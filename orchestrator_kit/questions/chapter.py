"""A chapter of the checklist, and an item of it: what to know, and what to ask oneself about it."""

from __future__ import annotations

from dataclasses import dataclass

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
