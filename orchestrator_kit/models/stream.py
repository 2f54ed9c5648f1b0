"""A reply as it is written: server-sent events, put together into the body of an answer.

Knows the pieces in which OpenAI-compatible servers stream. Does not know requests, retries, or
what a body amounts to. The events are parsed by `httpx2`, the transport of the `openai` client;
both are imported when the first stream is asked for.
"""

from __future__ import annotations

import asyncio
import codecs
import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator_kit.models.heart import Heart

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import AsyncOpenAI

LONGEST_EVENT = 1 << 20  # bytes; a longer one is no piece of a reply
_AFTER_S = 0.1  # for what comes after the last event: then the connection can be used again
_EVENTS = (b"data:", b"event:", b":")  # how a stream begins


class BrokenOff(Exception):
    """A stream that ended before the reply did; the text is what the server said about it."""


async def post_and_listen(
    client: AsyncOpenAI, target: str, content: bytes, heart: Heart
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body of the answer to a request for a stream.

    The body is the one that the server would have answered with, had it not been asked for a
    stream. Where it does not stream, that is what it answers with. Where an event is no piece of
    a reply, that event is the body, and nobody will find a reply in it.

    Raises `BrokenOff` where the stream ends, or the server says that it failed, before the reply
    is whole, and what the client and its transport raise. The connection is closed in any case
    but the good one, so that the server stops.
    """
    from openai import AsyncStream

    async with await client.post(
        target,
        cast_to=object,
        content=content,
        # Some servers close a connection after a stream without saying so (llama.cpp's does), and
        # the next request would be sent into it.
        options={"headers": {"Connection": "close"}},
        stream=True,
        stream_cls=AsyncStream[object],
    ) as stream:
        response = stream.response
        return response.status_code, response.headers, await _body(response, heart)


async def _body(response: Response, heart: Heart) -> bytes:
    chunks = response.aiter_bytes()
    start = await anext(chunks, b"")
    streams = "event-stream" in response.headers.get("content-type", "")
    if not streams or start.lstrip().startswith(b"{"):
        start += b"".join([chunk async for chunk in chunks])
        if not start.lstrip().startswith(_EVENTS):
            return start
    try:
        with heart:
            return await _Pieces(heart).put_together(start, chunks, response)
    except _NoPiece as what:
        return str(what).encode()


class _NoPiece(Exception):
    """An event that is no piece of a reply; the text is what it is."""


class _Pieces:
    """The reply's text, its ending and its usage, as far as they have come."""

    def __init__(self, heart: Heart) -> None:
        self._heart = heart
        self._text: dict[str, list[str]] = {"content": [], "refusal": []}
        self._finish: Any = None
        self._usage: Any = None
        self._begun = False
        self._last = False  # nothing of interest comes any more
        self._problem: Exception | None = None

    async def put_together(
        self, start: bytes, chunks: AsyncIterator[bytes], response: Response
    ) -> bytes:
        """Read all events; the body that they amount to."""
        from httpx2 import EventSource, RequestError, SSEError
        from httpx2 import Response as Stream

        # A response around the response, since the parser does not tell that a comment came.
        source = EventSource(
            Stream(
                200,
                headers={"content-type": "text/event-stream; charset=utf-8-sig"},
                content=self._listen(start, chunks),
                request=response.request,
            ),
            LONGEST_EVENT,
        )
        try:
            async with asyncio.timeout(None) as rest:
                async for event in source:
                    if self._last:
                        continue
                    self._take(event.event, event.data)
                    if self._last:
                        rest.reschedule(asyncio.get_running_loop().time() + _AFTER_S)
        except TimeoutError:
            if not rest.expired():
                raise
        except SSEError as error:
            self._problem = _NoPiece(str(error))
        except UnicodeDecodeError as error:
            self._problem = _NoPiece(error.object.decode("utf-8", "replace"))
        except RequestError:
            if not self._whole:
                raise
        if self._problem is not None:
            raise self._problem
        if not self._whole:
            raise BrokenOff
        return self._body()

    async def _listen(self, start: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks; each is heard of when the events that it completes have been taken."""
        # The parser would put a mark in the place of what is no UTF-8, and so into the reply.
        check = codecs.getincrementaldecoder("utf-8")()
        if start:
            check.decode(start)
            yield start
            self._heart.heard()
        async for chunk in chunks:
            check.decode(chunk)
            yield chunk
            self._heart.heard()

    @property
    def _whole(self) -> bool:
        return self._last or bool(self._finish)

    def _take(self, kind: str, data: str) -> None:
        """Take in what an event says."""
        if data.startswith("[DONE]"):
            self._last = True
            return
        if not data.strip():
            return
        try:
            said = json.loads(data)
        except (ValueError, RecursionError):
            said = None
        match said:
            case {"error": {"code": int()}}:
                self._end(_NoPiece(data))
            case {"error": error} if error:
                self._end(BrokenOff(data))
            case _ if kind == "error":
                self._end(BrokenOff(data))
            case {"choices": list(choices)}:
                self._usage = said.get("usage") or self._usage
                for choice in choices:
                    if not self._add(choice):
                        self._end(_NoPiece(data))
            case dict():
                pass  # something of the server's own
            case _:
                self._end(_NoPiece(data))

    def _end(self, problem: Exception) -> None:
        self._last = True
        self._problem = self._problem or problem

    def _add(self, choice: Any) -> bool:
        """Add a piece of the first choice, the others were not asked for; False if it is none."""
        if not isinstance(choice, dict):
            return False
        if choice.get("index"):
            return True
        delta = choice.get("delta")
        if delta is None:
            delta = {}
            if "message" in choice:  # a whole completion in one event
                return self._begun
        if not isinstance(delta, dict):
            return False
        self._begun = True
        self._finish = choice.get("finish_reason") or self._finish
        for name, pieces in self._text.items():
            piece = delta.get(name)
            if not isinstance(piece, str | None):
                return False
            pieces.append(piece or "")
        written = sum(len(v) for k, v in delta.items() if k != "role" and isinstance(v, str))
        if written:
            self._heart.wrote(written)
        return True

    def _body(self) -> bytes:
        message = {name: "".join(pieces) or None for name, pieces in self._text.items()}
        choices = [{"message": message, "finish_reason": self._finish}] if self._begun else []
        return json.dumps({"choices": choices, "usage": self._usage}).encode()
