"""What every figure is drawn on: pictures that know their words and their table, and files of them.

A picture is an opaque white card with dark ink, which is read on a light page and on a dark one.
Knows nothing of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any
from warnings import catch_warnings, filterwarnings
from weakref import WeakKeyDictionary

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from orchestrator_kit import tables
from orchestrator_kit.errors import UsageError
from orchestrator_kit.record import write_atomic
from orchestrator_kit.text import one_line

FORMATS = (".png", ".pdf", ".svg")
INK = "#1b1b1b"
EDGE = "#6b6b6b"  # around what is pale, so that it is seen on white
TWIN = "This picture in words and as a table"
TWIN_CALL = "figures.table(...) gives this picture as a table"
LANE = 0.34  # inches of height for a lane or a bar
_LETTER, _KEY = 0.068, 0.5  # inches that a letter of a legend takes, and what stands before it
# Dates and versions of software are left out, so that the same run gives the same bytes.
_NO_DATES: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".svg": {"Date": None, "Creator": None},
}


@dataclass(frozen=True)
class Table:
    """The figures of a picture as a table; `more` are those of the pictures beside it."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    more: tuple[Table, ...] = ()

    def __str__(self) -> str:
        parts = (self, *self.more)
        return "\n\n".join(tables.as_text(t.columns, t.rows) for t in parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "\n".join(tables.as_html(t.columns, t.rows) for t in (self, *self.more))


@dataclass(frozen=True, slots=True)
class _Shown:
    """What an Axes shows: in words, and as a table."""

    alt: str
    table: Table


# Beside the Axes, for they may be anybody's; gone with them.
_SHOWN: WeakKeyDictionary[Axes, _Shown] = WeakKeyDictionary()


class Picture(Figure):
    """A figure that knows in words what it shows; a notebook displays both, and its table."""

    alt: str = ""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """A sharp PNG with its alternative text, which is also the plain text."""
        width = round(self.get_figwidth() * 96)
        about = {"alt": self.alt, "width": width}
        return {"image/png": as_bytes(self, ".png", 144), "text/plain": self.alt}, {
            "image/png": about
        }

    def _ipython_display_(self) -> None:
        """The picture, and below it what it shows, folded: for no page shows the stored words."""
        from IPython.display import display  # a notebook calls this, so it is there

        data, about = self._repr_mimebundle_()
        display(data, metadata=about, raw=True)  # type: ignore[no-untyped-call]
        if any(ax in _SHOWN for ax in self.axes):
            twin = table(self)
            words = f"<p>{escape(self.alt)}</p>\n{twin._repr_html_()}"
            folded = f"<details><summary>{TWIN}</summary>\n{words}</details>"
            both = {"text/html": folded, "text/plain": TWIN_CALL}
            display(both, raw=True)  # type: ignore[no-untyped-call]


class Chart(Axes):
    """An Axes that a notebook shows as the picture that it belongs to."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        figure = self.get_figure(root=True)
        return figure._repr_mimebundle_() if isinstance(figure, Picture) else {}

    def _ipython_display_(self) -> None:
        figure = self.get_figure(root=True)
        if isinstance(figure, Picture):
            figure._ipython_display_()


def new_axes(width: float, height: float) -> Axes:
    """Axes on a picture of their own, of that many inches."""
    return Picture(figsize=(width, height), layout="constrained").add_subplot(axes_class=Chart)


def panels(n: int, *, width: float = 4.6, height: float = 3.4) -> list[Axes]:
    """Axes side by side on one picture, each of so many inches; its words are those of all."""
    if not 1 <= n <= 12:
        raise UsageError(f"{n} panels cannot be had beside each other; 1 to 12 can")
    figure = Picture(figsize=(n * width, height), layout="constrained")
    return [figure.add_subplot(1, n, i, axes_class=Chart) for i in range(1, n + 1)]


def describe(ax: Axes, alt: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Axes:
    """Give Axes their words and their table, and their picture the words of all its Axes."""
    _SHOWN[ax] = _Shown(alt, Table(tuple(columns), tuple(map(tuple, rows))))
    figure = ax.get_figure(root=True)
    if isinstance(figure, Picture):
        figure.alt = " ".join(_SHOWN[a].alt for a in figure.axes if a in _SHOWN)
    return ax


def words_of(shown: Axes | Figure) -> str:
    """The words of Axes or of a figure."""
    if isinstance(shown, Picture):
        return shown.alt
    return " ".join(found.alt for found in _found(shown))


def table(shown: Axes | Figure) -> Table:
    """The figures that Axes or a whole picture show, as a table; UsageError for any other."""
    if not isinstance(shown, Axes | Figure):
        raise UsageError(
            f"no table is known of a {type(shown).__name__}; give what a function of figures gave"
        )
    first, *others = (found.table for found in _found(shown))
    return Table(first.columns, first.rows, tuple(others))


def _found(shown: Axes | Figure) -> list[_Shown]:
    drawn = shown.axes if isinstance(shown, Figure) else [shown]
    found = [_SHOWN[ax] for ax in drawn if ax in _SHOWN]
    if not found:
        raise UsageError("none of the functions of figures has drawn on this")
    return found


def save(figure: Figure | Axes, path: str | Path) -> Path:
    """Write a figure as .png, .pdf or .svg, all or nothing; the same run gives the same bytes.

    UsageError for another ending, RecordError where the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise UsageError(f"{path}: a picture's file ends in {', '.join(FORMATS)}")
    whole = figure.get_figure(root=True) if isinstance(figure, Axes) else figure
    assert isinstance(whole, Figure)  # Axes without a figure cannot be made
    return write_atomic(path, as_bytes(whole, path.suffix, 150))


def as_bytes(figure: Figure, suffix: str, dpi: int) -> bytes:
    """A figure as a file of that ending holds it."""
    metadata = dict(_NO_DATES[suffix])
    if suffix == ".svg":
        metadata |= {"Title": "orchestrator-kit", "Description": getattr(figure, "alt", "")}
    buffer = BytesIO()
    with (
        matplotlib.rc_context({"svg.hashsalt": "orchestrator-kit", "svg.fonttype": "none"}),
        catch_warnings(),
    ):
        # A letter that the font lacks is drawn as a box; words and table have it.
        filterwarnings("ignore", message=r"Glyph \d+ .*missing from font")
        small: dict[str, Any] = {"pil_kwargs": {"compress_level": 9}} if suffix == ".png" else {}
        figure.savefig(buffer, format=suffix[1:], dpi=dpi, metadata=metadata, **small)
    return buffer.getvalue()


def legend_below(ax: Axes, handles: Sequence[Artist] | None = None, *, gap: float = 0.46) -> None:
    """A legend under the axis, `gap` inches below it, in as many columns as there is room for.

    So it is never in the way of a title or of what is drawn.
    """
    if handles is None:
        handles, _ = ax.get_legend_handles_labels()
    if not handles:
        return
    figure = ax.get_figure(root=True)
    assert isinstance(figure, Figure)
    room = figure.get_figwidth() * ax.get_position().width
    widest = max(len(str(h.get_label())) for h in handles) * _LETTER + _KEY
    at = ax.transAxes + ScaledTranslation(0, -gap, figure.dpi_scale_trans)
    ax.legend(
        handles=list(handles),
        ncols=max(1, min(len(handles), int(room / widest))),
        loc="upper left",
        bbox_to_anchor=(0.0, 0.0),
        bbox_transform=at,
        frameon=False,
        fontsize=8,
        borderaxespad=0.0,
        handlelength=1.8,
        columnspacing=1.2,
        labelcolor=INK,
    )


def titled(ax: Axes, title: str) -> None:
    """A title at the left, as the text is."""
    ax.set_title(literal(title), loc="left", fontsize=10.5, color=INK)


def plain(ax: Axes) -> Axes:
    """Axes without a frame, their words in one size."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8.5)
    ax.xaxis.label.set_fontsize(8.5)
    ax.yaxis.label.set_fontsize(8.5)
    return ax


def literal(text: str) -> str:
    """A text as it is, line by line: a dollar sign would begin a formula."""
    return "\n".join(map(one_line, text.split("\n"))).replace("$", r"\$")


def short(text: str, letters: int) -> str:
    """A text of at most so many letters."""
    clean = one_line(text)
    return clean if len(clean) <= letters else f"{clean[: max(letters - 1, 0)]}…"
