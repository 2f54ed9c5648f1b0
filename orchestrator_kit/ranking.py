"""BM25: which passages speak of what is asked. Knows nothing of tasks, models or roles.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the
average length fixed, so that one section's weights can be computed once and used in any context.
The core must run without numpy (in a browser tab too), which the packages for BM25 need.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from orchestrator_kit.text import terms

K1 = 1.2  # how soon a repeated word stops counting
B = 0.5  # how much a long passage is held back
AVERAGE_TERMS = 15  # content words of a usual sentence


class Index:
    """The postings of some passages: for each term, where it stands and with what weight.

    `specific` counts each passage's different content words, a figure as three: what a general
    sentence has few of. On texts with known key sentences it tells those apart better than any
    query does (docs/simulated-model.md).
    """

    __slots__ = ("postings", "size", "specific")

    def __init__(self, passages: Sequence[str]) -> None:
        self.size = len(passages)
        self.postings: dict[str, list[tuple[int, float]]] = {}
        self.specific: list[float] = []
        for i, passage in enumerate(passages):
            counts = Counter(terms(passage))
            self.specific.append(sum(3.0 if t[0].isdigit() else 1.0 for t in counts))
            norm = K1 * (1 - B + B * counts.total() / AVERAGE_TERMS)
            for term, n in counts.items():
                self.postings.setdefault(term, []).append((i, n * (K1 + 1) / (n + norm)))


@lru_cache(maxsize=16_384)
def index(passages: tuple[str, ...]) -> Index:
    """The index of these passages, made once."""
    return Index(passages)


def scores(query: Iterable[str], indexes: Sequence[Index]) -> list[list[float]]:
    """BM25 of every passage of every index for the query's terms, all taken as one collection."""
    wanted = set(query)
    # Sorted, since sums of floats depend on their order and a set has none to rely on.
    shared = [sorted(ix.postings.keys() & wanted) for ix in indexes]
    counts: dict[str, int] = {}
    for ix, common in zip(indexes, shared, strict=True):
        for term in common:
            counts[term] = counts.get(term, 0) + len(ix.postings[term])
    total = sum(ix.size for ix in indexes)
    idf = {term: math.log1p((total - n + 0.5) / (n + 0.5)) for term, n in counts.items()}
    found = []
    for ix, common in zip(indexes, shared, strict=True):
        row = [0.0] * ix.size
        for term in common:
            for i, weight in ix.postings[term]:
                row[i] += idf[term] * weight
        found.append(row)
    return found


def relevance(query: str, passages: Sequence[str]) -> list[float]:
    """BM25 of each passage for a query text; for a single ranking of whole texts."""
    return scores(terms(query), [index(tuple(passages))])[0]
