"""The gallery of figures: each is drawn from a run on the simulated model, with its words.

    python docs/gallery.py            prints the page
    python docs/gallery.py --write    writes docs/figures.md and docs/images/figures/*.png

tests/test_gallery.py fails when the page and the code differ.
"""

from __future__ import annotations

import sys
from inspect import getdoc
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from orchestrator_kit import figures
from orchestrator_kit.figures.canvas import as_bytes

HERE = Path(__file__).parent
PAGE, IMAGES = HERE / "figures.md", HERE / "images" / "figures"
DPI, COLOURS = 110, 256  # what keeps a picture small

SETTING = """\
from functools import partial

from orchestrator_kit import (
    Faults,
    SimulatedModel,
    compare,
    compare_trials,
    figures,
    load_task,
    measure,
    run,
)
from orchestrator_kit.patterns.orchestrator_worker import orchestrator_worker

task = load_task("legal")
found = compare(task)
ours = found.row("orchestrator_worker").run
peers = found.row("peer_agents").run
trouble = [
    "straggler:role=worker,p=0.2,factor=5",
    "crash:role=worker,p=0.3",
    "wrong:role=worker,p=0.3",
]
hard = run(
    task,
    partial(orchestrator_worker, rounds=1, revisions=2),
    Faults(SimulatedModel(0), trouble, 2),
    recovery="full",
)
by_workers = {n: run(task, workers=n) for n in (1, 2, 3, 4, 6, 8)}
reviewed = {
    n: [
        run(
            task,
            partial(orchestrator_worker, rounds=n),
            Faults(SimulatedModel(seed), trouble[2:], seed),
        )
        for seed in range(3)
    ]
    for n in range(4)
}
"""
CALLS = {
    "gantt": "figures.gantt(hard)",
    "plan_graph": "figures.plan_graph(hard)",
    "messages": "figures.messages(ours)",
    "messages_of_peers": "figures.messages(peers)",
    "contexts": "figures.contexts(hard)",
    "tokens": "figures.tokens(found)",
    "roles": "figures.roles(found)",
    "money": "figures.money(found)",
    "latency": "figures.latency(found)",
    "recall": "figures.recall(found)",
    "means": 'figures.means(compare_trials(task, trials=5), "recall")',
    "frontier": "figures.frontier(compare_trials(task, trials=5))",
    "speedup": "figures.speedup(by_workers)",
    "review_gain": "figures.review_gain(task, reviewed)",
    "lines": """\
latency = {n: measure(r).latency_s for n, r in by_workers.items()}
path = {n: measure(r).critical_path_s for n, r in by_workers.items()}
figures.lines({"latency": latency, "critical path": path}, x="workers", y="seconds")""",
    "overview": "figures.overview(found, ours)",
    "history": "figures.history()",
}


def drawn() -> dict[str, Any]:
    """Each figure of the gallery, as its call on the page gives it."""
    names: dict[str, Any] = {}
    exec(SETTING, names)  # noqa: S102 - the page's own code, so that it is shown to work
    found = {}
    for name, call in CALLS.items():
        *before, last = call.splitlines()
        exec("\n".join(before), names)  # noqa: S102 - the same
        found[name] = eval(last, names)  # noqa: S307 - the same
    return found


def page(shown: dict[str, Any]) -> str:
    """The page, with the words of each figure as the text of its image."""
    parts = [
        "# Figures\n",
        "Drawn by `python docs/gallery.py --write`; every number comes from a run on the simulated "
        "model.",
        "`orchestrator_kit.figures` needs the extra `notebook`. Each function takes data and, if "
        "wanted, an `Axes`, and returns the `Axes`; as the last value of a cell that shows the "
        "picture, with its words and its table to unfold below it. `figures.table(...)` of what it "
        "returned gives the same figures as a table, `figures.alt_text(...)` the words, "
        "`figures.save(..., path)` a file, "
        "`figures.panels(n)` axes side by side.\n",
        f"```python\n{SETTING}```\n",
    ]
    for name, call in CALLS.items():
        about = getdoc(
            getattr(figures, call.splitlines()[-1].split("(")[0].removeprefix("figures."))
        )
        assert about
        words = figures.alt_text(shown[name]).replace("[", "(").replace("]", ")")
        parts += [
            f"## {name.replace('_', ' ')}\n",
            about.split("\n\n")[0] + "\n",
            f"```python\n{call}\n```\n",
            f"![{words}](images/figures/{name}.png)\n",
        ]
    return "\n".join(parts).rstrip("\n") + "\n"


def small(shown: Any) -> bytes:
    """A picture as a small PNG: few colours, few dots."""
    figure = shown if isinstance(shown, figures.Picture) else shown.get_figure(root=True)
    image = Image.open(BytesIO(as_bytes(figure, ".png", DPI))).convert("RGB")
    buffer = BytesIO()
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        buffer, "PNG", optimize=True
    )
    return buffer.getvalue()


def main() -> None:
    """Print the page, or write it and its images."""
    shown = drawn()
    if "--write" not in sys.argv:
        print(page(shown))
        return
    IMAGES.mkdir(parents=True, exist_ok=True)
    for old in IMAGES.glob("*.png"):
        old.unlink()
    for name, one in shown.items():
        (IMAGES / f"{name}.png").write_bytes(small(one))
    PAGE.write_text(page(shown), "utf-8")


if __name__ == "__main__":
    main()
