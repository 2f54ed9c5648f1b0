"""Pictures as SVG text: fast enough to follow a slider, and free of matplotlib.

Each function reads records or comparisons and returns one `<svg>` whose title and description say
in words what it shows. All text is escaped. `figures` draws the same for print.
"""

from orchestrator_kit.svg.canvas import COLOURS, FAILED, INPUT, OTHER, OUTPUT, document
from orchestrator_kit.svg.comparisons import bars, intervals
from orchestrator_kit.svg.curves import VIEWS, curve
from orchestrator_kit.svg.plan import plan_graph
from orchestrator_kit.svg.runs import gantt
from orchestrator_kit.svg.stage import Stage
from orchestrator_kit.svg.votes import histogram

__all__ = [
    "COLOURS",
    "FAILED",
    "INPUT",
    "OTHER",
    "OUTPUT",
    "VIEWS",
    "Stage",
    "bars",
    "curve",
    "document",
    "gantt",
    "histogram",
    "intervals",
    "plan_graph",
]
