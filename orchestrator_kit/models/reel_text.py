"""A reel as text and back, and what is wrong with one: JSON Lines that other tools can read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestrator_kit.errors import TapeError
from orchestrator_kit.models.reel import FORMAT, ModelOnTape, Outcome, Reel, Taken, digest


def damage(path: str | Path) -> list[str]:
    """What is wrong inside a reel, a line each; empty for a sound one. TapeError if it is none."""
    reel = Reel(path)
    found = reel.integrity()
    texts = reel.texts()
    found += [
        f"text {d.hex()} is not what was recorded" for d, t in texts.items() if digest(t) != d
    ]
    ordinals: dict[bytes, list[int]] = {}
    for taken, request in reel.requests():
        ordinals.setdefault(taken.key, []).append(taken.ordinal)
        lacking = [t for _, t in request["messages"] if bytes.fromhex(t) not in texts]
        found += [f"a call lacks the text {t}" for t in lacking]
    for key, numbers in ordinals.items():
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            found.append(f"request {key.hex()}: its calls are not numbered 1 to {len(numbers)}")
    return found


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
    for d, tokens in reel.counts.items():
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
    if path.exists():
        raise TapeError(f"{path}: is there already; name a new file")
    half = path.with_name(f".{path.name}.{os.getpid()}")
    runs: list[str] = []
    texts: dict[str, str] = {}
    counts: dict[bytes, int] = {}
    n = 0
    try:
        with Reel(half, record=True) as reel:
            for n, line in enumerate(lines, 1):
                row = json.loads(line)
                kind = row.pop("kind")
                if (n == 1) != (kind == "tape") or (kind == "tape" and row["format"] > FORMAT):
                    raise ValueError("it does not begin as a tape of this kit")
                if kind == "model":
                    reel.add_model(ModelOnTape(**row))
                elif kind == "run":
                    runs.append(row["settings"])
                elif kind == "text":
                    texts[digest(row["text"]).hex()] = row["text"]
                elif kind == "count":
                    counts[bytes.fromhex(row["digest"])] = row["tokens"]
                elif kind == "call":
                    key, outcome = bytes.fromhex(row["key"]), Outcome(**row["outcome"])
                    request = row["request"]
                    own = [texts[t] for _, t in request["messages"]] + [texts[request["schema"]]]
                    taken = Taken(key, row["ordinal"], runs[row["run"]], outcome)
                    reel.add(taken, request, own, counts)
            if not n:
                raise ValueError("there are no lines")
        half.replace(path)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as e:
        raise TapeError(f"line {n}: is no line of an exported tape ({e})") from None
    except OSError as e:
        raise TapeError(f"{path}: cannot be written ({e.strerror})") from None
    finally:
        half.unlink(missing_ok=True)
    return Reel(path)


def _line(**body: Any) -> str:
    return json.dumps(body, separators=(",", ":"))
