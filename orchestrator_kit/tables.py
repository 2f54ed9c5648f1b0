"""Readings as tables: for the terminal, for a notebook cell, for a text. Everything is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator_kit.comparison import Comparison

Columns = list[str]
Rows = list[list[str]]

NONE = "-"  # a figure that does not exist is not a zero


def comparison(found: Comparison) -> tuple[Columns, Rows]:
    """One row a pattern: what it cost, how long it took, how good its answer is."""
    columns = [
        "pattern",
        "calls",
        "input",
        "output",
        "cost",
        "latency",
        "critical",
        "work",
        "tokens x",
        "recall",
        "grounded",
        "gaps",
    ]
    rows = []
    for row in found.rows:
        m, s = row.measures, row.score
        overhead = found.overhead(row)
        mark = "~" if m.estimated else ""
        rows.append(
            [
                row.pattern,
                str(m.calls),
                f"{mark}{m.input_tokens:,}",
                f"{mark}{m.output_tokens:,}",
                money(m.cost_usd),
                seconds(m.latency_s),
                seconds(m.critical_path_s),
                seconds(m.work_s),
                NONE if overhead is None else f"{overhead:.1f}",
                percent(s.recall),
                percent(s.groundedness),
                str(len(row.run.answer.gaps)) if row.run.status == "done" else row.run.status,
            ]
        )
    return columns, rows


def gaps(found: Comparison) -> tuple[Columns, Rows]:
    """One row a pattern: gaps declared against gaps that exist, and the gold facts not said.

    Of those facts: how many nobody could know, having read nothing of them; how many were read.
    """
    columns = ["gaps", "real", "declared", "undeclared", "unfounded", "facts unread", "unsaid"]
    rows = []
    for row in found.rows:
        g = found.gaps(row)
        counts = [len(g.exist), len(g.declared), len(g.undeclared), len(g.unfounded)]
        read = sum(f.read for f in g.lost)
        facts = [str(len(g.lost) - read), str(read)] if found.task.facts else [NONE, NONE]
        rows.append([row.pattern, *map(str, counts), *facts])
    return columns, rows


def money(usd: float | None) -> str:
    """US dollars to a hundredth of a cent; a model without a price has none."""
    return NONE if usd is None else f"${usd:.4f}"


def seconds(s: float | None) -> str:
    """Seconds with one decimal; where nobody can say there are none."""
    return NONE if s is None else f"{s:.1f} s"


def workers(n: int) -> str:
    """A number of workers in words."""
    return "1 worker" if n == 1 else f"{n} workers"


def percent(share: float | None) -> str:
    """A share as a whole percentage."""
    return NONE if share is None else f"{share:.0%}"


def reading(name: str, value: float | None) -> str:
    """A measure by its name in the contract for scripts; means of counts have no fractions."""
    forms = {"recall": percent, "groundedness": percent, "latency_s": seconds, "cost_usd": money}
    if name in forms:
        return forms[name](value)
    return NONE if value is None else f"{value:,.0f}"


def as_text(columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: bool = False) -> str:
    """A table in plain text, numbers to the right; words to the `left`."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    lines = []
    for row in (columns, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width in zip(row[1:], widths[1:], strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_html(columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: bool = False) -> str:
    """A table in HTML, every cell escaped, the first of a row its header unless it stands alone.

    Words go to the `left`; notebooks put cells to the right.
    """
    side = ' style="text-align:left"' if left else ""
    head = "".join(f'<th scope="col"{side}>{escape(c)}</th>' for c in columns)
    first = 'th scope="row"' if columns[1:] else "td"
    body = "".join(
        f'<tr><{first} style="text-align:left">{escape(row[0])}</{first[:2]}>'
        + "".join(f"<td{side}>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
