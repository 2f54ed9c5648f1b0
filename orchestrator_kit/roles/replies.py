"""Reading JSON replies: the parts that the parsers of all roles share.

A reply is data from a stranger. Whatever is not of the form asked for raises MalformedReply with
the beginning of the reply; nothing is filled in and nothing is salvaged.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from orchestrator_kit.answer import Statement
from orchestrator_kit.errors import EmptyReply, MalformedReply
from orchestrator_kit.text import one_line

LONGEST = 4_000  # characters of one statement or name; what is longer is no sentence
STRING = {"type": "string"}
STRINGS = {"type": "array", "items": STRING}


def form(**properties: Any) -> dict[str, Any]:
    """The JSON Schema of an object with just these properties, all of them required."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def list_of(**properties: Any) -> dict[str, Any]:
    """The JSON Schema of a list of such objects."""
    return {"type": "array", "items": form(**properties)}


def quote(text: str) -> str:
    """The beginning of a reply, on one line, for an error message."""
    line = one_line(text[:200])
    return repr(line[:80] + "…" if len(line) > 80 else line)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's pairs as a dict; a name that stands twice says two things, so nothing."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


_decode = json.JSONDecoder(object_pairs_hook=_once).decode


def read_object(text: str) -> dict[str, Any]:
    """The JSON object of a reply; a code fence or words around it are passed over."""
    if not isinstance(text, str) or not text.strip():
        raise EmptyReply("the reply is empty")
    start, end = text.find("{"), text.rfind("}")
    try:
        found = _decode(text[start : end + 1]) if start < end else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise MalformedReply(f"the reply is no JSON object: {quote(text)}")
    return found


def read_text(found: dict[str, Any], key: str, *, default: str | None = None) -> str:
    """A non-empty string of the object; `default` where it may be missing."""
    value = found.get(key, default)
    if isinstance(value, str) and len(value) > LONGEST:
        raise MalformedReply(f"{key!r} is {len(value):,} characters long: {quote(value)}")
    line = one_line(value) if isinstance(value, str) else ""
    if not line and (default is None or not isinstance(value, str)):
        raise MalformedReply(f"{key!r} should be a text: {quote(repr(found))}")
    return line


def read_texts(found: dict[str, Any], key: str) -> tuple[str, ...]:
    """A list of strings of the object, without empty ones; missing is empty."""
    value = found.get(key, [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise MalformedReply(f"{key!r} should be a list of texts: {quote(repr(found))}")
    return tuple(read_text({key: v}, key) for v in value if one_line(v))


def read_rows(found: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of objects of the object; MalformedReply where it is missing or something else."""
    value = found.get(key)
    if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
        raise MalformedReply(f"{key!r} should be a list of objects: {quote(repr(found))}")
    return value


def read_statements(
    found: dict[str, Any], key: str, known: Collection[str]
) -> tuple[Statement, ...]:
    """The statements of a report or answer; sources that were not in the material are dropped."""
    statements = []
    for row in read_rows(found, key):
        if "source" in row:
            sources: tuple[str, ...] = (read_text(row, "source", default=""),)
        else:
            sources = read_texts(row, "sources")
        statements.append(
            Statement(read_text(row, "statement"), tuple(s for s in sources if s in known))
        )
    return tuple(statements)
