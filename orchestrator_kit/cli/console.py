"""What the commands print: tables, failures, and how the user called us."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from orchestrator_kit import tables
from orchestrator_kit.comparison import Comparison, Row

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
# Commands to a terminal, and marks that turn the order of letters: nothing for a text to say.
_COMMANDS = {*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_SHOWN = dict.fromkeys(_COMMANDS - {ord("\n"), ord("\t")}, "\N{REPLACEMENT CHARACTER}")


def show(text: object, on: Console = out) -> None:
    """Print a text of models, servers or users as the data that it is."""
    on.print(str(text).translate(_SHOWN), markup=False, soft_wrap=True)


def print_table(
    title: str | None,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: bool = False,
) -> None:
    """A table as plain text: rich would squeeze its columns on a narrow terminal."""
    if title:
        out.print(escape(title), style="bold", soft_wrap=True)
    head, *lines = tables.as_text(columns, rows, left=left).splitlines()
    out.print(head, style="dim", markup=False, soft_wrap=True)
    show("\n".join(lines))


def print_failures(rows: Sequence[Row]) -> None:
    """A line for each way in which calls of a pattern failed, and whose they were."""
    whose: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for failure in row.measures.failures:
            what = f"{failure['kind']}: {failure['message']}"
            whose.setdefault((row.pattern, what), []).append(str(failure["agent"]))
    for (pattern, what), agents in whose.items():
        show(f"  {pattern}: {', '.join(dict.fromkeys(agents))}: {what}")


def print_recovery(rows: Sequence[Row]) -> None:
    """What the remedies of each run took, where there were any."""
    columns = ["remedies", "step", "calls", "input", "output", "cost", "seconds"]
    lines = [
        [
            row.pattern,
            step,
            str(price.calls),
            f"{price.input_tokens:,}",
            f"{price.output_tokens:,}",
            tables.money(price.cost_usd),
            tables.seconds(price.seconds),
        ]
        for row in rows
        for step, price in row.measures.recovery.items()
    ]
    if lines:
        print_table(None, columns, lines)


def print_gaps(found: Comparison) -> None:
    """The gaps that each answer declares against those that there are, where there are any."""
    if any(g.exist or g.unfounded or g.lost for g in map(found.gaps, found.rows)):
        print_table(None, *tables.gaps(found))


def prefix() -> str:
    """How the user called us, so that the next command works when copied."""
    here = Path(sys.argv[0]).parent
    if "UV" in os.environ:
        return "uv run "
    on_path = str(here.resolve()) in os.environ.get("PATH", "").split(os.pathsep)
    return "" if on_path or not (here / "okit").exists() else f"{here}{os.sep}"
