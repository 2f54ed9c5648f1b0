"""Runs of several patterns side by side, and their figures as plain data for scripts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator_kit import tables
from orchestrator_kit.errors import UnknownName
from orchestrator_kit.gaps import GapScore, gap_score
from orchestrator_kit.metrics import Measures
from orchestrator_kit.record import Run
from orchestrator_kit.scoring import Score
from orchestrator_kit.tasks import Task

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One pattern's run with its measures and its score."""

    run: Run
    measures: Measures
    score: Score

    @property
    def pattern(self) -> str:
        return self.run.pattern


@dataclass(frozen=True)
class Comparison:
    """Runs of several patterns on one task, model and number of workers."""

    task: Task
    model: dict[str, Any]
    workers: int
    seed: int | None
    rows: tuple[Row, ...]

    def row(self, pattern: str) -> Row:
        """The row of a pattern; UnknownName lists those that were run."""
        for row in self.rows:
            if row.pattern == pattern:
                return row
        raise UnknownName.among("run of a pattern", pattern, [r.pattern for r in self.rows])

    def overhead(self, row: Row) -> float | None:
        """Tokens over those of the single call; None where that was not run or took none."""
        base = [r.measures.tokens for r in self.rows if r.pattern == "single_call"]
        return row.measures.tokens / base[0] if base and base[0] else None

    def gaps(self, row: Row) -> GapScore:
        """What the row's answer declares missing against what its record shows to be missing."""
        return gap_score(self.task, row.run)

    def quality(self) -> tuple[str, list[float | None]]:
        """What answers are judged by, recall or (without gold facts) groundedness; and each's."""
        if any(r.score.recall is not None for r in self.rows):
            return "recall", [r.score.recall for r in self.rows]
        return "groundedness", [r.score.groundedness for r in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain data, by the kit's contract for scripts (docs/architecture.md)."""
        return {
            "schema": SCHEMA,
            "task": {
                "title": self.task.title,
                "prompt": self.task.prompt,
                "documents": [d.name for d in self.task.documents],
                "specialists": [s.name for s in self.task.specialists],
                "facts": len(self.task.facts),
            },
            "model": self.model,
            "workers": self.workers,
            "seed": self.seed,
            "runs": [self._plain(row) for row in self.rows],
        }

    def to_json(self) -> str:
        """`to_dict` as JSON text; the same runs give the same bytes."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n"

    def _plain(self, row: Row) -> dict[str, Any]:
        m, s, answer = row.measures, row.score, row.run.answer
        overhead, gaps = self.overhead(row), self.gaps(row)
        return {
            "pattern": row.pattern,
            "status": row.run.status,
            "answer": str(answer),
            "statements": [{"text": t.text, "sources": list(t.sources)} for t in answer.statements],
            "gaps": list(answer.gaps),
            "undeclared_gaps": list(m.undeclared),
            "gap_score": gaps.to_dict(),
            "obeyed": [i.says for i in s.obeyed] if self.task.injections else None,
            **m.to_dict(),
            "speedup": round(m.speedup, 4),
            "overhead": None if overhead is None else round(overhead, 4),
            "recall": s.recall,
            "recall_by_specialist": s.by_specialist,
            "groundedness": s.groundedness,
            "precision": s.precision,
            "source_precision": s.source_precision,
            "redundancy": m.redundancy,
            "contradictions": {c.says: fate for c, fate in s.contradictions},
            "failures": list(m.failures),
            "recovery": {step: asdict(price) for step, price in m.recovery.items()},
            "roles": {name: asdict(share) for name, share in m.roles.items()},
        }

    def __repr__(self) -> str:
        return f"Comparison({len(self.rows)} patterns, {self.workers} workers)"

    def __str__(self) -> str:
        return tables.as_text(*tables.comparison(self))

    def _repr_html_(self) -> str:
        return tables.as_html(*tables.comparison(self))
