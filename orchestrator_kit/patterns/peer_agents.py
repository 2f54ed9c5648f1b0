"""Peer agents: no centre. Equals read a common board, claim sections, hand over, agree to stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from orchestrator_kit.answer import Answer, Report, merge
from orchestrator_kit.crew import Crew
from orchestrator_kit.events import Posted
from orchestrator_kit.group import together
from orchestrator_kit.roles import peer
from orchestrator_kit.tasks import Section, Specialist, Task


async def peer_agents(crew: Crew, task: Task, *, rounds: int = 5) -> Answer:
    """In each round every agent takes a turn at once; all agree, or the rounds are over."""
    board = Board(task, crew)
    for _ in range(rounds):
        before = board.moves
        async with together() as group:
            for agent in board.agents:
                group.create_task(take_turn(crew, task, board, agent))
        if board.agreed or board.moves == before:  # silence is agreement too
            break
    for agent in board.agents:
        if agent not in board.heard:
            crew.declare(f"{agent}: no report, in none of the rounds")
    return merge(board.posts, crew.count_tokens, task.budget.answer_tokens)


async def take_turn(crew: Crew, task: Task, board: Board, agent: str) -> None:
    """One agent looks at the board as it is now and does its part; a failure frees its claims."""
    ask = peer.turn(
        task,
        board.agents[agent],
        name=agent,
        board=tuple(board.posts),
        unclaimed=tuple(board.unclaimed.values()),
        held=tuple(board.held[agent]),
        uses=tuple(board.turns),
        claims=ceil(len(task.sections) / len(board.agents) / 2),
    )
    turn = await crew.turn(ask)
    if turn:
        board.accept(turn)
    else:
        board.release(agent)


@dataclass
class Board:
    """What all agents see: who there is, what is unclaimed, who holds what, and the posts."""

    task: Task
    crew: Crew
    agents: dict[str, Specialist] = field(default_factory=dict)
    unclaimed: dict[str, Section] = field(default_factory=dict)
    held: dict[str, list[Section]] = field(default_factory=dict)
    posts: list[Report] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    heard: set[str] = field(default_factory=set)  # who came through with a turn at all
    turns: list[int] = field(default_factory=list)  # the calls that made the board what it is
    moves: int = 0  # posts, claims and handovers so far

    def __post_init__(self) -> None:
        """Every specialist is an agent; more workers than specialists make namesakes."""
        roster = self.task.specialists
        for n in range(max(len(roster), self.crew.workers)):
            s = roster[n % len(roster)]
            self.agents[s.name if n < len(roster) else f"{s.name} {n // len(roster) + 1}"] = s
        self.unclaimed = dict(self.task.section_by_id)
        self.held = {agent: [] for agent in self.agents}

    @property
    def agreed(self) -> bool:
        return len(self.done) == len(self.agents) and not any(self.held.values())

    def accept(self, turn: peer.Turn) -> None:
        """Post a turn's findings, move what it hands over, and settle its claims: first wins."""
        agent = turn.agent
        self.turns.append(turn.call)
        self.heard.add(agent)
        if turn.findings:
            self.posts.append(Report(agent, turn.findings, call=turn.call))
            self.crew.accept(self.posts[-1])
            self._note(turn, "findings", [s.text for s in turn.findings])
        mine, self.held[agent] = {s.id: s for s in self.held[agent]}, []
        for section, to in turn.handovers:
            if section in mine and to in self.held and to != agent:
                self.held[to].append(mine[section])
                self._note(turn, "handover", [section, to])
        won = [c for c in dict.fromkeys(turn.claims) if c in self.unclaimed]
        self.held[agent] += [self.unclaimed.pop(c) for c in won]
        if lost := [c for c in turn.claims if c not in won]:
            self._note(turn, "claim_lost", lost)
        if won:
            self._note(turn, "claim", won)
        self.done.discard(agent)
        if turn.done:
            self.done.add(agent)
            self._note(turn, "done", [])

    def release(self, agent: str) -> None:
        """Put back what an agent holds that could not take its turn."""
        self.unclaimed |= {s.id: s for s in self.held[agent]}
        self.held[agent] = []

    def _note(self, turn: peer.Turn, what: str, items: list[str]) -> None:
        self.moves += what != "claim_lost"
        self.crew.note(Posted(self.crew.now, turn.call, turn.agent, what, tuple(items)))
