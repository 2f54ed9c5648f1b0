"""The review as a form: a question and a list of answers for each item, and what is left below.

Each field is a list that a keyboard reaches and a screen reader names. Needs ipywidgets.
"""

from __future__ import annotations

import importlib.util
from html import escape
from typing import TYPE_CHECKING, Any

from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.errors import MissingExtra

if TYPE_CHECKING:
    from orchestrator_kit.questions.review import Review

if importlib.util.find_spec("ipywidgets") is None:  # pragma: no cover - in a process of its own
    raise MissingExtra(
        "the form needs ipywidgets; install it with: pip install 'orchestrator-kit[notebook]'"
    )

import ipywidgets  # type: ignore[import-untyped]

_CHOICES = (
    (N_("not rated yet"), None),
    (N_("I would have to look it up"), 0.0),
    (N_("I know what it is about"), 0.5),
    (N_("I could explain it, with an example"), 1.0),
)


class Form(ipywidgets.VBox):  # type: ignore[misc]
    """A field for each item of a review; what is chosen is rated at once."""

    def __init__(self, review: Review) -> None:
        self.review = review
        self.fields: dict[str, Any] = {}
        parts: list[Any] = []
        for chapter in review.chapters:
            parts.append(ipywidgets.HTML(f"<p><strong>{escape(chapter.heading)}</strong></p>"))
            for item in chapter.items:
                known = review.ratings.get(item.name)
                choices = [(_(said), value) for said, value in _CHOICES]
                if known not in [value for _said, value in choices]:
                    choices.append((f"{known:g}", known))  # rated in between, by a call
                field = ipywidgets.Dropdown(
                    options=choices,
                    value=known,
                    description=_(item.says),
                    tooltip=_(item.asks),
                    style={"description_width": "24em"},
                    layout=ipywidgets.Layout(width="46em", max_width="100%"),
                )
                field.observe(self._chosen(item.name), "value")
                self.fields[item.name] = field
                parts += [ipywidgets.HTML(f"<p>{escape(_(item.asks))}</p>"), field]
        self.list = ipywidgets.HTML()
        super().__init__(children=[*parts, self.list])
        self._tell()

    def __repr__(self) -> str:
        return _("A form with {n} fields, one for each item; it needs a running kernel.").format(
            n=len(self.fields)
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The form, and a line in its place for pages that cannot run it."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return bundle | {"text/plain": repr(self)}

    def _chosen(self, name: str) -> Any:
        def rate(change: dict[str, Any]) -> None:
            if change["new"] is None:
                self.review.ratings.pop(name, None)
            else:
                self.review.rate(name, change["new"])
            self._tell()

        return rate

    def _tell(self) -> None:
        shown = self.review.revisit()._repr_html_()
        self.list.value = f'<div role="status" aria-live="polite">{shown}</div>'
