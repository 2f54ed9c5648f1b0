"""What OpenAI-compatible servers say, and how to ask them. Pure functions, no network.

Servers of this kind agree on the shape of a request and on little else: their complaints, their
Retry-After and their usage come in many forms, all of which are read here.
"""

from __future__ import annotations

import contextlib
import email.utils
import ipaddress
import json
import math
import re
import time
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from orchestrator_kit.errors import (
    ContextOverflow,
    ModelError,
    ModelTimeout,
    RateLimited,
    RequestRejected,
    ServerFailed,
)
from orchestrator_kit.models.base import Request

# With these, servers say that they do not know a part of the request.
NOT_UNDERSTOOD = (400, 422, 501)

_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|maximum context|too many (input |prompt )?tokens"
    r"|(prompt|input|request) (is )?too (long|large)|exceed\w* .{0,40}context",
    re.IGNORECASE,
)


def failure(status: int, content: bytes, wait_s: float | None, message: str) -> ModelError:
    """The error that an answer of 3xx, 4xx or 5xx is, with this message."""
    said = content.decode("utf-8", "replace")
    too_long = _TOO_LONG.search(complaint(content)) or "context_length" in said
    kind: type[ModelError] = ServerFailed if status >= 500 else RequestRejected
    if status == 429:
        kind = RateLimited
    elif status in (400, 413, 422) and too_long:
        kind = ContextOverflow
    elif status == 408:
        kind = ModelTimeout
    error = kind(message)
    error.retry_after = wait_s
    return error


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the server states them, or until the date it states."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            seconds = float(value) * unit_s
        except ValueError:
            date = email.utils.parsedate_tz(value)
            if date is None:
                continue
            seconds = email.utils.mktime_tz(date) - time.time()
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    return None


def body_of(model: str, request: Request, most: int, unknown: frozenset[str]) -> dict[str, Any]:
    """A request in the words of the wire, for at most so many tokens, without what is unknown."""
    messages = [
        {"role": speaker, "content": "\n\n".join(message.content for message in group)}
        for speaker, group in groupby(request.messages, key=lambda message: message.speaker)
    ]
    limit = "max_completion_tokens" if "max_tokens" in unknown else "max_tokens"
    body: dict[str, Any] = {"model": model, "messages": messages, limit: most}
    if "temperature" not in unknown:
        body["temperature"] = request.temperature
    if request.format is not None:
        if "json_schema" not in unknown:
            form = {"name": request.format.name, "schema": request.format.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        else:
            ask_for_json(messages, request.format.schema_text)
            if "json_object" not in unknown:
                body["response_format"] = {"type": "json_object"}
    if request.pulse is not None and "stream" not in unknown:
        body["stream"] = True
        if "stream_options" not in unknown:
            body["stream_options"] = {"include_usage": True}
    return body


def ask_for_json(messages: list[dict[str, str]], schema_text: str) -> None:
    """Put into the prompt what a server cannot be told otherwise."""
    ask = (
        f"Reply with one JSON object and nothing else. It follows this JSON Schema:\n{schema_text}"
    )
    if messages and messages[0]["role"] == "system":
        messages[0]["content"] += f"\n\n{ask}"
    else:
        messages.insert(0, {"role": "system", "content": ask})


def complaint(content: bytes) -> str:
    """The sentence in an error's body, in any of the usual shapes; else the body as text."""
    text = content.decode("utf-8", "replace")
    answer: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        answer = json.loads(text)
    match answer:
        case {"error": {"message": str(said)}} | {"error": str(said)} | {"message": str(said)}:
            return said or text
        case {"detail": detail}:
            return detail if isinstance(detail, str) and detail else json.dumps(detail)
    return text


def not_understood(body: dict[str, Any], said: str, content: bytes) -> str | None:
    """The part of a request to leave out next, or None if nothing is left to try.

    The part that the complaint names, else the reply's format, which servers
    complain about in the most various words, and at last the streaming. Where
    it names both the streaming and the format, the format is worth more.
    """
    form: str | None = body.get("response_format", {}).get("type")
    streaming = [part for part in ("stream_options", "stream") if part in body]
    for words in (said, content.decode("utf-8", "replace")):
        for part in streaming:
            if re.search(rf"\b{part}(ing|ed|s)?\b", words, re.IGNORECASE):
                return part
        if form and re.search("response_format|json_schema|json_object|schema", words):
            return form
        if "temperature" in words and "temperature" in body:
            return "temperature"
        if re.search("max_(completion_)?tokens", words) and "max_tokens" in body:
            return "max_tokens"
    return form or next(iter(streaming), None)


def counts(stated: Any) -> tuple[int, int]:
    """Input and output tokens of a usage field; (0, 0) if they are no counts."""
    match stated:
        case {"prompt_tokens": int(given), "completion_tokens": int(written)}:
            return given, written
    return 0, 0
