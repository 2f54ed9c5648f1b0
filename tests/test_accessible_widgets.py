"""The four widgets in a live page: before an accessibility checker, and by keyboard alone.

The page is `okit lab --app`, which has no editors that keep the tabulator for themselves; the dark
theme is JupyterLab's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import jupyter

jupyter.skip_without_browser()

from tests.accessibility import CONTRAST, Finding, Known, findings  # noqa: E402
from tests.test_browser_widgets import IMPORTS, WIDGETS  # noqa: E402
from tests.test_contrast import LETTERS, SHAPES, contrast  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.notebook

HANDLE = ".widget-slider .noUi-handle"
KNOWN = (
    Known(
        "aria-input-field-name",
        HANDLE,
        "ipywidgets gives a slider's handle no name; its label stands before it, see below",
    ),
    Known("region", ".jp-Cell *", "Voilà's page has no landmarks but the notebook"),
    Known(CONTRAST, "select", "axe cannot see beside ipywidgets' arrow; measured below"),
    Known(CONTRAST, "svg[role=img] text", "axe knows no shapes below; tests/test_contrast.py does"),
)
READY = """() => document.querySelectorAll('.okit svg[role=img]').length >= 4
    && [...document.querySelectorAll('[role=status]')].length >= 4"""

# Whatever of the widgets the tabulator should reach, in the order of the page.
STOPS = """() => {
    const all = document.querySelectorAll(
        '.okit :is(a[href], button, input, select, textarea, [contenteditable=true], [tabindex])');
    const seen = e => e.checkVisibility({visibilityProperty: true});
    const taken = e => !e.disabled && (e.tabIndex >= 0 || e.isContentEditable);
    window.stops = [...all].filter(e => taken(e) && seen(e));
    return window.stops.length;
}"""
TOP = "() => { document.body.tabIndex = -1; document.body.focus(); }"
AT = "() => window.stops.indexOf(document.activeElement)"
LOOKS = """() => {
    const e = document.activeElement, s = getComputedStyle(e);
    return [s.outlineStyle, parseFloat(s.outlineWidth), s.outlineColor, e.outerHTML.slice(0, 200)];
}"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("widgets")
    return jupyter.notebook(folder / "all.ipynb", IMPORTS, *WIDGETS.values())


@pytest.fixture(scope="module")
def page(browser: Browser, notebook: Path) -> Iterator[Page]:
    """The four widgets below one another; the tests leave it as they find it, but for the last."""
    with (
        jupyter.page_without_code(notebook) as address,
        jupyter.opened(browser, address) as watch,
    ):
        watch.page.wait_for_function(READY)
        yield watch.page
        watch.settled()


def told(found: list[Finding]) -> str:
    return "\n".join(map(str, found))


def hexadecimal(colour: str) -> str:
    """A colour as CSS computes it, as `contrast` takes it."""
    r, g, b, *_ = re.findall(r"[\d.]+", colour)
    return f"#{int(r):02x}{int(g):02x}{int(b):02x}"


def test_the_four_widgets_have_no_barrier_of_ours(page: Page) -> None:
    assert page.locator(".okit").count() == len(WIDGETS)
    found = findings(page, KNOWN)
    assert not found, told(found)


def test_what_is_known_of_ipywidgets_is_still_so(page: Page) -> None:
    for known in KNOWN:
        others = [k for k in KNOWN if k != known]
        assert findings(page, others, rules=[known.rule]), f"needed no longer: {known}"


def test_a_control_that_lost_its_label_is_found(page: Page) -> None:
    label = "document.querySelector('.okit .widget-dropdown label')"
    words = page.evaluate(f"() => {label}.textContent")
    page.evaluate(f"() => {{ {label}.textContent = ''; }}")
    try:
        assert "select-name" in {f.rule for f in findings(page, KNOWN)}
    finally:
        page.evaluate(f"w => {{ {label}.textContent = w; }}", words)


def test_every_slider_has_a_label_before_its_handle(page: Page) -> None:
    for handle in page.locator(f".okit {HANDLE}:visible").all():
        slider = handle.locator("xpath=ancestor::*[contains(@class, 'widget-slider')]")
        label = slider.locator("label.widget-label")
        assert label.inner_text().strip()
        assert slider.locator("label, .noUi-handle").first.inner_text() == label.inner_text()


def test_the_choices_of_every_list_are_read(page: Page) -> None:
    colours = """all => all.map(e => getComputedStyle(e)).map(s => [s.color, s.backgroundColor])"""
    found = page.locator(".okit select:visible").evaluate_all(colours)
    assert len(found) >= 8
    for letters, ground in found:
        assert contrast(hexadecimal(letters), hexadecimal(ground)) >= LETTERS


def test_the_tabulator_reaches_every_control_in_order_there_and_back_and_leaves(page: Page) -> None:
    stops = page.evaluate(STOPS)
    assert stops >= 60
    page.evaluate(TOP)
    assert walked(page, "Tab", stops) == list(range(stops))
    assert page.evaluate(AT) == -1, "after the last control it goes on"
    assert walked(page, "Shift+Tab", stops) == list(reversed(range(stops)))


def walked(page: Page, key: str, stops: int) -> list[int]:
    """The controls that a key leads to, until it has led out of the widgets."""
    found: list[int] = []
    for _ in range(stops + 20):
        page.keyboard.press(key)
        at = page.evaluate(AT)
        if at in found or (at < 0 and found):
            break
        found += [at] if at >= 0 else []
    return found


def test_a_ring_shows_where_the_keyboard_is(page: Page) -> None:
    stops = page.evaluate(STOPS)
    page.evaluate(TOP)
    seen = 0
    for _ in range(stops + 20):
        page.keyboard.press("Tab")
        if page.evaluate(AT) < 0:
            if seen:
                break
            continue
        style, width, colour, html = page.evaluate(LOOKS)
        assert style == "solid", html
        assert width >= 2, html
        assert contrast(hexadecimal(colour), "#ffffff") >= SHAPES, html
        seen += 1
    assert seen == stops


def test_the_keys_work_every_control(page: Page) -> None:
    worked: Counter[str] = Counter()
    for widget in page.locator(".okit").all():
        for kind, (selector, keys, reads) in WORK.items():
            for control in widget.locator(selector).all():
                if control.is_visible() and not control.evaluate(OFF):
                    assert works(control, keys, reads), control.evaluate("e => e.outerHTML")[:300]
                    worked[kind] += 1
    assert set(worked) == set(WORK), worked


ACTIVE = "e => e.classList.contains('mod-active')"
OFF = "e => !!e.closest('[disabled]')"  # of a slider the whole, not its handle
# What is worked, by which keys, and what tells that it was. The second key is for the last value.
WORK: dict[str, tuple[str, tuple[str, ...], str]] = {
    "slider": (".noUi-handle", ("ArrowRight", "ArrowLeft"), "e => e.ariaValueText"),
    "list": ("select:not([multiple])", ("ArrowDown", "ArrowUp"), "e => e.value"),
    "several": ("select[multiple]", ("ArrowDown", "Home"), "e => [...e.selectedOptions].join()"),
    "tick": ("input[type=checkbox]", ("Space",), "e => e.checked"),
    "number": ("input[type=number]", ("ArrowUp", "ArrowDown"), "e => e.value"),
    "text": ("input[type=text], textarea", ("x",), "e => e.value"),
    "fold": ("button.widget-toggle-button.jupyter-widgets", ("Enter",), ACTIVE),
    "choice": (".widget-toggle-buttons button:nth-of-type(2)", ("Space",), ACTIVE),
}


def works(control: Locator, keys: tuple[str, ...], reads: str) -> bool:
    before: Any = control.evaluate(reads)
    for key in keys:
        control.press(key)
        if control.evaluate(reads) != before:
            return True
    return False


def test_the_widgets_are_read_in_the_dark_theme_of_jupyterlab(
    browser: Browser, notebook: Path
) -> None:
    with (
        jupyter.lab(notebook.parent, dark=True) as address,
        jupyter.opened(browser, jupyter.in_lab(address, notebook.name), dark=True) as watch,
    ):
        jupyter.run_all(watch.page, 1 + len(WIDGETS))
        watch.page.wait_for_function(READY)
        ground = watch.page.locator(".jp-Notebook").evaluate(
            "e => getComputedStyle(e).backgroundColor"
        )
        assert contrast(hexadecimal(ground), "#000000") < 1.5, "it is dark"
        found = findings(watch.page, KNOWN, rules=[CONTRAST], within=".okit")
        assert not found, told(found)
