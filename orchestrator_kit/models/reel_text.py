"""A reel as text and back, and what is wrong with one: JSON Lines that other tools can read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from orchestrator_kit.errors import TapeError
from orchestrator_kit.models.reel import ModelOnTape, Outcome, Reel, Taken, digest
from orchestrator_kit.models.reel_file import FORMAT, is_recorded

_T = TypeVar("_T", ModelOnTape, Outcome)
_NO_LINE = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)


def damage(path: str | Path) -> list[str]:
    """What a reel lacks, a line each; empty for a sound one. TapeError for anything damaged."""
    reel = Reel(path)  # which has a look at all but the texts
    texts = reel.texts()
    named = [t for _, r in reel.requests() for t in [*(t for _, t in r["messages"]), r["schema"]]]
    return [f"a call lacks the text {t}" for t in named if bytes.fromhex(t) not in texts]


def exported(path: str | Path) -> Iterator[str]:
    """A reel as lines of JSON: a head, its models, runs, texts, counts and calls."""
    reel = Reel(path)
    yield _line(kind="tape", format=FORMAT)
    for model in reel.models.values():
        yield _line(kind="model", **asdict(model))
    for settings in reel.runs:
        yield _line(kind="run", settings=settings)
    for text in reel.texts().values():
        yield _line(kind="text", text=text)
    for d, tokens in sorted(reel.counts.items()):
        yield _line(kind="count", digest=d.hex(), tokens=tokens)
    runs = {settings: n for n, settings in enumerate(reel.runs)}
    for taken, request in reel.requests():
        yield _line(
            kind="call",
            key=taken.key.hex(),
            ordinal=taken.ordinal,
            run=runs[taken.settings],
            request=request,
            outcome=asdict(taken.outcome),
        )


def imported(lines: Iterable[str], path: str | Path) -> Reel:
    """A new reel out of the lines that `exported` gives. TapeError names the first bad line."""
    path = Path(path)
    if is_recorded(path) or path.exists():
        raise TapeError(f"{path}: is there already; name a new file")
    half = path.with_name(f".{path.name[:200]}.{os.getpid()}")
    try:
        with Reel(half, record=True) as reel:
            n = 0
            rows = _Rows(reel)
            for n, line in enumerate(lines, 1):
                try:
                    rows.add(json.loads(line))
                except _NO_LINE as e:
                    why = f"no {e}" if isinstance(e, KeyError) else e
                    raise TapeError(f"line {n}: is no line of an exported tape ({why})") from None
            if not n:
                raise TapeError("line 1: is no line of an exported tape (there is none)")
        half.replace(path)
    except OSError as e:
        raise TapeError(f"{path}: cannot be written ({e.strerror})") from None
    finally:
        for rest in ("", "-wal", "-journal"):
            half.with_name(half.name + rest).unlink(missing_ok=True)
    return Reel(path)


class _Rows:
    """Puts lines on a reel. One of `_NO_LINE` for one that cannot be."""

    def __init__(self, reel: Reel) -> None:
        self._reel = reel
        self._begun = False
        self._runs: list[str] = []
        self._texts: dict[str, str] = {}

    def add(self, row: Any) -> None:
        if not isinstance(row, dict):
            raise ValueError("no object")
        kind = row.pop("kind")
        if self._begun == (kind == "tape"):
            raise ValueError("a tape begins with one line of the kind tape")
        if kind == "tape":
            if row["format"] != FORMAT:
                raise ValueError(f"format {row['format']}; this kit reads {FORMAT}")
            self._begun = True
        elif kind == "model":
            self._reel.add_model(_made(ModelOnTape, row))
        elif kind == "run":
            self._reel.add_run(row["settings"])
            self._runs.append(row["settings"])
        elif kind == "text":
            self._texts[digest(row["text"]).hex()] = row["text"]
        elif kind == "count":
            self._reel.add_count(bytes.fromhex(row["digest"]), _a(int, row["tokens"]))
        elif kind == "call":
            self._add_call(row)
        else:
            raise ValueError(f"kind {kind!r}")

    def _add_call(self, row: dict[str, Any]) -> None:
        key, run, ordinal = bytes.fromhex(row["key"]), _a(int, row["run"]), _a(int, row["ordinal"])
        if run < 0 or ordinal < 1 or (key, ordinal) in self._reel.calls:
            raise ValueError(f"call {row['key']}, {ordinal}, of run {run}")
        request = row["request"]
        if request["model"] not in self._reel.models:
            raise ValueError(f"model {request['model']!r}")
        texts = [self._texts[t] for _, t in request["messages"]] + [self._texts[request["schema"]]]
        outcome = _made(Outcome, row["outcome"])
        for at, tokens in outcome.beats or ():
            _a(float, at), _a(int, tokens)
        self._reel.add(Taken(key, ordinal, self._runs[run], outcome), request, texts)


def _made(kind: type[_T], body: dict[str, Any]) -> _T:
    """One of our records; TypeError where a field is missing, too many or of another type."""
    hints = get_type_hints(kind)
    return kind(**{name: _a(hints[name], value) for name, value in body.items()})


def _a(hint: Any, value: Any) -> Any:
    """The value, if it is of that type; TypeError otherwise. A whole number is a float as well."""
    kinds = [get_origin(kind) or kind for kind in get_args(hint) or (hint,)]
    if type(value) in kinds:
        return value
    if float in kinds and type(value) is int:
        return float(value)
    raise TypeError(f"{value!r} instead of {' or '.join(k.__name__ for k in kinds)}")


def _line(**body: Any) -> str:
    return json.dumps(body, separators=(",", ":"))
