"""The rooms of the package and what each imports, read from the code.

    python docs/rooms.py            prints the picture
    python docs/rooms.py --write    puts it into docs/architecture.md

tests/test_architecture.py fails when the page and the code differ.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "orchestrator_kit"
PAGE = HERE / "architecture.md"
BEGIN, END = "<!-- rooms: drawn by docs/rooms.py -->\n", "<!-- /rooms -->"

# From the ground up: a room may import rooms of the storeys below its own, never beside or above.
STOREYS: tuple[tuple[str, ...], ...] = (
    ("errors", "text", "staff", "group", "catalogue"),
    ("ranking", "tasks", "plan", "answer", "clock", "recovery", "laws", "diary", "claims"),
    ("models", "loading", "predictions", "matching", "portfolio"),
    ("events", "roles", "purse", "submissions"),
    ("provenance", "agenda", "scoring", "caller", "status"),
    ("record", "remedies"),
    ("crew", "metrics", "difference", "playback", "gaps"),
    ("patterns", "scaling"),
    ("tables",),
    ("comparison", "picture", "verdicts", "recorded", "votes"),
    ("experiments", "svg", "cases"),
    ("estimates", "trials", "progress"),
    ("rematch", "grid", "figures", "widgets", "judge", "what_if"),
    ("sheet", "questions"),
    ("sweep", "checks"),
    ("exercises",),
    ("bundle",),
    ("cli",),
)


def imports() -> dict[str, set[str]]:
    """For each room, the rooms that its modules import while running (not for type checks)."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts == ("__init__",):
            continue  # the public face, which imports nothing until it is asked
        used = found.setdefault(parts[0], set())
        used |= _rooms(ast.parse(path.read_text("utf-8")), parts) - {parts[0]}
    return found


def _rooms(tree: ast.AST, parts: tuple[str, ...]) -> set[str]:
    """The first names under the package in the import statements of a tree."""
    rooms: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom):
            base = list(("orchestrator_kit", *parts)[: -node.level] if node.level else ())
            path = [*base, *(node.module.split(".") if node.module else [])]
            if path[:1] == ["orchestrator_kit"]:
                rooms |= {path[1]} if len(path) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            rooms |= {n[1] for n in names if n[0] == "orchestrator_kit" and len(n) > 1}
        rooms |= _rooms(node, parts)
    return rooms


def drawing() -> str:
    """The storeys and the imports between neighbours in Mermaid, and all imports as a table."""
    used = imports()
    lines = ["```mermaid", "flowchart BT"]
    for n, storey in enumerate(STOREYS):
        lines.append(f"  subgraph storey{n}[ ]")
        lines += [f"    {room}" for room in storey if room in used]
        lines.append("  end")
    drawn = {(room, other) for room in used for other in used[room]}
    for room, other in sorted(drawn):
        through = any((room, mid) in drawn and _reaches(mid, other, used) for mid in used[room])
        if not through:  # what is reached through a neighbour needs no arrow of its own
            lines.append(f"  {room} --> {other}")
    lines += ["```", "", "| room | imports |", "|---|---|"]
    for storey in reversed(STOREYS):
        for room in storey:
            if room in used:
                lines.append(f"| `{room}` | {', '.join(sorted(used[room])) or 'nothing'} |")
    return "\n".join(lines) + "\n"


def _reaches(room: str, goal: str, used: dict[str, set[str]]) -> bool:
    return goal in used[room] or any(_reaches(mid, goal, used) for mid in used[room])


def main() -> None:
    """Print the drawing, or put it between its marks in the page."""
    if "--write" not in sys.argv:
        print(drawing())
        return
    before, rest = PAGE.read_text("utf-8").split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(before + BEGIN + drawing() + END + after, "utf-8")


if __name__ == "__main__":
    main()
