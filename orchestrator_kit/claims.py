"""Published claims, with their source and how sure of them we are. Knows no runs.

Whatever text or notebook quotes a published number takes it from here. The kit tests the *shape* of
a claim on its own engine (benchmarks/claims.py); it never says that it reproduced a paper.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from orchestrator_kit.errors import UnknownName, UsageError

Sureness = Literal["paper read", "secondary", "memory"]
_FILE = Path(__file__).with_suffix(".toml")
_LISTS = ("numbers", "names")
NOT_QUOTED = "(from memory: not quoted)"


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that was published; a work has an entry for each sureness that its figures have.

    `source` is what a text cites: an arXiv id, or authors or venue and year. `version` says which
    version the figures are of, `setting` where they were measured. `numbers` are the figures as
    printed. `sure`: its own abstract or page was read, others cite it so, or from memory; what is
    from memory has no numbers, so that none can be quoted. `names` are those by which texts call
    the work.
    """

    id: str
    work: str
    source: str
    version: str
    claim: str
    setting: str
    numbers: tuple[str, ...]
    sure: Sureness
    names: tuple[str, ...] = ()

    @property
    def figures(self) -> str:
        """The numbers as one text; that there are none to quote where it is from memory."""
        return NOT_QUOTED if self.sure == "memory" else ", ".join(self.numbers)

    def __str__(self) -> str:
        """The claim with its figures, source and sureness: a text to print in a notebook."""
        told = f" {self.figures}." if self.figures else ""
        return (
            f"{self.claim}{told} [{self.work}; {self.source}; version: {self.version}; "
            f"setting: {self.setting}; how sure: {self.sure}]"
        )


def claims(path: str | Path | None = None) -> tuple[Claim, ...]:
    """All claims of the kit's own file, or of another one of the same form.

    A file that cannot be read and an entry that is broken are a UsageError of one line.
    """
    return _read(Path(path) if path is not None else _FILE)


def claim_named(name: str) -> Claim:
    """The claim of that id; UnknownName lists them."""
    known = {c.id: c for c in claims()}
    if name not in known:
        raise UnknownName.among("claim", name, known)
    return known[name]


def table(found: Sequence[Claim]) -> tuple[list[str], list[list[str]]]:
    """Columns and rows, one a claim."""
    columns = ["id", "work", "source", "version", "claim", "setting", "numbers", "how sure"]
    return columns, [
        [c.id, c.work, c.source, c.version, c.claim, c.setting, c.figures or "-", c.sure]
        for c in found
    ]


def markdown(found: Sequence[Claim]) -> str:
    """The table in Markdown, a line for each claim."""
    head, rows = table(found)
    lines = [head, ["---"] * len(head), *([c.replace("|", "\\|") for c in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_json(found: Sequence[Claim]) -> str:
    """The claims as a JSON list of objects; the same claims give the same bytes."""
    return json.dumps([asdict(c) for c in found], ensure_ascii=False, indent=2) + "\n"


@lru_cache(maxsize=16)
def _parsed(name: str, text: str) -> tuple[Claim, ...]:
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise UsageError(f"{name}: is not valid TOML ({e})") from None
    rows = tables.get("claims")
    if set(tables) != {"claims"} or not isinstance(rows, list) or not rows:
        raise UsageError(f"{name}: must hold [[claims]], and nothing else")
    found: dict[str, Claim] = {}
    for n, row in enumerate(rows, 1):
        claim = _entry(f"{name}: claim {n}", row)
        if claim.id in found:
            raise UsageError(f"{name}: claim {n}: the id {claim.id!r} is used twice")
        found[claim.id] = claim
    return tuple(found.values())


def _read(path: Path) -> tuple[Claim, ...]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError) as e:  # ValueError: no UTF-8, or a name that no file can have
        reason = e.strerror if isinstance(e, OSError) else e
        raise UsageError(f"{path}: cannot be read ({reason})") from None
    return _parsed(path.name, text)


def _entry(where: str, row: Any) -> Claim:
    """One entry as a claim, if nothing is wrong with it."""
    if not isinstance(row, dict):
        raise UsageError(f"{where} must be a table of keys and values")
    if isinstance(row.get("id"), str) and row["id"].strip():
        where = f"{where} ({' '.join(row['id'].split())[:40]})"
    known = [f.name for f in fields(Claim)]
    for key in row:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}; known are {', '.join(known)}")
    for key in known:
        if key not in row:
            if key == "names":
                continue
            raise UsageError(f"{where}: lacks the key {key!r}")
        if key in _LISTS:
            if not isinstance(row[key], list) or not all(map(_is_line, row[key])):
                raise UsageError(f"{where}: {key!r} must be a list of texts of one line")
        elif not _is_line(row[key]):
            raise UsageError(f"{where}: {key!r} must be a text of one line, and not empty")
    if row["sure"] not in get_args(Sureness):
        wanted = ", ".join(get_args(Sureness))
        raise UsageError(f"{where}: sure is {row['sure']!r}; it is one of {wanted}")
    if row["sure"] == "memory" and row["numbers"]:
        raise UsageError(f"{where}: is from memory, so it has no numbers that could be quoted")
    for number in row["numbers"]:
        if not any(c.isdigit() for c in number):
            raise UsageError(f"{where}: {number!r} under 'numbers' has no figure in it")
    names = row.get("names", [row["work"]])
    return Claim(**row | {"numbers": tuple(row["numbers"]), "names": tuple(names)})


def _is_line(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()
