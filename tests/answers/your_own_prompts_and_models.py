"""Answers to the exercises of 12_your_own_prompts_and_models."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from html import escape
from itertools import groupby
from operator import itemgetter
from statistics import mean
from typing import Any

from orchestrator_kit.errors import ModelError
from orchestrator_kit.models.base import Model, Reply, Request, Usage
from tests.answers import right, wrong

Row = dict[str, Any]

# --- workers-1, right ---


@right("workers-1")
def by_groups(rows: list[Row], deadline: float, purse: float) -> int | None:
    best: tuple[float, float, int] | None = None
    for n, group in groupby(sorted(rows, key=itemgetter("workers")), itemgetter("workers")):
        mine = list(group)
        sound = [r for r in mine if r["status"] == "done" and r["cost_usd"] is not None]
        good = [r for r in sound if r["latency_s"] <= deadline and r["cost_usd"] <= purse]
        if len(good) < len(mine):
            continue
        key = (mean(r["cost_usd"] for r in mine), -mean(r["recall"] for r in mine), n)
        best = min(best, key) if best else key
    return best[2] if best else None


@right("workers-1")
def by_crossing_out(rows: list[Row], deadline: float, purse: float) -> int | None:
    """Crosses out whoever fails once, then sorts from the least important to the most."""
    out = {
        r["workers"]
        for r in rows
        if r["status"] != "done"
        or r["cost_usd"] is None
        or r["latency_s"] > deadline
        or r["cost_usd"] > purse
    }
    left = sorted({r["workers"] for r in rows} - out)

    def total(n: int, column: str) -> float:
        own = [r[column] for r in rows if r["workers"] == n]
        return float(sum(own) / len(own))

    left.sort(key=lambda n: total(n, "recall"), reverse=True)
    left.sort(key=lambda n: total(n, "cost_usd"))
    return left[0] if left else None


# --- workers-1, plausible and wrong ---


@wrong("workers-1", "returned None, but there is a number")
def not_written(rows: list[Row], deadline: float, purse: float) -> None:
    """The stub of the exercise."""


def otherwise(change: Callable[[Row], Row]) -> Callable[[list[Row], float, float], int | None]:
    def workers_for(rows: list[Row], deadline: float, purse: float) -> int | None:
        return by_groups([change(dict(r)) for r in rows], deadline, purse)

    return workers_for


wrong("workers-1", "costs more than the purse", lambda rows, d, p: by_groups(rows, d, float("inf")))
wrong("workers-1", "misses the deadline", lambda rows, d, p: by_groups(rows, float("inf"), p))
wrong("workers-1", "Exactly at the limit", lambda rows, d, p: by_groups(rows, d - 1e-9, p))
wrong("workers-1", "recall is higher", otherwise(lambda r: r | {"recall": 0}))
wrong("workers-1", "fewer of them", lambda rows, d, p: most_of_equals(rows, d, p))
wrong("workers-1", "was not done", otherwise(lambda r: r | {"status": "done"}))
wrong("workers-1", "has no price", otherwise(lambda r: r | {"cost_usd": r["cost_usd"] or 0}))


def most_of_equals(rows: list[Row], deadline: float, purse: float) -> int | None:
    """The larger crew, where all else is the same."""
    found = by_groups([r | {"workers": -r["workers"]} for r in rows], deadline, purse)
    return None if found is None else -found


@wrong("workers-1", "costs less")
def fastest(rows: list[Row], deadline: float, purse: float) -> int | None:
    fit = [
        r for r in rows if r["cost_usd"] and r["latency_s"] <= deadline and r["cost_usd"] <= purse
    ]
    return min(fit, key=lambda r: r["latency_s"])["workers"] if fit else None


@wrong("workers-1", "misses the deadline")
def cheapest_row(rows: list[Row], deadline: float, purse: float) -> int | None:
    """Takes the best single row, whatever the other seeds of its number did."""
    fit = [
        r for r in rows if r["cost_usd"] and r["latency_s"] <= deadline and r["cost_usd"] <= purse
    ]
    return (
        min(fit, key=lambda r: (r["cost_usd"], -r["recall"], r["workers"]))["workers"]
        if fit
        else None
    )


@wrong("workers-1", "misses the deadline")
def means(rows: list[Row], deadline: float, purse: float) -> int | None:
    """Holds the mean against the deadline."""
    by_size = defaultdict(list)
    for r in rows:
        by_size[r["workers"]].append(r)
    middle = [r[0] | {"latency_s": mean(x["latency_s"] for x in r)} for r in by_size.values()]
    return by_groups(middle, deadline, purse)


@wrong("workers-1", "costs less")
def sums(rows: list[Row], deadline: float, purse: float) -> int | None:
    """Adds the costs up, and so punishes a number for having been tried more often."""
    often = {r["workers"]: sum(o["workers"] == r["workers"] for o in rows) for r in rows}
    if by_groups(rows, deadline, purse) is None:
        return None
    good = [
        r
        for r in rows
        if by_groups([o for o in rows if o["workers"] == r["workers"]], deadline, purse)
    ]
    return by_groups(
        [r | {"cost_usd": r["cost_usd"] * often[r["workers"]]} for r in good], deadline, 1e9
    )


@wrong("workers-1", "raised ValueError")
def no_way_out(rows: list[Row], deadline: float, purse: float) -> int:
    fit = [r for r in rows if r["latency_s"] <= deadline and (r["cost_usd"] or 0) <= purse]
    return int(min(fit, key=lambda r: (r["cost_usd"], -r["recall"], r["workers"]))["workers"])


@wrong("workers-1", "one of the numbers of workers")
def the_row(rows: list[Row], deadline: float, purse: float) -> Row | None:
    found = by_groups(rows, deadline, purse)
    return next((r for r in rows if r["workers"] == found), None)


# --- once-1 ---


def passed_on(name: str) -> Any:
    return property(lambda self: getattr(self.model, name))


class Around:
    """A model that hands everything through."""

    name, window, max_output_tokens = map(passed_on, ("name", "window", "max_output_tokens"))
    parallel, virtual, beats = map(passed_on, ("parallel", "virtual", "beats"))
    seed = passed_on("seed")

    def __init__(self, model: Model) -> None:
        self.model = model
        self.kept: dict[Any, Any] = {}
        self.known: dict[Any, Reply] = {}

    async def complete(self, request: Request) -> Reply:
        return await self.model.complete(request)

    def count_tokens(self, text: str) -> int:
        return self.model.count_tokens(text)

    def price(self, usage: Usage) -> float | None:
        return self.model.price(usage)

    async def aclose(self) -> None:
        await self.model.aclose()


class ByFuture(Around):
    """Keeps a future for each request under way; whoever finds one waits for it."""

    async def complete(self, request: Request) -> Reply:
        if request in self.kept:
            kept: Reply = await asyncio.shield(self.kept[request])
            return replace(kept, usage=Usage(0, 0), cost_usd=0.0)
        future = self.kept[request] = asyncio.get_running_loop().create_future()
        try:
            reply = await self.model.complete(request)
        except BaseException as e:
            del self.kept[request]
            future.set_exception(e)
            future.exception()  # perhaps nobody waits
            raise
        future.set_result(reply)
        return reply


class ByEvent(Around):
    """Marks what is under way with an event, and looks again when it was set."""

    async def complete(self, request: Request) -> Reply:
        while isinstance(found := self.kept.get(request), asyncio.Event):
            await found.wait()
        if found:
            return Reply(found.text, Usage(0, 0), 0, found.finish)
        mark = self.kept[request] = asyncio.Event()
        del found
        try:
            self.kept[request] = await self.model.complete(request)
        finally:
            if self.kept[request] is mark:
                del self.kept[request]
            mark.set()
        return self.kept[request]  # type: ignore[no-any-return]


right("once-1", ByFuture)
right("once-1", ByEvent)


class NoMemory(Around):
    """Passes everything on."""


class AfterTheFact(Around):
    """Puts the reply away once it came, and so lets twins through."""

    async def complete(self, request: Request) -> Reply:
        if request in self.known:
            return replace(self.known[request], usage=Usage(0, 0), cost_usd=0.0)
        reply = self.known[request] = await self.model.complete(request)
        return reply


class ByText(AfterTheFact):
    """Takes what ends with the same message for the same."""

    async def complete(self, request: Request) -> Reply:
        key = request.messages[-1].content
        if key in self.known:
            return replace(self.known[key], usage=Usage(0, 0), cost_usd=0.0)
        reply = self.known[key] = await self.model.complete(request)
        return reply


class OneLock(AfterTheFact):
    """Lets one request in at a time, whatever it asks."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.lock = asyncio.Lock()

    async def complete(self, request: Request) -> Reply:
        async with self.lock:
            return await super().complete(request)


class CountsAgain(Around):
    """Hands out the kept reply with the tokens that it took once."""

    async def complete(self, request: Request) -> Reply:
        if request not in self.kept:
            self.kept[request] = asyncio.ensure_future(self.model.complete(request))
        reply: Reply = await self.kept[request]
        return reply


class CountsMoney(AfterTheFact):
    async def complete(self, request: Request) -> Reply:
        known = request in self.known
        reply = await super().complete(request)
        return replace(self.known[request], usage=Usage(0, 0)) if known else reply


class KeepsErrors(AfterTheFact):
    async def complete(self, request: Request) -> Reply:
        async with self.kept.setdefault(("lock", request), asyncio.Lock()):
            if isinstance(error := self.kept.get(request), ModelError):
                raise error
            try:
                return await super().complete(request)
            except ModelError as e:
                self.kept[request] = e
                raise


class NeverEnds(Around):
    """Waits for a reply that, after an error, nobody brings any more."""

    async def complete(self, request: Request) -> Reply:
        if request in self.kept:
            await self.kept[request].wait()
            kept: Reply = self.kept[request].reply
            return replace(kept, usage=Usage(0, 0), cost_usd=0.0)
        event: Any = asyncio.Event()
        self.kept[request] = event
        reply: Reply = await self.model.complete(request)
        event.reply = reply
        event.set()
        return reply


class ToldNothing(Around):
    async def complete(self, request: Request) -> None:  # type: ignore[override]
        """The stub of the exercise."""


class OwnTokens(ByFuture):
    def count_tokens(self, text: str) -> int:
        return len(text) // 4


class OnlyText(AfterTheFact):
    async def complete(self, request: Request) -> Reply:
        known = request in self.known
        reply = await super().complete(request)
        return Reply(reply.text, Usage(0, 0), 0.0) if known else reply


wrong("once-1", "gave no reply", ToldNothing)
wrong("once-1", "need not be asked again", NoMemory)
wrong("once-1", "waits for its reply", AfterTheFact)
wrong("once-1", "were taken for equal", ByText)
wrong("once-1", "Only equal ones have to wait", OneLock)
wrong("once-1", "would count them again", CountsAgain)
wrong("once-1", "paid for once", CountsMoney)
wrong("once-1", "nothing to keep", KeepsErrors)
wrong("once-1", "waits for something that never happens", NeverEnds)
wrong("once-1", "are not those of the one inside", OwnTokens)
wrong("once-1", "Text and `finish`", OnlyText)
wrong("once-1", "has no name", lambda model: model.name)

# --- data-1 ---


@right("data-1")
def letter_by_letter(name: str, text: str) -> str:
    """Looks ahead from each bracket, without a regular expression."""
    body = ""
    for i, c in enumerate(text):
        rest = text[i + 1 :].lower().lstrip().removeprefix("/").lstrip()
        body += "&lt;" if c == "<" and rest.startswith("document") else c
    safe = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "\n".join(['<document name="' + safe.replace('"', "&quot;") + '">', body, "</document>"])


@right("data-1")
def by_splitting(name: str, text: str) -> str:
    parts = re.split(r"<(\s*/?\s*document)", text, flags=re.I)
    marked = "".join(("&lt;" if n % 2 else "") + part for n, part in enumerate(parts))
    return f'<document name="{escape(name)}">\n{marked}\n</document>'


def around(body: Callable[[str], str], title: Callable[[str], str] = escape) -> Callable[..., str]:
    """A delimiter that treats the text, and the name, as these do."""

    def delimit(name: str, text: str) -> str:
        return f'<document name="{title(name)}">\n{body(text)}\n</document>'

    return delimit


def safe(text: str) -> str:
    return re.sub(r"<(?=\s*/?\s*document)", "&lt;", text, flags=re.I)


@wrong("data-1", "Expected a text; the function returned None")
def no_marks(name: str, text: str) -> None:
    """The stub of the exercise."""


wrong("data-1", "first line that is the opening mark", lambda name, text: safe(text))
wrong("data-1", "closing mark, as it is", lambda name, text: around(safe)(name, text) + "\n")
wrong("data-1", "may take that for a mark", around(str))
wrong("data-1", "something is lost", around(lambda t: t.replace("</document>", "")))
wrong("data-1", "Spaces, capitals", around(lambda t: t.replace("</document", "&lt;/document")))
wrong("data-1", "something is lost", around(lambda t: safe(t).replace("&lt;", "")))
wrong("data-1", "came out changed", around(escape))
wrong("data-1", "came out changed", around(lambda t: safe(t).strip()))
wrong("data-1", "nothing in the name that ends them", around(safe, str))
wrong("data-1", "cannot be read", around(safe, lambda n: re.sub('[<>"&]', "", n)))
wrong("data-1", "has to be escaped too", around(safe, lambda n: escape(n).replace("&amp;", "&")))
