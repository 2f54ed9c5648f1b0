"""The simulated reader: what a deterministic model makes of a request's text.

It has no table of results. It sees the messages, nothing else: it finds the material between the
marks, ranks its sentences against the instruction (BM25), notices less in the middle of a long
context, and writes JSON of the form that the schema asks for until its output limit. Plans and
turns among peers it derives from the text too. It knows no pattern, role, scenario or fact.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from random import Random
from typing import Any

from orchestrator_kit.models import critic
from orchestrator_kit.models.base import Request
from orchestrator_kit.models.marks import Count, Mark, marks
from orchestrator_kit.ranking import index, scores
from orchestrator_kit.text import normalise, terms

_as_json = json.JSONEncoder(ensure_ascii=False).encode

_AT_MOST = re.compile(r"at most (\d+)")


@dataclass(frozen=True, slots=True)
class Habits:
    """How the reader reads; every number is a stated parameter, none depends on a pattern.

    `fade` is the share of attention lost in the very middle of a context of `fade_tokens` or more
    (the U of "Lost in the Middle", arXiv 2307.03172); shorter contexts lose less in proportion.
    A sentence scores its BM25 for what is asked plus `specific` for each content word and figure
    of its own; `kept` favours what was already found by somebody; `noise` spreads scores by so
    much up and down. What scores below `floor` of the best is not said.
    """

    fade: float = 0.6
    fade_tokens: int = 8_000
    noise: float = 0.2
    specific: float = 1.0
    kept: float = 1.5
    floor: float = 0.3


def write(request: Request, habits: Habits, rng: Random, count: Count) -> str:
    """The reader's reply to a request, as text of at most its output limit."""
    *earlier, last = [m for m in request.messages if m.speaker == "user"]
    material = [mark for m in earlier for mark in marks(m.content, count)[0]]
    asked, words = marks(last.content, count)
    page = Page(material, asked, words, request, habits, rng, count)
    wanted = request.format.schema.get("properties", {}) if request.format else {}
    if "subtasks" in wanted:
        return page.plan(wanted)
    if "claims" in wanted:
        return page.turn()
    if "verdict" in wanted:
        return _as_json(critic.verdict(page))
    if "withdrawn" in wanted:
        found, withdrawn = critic.improvement(page)
        rows = ({"statement": text, "source": sources[0]} for text, sources in found)
        return page.object("findings", rows, {"withdrawn": withdrawn})
    if "add" in wanted:
        return _as_json(critic.revision(page, wanted))
    if "conflicts" in wanted:
        return page.object("conflicts", critic.conflicts(page), {})
    if "carried" in wanted:
        return _as_json(critic.carried(page))
    return page.extract(wanted)


@dataclass(frozen=True, slots=True)
class Page:
    """One request, open before the reader."""

    material: list[Mark]
    asked: tuple[Mark, ...]
    words: str
    request: Request
    habits: Habits
    rng: Random
    count: Count

    def query(self) -> list[str]:
        """The terms of what is asked; the words around it only where nothing is marked."""
        asked = [m.text for m in self.asked if m.tag in ("task", "expertise", "subtask")]
        return [t for text in asked or [self.words] for t in terms(text)]

    def task(self) -> str:
        return " ".join(m.text for m in self.asked if m.tag == "task")

    def roster(self) -> dict[str, str]:
        return {m.about: m.text for m in self.asked if m.tag == "specialist"}

    def at_most(self, otherwise: int) -> int:
        found = _AT_MOST.search(self.words)
        return int(found[1]) if found else otherwise

    def jittered(self, score: float) -> float:
        spread = self.habits.noise * (1.0 + self.request.temperature)
        return score * (1.0 + spread * (2.0 * self.rng.random() - 1.0))

    def ranked(self, material: Sequence[Mark]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The passages worth saying, best first, each once."""
        habits = self.habits
        total = sum(m.size for m in self.material) or 1
        fade = habits.fade * min(1.0, total / self.habits.fade_tokens)
        found: list[tuple[float, int, str, tuple[str, ...]]] = []
        indexes = [m.index for m in material]
        rows = scores(self.query(), indexes)
        before = 0
        for mark, ix, row in zip(material, indexes, rows, strict=True):
            place = 2.0 * (before + mark.size / 2) / total - 1.0  # -1 first, 0 middle, 1 last
            before += mark.size
            weight = 1.0 - fade * (1.0 - place * place)
            carried, passages, specific = mark.carried, mark.passages, ix.specific
            for rank, asked in enumerate(row):
                score = weight * (asked + habits.specific * specific[rank])
                if carried:  # a list has its best first, and somebody chose it
                    score *= habits.kept * (1.0 - 0.5 * rank / len(row))
                found.append((self.jittered(score), -len(found), *passages[rank]))
        found.sort(reverse=True)
        said: set[str] = set()
        for score, _, text, sources in found:
            if score <= found[0][0] * habits.floor:
                break
            if normalise(text) not in said:
                said.add(normalise(text))
                yield text, sources

    def extract(self, wanted: dict[str, Any]) -> str:
        """The best passages as the objects of the first list that the schema has."""
        key = next((k for k, v in wanted.items() if v.get("type") == "array"), None)
        if key is None:
            return self.fitted([f"- {t} [{', '.join(s)}]" for t, s in self.ranked(self.material)])
        item = wanted[key].get("items", {}).get("properties", {})
        gaps = [m.text for m in self.asked if m.tag == "gap"]
        rest = {k: gaps for k, v in wanted.items() if k != key and v.get("type") == "array"}
        rows = (_filled(item, text, sources) for text, sources in self.ranked(self.material))
        return self.object(key, rows, rest)

    def object(self, key: str, rows: Iterable[dict[str, Any]], rest: dict[str, Any]) -> str:
        """A JSON object with as many of the rows under `key` as the output limit allows."""
        tail = "], " + _as_json(rest)[1:] if rest else "]}"
        written = map(_as_json, rows)
        head = f'{{"{key}": ['
        body = self.fitted(written, ", ", self.count(head + tail) + 2)
        return head + body + tail

    def fitted(self, parts: Iterable[str], between: str = "\n", used: int = 0) -> str:
        room = self.request.max_output_tokens - used
        kept = []
        for part in parts:
            room -= self.count(part) + self.count(between)
            if room < 0:
                break
            kept.append(part)
        return between.join(kept)

    def relevance(self, text: str, material: Sequence[Mark]) -> list[float]:
        """How much each block has to do with a text, by its title and words."""
        passages = tuple(f"{m.about}. {m.text}" for m in material)
        return scores(terms(text), [index(passages)])[0]

    def plan(self, wanted: dict[str, Any]) -> str:
        """Subtasks for the specialists who find something to read in the outline."""
        roster = self.roster()
        limit = self.at_most(len(roster) or 1)
        fits = {
            name: [self.jittered(r) for r in self.relevance(f"{name} {skill}", self.material)]
            for name, skill in roster.items()
        }
        self._deal(fits)
        top = [max(column) for column in zip(*fits.values(), strict=True)]
        wishes: dict[str, list[tuple[float, Mark]]] = {}
        for name, row in fits.items():  # what fits well, and what fits nobody better
            bar = 0.5 * max(row, default=0.0)
            rated = zip(row, top, self.material, strict=True)
            if chosen := [(r, mark) for r, best, mark in rated if r > bar or r == best > 0]:
                wishes[name] = chosen
        total = {name: sum(r for r, _ in rows) for name, rows in wishes.items()}
        called = sorted(wishes, key=lambda n: -total[n])[:limit]
        spare = limit - len(called)
        shares: list[tuple[str, list[Mark]]] = []
        for name in (n for n in roster if n in called):
            sections = [m for _, m in wishes[name]]
            half = (len(sections) + 1) // 2
            if spare > 0 and len(sections) > 8:  # more than one should read: two share it
                shares += [(name, sections[:half]), (name, sections[half:])]
                spare -= 1
            else:
                shares.append((name, sections))
        shares.sort(key=lambda share: len(self._builds_on(share[0], called)))
        subtasks: dict[str, dict[str, Any]] = {}
        for n, (name, sections) in enumerate(shares, 1):
            others = self._builds_on(name, called)
            subtasks[f"s{n}"] = {
                "specialist": name,
                "instruction": f"As {name}, examine {_titles(sections)}.",
                "sections": [m.id for m in sections],
                "needs": [i for i, s in subtasks.items() if s["specialist"] in others],
            }
        most = wanted.get("workers", {}).get("maximum", len(subtasks) or 1)
        workers = fewest_workers(subtasks, most)
        enough = f", and end as early as {most} would" if workers < most else ""
        why = (
            f"{len(called)} of {len(roster)} specialists have something to read, in "
            f"{len({m.id for _, s in shares for m in s})} of {len(self.material)} sections; "
            f"{len(subtasks)} subtasks divide it; {workers} at a time are of use{enough}."
        )
        written = (f"{_as_json(name)}: {_as_json(s)}" for name, s in subtasks.items())
        head, tail = '{"subtasks": {', f'}}, "workers": {workers}, "why": {_as_json(why)}}}'
        return head + self.fitted(written, ", ", self.count(head + tail) + 2) + tail

    def _deal(self, fits: dict[str, list[float]]) -> None:
        """Hand round what the task is about and no expertise names, as if it fitted."""
        asked = self.relevance(self.task(), self.material)
        orphans = [n for n, r in enumerate(asked) if r and not any(row[n] for row in fits.values())]
        for n, row in zip(orphans, cycle(fits.values())):
            row[n] = asked[n]

    def _builds_on(self, name: str, called: Sequence[str]) -> list[str]:
        """The other specialists whom an expertise names."""
        skill = normalise(self.roster()[name])
        return [other for other in called if other != name and normalise(other) in skill]

    def turn(self) -> str:
        """A peer's turn: findings in what is held, claims, what others should have, and done."""
        unclaimed = [m for m in self.material if m.tag == "open"]
        held = [m for m in self.material if m.tag == "section"]
        posted = {normalise(p) for m in self.material if m.tag == "post" for p, _ in m.passages}
        others = self.roster()
        own = " ".join(m.text for m in self.asked if m.tag == "expertise")
        asked = self.relevance(self.task(), unclaimed)
        rated = zip(self._fits(own, others, unclaimed), asked, strict=True)
        claims = [  # what is the agent's, then what is nobody's and the task is about
            mark.id
            for (mine, rival, mark), r in sorted(
                rated, key=lambda rate: (-rate[0][0], -rate[1], rate[0][2].id)
            )
            if (mine >= 0.5 * rival if mine > 0 else rival == 0 < r)
        ][: self.at_most(3)]
        handovers = [
            {"section": mark.id, "to": max(others, key=lambda o: self.relevance(others[o], [mark]))}
            for mine, rival, mark in self._fits(own, others, held)
            if mine == 0 and rival > 0
        ]
        rows = (
            {"statement": text, "source": sources[0]}
            for text, sources in self.ranked(held)
            if normalise(text) not in posted
        )
        done = not claims and not held
        return self.object(
            "findings", rows, {"claims": claims, "handovers": handovers, "done": done}
        )

    def _fits(
        self, own: str, others: dict[str, str], material: Sequence[Mark]
    ) -> list[tuple[float, float, Mark]]:
        """(own relevance, the best rival's, block) of each block."""
        if not material:
            return []
        mine = [self.jittered(r) for r in self.relevance(own, material)]
        rivals = [self.relevance(f"{o} {skill}", material) for o, skill in others.items()]
        best = [max(column) for column in zip(*rivals, strict=True)] or [0.0] * len(material)
        return list(zip(mine, best, material, strict=True))


def fewest_workers(subtasks: dict[str, dict[str, Any]], most: int) -> int:
    """The fewest who end a plan as early as `most` would, by the number of sections to read."""
    ends = [_end(subtasks, n) for n in range(1, max(1, min(most, len(subtasks))) + 1)]
    return ends.index(min(ends)) + 1


def _end(subtasks: dict[str, dict[str, Any]], workers: int) -> float:
    """When so many workers are through, who take the subtasks in their order."""
    free = [0.0] * workers
    ended: dict[str, float] = {}
    for name, subtask in subtasks.items():
        worker = free.index(min(free))
        ready = max((ended[need] for need in subtask["needs"]), default=0.0)
        ended[name] = free[worker] = max(free[worker], ready) + 2.0 + len(subtask["sections"])
    return max(free)


def _filled(item: dict[str, Any], text: str, sources: tuple[str, ...]) -> dict[str, Any]:
    """One object of a list: its first text field says it, the others name where it stands."""
    row: dict[str, Any] = {}
    for name, kind in item.items():
        if not row:
            row[name] = text
        elif kind.get("type") == "array":
            row[name] = list(sources)
        else:
            row[name] = sources[0] if sources else ""
    return row


def _titles(sections: Sequence[Mark]) -> str:
    titles = list(dict.fromkeys(m.about for m in sections if m.about))
    return ", ".join(titles[:4]) or "what you are given"
