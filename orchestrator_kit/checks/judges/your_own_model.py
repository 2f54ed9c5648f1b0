"""The judge of the exercise on a model of one's own, for the notebook on prompts and models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from typing import Any

from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import scenes
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import Outcome, not_a_function, quoted, watched
from orchestrator_kit.errors import ModelError, ServerFailed
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import measure
from orchestrator_kit.models.base import Message, Reply, Request, Usage

LASTS_S = 2.0
_FACE = ("name", "window", "max_output_tokens", "parallel", "virtual", "beats")


class _Counted:
    """A model that counts what it is asked; each reply says the how-manieth it is.

    The first `fails` requests raise an error, after the same time.
    """

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.asked: list[Request] = []

    name, window, max_output_tokens = "counted", 5_678, 321
    parallel, virtual, beats = 7, True, False

    async def complete(self, request: Request) -> Reply:
        self.asked.append(request)
        number = len(self.asked)
        await asyncio.sleep(LASTS_S)
        if number <= self.fails:
            raise ServerFailed(f"request {number} failed")
        return Reply(f"reply {number}", Usage(100 * number, 10), 0.25 * number, "length")

    def count_tokens(self, text: str) -> int:
        return 3 * len(text) + 1

    def price(self, usage: Usage) -> float | None:
        return 0.5 * usage.total

    async def aclose(self) -> None:
        self.asked.clear()


@exercise(
    "once-1",
    title=N_("A model that answers equal requests once"),
    level=3,
    notebook="12_your_own_prompts_and_models",
    hints=(
        N_(
            "A `Request` can be a key of a dict: equal requests are equal keys, whoever makes "
            "them. What is kept for a key, and when is it put there: before or after the wait?"
        ),
        N_(
            "Between asking the model and having its reply others run. An `asyncio.Lock` for each "
            "request (not one for all) makes the second asker wait for the first; once it is let "
            "in, it must look again whether the reply is there."
        ),
        N_(
            "Keep a reply only after it came, so that an error leaves nothing behind. Whoever "
            "gets a kept reply gets a copy (`dataclasses.replace`) that says what *this* request "
            "used: nothing, for nothing."
        ),
    ),
)
def once_1(once: object) -> Iterator[Part]:
    """A class of models around another one, which pass on of equal requests only the first."""
    yield Part(_("a model"), _not_a_model(once), needed=True)
    assert callable(once)
    for asks, judge in (
        (_("equal and other requests, one after the other"), _fault_in_turn),
        (_("what a reply says that it took"), _fault_in_usage),
        (_("equal requests at the same time, others beside them"), _fault_at_once),
        (_("errors"), _fault_in_errors),
        (_("a run, made twice"), _fault_in_runs),
    ):
        yield Part(asks, judge(once))


def _not_a_model(once: object) -> str | None:
    if complaint := not_a_function(once):
        return complaint
    assert callable(once)
    made = watched(once, _Counted())
    if made.complaint:
        return made.complaint
    missing = [
        name
        for name in (*_FACE, "complete", "count_tokens", "price")
        if not hasattr(made.value, name)
    ]
    if missing:
        return _(
            "Expected a class that makes a model from a model; what it made, of the type {kind}, "
            "has no {missing}."
        ).format(kind=type(made.value).__name__, missing=", ".join(missing))
    inner, model = _Counted(), made.value
    try:
        got = (
            *(getattr(model, name) for name in _FACE),
            model.count_tokens("four"),
            model.price(Usage(3, 1)),
        )
    except Exception as e:  # the learner's code can do anything
        return _("Looking at the model raised {error}.").format(error=type(e).__name__)
    wanted = (*(getattr(inner, name) for name in _FACE), 13, 2.0)
    if got != wanted:
        return _(
            "The name, window, limits, token count and price of the model are not those of the "
            "one inside. All but `complete` is passed through."
        )
    if _script(once, inner, lambda model: _in_turn(model, [_request("a")])).value:
        return None
    return _(
        "The model gave no reply to a request. `complete` is an async function from a `Request` "
        "to a `Reply`; is it written already, and does every way through it end in a return?"
    )


def _request(text: str, **other: Any) -> Request:
    return Request((Message("system", "Be brief."), Message("user", text)), **other)


Script = Callable[[Any], Coroutine[Any, Any, list[Any]]]


def _script(once: Callable[..., Any], inner: _Counted, script: Script) -> Outcome:
    """What a script got from a learner's model; its complaint, where something was no reply."""

    async def scene() -> list[Any]:
        return await script(once(inner))

    complete = getattr(once, "complete", None)
    if callable(complete):
        scene.__wrapped__ = complete  # type: ignore[attr-defined]  # whose lines a complaint names
    outcome = watched(scene)
    if outcome.value and not all(isinstance(r, Reply | ModelError) for r in outcome.value):
        return replace(outcome, value=None)
    return outcome


async def _in_turn(model: Any, requests: Sequence[Request]) -> list[Any]:
    found: list[Any] = []
    for request in requests:
        try:
            found.append(await model.complete(request))
        except ModelError as e:
            found.append(e)
    return found


async def _together(model: Any, requests: Sequence[Request]) -> list[Any]:
    tasks = [asyncio.ensure_future(_in_turn(model, [request])) for request in requests]
    return [reply for (reply,) in await asyncio.gather(*tasks)]


def _no_reply(outcome: Outcome) -> str | None:
    if outcome.complaint:
        return outcome.complaint
    return None if outcome.value else _("The model gave something that is no `Reply`.")


def _fault_in_turn(once: Callable[..., Any]) -> str | None:
    a, b = _request("a"), _request("b")
    others = [a, b, _request("a", sample=1), _request("a", max_output_tokens=9)]
    others.append(replace(a, messages=(Message("system", "Be long."), a.messages[1])))
    inner = _Counted()
    outcome = _script(once, inner, lambda model: _in_turn(model, [*others, *reversed(others)]))
    if complaint := _no_reply(outcome):
        return complaint
    if len(inner.asked) > len(others):
        return _(
            "Equal requests came one after the other, and the model inside was asked {n} times "
            "for {different} different ones. What was answered once need not be asked again."
        ).format(n=len(inner.asked), different=len(others))
    if len(inner.asked) < len(others):
        return _(
            "Requests that differ were taken for equal: of {different} different ones only {n} "
            "reached the model inside. Those that differ in the system message, in `sample` or in "
            "`max_output_tokens` are others."
        ).format(n=len(inner.asked), different=len(others))
    texts = [r.text for r in outcome.value if isinstance(r, Reply)]
    finishes = {r.finish for r in outcome.value if isinstance(r, Reply)}
    if texts != texts[::-1] or finishes != {"length"}:
        return _(
            "An equal request got another reply than the first one. Text and `finish` of a kept "
            "reply are those of the reply that came."
        )
    return None


def _fault_in_usage(once: Callable[..., Any]) -> str | None:
    requests = [_request("a"), _request("a"), _request("b"), _request("a")]
    outcome = _script(once, _Counted(), lambda model: _in_turn(model, requests))
    if complaint := _no_reply(outcome):
        return complaint
    replies = [r for r in outcome.value if isinstance(r, Reply)]
    if [replies[0].usage, replies[2].usage] != [Usage(100, 10), Usage(200, 10)]:
        return _("A reply that the model inside gave has another usage than it gave. Pass it on.")
    if (replies[0].cost_usd, replies[2].cost_usd) != (0.25, 0.5):
        return _("A reply that the model inside gave has another cost than it gave. Pass it on.")
    kept = [replies[1], replies[3]]
    if any(r.usage.total for r in kept):
        return _(
            "A kept reply says that it used {n} tokens. They were used once, for the first "
            "request; the sum over a run would count them again. Expected 0 and 0."
        ).format(n=next(r.usage.total for r in kept if r.usage.total))
    if any(r.cost_usd != 0 for r in kept):
        return _(
            "A kept reply costs {cost}. It was paid for once, with the first request; expected 0."
        ).format(cost=quoted(next(r.cost_usd for r in kept if r.cost_usd != 0)))
    return None


def _fault_at_once(once: Callable[..., Any]) -> str | None:
    inner = _Counted()
    twins = [_request("a")] * 3
    outcome = _script(once, inner, lambda model: _together(model, twins))
    if complaint := _no_reply(outcome):
        return complaint
    if len(inner.asked) > 1:
        return _(
            "Three equal requests came at the same time, and the model inside was asked {n} "
            "times. Whoever comes while the first is still under way waits for its reply."
        ).format(n=len(inner.asked))
    if sum(r.usage.total for r in outcome.value if isinstance(r, Reply)) != 110:
        return _(
            "Three equal requests came at the same time. Their usages do not add up to what the "
            "model inside used: the one that was passed on bears all of it, the others nothing."
        )
    outcome = _script(once, _Counted(), lambda model: _together(model, list(map(_request, "abcd"))))
    if complaint := _no_reply(outcome):
        return complaint
    if outcome.seconds > LASTS_S + 0.5:
        return _(
            "Four different requests came at the same time, each of {one:g} seconds, and took "
            "{all:g} seconds together. Only equal ones have to wait for each other."
        ).format(one=LASTS_S, all=outcome.seconds)
    return None


def _fault_in_errors(once: Callable[..., Any]) -> str | None:
    inner = _Counted(fails=1)
    a = _request("a")
    outcome = _script(once, inner, lambda model: _in_turn(model, [a, a, a]))
    if isinstance(outcome.error, ServerFailed) or (outcome.complaint and len(inner.asked) > 1):
        return outcome.complaint
    if complaint := _no_reply(outcome):
        return complaint
    first, second, third = outcome.value
    if not isinstance(first, ServerFailed):
        return _(
            "The model inside raised an error, and the request got a reply all the same. An "
            "error is passed on; the crew knows what to do about it."
        )
    if isinstance(second, ModelError) or len(inner.asked) != 2 or isinstance(third, ModelError):
        return _(
            "After an error the same request came again. Expected that the model inside is asked "
            "anew, and that its reply is kept then; an error is nothing to keep."
        )
    inner = _Counted(fails=1)

    async def twins_then_one(model: Any) -> list[Any]:
        return [*await _together(model, [a, a]), *await _in_turn(model, [a])]

    outcome = _script(once, inner, twins_then_one)
    if complaint := _no_reply(outcome):
        return complaint
    if isinstance(outcome.value[-1], ModelError) or len(inner.asked) > 2:
        return _(
            "Two equal requests came at the same time, the first of them failed, and the same "
            "request came a third time. Expected a reply, and at most one more request to the "
            "model inside."
        )
    return None


def _fault_in_runs(once: Callable[..., Any]) -> str | None:
    for scene in scenes("once-1"):

        def twice(scene: Any = scene) -> tuple[Any, Any, Any]:
            model = once(scene.model)
            plain = run(scene.task, model=scene.model)
            return plain, run(scene.task, model=model), run(scene.task, model=model)

        complete = getattr(once, "complete", None)
        if callable(complete):
            twice.__wrapped__ = complete  # type: ignore[attr-defined]
        outcome = watched(twice)
        if outcome.complaint:
            return outcome.complaint
        plain, first, second = outcome.value
        if first.answer != plain.answer or measure(first).tokens != measure(plain).tokens:
            return _(
                "A run on your model around another one differs from the run on that one alone. "
                "The first time, nothing but the replies that it gives should pass."
            )
        if second.answer != plain.answer:
            return _("The second run on the same model came to another answer than the first.")
        if used := measure(second).tokens:
            return _(
                "The second run on the same model, with nothing but equal requests, used {n} "
                "tokens. Expected none."
            ).format(n=used)
    return None
