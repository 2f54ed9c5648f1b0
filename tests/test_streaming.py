"""Streams: the same reply as without, signs of life while it is written, and silence noticed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_kit.answer import Answer
from orchestrator_kit.crew import Crew
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
)
from orchestrator_kit.events import CallEnded, CallFailed, CallStarted, Heartbeat
from orchestrator_kit.experiments import run
from orchestrator_kit.models import stream
from orchestrator_kit.models.base import Format, Message, Pulse, Reply, Request, Usage
from orchestrator_kit.models.endpoint import EndpointModel
from orchestrator_kit.models.heart import Heart
from orchestrator_kit.plan import Plan, Subtask
from orchestrator_kit.record import Run
from orchestrator_kit.recovery import Recovery
from orchestrator_kit.roles import worker
from orchestrator_kit.tasks import Document, Specialist, Task
from tests.fakes import findings
from tests.servers import (
    Answer as Served,
)
from tests.servers import (
    Asked,
    ChatServer,
    Entry,
    drops,
    event,
    fails,
    picky,
    piece,
    says,
    sends,
    sends_parts,
    stalls,
    streams,
)

KEY = "sk-test-1234567890"
ASK = Request((Message("user", "What is two and two?"),))
SUM = Format.of("sum", {"type": "object", "properties": {}, "required": []})
DONE = event("[DONE]")
STOP = event(piece(finish="stop"))
NO_UTF8 = event(piece("four")).replace(b"ou", b"\xff\xfe")


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


Serve = Callable[..., ChatServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[ChatServer] = []

    def start(*script: Entry) -> ChatServer:
        servers.append(ChatServer(*script).__enter__())
        return servers[-1]

    yield start
    for server in servers:
        server.__exit__(None, None, None)


class Ear:
    """Hears signs of life: the tokens, and when."""

    def __init__(self, every_s: float = 60.0) -> None:
        self.tokens: list[int] = []
        self.times: list[float] = []
        self.pulse = Pulse(every_s, self.beat)

    def beat(self, tokens: int) -> None:
        self.tokens.append(tokens)
        self.times.append(time.monotonic())


def ask(server: ChatServer, request: Request = ASK, ear: Ear | None = None, **more: Any) -> Reply:
    """The reply to a request with a pulse."""
    model = EndpointModel("m", server.url, **{"timeout_s": 5.0, **more})
    return asyncio.run(model.complete(replace(request, pulse=(ear or Ear()).pulse)))


def asked_for(server: ChatServer) -> list[str]:
    """What each request asks for beside the reply itself."""
    shapes = []
    for asked in server.asked:
        form = asked.body.get("response_format", {}).get("type", "")
        parts = [p for p in ("stream", "stream_options") if p in asked.body]
        shapes.append(" ".join(filter(None, [form, *parts])))
    return shapes


# The same reply


def test_a_stream_is_asked_for_where_there_is_a_pulse_and_not_otherwise(serve: Serve) -> None:
    server = serve(streams("four"))
    model = EndpointModel("m", server.url)
    asyncio.run(model.complete(ASK))
    asyncio.run(model.complete(replace(ASK, pulse=Ear().pulse)))
    plain, streaming = (a.body for a in server.asked)
    assert streaming == plain | {"stream": True, "stream_options": {"include_usage": True}}


@given(
    pieces=st.lists(st.text(), max_size=6),
    usage=st.sampled_from([None, {"prompt_tokens": 20, "completion_tokens": 3}, "none", {}]),
    finish=st.sampled_from(["stop", "length", "content_filter", "tool_calls"]),
)
def test_what_comes_of_a_call_is_the_same_with_and_without_a_stream(
    pieces: list[str], usage: Any, finish: str
) -> None:
    with ChatServer(streams(*pieces, usage=usage, finish=finish)) as server:
        model = EndpointModel("gpt-4o-mini", server.url)

        async def outcome(request: Request) -> Any:
            try:
                return await model.complete(request)
            except ModelError as e:
                return type(e), str(e), e.usage, e.cost_usd

        async def both() -> tuple[Any, Any]:
            return await outcome(ASK), await outcome(replace(ASK, pulse=Ear().pulse))

        plain, streamed = asyncio.run(both())
        assert streamed == plain
        assert asked_for(server) == ["", "stream stream_options"]


LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
NOISE = st.sampled_from([": ping", "", "id: 7", "retry: 10", "event: message", "nonsense", "x: y"])


@st.composite
def written(draw: st.DrawFn) -> tuple[str, bytes, list[int]]:
    """A text, the bytes of a stream of it in some server's manner, and where these are cut."""
    pieces = draw(st.lists(st.text(), min_size=1, max_size=5))
    end = draw(LINE_ENDS)
    lines: list[str] = []
    for said in [*(piece(p) for p in pieces), piece(finish="stop")]:
        lines += draw(st.lists(NOISE, max_size=2))
        whole = json.dumps(
            said, ensure_ascii=draw(st.booleans()), indent=draw(st.none() | st.just(1))
        )
        space = draw(st.sampled_from(["", " "]))
        lines += [f"data:{space}{line}" for line in whole.split("\n")] + [""]
    body = end.join([*lines, "data: [DONE]", "", ""]).encode()
    cuts = draw(st.lists(st.integers(0, len(body)), max_size=12))
    return "".join(pieces), draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + body, sorted(cuts)


@given(written())
def test_a_stream_may_be_cut_anywhere_and_written_in_any_manner(
    case: tuple[str, bytes, list[int]],
) -> None:
    text, body, cuts = case

    async def chunks() -> AsyncIterator[bytes]:
        for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True):
            yield body[a:b]

    async def main() -> Any:
        kind = {"content-type": "text/event-stream"}
        request = httpx2.Request("POST", "http://127.0.0.1")
        response = httpx2.Response(200, headers=kind, content=chunks(), request=request)
        return json.loads(await stream._body(response, Heart(Ear().pulse)))

    (choice,) = asyncio.run(main())["choices"]
    assert (choice["message"]["content"] or "", choice["finish_reason"]) == (text, "stop")


def test_a_character_whose_halves_come_apart_is_put_together(serve: Serve) -> None:
    halves = [event('{"choices": [{"delta": {"content": "\\ud83d"}}]}')]
    halves += [event('{"choices": [{"delta": {"content": "\\ude00"}}]}')]
    assert ask(serve(sends_parts(*halves, STOP, DONE))).text == "\U0001f600"


@pytest.mark.parametrize(
    "entry",
    [
        says("four"),
        sends_parts(says("four")(Asked("", {}, {})).body),  # it says that it streams
        streams("fo", "ur"),
        sends_parts(event(piece("four")), STOP, DONE, kind="text/plain"),
        sends_parts(event(piece("four")), STOP),
        sends_parts(event(piece("four")), DONE),
        sends_parts(event(piece("four")), STOP, ending="drop"),
        sends_parts(event(piece("four")), STOP, DONE, ending="stall"),
        sends_parts(event(piece("four")), STOP, DONE, event(piece("five")), event("junk")),
        sends_parts(event(piece("five", index=1)), event(piece("four")), STOP, DONE),
        sends_parts(event({"choices": [], "note": "?"}), event(piece("four")), STOP, DONE),
        sends_parts(event({"type": "ping"}), event(piece("four")), STOP, DONE),
        sends_parts(event(json.loads(says("four")(Asked("", {}, {})).body)), DONE),
        sends_parts(event(piece("four")) * 2 + STOP + DONE),
    ],
)
def test_a_server_may_stream_in_its_own_way_or_not_at_all(serve: Serve, entry: Entry) -> None:
    assert ask(serve(entry), timeout_s=3.0).text.startswith("four")


def test_without_a_stated_usage_it_is_counted_as_ever(serve: Serve) -> None:
    server = serve(streams("four ", "and no more", usage=None))
    streamed = ask(server)
    assert streamed.usage.estimated
    assert streamed == asyncio.run(EndpointModel("m", server.url).complete(ASK))


def test_a_connection_is_not_used_again_after_a_stream(serve: Serve) -> None:
    late = sends_parts(event(piece("four")), STOP, DONE, 0.02)
    server = serve(streams("fo", "ur"), late, late, late, says("four"))
    model = EndpointModel("m", server.url)

    async def main() -> None:
        for _ in range(4):
            await model.complete(replace(ASK, pulse=Ear().pulse))
        for _ in range(4):
            await model.complete(ASK)

    asyncio.run(main())
    assert server.connections == 4 + 1


# Servers which do not know how to stream


@pytest.mark.parametrize(
    ("entry", "asked"),
    [
        (picky("stream_options", otherwise=streams("4")), ["stream stream_options", "stream"]),
        (picky("stream", otherwise=streams("4")), ["stream stream_options", ""]),
        (
            picky("stream", named=False, otherwise=streams("4")),
            ["stream stream_options", "stream", ""],
        ),
        (
            lambda asked: (
                fails(400, "JSON mode does not support streaming.")
                if "stream" in asked.body
                else says("4")
            )(asked),
            ["stream stream_options", ""],
        ),
    ],
)
def test_what_a_server_does_not_know_of_streams_is_left_out_and_remembered(
    serve: Serve, entry: Entry, asked: list[str]
) -> None:
    server = serve(entry)
    model = EndpointModel("m", server.url)
    for _ in range(2):
        reply = asyncio.run(model.complete(replace(ASK, pulse=Ear().pulse)))
        assert reply.text == "4"
    assert asked_for(server) == [*asked, asked[-1]]
    assert not reply.usage.estimated or "stream" in asked[-1]


def test_the_format_is_kept_where_the_streaming_is_what_is_not_known(serve: Serve) -> None:
    server = serve(picky("stream", "stream_options", otherwise=says("{}")))
    ask(server, replace(ASK, format=SUM))
    assert asked_for(server)[-1] == "json_schema"


def test_a_server_that_complains_of_everything_is_still_served(serve: Serve) -> None:
    server = serve(picky("response_format", "stream", named=False, otherwise=says("{}")))
    ask(server, replace(ASK, format=SUM))
    assert asked_for(server)[-1] == ""
    assert len(server.asked) == 5


# Failures


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (fails(401), RequestRejected),
        (fails(500), ServerFailed),
        (fails(400, "maximum context length is 8192 tokens"), ContextOverflow),
        (sends({"error": {"code": 429, "message": "slow down"}}), RateLimited),
        (sends("<html>please log in</html>"), MalformedReply),
        (drops(), ConnectionLost),
        (stalls(), ModelTimeout),
        (says("four", ending="half"), ConnectionLost),
        (streams("four", ending="drop"), ConnectionLost),
        (streams("four", ending="stall"), ModelTimeout),
        (sends_parts(event(piece("four"))), ConnectionLost),
        (sends_parts(b": hello\n\n"), ConnectionLost),
        (sends_parts(b"\n"), ConnectionLost),
        (sends_parts(event(piece("four")), event({"error": {"code": 429}})), RateLimited),
        (sends_parts(event({"error": {"code": 503, "message": "busy"}})), ServerFailed),
        (sends_parts(event(piece("a")), event({"error": {"message": "down"}})), ServerFailed),
        (sends_parts(event(piece("a")), event({"error": "down"}), DONE), ServerFailed),
        (sends_parts(event(piece("a")), b'event: error\ndata: {"message": "x"}\n\n'), ServerFailed),
        (sends_parts(event(piece("a")), event("{half"), STOP, DONE), MalformedReply),
        (sends_parts(event(piece("a")), event(["b"]), STOP, DONE), MalformedReply),
        (sends_parts(event(piece(content=["a"])), STOP, DONE), MalformedReply),
        (sends_parts(event({"choices": ["a"]}), STOP, DONE), MalformedReply),
        (sends_parts(event({"choices": [{"delta": "a"}]}), STOP, DONE), MalformedReply),
        (sends_parts(event("[" * 100_000), STOP, DONE), MalformedReply),
        (sends_parts(event("x" * (stream.LONGEST_EVENT + 9)), STOP, DONE), MalformedReply),
        (sends_parts(*[b": " + b"x" * 65_536] * 40, ending="stall"), MalformedReply),
        (sends_parts(NO_UTF8, STOP, DONE), MalformedReply),
        (sends_parts(event(piece("a")), 0.05, NO_UTF8, STOP, DONE), MalformedReply),
        (sends_parts(DONE), MalformedReply),
        (sends_parts(STOP, DONE), EmptyReply),
        (sends_parts(event(piece(refusal="I will ")), event(piece(refusal="not.")), DONE), Refused),
        (sends_parts(event(piece("I", finish="content_filter")), DONE), Refused),
    ],
)
def test_each_failure_has_its_type(serve: Serve, entry: Entry, kind: type[ModelError]) -> None:
    server = serve(entry)
    with pytest.raises(kind) as caught:
        ask(server, timeout_s=0.3 if kind is ModelTimeout else 5.0)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert len(server.asked) == 1


def test_an_error_in_a_stream_is_quoted_without_the_key(serve: Serve) -> None:
    said = event({"error": {"message": f"bad\nkey {KEY}", "code": None}})
    with pytest.raises(ServerFailed, match=r"bad key \*\*\*$") as caught:
        ask(serve(sends_parts(said)), api_key=KEY)
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in str(error)
        error = error.__context__


def test_a_key_in_the_pieces_of_a_reply_does_not_reach_it(serve: Serve) -> None:
    reply = ask(serve(streams("it is ", KEY[:5], KEY[5:])), api_key=KEY)
    assert reply.text == "it is ***"


# Signs of life


def test_signs_of_life_come_at_most_so_often_and_what_came_last_is_told(serve: Serve) -> None:
    ear = Ear(every_s=0.1)
    gaps: list[str | float] = [x for _ in range(25) for x in ("word ", 0.01)]
    ask(serve(streams(*gaps, 0.3, "end")), ear=ear)
    assert ear.tokens == sorted(ear.tokens)
    assert len(ear.tokens) >= 3
    assert all(b - a >= 0.099 for a, b in zip(ear.times, ear.times[1:], strict=False))
    assert 31 in ear.tokens  # 125 characters are 31 tokens: told though nothing came afterwards


def test_the_tokens_of_a_sign_of_life_are_pieces_or_every_four_characters(serve: Serve) -> None:
    for pieces, tokens in ((["a"] * 9, 9), (["x" * 400], 100), (["ab", "c" * 10], 3)):
        ear = Ear(every_s=0.05)
        ask(serve(streams(*pieces, 0.2)), ear=ear)
        assert ear.tokens[-1] == tokens


def test_thinking_that_is_not_shown_is_a_sign_of_life_and_counts(serve: Serve) -> None:
    ear = Ear(every_s=0.02)
    thinks = [x for _ in range(4) for x in (event(piece(reasoning_content="hm")), 0.05)]
    reply = ask(serve(sends_parts(*thinks, event(piece("four")), STOP, DONE)), ear=ear)
    assert reply.text == "four"
    assert ear.tokens[:4] == [1, 2, 3, 4]


def test_a_comment_is_a_sign_of_life_but_nothing_written(serve: Serve) -> None:
    ear = Ear(every_s=0.02)
    pings = [x for _ in range(3) for x in (b": ping\n\n", 0.05)]
    ask(serve(sends_parts(*pings, event(piece("four")), STOP, DONE)), ear=ear)
    assert ear.tokens[:3] == [0, 0, 0]


def test_a_server_that_does_not_stream_gives_no_sign_of_life(serve: Serve) -> None:
    ear = Ear(every_s=0.01)
    assert ask(serve(says("four", delay_s=0.1)), ear=ear).text == "four"
    assert ear.tokens == []


def test_what_was_written_before_a_cut_is_told_at_once(serve: Serve) -> None:
    ear = Ear(every_s=60.0)
    with pytest.raises(ConnectionLost):
        ask(serve(streams(0.05, "a", 0.05, "b", 0.05, "c", 0.05, ending="drop")), ear=ear)
    assert (ear.tokens[0], ear.tokens[-1], len(ear.tokens)) == (0, 3, 2)


# In a run


TASK = Task(
    "What must the buyer know?",
    tuple(Document(f"{n}.md", f"Plate {n} of the hull is thin.") for n in range(1, 7)),
    (Specialist("shipwright", "Examines hulls."),),
)
FOUND = findings("Plate 1 is thin.", source="1#1")
HALVES = (FOUND[:30], FOUND[30:])


async def one_report(crew: Crew, task: Task) -> Answer:
    return Answer((await crew.report(worker.report(task, task.sections))).findings)


async def six_reports(crew: Crew, task: Task) -> Answer:
    plan = Plan(tuple(Subtask(f"s{n}", "shipwright", "go", ()) for n in range(6)))
    found = await crew.dispatch(plan, lambda s, _: worker.report(task, task.sections, subtask=s))
    return Answer(tuple(f for r in found for f in r.findings))


def of(record: Run, kind: type[Any]) -> list[Any]:
    return [e for e in record.events if isinstance(e, kind)]


def test_the_record_of_a_run_with_all_remedies_has_the_signs_of_life(serve: Serve) -> None:
    server = serve(streams(*FOUND, usage={"prompt_tokens": 300, "completion_tokens": 30}))
    record = run(TASK, six_reports, EndpointModel("m", server.url), workers=6, recovery="full")
    assert record.status == "done"
    calls = {e.call for e in of(record, CallEnded)}
    assert calls == {e.call for e in of(record, Heartbeat)}
    assert {e.usage for e in of(record, CallEnded)} == {Usage(300, 30)}


def test_a_stream_that_stalls_halfway_is_noticed_soon_and_the_call_is_made_again(
    serve: Serve,
) -> None:
    silence_s = 0.6
    server = serve(streams(HALVES[0], 0.05, "x", ending="stall"), streams(*HALVES))
    model = EndpointModel("m", server.url)
    record = run(TASK, one_report, model, recovery=Recovery(retries=1, silence_s=silence_s))
    assert record.status == "done"
    (failed,) = of(record, CallFailed)
    assert failed.kind == "silent"
    last = max(e.t for e in of(record, Heartbeat) if e.call == failed.call)
    assert silence_s - 0.01 < failed.t - last < silence_s + 0.5
    assert failed.t < 0.05 + silence_s * 4 / 3 + 0.7
    assert (failed.usage.estimated, failed.usage.output_tokens) == (True, len(HALVES[0] + "x") // 4)
    server.wait_for_left(1)
    assert [e.step for e in of(record, CallStarted)] == ["first", "retry"]


def test_a_call_that_takes_long_but_is_heard_of_is_not_cut(serve: Serve) -> None:
    slowly = [x for n in range(0, len(FOUND), 8) for x in (FOUND[n : n + 8], 0.15, "", 0.15)]
    server = serve(streams(*slowly))
    recovery = Recovery(retries=0, silence_s=0.6)
    record = run(TASK, one_report, EndpointModel("m", server.url), recovery=recovery)
    assert (record.status, of(record, CallFailed)) == ("done", [])
    assert of(record, CallEnded)[0].t > 1.2


@pytest.mark.parametrize(
    "entry",
    [
        says(FOUND, delay_s=0.8),
        picky("stream", otherwise=says(FOUND, delay_s=0.8)),
        streams(FOUND, delay_s=0.8),
        sends_parts(b": queued\n\n", 0.8, event(piece(FOUND)), STOP, DONE),
    ],
)
def test_a_server_that_is_slow_to_begin_or_does_not_stream_is_not_taken_for_silent(
    serve: Serve, entry: Entry
) -> None:
    recovery = Recovery(retries=0, silence_s=0.2)
    model = EndpointModel("m", serve(entry).url)
    record = run(TASK, one_report, model, recovery=recovery)
    assert (record.status, of(record, CallFailed)) == ("done", [])


def test_the_one_who_loses_a_hedge_is_cut_off_and_what_it_wrote_is_counted(serve: Serve) -> None:
    asked = 0

    def entry(request: Asked) -> Served:
        nonlocal asked
        asked += 1
        if asked == 6:  # writes for ever
            return streams("wait ", 0.05, *["and wait "] * 20, ending="stall")(request)
        return streams(0.1, *HALVES)(request)

    server = serve(entry)
    recovery = Recovery(retries=0, hedge=0.6, silence_s=30.0)
    model = EndpointModel("m", server.url)
    record = run(TASK, six_reports, model, workers=6, recovery=recovery)
    assert record.status == "done"
    (lost,) = of(record, CallFailed)
    assert lost.kind == "cancelled"
    assert lost.usage.estimated
    assert lost.usage.output_tokens == len("wait " + "and wait " * 20) // 4
    server.wait_for_left(1)
    assert server.left == 1


def test_the_deadline_holds_for_a_stream_that_never_ends(serve: Serve) -> None:
    server = serve(streams(*[x for _ in range(200) for x in ("word ", 0.02)]))
    recovery = Recovery(retries=0, silence_s=30.0, deadline_s=0.5)
    record = run(TASK, one_report, EndpointModel("m", server.url), recovery=recovery)
    (failed,) = of(record, CallFailed)
    assert (failed.kind, record.status) == ("timeout", "failed")
    assert 0.5 <= failed.t < 1.0
    assert failed.usage.output_tokens > 5  # though the first sign of life came before any
    server.wait_for_left(1)
