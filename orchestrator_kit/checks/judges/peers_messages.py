"""Judge of the exercise on counting messages: from how many agents on a hub is cheaper."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from orchestrator_kit.catalogue import N_, _
from orchestrator_kit.checks.book import exercise
from orchestrator_kit.checks.scenes import Scene, scenes, stream
from orchestrator_kit.checks.verdict import Part
from orchestrator_kit.checks.watch import no_number, not_a_function, quoted, watched
from orchestrator_kit.events import CallStarted, Posted
from orchestrator_kit.experiments import run
from orchestrator_kit.metrics import calls
from orchestrator_kit.patterns.peer_agents import peer_agents
from orchestrator_kit.playback import CENTRE, cast_of, messages

TEAMS = range(2, 10)  # the sizes of which runs are measured


@dataclass(frozen=True)
class _Sizes:
    """Tokens of a message of each kind."""

    post: int
    order: int
    report: int

    def __str__(self) -> str:
        return f"post={self.post}, order={self.order}, report={self.report}"


@dataclass(frozen=True)
class _Traffic:
    """Messages in one round of measured teams: told among peers, to and from the hub's centre."""

    told: int
    orders: int
    reports: int

    def mesh(self, sizes: _Sizes) -> int:
        return self.told * sizes.post

    def hub(self, sizes: _Sizes) -> int:
        return self.orders * sizes.order + self.reports * sizes.report


@exercise(
    "peers-1",
    title=N_("From how many on a hub is cheaper"),
    level=1,
    notebook="06_peer_agents",
    hints=(
        N_(
            "Draw three peers and every message of one round as an arrow from who says it to who "
            "reads it. Then draw four. Then do the same with a centre in the middle."
        ),
        N_(
            "Multiply each count of arrows by the size of such a message. The smallest team has "
            "two; go up from there."
        ),
        N_(
            "Stop at the first team for which the hub's tokens are fewer. As many is not yet fewer."
        ),
    ),
)
def peers_1(hub_from: object) -> Iterator[Part]:
    """A function that says from how many agents on a hub carries fewer tokens than a mesh."""
    yield Part(_("a function"), not_a_function(hub_from), needed=True)
    assert callable(hub_from)
    rng = stream("peers-1")
    one = [_Sizes(size, size, size) for size in (1, 10, 300)]
    one += [_Sizes(p, k * p, 0) for k, p in ((1, 5), (2, 7), (4, 20), (6, 9), (7, 100))]
    one += [_Sizes(p, 0, k * p) for k, p in ((1, 3), (3, 8), (5, 40))]
    posts = [rng.randint(20, 400) for _n in range(60)]
    any_size = [_Sizes(post, rng.randint(1, 4 * post), rng.randint(1, 3 * post)) for post in posts]
    for asks, cases in (
        (_("{n} sizes that are multiples of each other"), one),
        (_("{n} sizes of all kinds"), any_size),
        (_("{n} sizes of messages in real runs"), _real_sizes()),
    ):
        complaint, tried = _fault_in_sizes(hub_from, cases, [*one, *any_size])
        yield Part(asks.format(n=len(cases)), complaint, tried)


def _fault_in_sizes(
    function: Callable[..., Any], cases: Sequence[_Sizes], every: Sequence[_Sizes]
) -> tuple[str | None, str]:
    """What is wrong with the first answer at fault, and the sizes that showed it."""
    for sizes in cases:
        outcome = watched(function, sizes.post, sizes.order, sizes.report)
        if outcome.complaint:
            return outcome.complaint, str(sizes)
        if complaint := _fault_in_type(outcome.value):
            return complaint, str(sizes)
        if complaint := _fault_in_size(outcome.value, sizes):
            return f"{complaint} {_idea(function, every)}".strip(), str(sizes)
    return None, ""


def _fault_in_type(found: object) -> str | None:
    if found is None:
        return no_number()
    if isinstance(found, bool) or not isinstance(found, int) or found < min(TEAMS):
        return _(
            "Expected a whole number of agents, at least 2; the function returned {found}."
        ).format(found=quoted(found))
    return None


def _fault_in_size(found: int, sizes: _Sizes) -> str | None:
    """What is wrong with the size of team that a function names; None if runs bear it out."""
    for traffic in _traffic():
        cheaper = [n for n in TEAMS if traffic[n].hub(sizes) < traffic[n].mesh(sizes)]
        if found == min(cheaper):
            continue
        shown = min(found, max(TEAMS)) if found < min(cheaper) else min(cheaper)
        mesh, hub = traffic[shown].mesh(sizes), traffic[shown].hub(sizes)
        if found > min(cheaper):
            return _(
                "The function says {found}. But in a measured round of {n} agents already the "
                "peers carried {mesh:,} tokens to each other and the hub only {hub:,}."
            ).format(found=found, n=shown, mesh=mesh, hub=hub)
        return _(
            "The function says {found}. But in a measured round of {n} agents the peers carried "
            "{mesh:,} tokens to each other and the hub {hub:,}, which is not fewer."
        ).format(found=found, n=shown, mesh=mesh, hub=hub)
    return None


def _idea(function: Callable[..., Any], cases: Sequence[_Sizes]) -> str:
    """What a function seems to count, if one idea explains all that it says."""
    both = _(
        "In a hub there are two messages for each worker, and both are carried: the order to it, "
        "and its report."
    )
    ideas: tuple[tuple[Callable[[int, _Sizes], bool], str], ...] = (
        (
            lambda n, s: n * (s.order + s.report) <= n * (n - 1) * s.post,
            _("A hub that carries as many tokens as the mesh is not cheaper yet."),
        ),
        (
            lambda n, s: 2 * (s.order + s.report) < (n - 1) * s.post,
            _(
                "Do you count each pair of peers once? When two of them tell each other something, "
                "these are two messages."
            ),
        ),
        (
            lambda n, s: s.order + s.report < n * s.post,
            _("Nobody has to be told what they said themselves."),
        ),
        (lambda n, s: s.order < (n - 1) * s.post, both),
        (lambda n, s: s.report < (n - 1) * s.post, both),
    )
    says: list[object] = []
    for s in cases:
        outcome = watched(function, s.post, s.order, s.report)
        if not isinstance(outcome.value, int):
            return ""
        says.append(outcome.value)
    for idea, said in ideas:
        if says == [next((n for n in range(2, 60) if idea(n, s)), None) for s in cases]:
            return said
    return ""


@lru_cache
def _traffic() -> tuple[dict[int, _Traffic], ...]:
    """For each scene, the messages of one round, as the records of real runs have them."""
    return tuple({n: _counted(scene, n) for n in TEAMS} for scene in map(_short, scenes("peers-1")))


def _counted(scene: Scene, n: int) -> _Traffic:
    team = replace(scene.task, specialists=scene.task.specialists[:n])
    peers = run(team, partial(peer_agents, rounds=1), scene.model, workers=n)
    hub = run(team, "master_slave", scene.model, workers=n)
    sent = messages(hub, cast_of(hub))
    told = {(m.sender, other) for m in messages(peers, cast_of(peers)) for other in m.receivers}
    return _Traffic(
        len(told),
        sum(m.sender == CENTRE for m in sent),
        sum(CENTRE in m.receivers for m in sent),
    )


def _short(scene: Scene) -> Scene:
    """The scene with two documents: enough for everybody to have something, and quick."""
    return replace(scene, task=replace(scene.task, documents=scene.task.documents[:2]))


@lru_cache
def _real_sizes() -> tuple[_Sizes, ...]:
    """Sizes of posts, orders and reports in real runs; an order without the sections to read."""
    found = []
    for scene in scenes("peers-1"):
        count = scene.model.count_tokens
        peers = run(scene.task, "peer_agents", scene.model)
        posts = [
            sum(map(count, e.items))
            for e in peers.events
            if isinstance(e, Posted) and e.what == "findings"
        ]
        hub = run(scene.task, "orchestrator_worker", scene.model)
        briefs = {
            e.call: count(e.messages[-1].content) for e in hub.events if isinstance(e, CallStarted)
        }
        pairs = [(briefs[c.id], c.usage.output_tokens) for c in calls(hub) if c.subtask and c.usage]
        drawn = zip(sorted(posts, reverse=True), pairs, strict=False)
        found += [_Sizes(p, o, r) for p, (o, r) in drawn if o + r < (max(TEAMS) - 1) * p]
    return tuple(found)
