"""The endpoint model against a real server on loopback."""

import asyncio
import email.utils
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestrator_kit.errors import (
    ConnectionLost,
    ContextOverflow,
    EmptyReply,
    MalformedReply,
    ModelError,
    ModelTimeout,
    RateLimited,
    Refused,
    RequestRejected,
    ServerFailed,
    UsageError,
)
from orchestrator_kit.events import Recovered
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import failures
from orchestrator_kit.models.base import Format, Message, Model, Reply, Request, Usage
from orchestrator_kit.models.endpoint import EndpointModel
from orchestrator_kit.models.prices import Price
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.tasks import Document, Specialist, Task
from tests.servers import (
    ChatServer,
    Entry,
    drops,
    echoes_authorization,
    fails,
    picky,
    says,
    sends,
    stalls,
)

KEY = "sk-test-1234567890"
ASK = Request((Message("system", "Be brief."), Message("user", "What is two and two?")))
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "integer"}},
    "required": ["answer"],
    "additionalProperties": False,
}
ASK_JSON = Request(ASK.messages, Format.of("sum", SCHEMA), max_output_tokens=64)


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, address or pause from outside of the test."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[..., ChatServer]]:
    """Starts servers that follow a script, and stops them after the test."""
    servers: list[ChatServer] = []

    def start(*script: Entry) -> ChatServer:
        servers.append(ChatServer(*script).__enter__())
        return servers[-1]

    yield start
    for server in servers:
        server.__exit__(None, None, None)


def ask(server: ChatServer, request: Request = ASK, times: int = 1, **settings: Any) -> Reply:
    """The last of some replies, asked for one after another on a loop of their own."""
    model = EndpointModel("gpt-4o-mini", server.url, **{"timeout_s": 5.0, **settings})
    return ask_of(model, request, times)


def ask_of(model: Model, request: Request = ASK, times: int = 1) -> Reply:
    async def main() -> Reply:
        for _ in range(times - 1):
            await model.complete(request)
        return await model.complete(request)

    return asyncio.run(main())


Serve = Callable[..., ChatServer]


# What goes in and what comes out


def test_a_reply_has_the_text_usage_and_cost_that_the_server_stated(serve: Serve) -> None:
    server = serve(says("four", usage={"prompt_tokens": 20, "completion_tokens": 2}))
    reply = ask(server, price=Price(1.0, 2.0))
    assert reply == Reply("four", Usage(20, 2), cost_usd=24e-6)


def test_the_list_price_is_the_default_and_an_unknown_model_has_no_cost(serve: Serve) -> None:
    server = serve(says("four", usage={"prompt_tokens": 20, "completion_tokens": 2}))
    assert ask(server).cost_usd == pytest.approx((20 * 0.15 + 2 * 0.60) / 1e6)
    assert ask_of(EndpointModel("a-model-of-my-own", server.url)).cost_usd is None
    assert ask(server, price=None).cost_usd is None


def test_it_is_a_model_and_says_what_it_was_told() -> None:
    model = EndpointModel("m", "http://127.0.0.1:1/v1", window=1000, parallel=3)
    assert isinstance(model, Model)
    assert (model.name, model.window, model.parallel, model.virtual) == ("m", 1000, 3, False)
    assert model.count_tokens("hello world") == 2


def test_the_request_says_what_was_asked_for(serve: Serve) -> None:
    server = serve(says("four"))
    ask(server, ASK_JSON, api_key=KEY, extra_body={"top_k": 1})
    (asked,) = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body == {
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is two and two?"},
        ],
        "max_tokens": 64,
        "temperature": 0.0,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "sum", "schema": SCHEMA},
        },
        "top_k": 1,
    }


def test_consecutive_messages_of_a_speaker_are_merged_with_a_blank_line(serve: Serve) -> None:
    server = serve(says("yes"))
    said = [("user", "one"), ("user", "two"), ("assistant", "three"), ("user", "four")]
    ask(server, Request(tuple(Message(who, what) for who, what in said)))  # type: ignore[arg-type]
    contents = [message["content"] for message in server.asked[0].body["messages"]]
    assert contents == ["one\n\ntwo", "three", "four"]


def test_no_more_output_is_asked_for_than_the_model_writes(serve: Serve) -> None:
    server = serve(says("yes"))
    ask(server, Request(ASK.messages, max_output_tokens=10_000), max_output_tokens=100)
    assert server.asked[0].body["max_tokens"] == 100


def test_text_that_utf8_cannot_hold_is_sent_all_the_same(serve: Serve) -> None:
    server = serve(says("yes"))
    ask(server, Request((Message("user", "a\ud800b"),)))
    assert server.asked[0].prompt == "a?b"


def test_a_reply_that_ends_at_the_limit_says_so(serve: Serve) -> None:
    assert ask(serve(says("one two", finish="length"))).finish == "length"
    assert ask(serve(says("one two"))).finish == "stop"


def test_text_around_json_is_left_for_the_parser(serve: Serve) -> None:
    fenced = 'Sure:\n```json\n{"answer": 4}\n```'
    assert ask(serve(says(fenced)), ASK_JSON).text == fenced


# Usage


def test_a_reply_without_usage_is_counted_and_marked_estimated(serve: Serve) -> None:
    reply = ask(serve(says("four and no more", usage=None)))
    assert reply.usage == Usage(9 + 2 * 4, 4, estimated=True)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 0, "completion_tokens": 5},
        {"prompt_tokens": -3, "completion_tokens": 5},
        {"prompt_tokens": 20, "completion_tokens": -5},
        {"prompt_tokens": 20, "completion_tokens": 0},
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": "20", "completion_tokens": "5"},
        {"prompt_tokens": 20.5, "completion_tokens": 5.0},
        {"prompt_tokens": 2_000_000, "completion_tokens": 5},
        {"prompt_tokens": 20, "completion_tokens": 2_000_000},
        {},
        [],
        "twenty",
    ],
    ids=str,
)
def test_usage_that_cannot_be_true_is_counted_instead(serve: Serve, usage: Any) -> None:
    reply = ask(serve(says("four and no more", usage=usage)))
    assert reply.usage == Usage(17, 4, estimated=True)


def test_a_long_prompt_with_far_too_few_tokens_stated_is_counted(serve: Serve) -> None:
    words = Request((Message("user", "word " * 1000),))
    usage = {"prompt_tokens": 100, "completion_tokens": 1}
    assert ask(serve(says("yes", usage=usage)), words).usage.estimated
    usage = {"prompt_tokens": 1050, "completion_tokens": 1}
    assert ask(serve(says("yes", usage=usage)), words).usage == Usage(1050, 1)


def test_tokens_spent_on_hidden_thinking_are_believed(serve: Serve) -> None:
    usage = {"prompt_tokens": 20, "completion_tokens": 500}
    assert ask(serve(says("four", usage=usage))).usage == Usage(20, 500)


# Failures


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (fails(401), RequestRejected),
        (fails(404), RequestRejected),
        (fails(400, "nonsense"), RequestRejected),
        (fails(408), ModelTimeout),
        (fails(429), RateLimited),
        (fails(500), ServerFailed),
        (sends("<html>bad gateway</html>", status=502), ServerFailed),
        (fails(400, "This model's maximum context length is 8192 tokens."), ContextOverflow),
        (fails(400, "too much", code="context_length_exceeded"), ContextOverflow),
        (fails(400, "request (8030 tokens) exceeds the available context size"), ContextOverflow),
        (sends({"error": {"code": 429, "message": "slow down"}}), RateLimited),
        (sends("<html>please log in</html>"), MalformedReply),
        (sends({"choices": []}), MalformedReply),
        (sends({"choices": [{"message": {"content": ["a", "list"]}}]}), MalformedReply),
        (sends({"choices": [{"message": "four"}]}), MalformedReply),
        (sends(["four"]), MalformedReply),
        (sends(None), MalformedReply),
        (says(None), EmptyReply),
        (says(""), EmptyReply),
        (says(" \n"), EmptyReply),
        (says(None, refusal="I will not."), Refused),
        (says("I...", finish="content_filter"), Refused),
        (says("four", ending="half"), ConnectionLost),
        (drops(), ConnectionLost),
        (stalls(), ModelTimeout),
        (says("four", ending="stall halfway"), ModelTimeout),
    ],
)
def test_each_failure_has_its_type(serve: Serve, entry: Entry, kind: type[ModelError]) -> None:
    server = serve(entry)
    with pytest.raises(kind) as caught:
        ask(server, timeout_s=0.2 if kind is ModelTimeout else 5.0)
    assert type(caught.value) is kind
    assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1:1/v1"):
        ask_of(EndpointModel("m", "http://127.0.0.1:1/v1"))


def test_a_malformed_body_is_quoted_shortly_and_without_control_characters(serve: Serve) -> None:
    server = serve(sends("<html>\x1b[31m\n\t" + "x" * 1000))
    with pytest.raises(MalformedReply, match="<html> \\[31m x") as caught:
        ask(server)
    quote = str(caught.value).partition("completion: ")[2]
    assert len(quote) == 120
    assert quote.isprintable()


def test_a_refusal_says_why(serve: Serve) -> None:
    with pytest.raises(Refused, match="I will not"):
        ask(serve(says(None, refusal="I will not.")))


# Repeating is the crew's part


@pytest.mark.parametrize("entry", [fails(500), fails(429), drops(), fails(401), says(None)])
def test_no_failure_is_tried_again_behind_the_callers_back(serve: Serve, entry: Entry) -> None:
    server = serve(entry)
    with pytest.raises(ModelError):
        ask(server)
    assert len(server.asked) == 1


TASK = Task("How much?", (Document("a.md", "It is four."),), (Specialist("clerk", "Adds."),))
FOUND = says('{"findings": [{"statement": "It is four.", "source": "a#1"}]}')


def test_the_crew_gets_over_passing_trouble_and_writes_it_down(serve: Serve) -> None:
    server = serve(fails(503, retry_after="0.1"), drops(), FOUND)
    record = run(
        TASK,
        "single_call",
        EndpointModel("m", server.url),
        recovery=Recovery(retries=3, first_wait_s=0.01),
    )
    assert record.status == "done"
    assert [f["kind"] for f in failures(record)] == ["server", "connection"]
    waits = [e.wait_s for e in record.events if isinstance(e, Recovered)]
    assert waits[0] == 0.1
    assert len(server.asked) == 3


@pytest.mark.parametrize("entry", [fails(429, retry_after="3600"), fails(503, retry_after="31")])
def test_a_retry_after_of_an_hour_is_not_waited_for(serve: Serve, entry: Entry) -> None:
    server = serve(entry)
    record = run(TASK, "single_call", EndpointModel("m", server.url), recovery="retry")
    assert record.status == "failed"
    assert record.events[-1].t < 5
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("header", "value", "seconds"),
    [
        ("retry-after", "120", 120.0),
        ("retry-after", "1.5", 1.5),
        ("retry-after-ms", "2500", 2.5),
        ("retry-after", "-5", 0.0),
        ("retry-after", "soon", None),
        ("retry-after", "nan", None),
        ("x-other", "1", None),
    ],
)
def test_a_rate_limit_says_how_long_it_lasts(
    serve: Serve, header: str, value: str, seconds: float | None
) -> None:
    server = serve(sends({}, status=429, headers={header: value}))
    with pytest.raises(RateLimited) as caught:
        ask(server)
    assert caught.value.retry_after == seconds


def test_a_rate_limit_may_be_stated_as_a_date(serve: Serve) -> None:
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    with pytest.raises(RateLimited) as caught:
        ask(serve(fails(429, retry_after=date)))
    assert caught.value.retry_after == pytest.approx(100, abs=5)


# Servers which do not know all of a request


def shapes(server: ChatServer) -> list[str]:
    """Each request's form, or "plain"."""
    return [asked.body.get("response_format", {"type": "plain"})["type"] for asked in server.asked]


@pytest.mark.parametrize("status", [400, 422, 501])
@pytest.mark.parametrize("named", [True, False])
def test_a_server_without_schemas_is_asked_for_json_and_told_the_schema(
    serve: Serve, status: int, named: bool
) -> None:
    server = serve(picky("json_schema", status=status, named=named))
    ask(server, ASK_JSON, times=3)
    assert shapes(server) == ["json_schema", "json_object", "json_object", "json_object"]
    assert ASK_JSON.format is not None
    assert ASK_JSON.format.schema_text in server.asked[-1].body["messages"][0]["content"]


def test_a_server_without_any_format_is_asked_in_words(serve: Serve) -> None:
    server = serve(picky("response_format"))
    ask(server, ASK_JSON, times=3)
    assert shapes(server) == ["json_schema", "json_object", "plain", "plain", "plain"]
    assert "JSON Schema" in server.asked[-1].prompt


def test_the_schema_gets_a_system_message_where_there_is_none(serve: Serve) -> None:
    server = serve(picky("response_format"))
    ask(server, Request((Message("user", "Two and two?"),), ASK_JSON.format))
    roles = [message["role"] for message in server.asked[-1].body["messages"]]
    assert roles == ["system", "user"]


def test_a_reasoning_model_gets_its_own_parameters(serve: Serve) -> None:
    server = serve(picky("temperature", "max_tokens"))
    ask(server, ASK_JSON, times=3)
    assert len(server.asked) == 5
    last = server.asked[-1].body
    assert "temperature" not in last
    assert "max_tokens" not in last
    assert last["max_completion_tokens"] == 64
    assert last["response_format"]["type"] == "json_schema"


def test_a_server_that_knows_only_max_tokens_is_served_at_once(serve: Serve) -> None:
    server = serve(picky("max_completion_tokens"))
    ask(server)
    assert len(server.asked) == 1


def test_a_server_that_knows_nothing_of_it_all_is_still_served(serve: Serve) -> None:
    server = serve(picky("response_format", "temperature", "max_tokens"))
    ask(server, ASK_JSON, times=2)
    assert len(server.asked) == 6


def test_the_ladder_ends_and_nothing_is_learnt_from_a_request_that_fails_anyhow(
    serve: Serve,
) -> None:
    server = serve(*[fails(400, "nonsense")] * 3, says('{"answer": 4}'))
    model = EndpointModel("m", server.url)

    async def main() -> None:
        with pytest.raises(RequestRejected, match="nonsense"):
            await model.complete(ASK_JSON)
        await model.complete(ASK_JSON)

    asyncio.run(main())
    assert shapes(server) == ["json_schema", "json_object", "plain", "json_schema"]


def test_what_one_request_learnt_the_next_loop_knows(serve: Serve) -> None:
    server = serve(picky("json_schema"))
    model = EndpointModel("m", server.url)
    ask_of(model, ASK_JSON)
    ask_of(model, ASK_JSON)
    assert shapes(server) == ["json_schema", "json_object", "json_object"]


# Keys


def test_the_key_shows_neither_in_repr_nor_in_errors(serve: Serve) -> None:
    server = serve(echoes_authorization())
    model = EndpointModel("m", server.url, KEY)
    with pytest.raises(RequestRejected, match=r"Bearer \*\*\*") as caught:
        ask_of(model)
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(model) + repr(caught.value)
    error: BaseException | None = caught.value
    while error is not None:  # nor in what the error came from
        assert KEY not in str(error)
        error = error.__context__


def test_a_key_that_a_model_repeats_does_not_reach_the_reply(serve: Serve) -> None:
    assert ask(serve(says(f"it is {KEY}")), api_key=KEY).text == "it is ***"


def test_a_login_in_the_address_is_used_but_not_shown(serve: Serve) -> None:
    server = serve(echoes_authorization())
    url = server.url.replace("http://", "http://ann:s3cr%C3%A9t@")
    model = EndpointModel("m", url)
    with pytest.raises(RequestRejected) as caught:
        ask_of(model)
    assert server.asked[0].headers["authorization"] == "Basic YW5uOnMzY3LDqXQ="
    assert "s3cr" not in repr(model) + str(caught.value)


def test_a_remote_server_needs_a_key_and_the_error_names_the_variable() -> None:
    with pytest.raises(UsageError, match="OPENAI_API_KEY") as caught:
        EndpointModel("m", "https://example.test/v1")
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        EndpointModel("gpt-4o-mini")


@pytest.mark.parametrize("key", ["sk-\u201cquoted\u201d", "sk-a\nb"])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        EndpointModel("m", "https://example.test/v1", key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["localhost:8000", "ftp://host/v1", "http://", "me:pass@host/v1", "http://[::1", "http://h:x/"],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="base_url") as caught:
        EndpointModel("m", url, KEY)
    assert "pass" not in str(caught.value)


def test_key_and_address_come_from_the_environment(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(says("four"))
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    ask_of(EndpointModel("m"))
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_server_on_this_machine_is_not_looked_for_behind_a_proxy(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert ask(serve(says("four"))).text == "four"


# Loops, cancellation, many at once


def test_one_model_serves_several_loops_and_may_be_closed_any_number_of_times(
    serve: Serve,
) -> None:
    server = serve(says("four"))
    model = EndpointModel("m", server.url)

    async def main() -> None:
        await model.complete(ASK)
        await model.aclose()
        await model.aclose()
        await model.complete(ASK)

    asyncio.run(main())
    ask_of(model)  # left open: the loop closes it
    asyncio.run(model.aclose())
    assert len(server.asked) == 3


def test_cancelling_one_call_leaves_the_others_alone(serve: Serve) -> None:
    server = serve(stalls(), says("four", delay_s=0.1))
    model = EndpointModel("m", server.url)

    async def main() -> Reply:
        stuck = asyncio.create_task(model.complete(ASK))
        await asyncio.to_thread(server.wait_for, 1)
        other = asyncio.create_task(model.complete(ASK))
        await asyncio.to_thread(server.wait_for, 2)
        stuck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stuck
        return await other

    assert asyncio.run(main()).text == "four"


def test_256_calls_are_in_flight_together(serve: Serve) -> None:
    server = serve(says("four", together=256))
    model = EndpointModel("m", server.url)

    async def main() -> list[Reply]:
        return await asyncio.gather(*(model.complete(ASK) for _ in range(256)))

    assert len(asyncio.run(main())) == 256
    assert server.most_at_once == 256


def test_calls_at_once_that_meet_a_refusal_all_get_through(serve: Serve) -> None:
    server = serve(picky("response_format", "temperature"))
    model = EndpointModel("m", server.url)

    async def main() -> None:
        await asyncio.gather(*(model.complete(ASK_JSON) for _ in range(8)))
        before = len(server.asked)
        await asyncio.gather(*(model.complete(ASK_JSON) for _ in range(8)))
        assert len(server.asked) == before + 8

    asyncio.run(main())


def test_importing_the_module_imports_no_client() -> None:
    program = (
        "import sys, orchestrator_kit.models.endpoint as e; e.EndpointModel('m', api_key='k');"
        "print([m for m in ('openai', 'aiohttp', 'httpx2', 'genai_prices', 'bpe_openai')"
        " if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert json.loads(run.stdout.replace("'", '"')) == [], run.stderr
