"""SVG elements in the making, the palette, and the size of a row. Knows no records.

All text is escaped, and every picture says in words what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

# Okabe and Ito's palette, which colour-blind readers can tell apart; failures are hatched too.
COLOURS = {
    "orchestrator": "#0072B2",
    "worker": "#009E73",
    "synthesizer": "#E69F00",
    "peer": "#CC79A7",
}
OTHER = "#56B4E9"
FAILED = "#D55E00"
INPUT, OUTPUT = "#56B4E9", "#0072B2"
# Too pale to be told from white: a bar of it has an edge, a line of it a darker tone, which has a
# contrast of at least 3 to a white page and to a dark one.
DARKER = {"#E69F00": "#B27700", "#56B4E9": "#2D8FCB"}

LABEL = 150  # width of the names at the left
LANE = 24  # height of a row


class Canvas:
    """SVG elements in the making."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        words: str,
        anchor: str = "start",
        size: int = 12,
        fill: str = "currentColor",
        weight: str = "normal",
    ) -> None:
        if not words:
            return
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'font-weight="{weight}" fill="{fill}">{escape(words)}</text>'
        )

    def bar(
        self, x: float, y: float, w: float, h: float, fill: str, about: str, more: str = ""
    ) -> None:
        if fill in DARKER and "stroke=" not in more:
            more += ' stroke="currentColor" stroke-width="0.75"'
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(w, 0):.1f}" height="{h:.1f}" '
            f'fill="{fill}"{more}><title>{escape(about)}</title></rect>'
        )

    def line(
        self, points: Sequence[tuple[float, float]], stroke: str, width: float = 1, dash: str = ""
    ) -> None:
        stroke = DARKER.get(stroke, stroke)
        through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<polyline points="{through}" fill="none" stroke="{stroke}" '
            f'stroke-width="{width}"{dashed}/>'
        )

    def whisker(self, low: float, high: float, y: float, cap: float) -> None:
        """An interval as a line with a cap at each end; one without width is still seen."""
        ends = f"M{low:.1f} {y - cap:.1f}v{2 * cap:g}M{high:.1f} {y - cap:.1f}v{2 * cap:g}"
        self._parts.append(
            f'<path d="M{low:.1f} {y:.1f}H{high:.1f}{ends}" fill="none" stroke="currentColor" '
            'stroke-width="1.5"/>'
        )

    def dot(self, x: float, y: float, radius: float, fill: str, about: str) -> None:
        fill = DARKER.get(fill, fill)
        self._parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}">'
            f"<title>{escape(about)}</title></circle>"
        )

    def axis(self, x: float, y: float, scale: float, seconds: float) -> None:
        step = _step(seconds)
        tick = 0.0
        while tick <= seconds:
            at = x + tick * scale
            self._parts.append(
                f'<path d="M{at:.1f} {y:.1f}v5" stroke="currentColor" stroke-width="1"/>'
            )
            self.text(at, y + 18, f"{tick:g} s", "middle", 11)
            tick += step

    def legend(self, x: float, y: float, entries: Sequence[tuple[str, str]]) -> None:
        for name, colour in entries:
            self.bar(x, y, 12, 12, colour, name)
            self.text(x + 17, y + 11, name, size=11)
            x += 30 + 7 * len(name)

    def svg(self, width: float, height: float, title: str, words: str) -> str:
        hatch = (
            '<defs><pattern id="failed" width="6" height="6" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate(45)"><rect width="6" height="6" fill="{FAILED}"/>'
            '<path d="M0 0v6" stroke="#fff" stroke-width="2"/></pattern></defs>'
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
            f'width="{width:g}" height="{height:g}" role="img" font-family="sans-serif" '
            'style="max-width:100%">'
            f"<title>{escape(title)}</title><desc>{escape(words)}</desc>"
            f"{hatch}{''.join(self._parts)}</svg>"
        )


def document(svg: str, *more: str) -> str:
    """Pictures one above the other in a file of their own, on white."""
    parts, y, width = [], 0.0, 0.0
    for part in (svg, *more):
        w, h = (float(n) for n in part.split('viewBox="0 0 ', 1)[1].split('"', 1)[0].split())
        parts.append(part.replace("<svg ", f'<svg x="12" y="{y + 12:g}" ', 1))
        y, width = y + h + 24, max(width, w + 24)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {y:g}" '
        f'width="{width:g}" height="{y:g}" style="color:#1b1b1b;background:#fff">'
        f"{''.join(parts)}</svg>\n"
    )


def on(fill: str) -> str:
    """The colour of small letters on a bar of this colour."""
    return "#fff" if fill == COLOURS["orchestrator"] else "#000"


def fitting(name: str, width: float) -> str:
    """As much of a name as a bar can hold, at about six pixels a letter; nothing below four."""
    letters = int((width - 6) / 6)
    if letters >= len(name):
        return name
    return f"{name[: letters - 1]}…" if letters >= 4 else ""


def _step(seconds: float) -> float:
    """A round distance of ticks that gives about eight of them."""
    step = 1e-3
    for factor in (2, 2.5, 2) * 8:
        if seconds / step <= 8:
            break
        step *= factor
    return step
