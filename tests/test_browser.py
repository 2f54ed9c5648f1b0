"""The widgets in a real JupyterLab and a real browser: by keyboard, offline, without an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator_kit import load_task, measure, run
from orchestrator_kit.playback import Timeline
from orchestrator_kit.widgets.parts import words
from tests import jupyter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

jupyter.skip_without_browser()

pytestmark = pytest.mark.notebook

SLIDER = (
    "from orchestrator_kit import load_task\nfrom orchestrator_kit.widgets import worker_slider",
    'worker_slider(load_task("legal"))',
)
PREDICT = 'worker_slider(load_task("legal"), predict=True)'

# A worker whose name and findings are markup that would run, and a look at whether it has.
REPLAY = (
    "import json\n"
    "from orchestrator_kit import Run, load_task, run\n"
    "from orchestrator_kit.widgets import replay",
    'task = load_task("legal")\nreplay(run(task), task)',
    "bad = json.dumps('<img src=x onerror=\"window.ran=1\"><script>window.ran=1</script>')\n"
    "record = run(task).to_jsonl().replace('\"s8\"', bad)\n"
    "replay(Run.from_jsonl(record.replace('\"financial analyst\"', bad)))",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the notebooks of these tests are."""
    made = tmp_path_factory.mktemp("lab")
    jupyter.notebook(made / "slider.ipynb", *SLIDER)
    jupyter.notebook(made / "replay.ipynb", *REPLAY)
    jupyter.notebook(made / "predict.ipynb", SLIDER[0], PREDICT)
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
    jupyter.says(page, words(run(task, workers=4)))
    page.locator(".noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    five = words(run(task, workers=5))
    jupyter.says(page, five)
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


def shows(page: Page, which: int, words: str) -> None:
    """Wait until the title of a picture has these words."""
    page.wait_for_function(
        "([n, w]) => document.querySelectorAll('svg[role=img] > title')[n].textContent.includes(w)",
        arg=[which, words],
    )


_IS_AT = """name => ["BUTTON", "SELECT"].includes(document.activeElement.tagName)
    && document.activeElement.textContent.includes(name)"""


def tab_to(page: Page, name: str) -> None:
    """Go on by the tabulator until a control of that name has the focus, once it is there."""
    page.locator("button, select", has_text=name).first.wait_for()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(_IS_AT, name):
            return
    raise AssertionError(f"no key leads to {name}")


def test_a_run_is_played_and_read_by_keyboard_alone(browser: Browser, lab: str) -> None:
    line = Timeline(run(load_task("legal")))
    with jupyter.opened(browser, jupyter.in_lab(lab, "replay.ipynb")) as watch:
        page = watch.page
        jupyter.run_all(page, 3)
        page.locator(".noUi-handle").first.focus()
        shows(page, 0, "at 0.0 s")
        page.keyboard.press("ArrowRight")
        shows(page, 0, f"at {line.frames[1]:.1f} s")
        tab_to(page, "Next event")
        page.keyboard.press("Enter")
        shows(page, 0, f"at {line.moments[1].t:.1f} s")
        jupyter.says(page, "the plan is made")
        tab_to(page, "32x")
        page.keyboard.press("Space")  # the list opens
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        page.locator(".noUi-handle").first.focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        shows(page, 0, f"at {line.duration:.1f} s")  # the browser plays to the very end
        page.locator("button", has_text="Play").first.wait_for()
        jupyter.says(page, "the run is done")

        tab_to(page, "Calls")
        page.keyboard.press("Enter")
        tab_to(page, "Next call")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.wait_for_selector("h4:has-text('Call 2:')")
        page.locator("button", has_text="Calls").first.focus()
        tab_to(page, "Answer and sources")
        page.keyboard.press("Enter")
        tab_to(page, "Next statement")
        page.keyboard.press("Enter")
        page.wait_for_selector("mark")
        watch.settled()


def test_a_hostile_record_is_text_in_the_browser(browser: Browser, lab: str) -> None:
    with jupyter.opened(browser, jupyter.in_lab(lab, "replay.ipynb")) as watch:
        page = watch.page
        jupyter.run_all(page, 3)
        shows(page, 1, "at 0.0 s")
        second = page.locator(".jp-OutputArea-output", has=page.locator("svg[role=img]")).nth(1)
        for _ in range(4):
            second.locator("button", has_text="Next event").click()
        second.locator("button", has_text="Calls").click()
        second.locator("button", has_text="Next call").click(click_count=2)
        second.locator("h4", has_text="<script>window.ran=1</script>").wait_for()
        second.locator("button", has_text="Events so far").click()
        second.locator("td", has_text="<img src=x onerror").first.wait_for()
        assert page.evaluate("window.ran") is None
        assert second.locator("img, script").count() == 0


def test_a_prediction_by_keyboard_is_scored_and_the_curve_completes_itself(
    browser: Browser, lab: str
) -> None:
    with jupyter.opened(browser, jupyter.in_lab(lab, "predict.ipynb")) as watch:
        page, task = watch.page, load_task("legal")
        jupyter.run_all(page, 2)
        page.get_by_label("The shortest run needs").focus()
        assert page.locator("text=with the laws").is_hidden()
        for word in ("6", "55"):
            page.keyboard.type(word)
            page.keyboard.press("Tab")
        drawn = page.locator("svg desc", has_text="your prediction: 6 workers, 55.0 s")
        drawn.wait_for(state="attached")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=You said 6; the run says 5 workers")
        page.locator("text=with the laws").wait_for(state="visible")
        page.get_by_label("pattern", exact=True).select_option("parallelization")
        last = f"16 workers: {measure(run(task, 'parallelization', workers=16)).latency_s:.1f} s"
        page.wait_for_function(  # nobody moves anything: the page asks for the other runs
            "last => [...document.querySelectorAll('svg desc')].some(d => "
            "d.textContent.includes(last) && d.textContent.includes('15 workers: '))",
            arg=last,
        )
        watch.settled()
