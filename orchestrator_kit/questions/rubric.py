"""Rubrics: the key points of each question, packed so that nobody stumbles over them.

Packing (zlib, Base64) is no secret and keeps nobody out who wants in; it only keeps the points off
the screen of whoever opens a file or searches a folder. `solutions/rubrics.toml` is the source.
"""

from __future__ import annotations

import base64
import tomllib
import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from textwrap import fill
from typing import Any

from orchestrator_kit.matching import KeyPoint

FOLDER = Path(__file__).parent
RUBRICS, LABELLED = FOLDER / "rubrics.dat", FOLDER / "labelled.dat"


def packed(text: str) -> str:
    """A text as lines of Base64."""
    return fill(base64.b64encode(zlib.compress(text.encode(), 9)).decode(), 100) + "\n"


def unpacked(text: str) -> str:
    """The text again."""
    return zlib.decompress(base64.b64decode("".join(text.split()))).decode()


def key_points(question: str, follow_ups: Mapping[str, str]) -> tuple[KeyPoint, ...]:
    """The key points of a question, each with its follow-up question by its name."""
    return tuple(replace(p, follow_up=follow_ups[p.name]) for p in points(question))


@lru_cache
def points(question: str) -> tuple[KeyPoint, ...]:
    """The key points of a question as the rubric has them."""
    return tuple(
        KeyPoint(p["name"], p["says"], tuple(p["phrasings"]), tuple(p["counters"]))
        for p in _read(RUBRICS)[question]
    )


@lru_cache
def labelled() -> tuple[Mapping[str, str], ...]:
    """Short answers of ours, each with a question, a key point and its right label."""
    return tuple(_read(LABELLED)["answers"])


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(unpacked(path.read_text("ascii")))
