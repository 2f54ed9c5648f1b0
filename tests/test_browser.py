"""The widgets in a real JupyterLab and a real browser: by keyboard, offline, without an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator_kit import load_task, run
from orchestrator_kit.widgets.parts import words
from tests import jupyter

if TYPE_CHECKING:
    from playwright.sync_api import Browser

if (lacks := jupyter.missing()) and os.environ.get(jupyter.REQUIRED) != "required":
    pytest.skip(lacks, allow_module_level=True)

pytestmark = pytest.mark.notebook

SLIDER = (
    "from orchestrator_kit import load_task\nfrom orchestrator_kit.widgets import worker_slider",
    'worker_slider(load_task("legal"))',
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        found = p.chromium.launch(executable_path=jupyter.chromium(), args=jupyter.FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the notebooks of these tests are."""
    made = tmp_path_factory.mktemp("lab")
    jupyter.notebook(made / "slider.ipynb", *SLIDER)
    return made


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[str]:
    with jupyter.lab(folder) as address:
        yield address


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[str]:
    with jupyter.page_without_code(folder / "slider.ipynb") as address:
        yield address


def follows_the_keyboard(watch: jupyter.Watch) -> None:
    """One more worker by a key press: figures and Gantt are those that the package computes."""
    page, task = watch.page, load_task("legal")
    page.wait_for_selector('[role="status"]')
    assert words(run(task, workers=4)) in jupyter.status(page)
    page.locator(".noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    five = words(run(task, workers=5))
    page.wait_for_function(
        "w => document.querySelector('[role=status]').innerText.includes(w)", arg=five
    )
    assert "5 workers" in (page.locator("svg[role=img] desc").first.text_content() or "")
    watch.settled()


def test_a_key_on_the_slider_shows_the_run_that_the_package_computes(
    browser: Browser, lab: str
) -> None:
    with jupyter.opened(browser, jupyter.in_lab(lab, "slider.ipynb")) as watch:
        jupyter.run_all(watch.page, 2)
        follows_the_keyboard(watch)


def test_the_same_page_follows_without_code_and_without_asking_anybody(
    browser: Browser, app: str
) -> None:
    with jupyter.opened(browser, app) as watch:
        follows_the_keyboard(watch)
        assert watch.page.locator("text=import").count() == 0
