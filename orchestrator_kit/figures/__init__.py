"""Figures for print and for notebooks, drawn by matplotlib. Knows no models and no crew.

Each function draws a reading of records onto an `Axes` (one of its own where none is given) and
returns it; as the last value of a notebook's cell that shows the picture, with its words.
`table` gives the same figures as a table, `alt_text` the words, `save` a file. No global state
of pyplot is touched, so nothing has to be closed. `svg` draws for screens, without matplotlib.
"""

from orchestrator_kit.errors import MissingExtra

try:
    import matplotlib as _matplotlib  # noqa: F401 - so that every module below may import it
except ModuleNotFoundError as e:  # pragma: no cover - tested in a process of its own
    raise MissingExtra(
        "figures need matplotlib; install it with: pip install 'orchestrator-kit[notebook]'"
    ) from e

from orchestrator_kit.figures.canvas import FORMATS, Chart, Picture, Table, panels, save, table
from orchestrator_kit.figures.comparisons import (
    latency,
    means,
    money,
    overview,
    recall,
    roles,
    tokens,
)
from orchestrator_kit.figures.curves import lines, review_gain, speedup
from orchestrator_kit.figures.frontiers import frontier
from orchestrator_kit.figures.looks import ACTIVITIES, FAILED_HATCH, HATCHES
from orchestrator_kit.figures.past import history
from orchestrator_kit.figures.plans import plan_graph
from orchestrator_kit.figures.runs import contexts, gantt
from orchestrator_kit.figures.traffic import messages
from orchestrator_kit.figures.words import alt_text

__all__ = [
    "ACTIVITIES",
    "FAILED_HATCH",
    "FORMATS",
    "HATCHES",
    "Chart",
    "Picture",
    "Table",
    "alt_text",
    "contexts",
    "frontier",
    "gantt",
    "history",
    "latency",
    "lines",
    "means",
    "messages",
    "money",
    "overview",
    "panels",
    "plan_graph",
    "recall",
    "review_gain",
    "roles",
    "save",
    "speedup",
    "table",
    "tokens",
]
