"""Every widget in a real browser: each control once, hostile text, stopping, light and dark.

Pictures of them are kept in docs/images/widgets where OKIT_SCREENSHOTS is set, as the release of
the documentation does; elsewhere they are taken and thrown away.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator_kit import load_task, run, score, tables
from orchestrator_kit.widgets.parts import words
from tests import jupyter
from tests.fakes import findings
from tests.servers import ChatServer, says, stalls

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

jupyter.skip_without_browser()

pytestmark = pytest.mark.notebook
ROOT = Path(__file__).parent.parent
LAB = ROOT / "notebooks" / "07_compare_lab.ipynb"

WIDGETS = {
    "pattern_lab": 'pattern_lab("legal")',
    "failure_panel": 'failure_panel("legal")',
    "worker_slider": 'worker_slider(load_task("legal"))',
    "replay": 'replay(run(load_task("legal")), load_task("legal"))',
}
IMPORTS = (
    "import asyncio\nfrom orchestrator_kit import EndpointModel, load_task, run\n"
    f"from orchestrator_kit.widgets import {', '.join(WIDGETS)}"
)


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures go."""
    if os.environ.get("OKIT_SCREENSHOTS"):
        return ROOT / "docs" / "images" / "widgets"
    return tmp_path_factory.mktemp("shots")


def cell(watch: jupyter.Watch, n: int) -> Locator:
    return watch.page.locator(".jp-CodeCell").nth(n)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_control_can_be_used_once_without_an_error(
    theme: str, browser: Browser, tmp_path: Path, shots: Path
) -> None:
    jupyter.notebook(tmp_path / "all.ipynb", IMPORTS, *WIDGETS.values())
    with (
        jupyter.lab(tmp_path, dark=theme == "dark") as address,
        jupyter.opened(
            browser, jupyter.in_lab(address, "all.ipynb"), dark=theme == "dark"
        ) as watch,
    ):
        jupyter.run_all(watch.page, 1 + len(WIDGETS))
        for n, name in enumerate(WIDGETS, 1):
            shown = cell(watch, n).locator(".jp-OutputArea-child").first
            shown.locator("svg[role=img]").first.wait_for()
            shown.scroll_into_view_if_needed()
            shown.screenshot(path=shots / f"{name}_{theme}.png")
        if theme == "dark":  # the controls are the same ones
            watch.settled()
            return
        for n in range(1, 1 + len(WIDGETS)):
            used = use_all(cell(watch, n))
            assert used >= 5
            assert cell(watch, n).locator("[role=status], [role=alert]").first.inner_text()
        watch.settled()


def use_all(scope: Locator) -> int:
    """Press, choose, move and tick whatever is in sight, once; how many there were."""
    used = 0
    for handle in scope.locator(".noUi-handle:visible").all():
        handle.press("ArrowRight")
        used += 1
    for box in scope.locator("input[type=checkbox]:visible").all():
        box.press("Space")
        used += 1
    for select in scope.locator("select:visible").all():
        options = select.locator("option")
        if options.count() and select.is_enabled():
            select.select_option(index=options.count() - 1)
            used += 1
    for field in scope.locator("input[type=number]:visible").all():
        if field.is_enabled():
            field.press("ArrowUp")
            used += 1
    for button in scope.locator("button:visible").all():
        if button.is_visible() and button.is_enabled():
            button.press("Enter")
            used += 1
    return used


def test_the_notebook_of_the_lab_follows_the_workers_by_keyboard(
    browser: Browser, tmp_path: Path
) -> None:
    copy = jupyter.unrun(LAB, tmp_path)
    with (
        jupyter.lab(tmp_path) as address,
        jupyter.opened(browser, jupyter.in_lab(address, copy.name)) as watch,
    ):
        jupyter.run_all(watch.page, 8)
        shown = watch.page.locator(".jp-CodeCell", has_text="pattern_lab(").last
        shown.scroll_into_view_if_needed()
        follows(watch)


def test_the_same_lab_as_a_page_without_code(browser: Browser, tmp_path: Path) -> None:
    with (
        jupyter.page_without_code(jupyter.unrun(LAB, tmp_path)) as address,
        jupyter.opened(browser, address) as watch,
    ):
        follows(watch)


def follows(watch: jupyter.Watch) -> None:
    """Four workers, then five by a key: tokens, cost, latency, recall and the Gantt's words."""
    page, task = watch.page, load_task("legal")
    page.wait_for_selector(".noUi-handle")
    for workers in (4, 5):
        made = run(task, workers=workers)
        found = f"{words(made)}, recall {tables.percent(score(task, made.answer).recall)}"
        page.wait_for_function(
            "w => [...document.querySelectorAll('[role=status]')]"
            ".some(s => s.innerText.includes(w))",
            arg=found,
        )
        page.wait_for_function(
            "w => [...document.querySelectorAll('svg[role=img] desc')]"
            ".some(s => s.textContent.includes(w))",
            arg=f"orchestrator_worker with {workers} workers",
        )
        page.locator(".noUi-handle").first.focus()
        page.keyboard.press("ArrowRight")
    watch.settled()


def test_a_hostile_reply_is_text_in_the_lab(browser: Browser, tmp_path: Path) -> None:
    bad = "<img src=x onerror=window.ran=1><script>window.ran=1</script> owes 900 crowns."
    with ChatServer(says(findings(bad))) as server, jupyter.lab(tmp_path) as address:
        live(tmp_path, server.url)
        with jupyter.opened(browser, jupyter.in_lab(address, "live.ipynb")) as watch:
            lab = begun(watch)
            press(lab, "The answer")
            lab.locator("text=<script>window.ran=1</script>").first.wait_for()
            assert watch.page.evaluate("window.ran") is None
            assert lab.locator("img, script").count() == 0
            watch.settled()


def test_stop_ends_the_spending_of_a_live_run(browser: Browser, tmp_path: Path) -> None:
    with ChatServer(stalls()) as server, jupyter.lab(tmp_path) as address:
        live(tmp_path, server.url)
        with jupyter.opened(browser, jupyter.in_lab(address, "live.ipynb")) as watch:
            lab = begun(watch)
            lab.locator("text=at work:").first.wait_for()
            for _ in range(200):
                if server.asked:
                    break
                watch.page.wait_for_timeout(50)
            press(lab, "Stop")
            lab.locator("text=nothing more is spent").first.wait_for()
            asked = len(server.asked)
            watch.page.wait_for_timeout(1500)  # a retry would have come by now
            assert len(server.asked) == asked == 1
            watch.settled()


def live(folder: Path, url: str) -> None:
    """A notebook with a lab on an endpoint."""
    jupyter.notebook(
        folder / "live.ipynb",
        IMPORTS + "\nfrom orchestrator_kit import Document, Specialist, Task",
        'lease = Document("a.md", "# Lease\\n\\nThe tenant owes 900 crowns.")\n'
        'task = Task("What is owed?", (lease,), (Specialist("clerk", "Rent and crowns."),))\n'
        f'pattern_lab(task, model=EndpointModel("m", "{url}"), pattern="single_call")',
    )


def begun(watch: jupyter.Watch) -> Locator:
    """The lab of `live`, its run confirmed."""
    jupyter.run_all(watch.page, 2)
    lab = cell(watch, 1)
    press(lab, "Run…")
    press(lab, "Yes, run it")
    return lab


def press(scope: Locator, name: str) -> None:
    """Press a button by keyboard, once it is in sight."""
    button = scope.locator("button", has_text=name)
    button.wait_for(state="visible")
    button.press("Enter")
