"""How fast the worker slider follows a key, in a real JupyterLab and a real browser.

    python benchmarks/widgets.py [--rounds 2]

Thirty key presses on the slider's handle. The kernel's side is the callback of a move, start to
end. End to end is measured in the page, from `keydown` until the Gantt is another (a PNG: loaded),
and until the last picture of the view is; so nothing of the driver is in it. Beside it
matplotlib's Gantt and curve, which have no laws, no words and no table. Medians, and the slowest
move in brackets. The next key comes when the last picture is there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from page import markdown

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import jupyter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

KERNEL_MS, END_TO_END_MS = 20, 60  # the targets
KEYS = ["ArrowRight"] * 11 + ["ArrowLeft"] * 13 + ["ArrowRight"] * 6  # within 1 and 16, from 4
TIMED = """\
import io, json, os, pathlib, time
os.environ["OKIT_DIARY"] = "off"
from orchestrator_kit import load_task, measure, run
from orchestrator_kit.widgets import WorkerSlider, slider, worker_slider
TASK, TOOK = load_task("legal"), pathlib.Path("took.jsonl")
def timed(move):
    def moved(*given):
        start = time.perf_counter()
        move(*given)
        with TOOK.open("a") as file:
            file.write(json.dumps((time.perf_counter() - start) * 1e3) + "\\n")
    return moved
"""
OURS = "WorkerSlider._moved = timed(WorkerSlider._moved)\nworker_slider(TASK)"
NOTHING_RUN = "slider.AT_ONCE_S = 0\n" + OURS
MATPLOTLIB = """\
import ipywidgets, matplotlib
matplotlib.use("agg")
from orchestrator_kit import figures
runs = {n: run(TASK, workers=n) for n in range(1, 17)}
workers = ipywidgets.IntSlider(4, 1, 16, description="workers")
gantt, curve = WIDGETS
def show(axes):
    out = io.BytesIO()
    axes.figure.savefig(out, format=FORMAT, bbox_inches="tight")
    return VALUE
def line(chosen):
    axes = matplotlib.figure.Figure(figsize=(9, 2.8)).subplots()
    for of, style in (("latency_s", "o-"), ("critical_path_s", "--")):
        axes.plot(list(runs), [getattr(measure(r), of) for r in runs.values()], style, label=of)
    axes.plot(chosen, measure(runs[chosen]).latency_s, "o", markersize=12)
    axes.legend()
    return axes
@timed
def moved(change=None):
    gantt.value = show(figures.gantt(runs[workers.value]))
    curve.value = show(line(workers.value))
workers.observe(moved, "value")
moved()
TOOK.unlink()
ipywidgets.VBox([workers, gantt, curve])
"""
PNG = MATPLOTLIB.replace(
    "WIDGETS", "[ipywidgets.Image(format='png', width=820) for _ in range(2)]"
).replace("FORMAT", "'png'")
SVG = MATPLOTLIB.replace("WIDGETS", "[ipywidgets.HTML() for _ in range(2)]")
SVG = SVG.replace("FORMAT", "'svg'").replace("VALUE", "out.getvalue().decode()")
WAYS = {
    "worker slider, HTML with our SVG": OURS,
    "the same, nothing run before": NOTHING_RUN,
    "matplotlib, Image with PNG": PNG.replace("VALUE", "out.getvalue()"),
    "matplotlib, HTML with SVG": SVG,
}
# The pictures are the first two of the output: the Gantt and the curve. Both are other after every
# key; of an Image a new address is not yet a picture, its load is.
WATCH = """() => {
    const out = [...document.querySelectorAll('.jp-OutputArea-output')].at(-1);
    const seen = () => [...out.querySelectorAll('svg, img')].filter(e => e.clientWidth > 300)
        .slice(0, 2).map(e => e.tagName === 'IMG' ? (e.complete ? e.src : '') : e.outerHTML);
    let before = [], began = null, found = {};
    const look = () => {
        if (began === null) return;
        const now = seen(), t = performance.now() - began;
        const other = n => now[n] && now[n] !== before[n];
        if (other(0) && found.first === undefined) found.first = t;
        if (other(0) && other(1)) { found.last = t; began = null; window.moved = found; }
    };
    document.addEventListener('keydown', () => {
        before = seen(); found = {}; window.moved = null; began = performance.now();
    }, true);
    new MutationObserver(look).observe(
        out, {subtree: true, childList: true, attributes: true, characterData: true});
    out.addEventListener('load', look, true);
    return seen().length;
}"""


@dataclass(frozen=True, slots=True)
class Moves:
    """Thirty moves in ms: the kernel's side, until the Gantt, until the last picture."""

    kernel: list[float]
    first: list[float]
    last: list[float]


def measured(browser: Browser, way: str) -> Moves:
    """One way in a JupyterLab of its own."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        jupyter.notebook(folder / "view.ipynb", TIMED, WAYS[way])
        with (
            jupyter.lab(folder) as address,
            jupyter.opened(browser, jupyter.in_lab(address, "view.ipynb")) as watch,
        ):
            jupyter.run_all(watch.page, 2)
            first, last = moves(watch.page)
            watch.settled()
        took = (folder / "took.jsonl").read_text().splitlines()
    kernel = [float(json.loads(line)) for line in took]
    assert len(kernel) == len(KEYS), f"{way}: {len(kernel)} callbacks for {len(KEYS)} keys"
    return Moves(kernel, first, last)


def moves(page: Page) -> tuple[list[float], list[float]]:
    """Press every key, each when the pictures of the one before are there."""
    page.locator(".noUi-handle").first.focus()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.jp-OutputArea-output svg, "
        ".jp-OutputArea-output img')].filter(e => e.clientWidth > 300).length >= 2"
    )
    assert page.evaluate(WATCH) == 2
    found = []
    for key in KEYS:
        page.keyboard.press(key)
        page.wait_for_function("() => window.moved")
        found.append(page.evaluate("() => window.moved"))
    return [f["first"] for f in found], [f["last"] for f in found]


def row(way: str, rounds: list[Moves], base: list[Moves]) -> list[str]:
    """A row of the table: the median (the slowest move) of each round, and ratios to `base`."""

    def each(of: str) -> str:
        return " / ".join(f"{middle(r, of):.1f} ({max(getattr(r, of)):.0f})" for r in rounds)

    def over(of: str) -> str:
        ratios = [middle(r, of) / middle(b, of) for r, b in zip(rounds, base, strict=True)]
        return f"{statistics.median(ratios):.1f}"

    return [way, *map(each, ("kernel", "first", "last")), over("kernel"), over("first")]


def middle(moves: Moves, of: str) -> float:
    """The median of one of the three."""
    return float(statistics.median(getattr(moves, of)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=2)
    rounds = parser.parse_args().rounds
    if lacks := jupyter.missing():
        sys.exit(lacks)
    from playwright.sync_api import sync_playwright

    found: dict[str, list[Moves]] = {way: [] for way in WAYS}
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=jupyter.chromium(), args=jupyter.FLAGS)
        for _ in range(rounds):  # interleaved, for the machine has its moods
            for way, made in found.items():
                made.append(measured(browser, way))
        browser.close()
    base = next(iter(found.values()))
    columns = ["view", "kernel ms", "key to Gantt ms", "key to last picture ms"]
    columns += ["kernel, ratio", "to Gantt, ratio"]
    print(markdown(columns, [row(way, made, base) for way, made in found.items()]))
    kernel = statistics.median(m for made in base for m in made.kernel)
    gantt = statistics.median(m for made in base for m in made.first)
    for name, value, most in (
        ("kernel", kernel, KERNEL_MS),
        ("key to Gantt", gantt, END_TO_END_MS),
    ):
        print(f"{name}: {value:.1f} ms, target {most} ms: {'kept' if value <= most else 'missed'}")


if __name__ == "__main__":
    main()
