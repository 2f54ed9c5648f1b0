"""The review: going through the checklist by one's own judgement, to a list of what to revisit.

Nobody checks these ratings and they earn nothing; they are noted in the learner's diary alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from orchestrator_kit import diary, tables
from orchestrator_kit.catalogue import _, ngettext
from orchestrator_kit.errors import UnknownName, UsageError
from orchestrator_kit.portfolio import UNSURE
from orchestrator_kit.questions.chapter import Chapter, Item, Place
from orchestrator_kit.questions.checklist import CHECKLIST

if TYPE_CHECKING:
    from orchestrator_kit.questions.form import Form

NOTEBOOKS = "../notebooks"  # where they lie, seen from an exercise


class Review:
    """A learner's ratings of the items, from 0 (no idea) to 1 (could explain it)."""

    def __init__(self, chapters: tuple[Chapter, ...] = CHECKLIST) -> None:
        self.chapters = chapters
        self.items: dict[str, Item] = {i.name: i for c in chapters for i in c.items}
        self.ratings: dict[str, float] = {}

    def rate(self, name: str | None = None, sure: float = 0.0, /, **more: float) -> Review:
        """Rate an item, `rate("planner", 0.5)`, or several, `rate(planner=0.5, reporter=1)`.

        In a name of several words a hyphen may be an underscore. Rated again, the later counts.
        """
        given = ({} if name is None else {name: sure}) | more
        rated: dict[str, float] = {}
        for said, value in given.items():
            key = said if said in self.items else said.replace("_", "-")
            if key not in self.items:
                raise UnknownName.among("item", said, self.items)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise UsageError(
                    _("{name} is rated {value}; a rating goes from 0 to 1").format(
                        name=key, value=value
                    )
                )
            rated[key] = float(value)
        for key, value in rated.items():
            self.ratings[key] = value
            diary.note("review", {"item": key, "sure": value})
        return self

    @property
    def left(self) -> tuple[Item, ...]:
        """The items that are not rated yet."""
        return tuple(i for i in self.items.values() if i.name not in self.ratings)

    def form(self) -> Form:
        """The same as a form in a notebook; MissingExtra without ipywidgets."""
        from orchestrator_kit.questions.form import Form

        return Form(self)

    def revisit(self) -> Revisit:
        """What to look at again: the rated items that are not sure enough, the shakiest first."""
        shaky = [i for i in self.items.values() if self.ratings.get(i.name, 1) < UNSURE]
        shaky.sort(key=lambda i: self.ratings[i.name])  # equals stay in the checklist's order
        return Revisit(tuple((i, self.ratings[i.name]) for i in shaky), self.left)

    @property
    def _says(self) -> str:
        n = len(self.left)
        if not n:
            return _("Everything is rated. For the list of what to revisit: {call}").format(
                call="mine.revisit()"
            )
        message = ngettext(
            "{n} item is not rated yet. Answer its question for yourself, then: {call}",
            "{n} items are not rated yet. Answer each question for yourself, then: {call}",
            n,
        )
        return message.format(n=n, call=f'mine.rate("{self.left[0].name}", 0.5)')

    def _rows(self, chapter: Chapter) -> Iterator[list[str]]:
        for i in chapter.items:
            value = self.ratings.get(i.name)
            yield [i.name, _(i.says), _(i.asks), tables.NONE if value is None else f"{value:g}"]

    @property
    def _columns(self) -> list[str]:
        return [_("name"), _("item"), _("ask yourself"), _("you")]

    def __str__(self) -> str:
        parts = [
            f"{c.heading}\n{tables.as_text(self._columns, list(self._rows(c)), left=True)}"
            for c in self.chapters
        ]
        return "\n\n".join([*parts, self._says])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [
            f"<p><strong>{escape(c.heading)}</strong></p>"
            + tables.as_html(self._columns, list(self._rows(c)), left=True)
            for c in self.chapters
        ]
        return "".join(parts) + f'<p role="status">{escape(self._says)}</p>'


@dataclass(frozen=True)
class Revisit:
    """The items to look at again, each with its rating and where it is learned."""

    items: tuple[tuple[Item, float], ...]
    left: tuple[Item, ...] = ()

    @property
    def _head(self) -> str:
        n = len(self.items)
        if not n:
            return _("Nothing that you rated needs a second look, by your own judgement.")
        message = ngettext(
            "{n} item to look at again:",
            "{n} items to look at again, the shakiest first:",
            n,
        )
        return message.format(n=n)

    @property
    def _foot(self) -> str:
        n = len(self.left)
        if not n:
            return ""
        message = ngettext(
            "{n} item is not rated yet: {names}.", "{n} items are not rated yet: {names}.", n
        )
        return message.format(n=n, names=", ".join(i.name for i in self.left))

    def __str__(self) -> str:
        lines = [self._head] if self.items or not self.left else []
        for item, sure in self.items:
            lines.append(f"- {_(item.says)} ({sure:g}): {_(item.asks)}")
            lines += [f"    {notebook}, “{heading}”" for notebook, heading in item.places]
        return "\n".join(filter(None, [*lines, self._foot]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<li><strong>{escape(_(item.says))}</strong> ({sure:g}): {escape(_(item.asks))}<br>"
            + "; ".join(map(_link, item.places))
            + "</li>"
            for item, sure in self.items
        )
        head = f"<p>{escape(self._head)}</p>" if self.items or not self.left else ""
        foot = f"<p>{escape(self._foot)}</p>" if self._foot else ""
        return head + (f"<ol>{rows}</ol>" if rows else "") + foot


def review() -> Review:
    """The checklist, to go through by your own judgement."""
    return Review()


def _link(place: Place) -> str:
    """A link to a heading as JupyterLab anchors it: the heading with hyphens for spaces."""
    notebook, heading = place
    anchor = quote(heading.replace("`", "").replace(" ", "-"), safe="-:,?()'")
    text = f"{notebook}, {heading.replace('`', '')}"
    return f'<a href="{NOTEBOOKS}/{notebook}.ipynb#{anchor}">{escape(text)}</a>'
