"""A model behind any OpenAI-compatible server.

Knows the wire: requests in the words of /chat/completions, what such servers
refuse to understand, the ways in which they fail, and the tokens they state.
Does not know patterns or prompts, and does not look into a reply's JSON. The
`openai` client is imported when the first request is made.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from functools import cache
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from orchestrator_kit.errors import (
    ConnectionLost,
    ContextOverflow,
    EmptyReply,
    MalformedReply,
    ModelError,
    ModelTimeout,
    Refused,
    ServerFailed,
    UsageError,
)
from orchestrator_kit.models.base import Reply, Request, Usage
from orchestrator_kit.models.heart import Heart
from orchestrator_kit.models.prices import Price, price_of
from orchestrator_kit.models.stream import BrokenOff, post_and_listen
from orchestrator_kit.models.tokens import is_plausible, tokenizer_of
from orchestrator_kit.models.wire import (
    NOT_UNDERSTOOD,
    body_of,
    complaint,
    counts,
    failure,
    is_loopback,
    not_understood,
    retry_after,
)
from orchestrator_kit.text import one_line

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_DEFAULT_URL = "https://api.openai.com/v1"
_PATH = "/chat/completions"
_QUOTE = 120  # characters of a server's own words in an error


class EndpointModel:
    """Any OpenAI-compatible server as a model.

    `base_url` and `api_key` default to OPENAI_BASE_URL (else OpenAI itself) and
    OPENAI_API_KEY; a server on this machine needs no key. `window` and
    `max_output_tokens` are in tokens. `parallel` says how many requests the
    server takes at once; it is for the caller to keep to. `timeout_s` is for
    one request as a whole. Nothing is tried again here: what is done about a
    failure, and what that takes, is the crew's to decide and to write down.
    `price` defaults to the list price of `model`; None means unknown.
    `extra_body` is added to every request.

    A request with a pulse is asked for as a stream, whose pieces are its signs
    of life. `beats` is False all the same: nobody can say how long a server is
    silent before it writes, or whether it streams at all.

    The model serves any number of event loops, with one client each, closed by
    `aclose()` or when its loop ends. Raises `UsageError` if there is no key for
    a remote server, or no usable address.
    """

    virtual = False
    beats = False

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        window: int = 128_000,
        max_output_tokens: int = 4096,
        parallel: int | None = None,
        timeout_s: float = 300.0,
        price: Price | EllipsisType | None = ...,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = model
        self.window = window
        self.max_output_tokens = max_output_tokens
        self.parallel = parallel
        self._timeout_s = timeout_s
        self._price = price
        self._extra_body = dict(extra_body or {})
        self._count = tokenizer_of(model)
        # What this server has been found not to understand.
        self._unknown: frozenset[str] = frozenset()
        self._clients: dict[asyncio.AbstractEventLoop, tuple[AsyncOpenAI, AsyncGenerator[None]]]
        self._clients = {}

        address = base_url or os.environ.get("OPENAI_BASE_URL") or _DEFAULT_URL
        try:
            parts = urlsplit(address)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            shown = address.rpartition("@")[2]
            raise UsageError(f"base_url must look like https://host/v1, not {shown!r}")
        login, _, host = parts.netloc.rpartition("@")
        # The address without login or query: as it may be shown.
        self.url = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._target = urlunsplit(
            parts._replace(netloc=host, path=parts.path.rstrip("/") + _PATH, fragment="")
        )
        self._nearby = is_loopback(parts.hostname or "")
        key = (api_key or os.environ.get("OPENAI_API_KEY") or "").strip()
        if not key and not login and not self._nearby:
            raise UsageError(f"no key for {self.url}: set OPENAI_API_KEY or pass api_key")
        if not (key.isascii() and key.isprintable()):
            raise UsageError("the key has characters that cannot be sent: copy it once more")
        self._key = key or "none"
        self._login = unquote(login)
        self._basic = base64.b64encode(self._login.encode()).decode()
        secrets = {key, login, self._login, login.partition(":")[2], self._login.partition(":")[2]}
        secrets.add(self._basic)
        self._secrets = sorted(secrets - {""}, key=len, reverse=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.url!r})"

    def count_tokens(self, text: str) -> int:
        """Tokens of a text by this model's tokenizer, or the nearest known."""
        return self._count(text)

    def price(self, usage: Usage) -> float | None:
        """US dollars by the given or the list price; None where there is none."""
        if self._price is ...:
            self._price = price_of(self.name)
        return self._price.cost(usage) if self._price else None

    async def complete(self, request: Request) -> Reply:
        """Answer one request, or raise a `ModelError`."""
        unknown = self._unknown
        heart = Heart(request.pulse) if request.pulse else None
        while True:
            unknown |= self._unknown
            most = min(request.max_output_tokens, self.max_output_tokens)
            body = body_of(self.name, request, most, unknown) | self._extra_body
            status, headers, content = await self._post(body, heart)
            if status < 300:
                reply = self._reply(body, request, content)
                # Only now is it known that leaving these out was what helped.
                self._unknown |= unknown
                return reply
            error = self._failure(status, content, retry_after(headers))
            part = None
            if status in NOT_UNDERSTOOD and not isinstance(error, ContextOverflow):
                part = not_understood(body, str(error), content)
            if part is None:
                raise error
            unknown |= {part}

    async def aclose(self) -> None:
        """Close the running loop's connections; the model may be used again."""
        held = self._clients.get(asyncio.get_running_loop())
        if held is not None:
            await held[1].aclose()

    async def _client(self) -> AsyncOpenAI:
        """The running loop's client, made on first use."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            client = self._new_client()
            keeper = self._keep(loop, client)
            self._clients[loop] = client, keeper
            # From here on the loop closes the generator, and that the client,
            # when it shuts down. This first step never suspends.
            await anext(keeper)
        return self._clients[loop][0]

    async def _keep(
        self, loop: asyncio.AbstractEventLoop, client: AsyncOpenAI
    ) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            del self._clients[loop]
            await client.close()

    def _new_client(self) -> AsyncOpenAI:
        from httpx2 import Limits
        from openai import AsyncOpenAI, DefaultAioHttpClient

        return AsyncOpenAI(
            api_key=self._key,
            base_url=self.url,
            default_headers={"Authorization": f"Basic {self._basic}"} if self._basic else None,
            # Attempts and their time are ours to limit: for the body as well as
            # for the head of the answer, and with a bound on what is waited for.
            max_retries=0,
            timeout=None,
            http_client=DefaultAioHttpClient(
                # As many connections as there are calls in flight: the crew bounds those.
                limits=Limits(max_connections=sys.maxsize),
                verify=_tls(),
                trust_env=not self._nearby,
            ),
        )

    async def _post(
        self, body: dict[str, Any], heart: Heart | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer to one attempt, whatever it is.

        A plain `post` of bytes to a whole address, instead of the client's
        `chat.completions.create`, leaves out its typed models and the joining
        of addresses: more than half of a call's processor time.
        """
        client = await self._client()
        from aiohttp import ClientError
        from httpx2 import RequestError, Response
        from openai import APIConnectionError, APIStatusError

        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        problem: ModelError
        try:
            async with asyncio.timeout(self._timeout_s):
                if heart is not None and body.get("stream"):
                    return await post_and_listen(client, self._target, content, heart)
                response = await client.post(self._target, cast_to=Response, content=content)
            return response.status_code, response.headers, response.content
        except APIStatusError as error:
            return error.status_code, error.response.headers, error.response.content
        except TimeoutError:
            problem = ModelTimeout(f"no reply from {self.url} within {self._timeout_s:g} s")
        except BrokenOff as error:
            said = self._quote(complaint(str(error).encode()))
            problem = ServerFailed(f"{self.url} failed in the middle of its reply: {said}")
            if not said:
                problem = ConnectionLost(f"{self.url} ended the stream before its reply was whole")
        except (APIConnectionError, ClientError, RequestError) as error:
            # The client calls many a broken connection a time-out. Ours is above.
            cause = error.__cause__ or error
            what = self._quote(str(cause)) or type(cause).__name__
            problem = ConnectionLost(f"no connection to {self.url}, or it broke: {what}")
        raise problem

    def _reply(self, body: dict[str, Any], request: Request, content: bytes) -> Reply:
        """What a successful answer says; raises the `ModelError` it amounts to."""
        answer: Any = None
        with contextlib.suppress(ValueError, RecursionError):
            answer = json.loads(content)
        match answer:
            case {"choices": [{"message": dict(message), **choice}, *_]} if isinstance(
                message.get("content"), str | None
            ):
                text: str | None = message.get("content")
            case {"error": {"code": int(status)}} if status >= 400:
                raise self._failure(status, content)
            case _:
                quote = self._quote(content.decode("utf-8", "replace"))
                raise MalformedReply(f"{self.url} answered with no chat completion: {quote}")
        refusal, finish = message.get("refusal"), choice.get("finish_reason")
        usage = self._usage(body, request, text or refusal or "", answer.get("usage"))
        cost = self.price(usage)
        error: ModelError
        if finish == "content_filter" or (refusal and not text):
            reason = self._quote(str(refusal or "content filter"))
            error = Refused(f"{self.name} declined to answer: {reason}")
        elif text is None or not text.strip():
            error = EmptyReply(f"{self.name} answered without content (finish: {finish})")
        else:
            ended: Literal["stop", "length"] = "length" if finish == "length" else "stop"
            return Reply(self._redact(text), usage, cost, ended)
        error.usage, error.cost_usd = usage, cost  # it came, so it is paid for
        raise error

    def _usage(self, body: dict[str, Any], request: Request, text: str, stated: Any) -> Usage:
        """The tokens the server states, or our own count if they cannot be true."""
        prompt = "\n".join(message["content"] for message in body["messages"])
        given, written = counts(stated)
        schema = request.format.schema_text if request.format else ""
        # Thinking is written and paid for, but not shown: only the limit bounds it.
        most = None if written <= request.max_output_tokens else text
        if (
            given > 0
            and written > 0
            and is_plausible(given, prompt, prompt + schema, self.count_tokens)
            and is_plausible(written, text, most, self.count_tokens)
        ):
            return Usage(given, written)
        framing = 4 * len(body["messages"])  # what marks a message's speaker and end
        return Usage(self.count_tokens(prompt) + framing, self.count_tokens(text), estimated=True)

    def _failure(self, status: int, content: bytes, wait_s: float | None = None) -> ModelError:
        """The error that an answer without a completion is."""
        said = self._quote(complaint(content))
        return failure(status, content, wait_s, f"{self.url} answered {status}: {said}")

    def _redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _quote(self, text: str) -> str:
        """The beginning of what a server said, on one line, without secrets."""
        return one_line(self._redact(text))[:_QUOTE]


@cache
def _tls() -> Any:
    """One TLS context for all clients: making it reads every root certificate."""
    from httpx2 import create_ssl_context

    return create_ssl_context()
