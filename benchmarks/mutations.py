"""What the checks let pass: each solution, changed in one place, is held against its own check.

    python benchmarks/mutations.py                      36 changes of each solution, by seed
    python benchmarks/mutations.py --sample 1000        all of them
    python benchmarks/mutations.py --only plan-1 --show what passed although it was changed
    python benchmarks/mutations.py --write              puts the table into docs/teaching.md

The changes are those of cosmic-ray (a comparison, a number off by one, `and` for `or`, a loop that
never runs, ...), and three of our own: an await dropped, a statement dropped, a condition ignored.
Some change nothing that anybody could see; nobody sorts those out, so no share can be whole. Where
readings, settings or words are handed over and no code, other ones may be right, and none is tried.
Ends with 1 where fewer than 90 of 100 changes of an exercise's solution are refused.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import io
import os
import re
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import page
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.provider import OperatorProvider

from orchestrator_kit import exercises
from orchestrator_kit.checks import Exercise
from orchestrator_kit.checks import exercises as every_exercise

ROOT = Path(__file__).parents[1]
LEAST = 0.9
SECONDS = 20  # a change that takes longer hangs, and is refused by anybody's patience
SEED = 0
_BEGIN, _END = "### BEGIN SOLUTION", "### END SOLUTION"
_LEFT_OUT = ("Variable", "NoOp", "RemoveDecorator", "ExceptionReplacer")


class DropAwait(Operator):  # type: ignore[misc]
    """`await f(x)` becomes `f(x)`: a coroutine that nobody runs."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """Every await."""
        if node.type == "atom_expr" and node.children[0].type == "keyword":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """The expression without its await."""
        node.children[0].value = ""
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """None; the benchmark shows what it does."""
        return ()


class DropStatement(DropAwait):
    """A simple statement becomes `pass`."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """Every simple statement but the words about a function."""
        if node.type == "simple_stmt" and node.children[0].type != "string":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """`pass`, on lines of its own."""
        import parso

        first = node.get_first_leaf()
        line: Any = parso.parse("pass\n").children[0]  # type: ignore[no-untyped-call]
        line.get_first_leaf().prefix = first.prefix
        return line


class IgnoreCondition(DropAwait):
    """`if needed:` becomes `if True:`; `while` stays, for it would only hang."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """Every condition of an if or elif."""
        if node.type == "if_stmt":
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """The statement with True for its condition."""
        import parso

        held: Any = parso.parse("True").children[0]  # type: ignore[no-untyped-call]
        held.prefix = " "
        node.children[1] = held
        return node


@dataclass(frozen=True, slots=True)
class Subject:
    """An exercise, its solution's cell, the cells before it and the call of its check."""

    exercise: str
    before: tuple[str, ...]
    solution: str
    between: tuple[str, ...]
    call: str


@dataclass(frozen=True, slots=True)
class Change:
    """One changed solution, and what the check said: refused or not."""

    kind: str
    code: str
    refused: bool = False


def subject(e: Exercise) -> Subject:
    """An exercise as its solution notebook has it."""
    notebook = exercises.read(ROOT / "solutions" / f"{e.notebook}.ipynb")
    code = {c["id"]: exercises.source(c) for c in notebook["cells"] if c["cell_type"] == "code"}
    ids = list(code)
    at, call = ids.index(e.name), ids.index(f"{e.name}-check")
    texts = list(code.values())
    between = tuple(t for t in texts[at + 1 : call] if _BEGIN in t)
    return Subject(e.name, tuple(texts[:at]), texts[at], between, texts[call])


def changes(solution: str, sample: int) -> list[Change]:
    """Changes of a solution, evenly over their kinds, the same for the same seed."""
    kinds: dict[str, list[Change]] = defaultdict(list)
    inside = solution.index(_BEGIN), solution.index(_END)
    for kind, operator in _operators():
        for occurrence in range(10_000):
            code = mutate_code(solution, operator(), occurrence)
            if code is None:
                break
            kept = code.startswith(solution[: inside[0]]) and code.endswith(solution[inside[1] :])
            if kept and code != solution and _compiles(code):
                kinds[kind].append(Change(kind, code))
    rng = Random(SEED)
    for found in kinds.values():
        rng.shuffle(found)
    chosen: dict[str, Change] = {}
    while any(kinds.values()) and len(chosen) < sample:
        for found in kinds.values():
            if found:
                change = found.pop()
                chosen.setdefault(change.code, change)
    return list(chosen.values())[:sample]


def tried(name: str, sample: int) -> list[Change]:
    """Every change of an exercise's solution, with what its check says."""
    os.environ |= {"OKIT_DIARY": "off", "OKIT_LANG": "en", "MPLBACKEND": "Agg"}
    s = subject(every_exercise()[name])
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        names: dict[str, Any] = {"__name__": "__main__", "display": lambda *a: None}
        for cell in s.before:
            exec(compile(cell, "<cell>", "exec"), names)
        if _refused(s, s.solution, names):
            raise SystemExit(f"{name}: its own solution is refused")
        return [
            Change(c.kind, c.code, _refused(s, c.code, names)) for c in changes(s.solution, sample)
        ]


def _refused(s: Subject, code: str, names: dict[str, Any]) -> bool:
    """Whether the check says no, or the change does not even run."""
    names = dict(names)
    signal.signal(signal.SIGALRM, _hangs)
    signal.alarm(SECONDS)
    try:
        for cell in (code, *s.between):
            exec(compile(cell, "<changed>", "exec"), names)
        return not eval(compile(s.call.strip(), "<check>", "eval"), names)
    except Exception:
        return True
    finally:
        signal.alarm(0)


def _hangs(*_: object) -> None:
    raise TimeoutError


def _operators() -> list[tuple[str, Any]]:
    provider = OperatorProvider()
    found = []
    for name in provider:
        if not any(word in name for word in _LEFT_OUT):
            kind = re.split(r"_|(?<=[a-z])Operator", name)[0]
            found.append((kind, provider[name]))
    ours = (DropAwait, DropStatement, IgnoreCondition)
    return [*((o.__name__, o) for o in ours), *found]


def _compiles(code: str) -> bool:
    try:
        compile(code, "<changed>", "exec")
    except SyntaxError:
        return False
    return True


def _shown(solution: str, change: Change) -> str:
    """The lines in which a change differs."""
    lines = difflib.ndiff(solution.splitlines(), change.code.splitlines())
    differing = [f"{line[0]} {line[1:].strip()}" for line in lines if line[0] in "+-"]
    return f"  passes, {change.kind}: {'   '.join(differing)}"


def main() -> int:
    """Try all, print a table, and say with the exit code whether enough were refused."""
    parser = page.parser(__doc__ or "")
    parser.add_argument("--sample", type=int, default=36, help="changes of each solution")
    parser.add_argument("--only", nargs="*", default=[], help="exercises")
    parser.add_argument("--show", action="store_true", help="print what passed")
    asked = parser.parse_args()
    known = every_exercise()
    chosen = [known[name] for name in asked.only or known if _is_code(known[name])]
    rows, weak, all_tried, all_refused = [], [], 0, 0
    with ProcessPoolExecutor(2) as pool:
        results = pool.map(tried, [e.name for e in chosen], [asked.sample] * len(chosen))
        for e, found in zip(chosen, results, strict=True):
            refused = sum(change.refused for change in found)
            all_tried, all_refused = all_tried + len(found), all_refused + refused
            rows.append(
                [e.name, e.title, f"{refused} of {len(found)}", f"{refused / len(found):.0%}"]
            )
            if refused < LEAST * len(found):
                weak.append(e.name)
            if asked.show:
                solution = subject(e).solution
                print(e.name, *(_shown(solution, c) for c in found if not c.refused), sep="\n")
    rows.append(["all", "", f"{all_refused} of {all_tried}", f"{all_refused / all_tried:.0%}"])
    table = page.markdown(["exercise", "", "changes refused", "share"], rows)
    page.show("mutations.py", [table], write=asked.write, page=ROOT / "docs" / "teaching.md")
    if weak:
        print(f"fewer than {LEAST:.0%} refused: {', '.join(weak)}", file=sys.stderr)
    return bool(weak)


def _is_code(e: Exercise) -> bool:
    """Whether a learner hands over a function or a class."""
    tree = ast.parse(subject(e).solution)
    return any(
        isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for n in tree.body
    )


if __name__ == "__main__":
    sys.exit(main())
