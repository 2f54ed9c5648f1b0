"""Tables in Markdown, and the page of results that commands write between marks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from orchestrator_kit.tables import Columns, Rows

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
END = "<!-- /tables -->"


def markdown(columns: Columns, rows: Rows) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def parser(description: str) -> argparse.ArgumentParser:
    """A parser that knows --write."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--write", action="store_true", help="put the tables into docs/results.md")
    return made


def show(maker: str, sections: Iterable[str], *, write: bool, page: Path = PAGE) -> None:
    """Print sections as they are made, or put them all between the marks of their maker.

    Nothing is written unless all of them could be made.
    """
    if not write:
        for section in sections:
            print(section, flush=True)
        return
    begin = f"<!-- tables: made by benchmarks/{maker} -->\n"
    before, found, rest = page.read_text("utf-8").partition(begin)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        sys.exit(f"{page}: lacks the marks {begin.strip()} and {END}")
    text = "\n".join(sections)
    page.write_text(f"{before}{begin}\n{text}\n{END}{after}", "utf-8")
