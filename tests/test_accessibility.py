"""Every notebook as a page, before an accessibility checker.

What is found in what we wrote must be nothing: prose, tables, pictures, verdicts. What nbconvert's
template brings along is listed, and a test says when an entry is needed no longer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_kit.checks import check
from tests import jupyter

jupyter.skip_without_browser()

from tests.accessibility import BY_THEME, Finding, Known, findings, rendered, shown  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.notebook
ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted(
    p for f in ("notebooks", "exercises", "solutions") for p in ROOT.glob(f"{f}/*.ipynb")
)


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


TEMPLATE = (
    Known("color-contrast", ".jp-InputPrompt", "nbconvert paints the prompt In [1] in pale grey"),
    Known("color-contrast", ".jp-OutputPrompt", "nbconvert paints the prompt Out[1] in pale grey"),
    Known("color-contrast", ".highlight", "nbconvert paints code by a theme of its own"),
    Known(
        "image-alt",
        ".jp-RenderedImage img",
        "nbconvert and JupyterLab drop the words stored with a picture; they stand below it",
    ),
    Known(
        "empty-table-header",
        "table.dataframe thead th",
        "pandas writes the empty corner of a frame as heads without words",
    ),
    Known(
        "link-in-text-block",
        ".jp-RenderedMarkdown a",
        "nbconvert tells links from prose by colour, and underlines them under the pointer only",
    ),
)


def told(found: list[Finding]) -> str:
    return "\n".join(map(str, found))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_notebook_has_no_barrier_of_ours_in_light_or_in_dark(
    path: Path, browser: Browser
) -> None:
    with shown(browser, rendered(path)) as page:
        assert page.locator(".jp-Cell").count() > 5
        found = findings(page, TEMPLATE)
        assert not found, told(found)
    with shown(browser, rendered(path, dark=True), dark=True) as page:
        found = findings(page, TEMPLATE, rules=BY_THEME)
        assert not found, told(found)


def test_what_is_known_of_the_template_is_still_so(browser: Browser) -> None:
    page_of = rendered(ROOT / "notebooks" / "12_your_own_prompts_and_models.ipynb")
    with shown(browser, page_of) as page:
        for known in TEMPLATE:
            others = [k for k in TEMPLATE if k != known]
            assert findings(page, others, rules=[known.rule]), f"needed no longer: {known}"


PICTURE = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "image-alt": ("an image without words", {"text/html": f'<img src="{PICTURE}">'}),
    "color-contrast": ("grey on white", {"text/html": '<p style="color:#999">Half a sum.</p>'}),
    "label": ("a control without a name", {"text/html": '<input type="text">'}),
    "svg-img-alt": ("a drawing without words", {"text/html": '<svg role="img"><path/></svg>'}),
    "empty-table-header": (
        "a column without a name",
        {"text/html": "<table><tr><th>a</th><th></th></tr><tr><td>1</td><td>2</td></tr></table>"},
    ),
}


def with_output(folder: Path, data: dict[str, Any], prose: str = "## A heading") -> Path:
    """A notebook of a title, some prose, and one output."""
    path = jupyter.notebook(folder / "planted.ipynb", "None")
    made = json.loads(path.read_text("utf-8"))
    made["cells"][0]["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}]
    texts = [
        {"cell_type": "markdown", "id": f"t{n}", "metadata": {}, "source": text}
        for n, text in enumerate(("# A title", prose))
    ]
    made["cells"] = [*texts, *made["cells"]]
    path.write_text(json.dumps(made), "utf-8")
    return path


@pytest.mark.parametrize("rule", FAULTS)
def test_a_planted_fault_in_an_output_is_found(rule: str, tmp_path: Path, browser: Browser) -> None:
    with shown(browser, rendered(with_output(tmp_path, FAULTS[rule][1]))) as page:
        assert [f.rule for f in findings(page, TEMPLATE)] == [rule]


def test_a_leap_from_one_heading_to_another_is_found(tmp_path: Path, browser: Browser) -> None:
    page_of = rendered(with_output(tmp_path, {"text/plain": "1"}, "### Too deep"))
    with shown(browser, page_of) as page:
        assert [f.rule for f in findings(page, TEMPLATE)] == ["heading-order"]


def test_pale_text_is_found_on_a_dark_page_as_well(tmp_path: Path, browser: Browser) -> None:
    grey = {"text/html": '<p style="color:#555">Half a sum.</p>'}  # which is read well on white
    path = with_output(tmp_path, grey)
    with shown(browser, rendered(path)) as page:
        assert findings(page, TEMPLATE, rules=BY_THEME) == []
    with shown(browser, rendered(path, dark=True), dark=True) as page:
        assert [f.rule for f in findings(page, TEMPLATE, rules=BY_THEME)] == ["color-contrast"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_verdict_has_no_barrier(dark: bool, tmp_path: Path, browser: Browser) -> None:
    def halfway(plan: object) -> list[str]:
        return []

    for given in (halfway, None):
        html = check("plan-1", given)._repr_html_()
        page_of = rendered(with_output(tmp_path, {"text/html": html}), dark=dark)
        with shown(browser, page_of, dark=dark) as page:
            assert page.locator("[role=status]").count() == 1
            found = findings(page, TEMPLATE)
            assert not found, told(found)
