"""A real HTTP server on loopback that speaks /v1/chat/completions, by script.

It stands in for any OpenAI-compatible endpoint: it answers, fails, stalls and
lies as told, and keeps what it was asked. Knows nothing of the package.

    with ChatServer(says("four"), fails(503), says("four")) as server:
        ...                       # POST to server.url + "/chat/completions"
    assert len(server.asked) == 3

Each request takes the next entry of the script; the last one repeats. An entry
is an `Answer`, or a function from what was `Asked` to one. The server runs in
a thread of its own, on a free port, and stops without waiting for stalled
requests.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

Ending = Literal["whole", "half", "drop", "stall", "stall halfway"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived; `body` is its JSON, header names are lower case."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        """The contents of all messages, one after the other."""
        return "\n".join(message["content"] for message in self.body.get("messages", ()))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server does with one request, after `delay_s` seconds.

    With `together` it first waits until so many requests are in the server at
    once. `ending` says how far it comes: "whole"; "half" sends half the body and
    closes; "drop" closes without a word; "stall" never answers; "stall halfway"
    sends half the body and then nothing more. With `parts` these are sent one
    after the other, a number being a pause in seconds, and `ending` says what
    comes after them: "whole" nothing, "drop" a broken connection, "stall" silence.
    """

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    ending: Ending = "whole"
    together: int = 1
    parts: tuple[bytes | float, ...] = ()


Entry = Answer | Callable[[Asked], Answer]

_TRUE: Any = object()


def says(
    text: str | None,
    *,
    usage: Any = _TRUE,
    finish: str = "stop",
    refusal: str | None = None,
    delay_s: float = 0.0,
    ending: Ending = "whole",
    together: int = 1,
) -> Callable[[Asked], Answer]:
    """A completion. `usage` None leaves it out, anything else is sent as it is.

    Unless given, the usage is four characters to a token, both ways.
    """

    def answer(asked: Asked) -> Answer:
        body: dict[str, Any] = {
            "id": "chatcmpl-test",
            "object": "chat.completion",
            "created": 0,
            "model": asked.body.get("model", ""),
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish,
                    "message": {"role": "assistant", "content": text, "refusal": refusal},
                }
            ],
        }
        tokens = (len(asked.prompt) // 4 + 1, len(text or "") // 4 + 1)
        if usage is _TRUE:
            body["usage"] = {
                "prompt_tokens": tokens[0],
                "completion_tokens": tokens[1],
                "total_tokens": sum(tokens),
            }
        elif usage is not None:
            body["usage"] = usage
        return sends(body, delay_s=delay_s, ending=ending, together=together)(asked)

    return answer


def piece(
    text: str | None = None, finish: str | None = None, *, index: int = 0, **delta: Any
) -> dict[str, Any]:
    """One chunk of a streamed completion; `delta` is what else stands in it."""
    said = delta if text is None else {"content": text, **delta}
    choice = {"index": index, "delta": said, "finish_reason": finish}
    return {"id": "chatcmpl-test", "object": "chat.completion.chunk", "choices": [choice]}


def event(said: Any) -> bytes:
    """A server-sent event; text as it is, anything else as JSON."""
    return b"data: %s\n\n" % (said if isinstance(said, str) else json.dumps(said)).encode()


def streams(
    *pieces: str | float,
    usage: Any = _TRUE,
    finish: str = "stop",
    delay_s: float = 0.0,
    ending: Ending = "whole",
) -> Callable[[Asked], Answer]:
    """What `says` says, in these pieces, numbers being pauses; whole where no stream is asked for.

    A stream that does not end "whole" ends before its finish.
    """
    text = "".join(p for p in pieces if isinstance(p, str))

    def answer(asked: Asked) -> Answer:
        whole = says(text, usage=usage, finish=finish, delay_s=delay_s)(asked)
        if not asked.body.get("stream"):
            return whole
        parts: list[bytes | float] = [event(piece("", role="assistant"))]
        parts += [p if isinstance(p, float) else event(piece(p)) for p in pieces]
        if ending == "whole":
            parts.append(event(piece(finish=finish)))
            stated = json.loads(whole.body).get("usage")
            if asked.body.get("stream_options") == {"include_usage": True} and stated is not None:
                parts.append(event({"choices": [], "usage": stated}))
            parts.append(event("[DONE]"))
        return sends_parts(*parts, delay_s=delay_s, ending=ending)(asked)

    return answer


def sends_parts(
    *parts: bytes | float,
    kind: str = "text/event-stream",
    delay_s: float = 0.0,
    ending: Ending = "whole",
) -> Callable[[Asked], Answer]:
    """A body of any kind in parts, with pauses."""
    return lambda asked: Answer(b"", 200, {"content-type": kind}, delay_s, ending, 1, parts)


def sends(
    body: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    delay_s: float = 0.0,
    ending: Ending = "whole",
    together: int = 1,
) -> Callable[[Asked], Answer]:
    """Any body: text as HTML, anything else as JSON."""
    if isinstance(body, str):
        content, kind = body.encode(), "text/html; charset=utf-8"
    else:
        content, kind = json.dumps(body).encode(), "application/json"
    names = {"content-type": kind, **(headers or {})}
    answer = Answer(content, status, names, delay_s, ending, together)
    return lambda asked: answer


def fails(
    status: int, message: str = "no", *, code: str | None = None, **headers: str
) -> Callable[[Asked], Answer]:
    """An error the way OpenAI words it; `retry_after="1"` is the header retry-after."""
    error = {"message": message, "type": "error", "code": code}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return sends({"error": error}, status=status, headers=names)


def drops() -> Callable[[Asked], Answer]:
    """Closes the connection without a word."""
    return sends("", ending="drop")


def stalls() -> Callable[[Asked], Answer]:
    """Takes the request and never answers."""
    return sends("", ending="stall")


def picky(
    *parameters: str, status: int = 400, otherwise: Entry | None = None, named: bool = True
) -> Callable[[Asked], Answer]:
    """Rejects requests that have one of the parameters, and answers the others.

    `json_schema` and `json_object` stand for that type of `response_format`.
    The complaint names the parameter unless `named` is False.
    """

    def answer(asked: Asked) -> Answer:
        has = {*asked.body, (asked.body.get("response_format") or {}).get("type")}
        for parameter in parameters:
            if parameter in has:
                what = f"'{parameter}'" if named else "something"
                return fails(status, f"Unsupported parameter: {what}.")(asked)
        return _resolve(otherwise or says('{"answer": 4}'), asked)

    return answer


def echoes_authorization(status: int = 401) -> Callable[[Asked], Answer]:
    """Fails with the Authorization header in the message, as careless proxies do."""
    return lambda asked: fails(status, f"bad key: {asked.headers.get('authorization')}")(asked)


def _resolve(entry: Entry, asked: Asked) -> Answer:
    return entry if isinstance(entry, Answer) else entry(asked)


class ChatServer:
    """The server, running from `with` to the end of its block.

    `url` ends in /v1; `asked` holds every request in order of arrival,
    `most_at_once` is the most that were in the server together, `left` how many
    were left by the client before they were answered, and `connections` how many
    connections there were.
    """

    def __init__(self, *script: Entry) -> None:
        self._script = script or (says("ok"),)
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self.left = 0
        self._peers: set[object] = set()
        self.url = ""
        self._inside = 0
        self._barriers: dict[int, asyncio.Barrier] = {}
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._arrived = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="chat server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def wait_for(self, requests: int, timeout_s: float = 10.0) -> None:
        """Block until so many requests have arrived."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.asked) >= requests, timeout_s):
                raise TimeoutError(f"{len(self.asked)} requests instead of {requests}")

    def wait_for_left(self, requests: int, timeout_s: float = 10.0) -> None:
        """Block until the client has left so many requests."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: self.left >= requests, timeout_s):
                raise TimeoutError(f"{self.left} requests were left instead of {requests}")

    @property
    def connections(self) -> int:
        return len(self._peers)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = web.Server(self._handle, handler_cancellation=True)
        runner = web.ServerRunner(server, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        content = await request.read()
        asked = Asked(request.path, headers, json.loads(content) if content else {})
        entry = self._script[min(len(self.asked), len(self._script) - 1)]
        with self._arrived:
            self.asked.append(asked)
            self._arrived.notify_all()
        self._inside += 1
        self._peers.add(request.transport and request.transport.get_extra_info("peername"))
        self.most_at_once = max(self.most_at_once, self._inside)
        try:
            return await self._give(_resolve(entry, asked), request)
        except (asyncio.CancelledError, ConnectionError):
            with self._arrived:
                self.left += not self._stop.is_set()
                self._arrived.notify_all()
            raise
        finally:
            self._inside -= 1

    async def _give(self, answer: Answer, request: web.BaseRequest) -> web.StreamResponse:
        if answer.together > 1:
            size = answer.together
            await self._barriers.setdefault(size, asyncio.Barrier(size)).wait()
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        if answer.parts:
            return await self._give_parts(answer, request)
        if answer.ending == "whole":
            return web.Response(body=answer.body, status=answer.status, headers=answer.headers)
        if answer.ending == "stall":
            await asyncio.Event().wait()
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        if answer.ending != "drop":
            response.content_length = len(answer.body)
            await response.prepare(request)
            await response.write(answer.body[: len(answer.body) // 2])
            if answer.ending == "stall halfway":
                await asyncio.Event().wait()
        assert request.transport is not None
        request.transport.close()
        return response

    async def _give_parts(self, answer: Answer, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        await response.prepare(request)
        for part in answer.parts:
            if isinstance(part, bytes):
                await response.write(part)
            else:
                await asyncio.sleep(part)
        if answer.ending == "stall":
            await asyncio.Event().wait()
        if answer.ending == "drop":
            assert request.transport is not None
            request.transport.close()
        return response
