"""Pages before an accessibility checker: axe-core, in a real browser, without a network.

What a page's template brings along and nobody here can mend is `Known`: by rule and by selector,
with a reason. Everything else that axe finds, or cannot decide, is a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axe_playwright_python.base import AXE_SCRIPT

from tests import jupyter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# WCAG 2.0 to 2.2 on levels A and AA, and axe's good practice: headings in order is one of these.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONTRAST = "color-contrast"
STOPGAP = 'alt="No description has been provided for this image"'  # nbconvert's, which helps nobody
BY_THEME = (CONTRAST, "link-in-text-block")  # what another theme can change


@dataclass(frozen=True, slots=True)
class Known:
    """What axe finds and is not ours: a rule, the elements for which it is known, and why."""

    rule: str
    selector: str
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """An element that breaks a rule, as axe names both."""

    rule: str
    where: str
    html: str
    says: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.says}\n    at {self.where}\n    {self.html}"


# Axe is asked twice: what contrast is known to be is left out beforehand, for there it takes long.
_RUN = """async ([rules, tags, apart, within]) => {
    const results = ["violations", "incomplete"];
    const found = [];
    const ask = async (context, options) => {
        const told = await axe.run(context, {...options, resultTypes: results});
        for (const rule of [...told.violations, ...told.incomplete])
            for (const node of rule.nodes)
                found.push([rule.id, node.target.flat().join(" "), node.html, rule.help]);
    };
    const off = {"color-contrast": {enabled: false}};
    const others = rules?.filter(rule => rule !== "color-contrast");
    if (!rules) await ask(within, {runOnly: tags, rules: off});
    else if (others.length) await ask(within, {runOnly: {type: "rule", values: others}});
    const contrast = {type: "rule", values: ["color-contrast"]};
    if (!rules || rules.length > others.length)
        await ask({include: within, exclude: apart}, {runOnly: contrast});
    return found;
}"""
_MATCHES = "([where, selector]) => !!document.querySelector(where)?.matches(selector)"


def findings(
    page: Page,
    known: Sequence[Known] = (),
    *,
    rules: Sequence[str] | None = None,
    within: str = "html",
) -> list[Finding]:
    """What axe finds beside what is known, by all rules or some, in a page or a part of it."""
    page.evaluate(AXE_SCRIPT)
    apart = [k.selector for k in known if k.rule == CONTRAST]
    rows: list[list[str]] = page.evaluate(_RUN, [rules, TAGS, apart, within])
    found = [Finding(rule, where, html[:300], says) for rule, where, html, says in rows]
    return [f for f in found if not _is_known(page, f, known)]


def _is_known(page: Page, found: Finding, known: Sequence[Known]) -> bool:
    return any(
        page.evaluate(_MATCHES, [found.where, k.selector]) for k in known if k.rule == found.rule
    )


@contextmanager
def shown(browser: Browser, html: str, *, dark: bool = False) -> Iterator[Page]:
    """A page with this content, which reaches nothing else."""
    scheme: Any = "dark" if dark else "light"
    context = browser.new_context(viewport=jupyter.WIDE, color_scheme=scheme)  # type: ignore[arg-type]
    context.route("**/*", lambda route: route.abort())
    page = context.new_page()
    try:
        page.set_content(html)
        yield page
    finally:
        context.close()


def rendered(notebook: Path, *, dark: bool = False) -> str:
    """A notebook as nbconvert makes a page of it, without the scripts that it would fetch.

    What nbconvert gives to images without words is taken out, so that axe sees what they lack.
    """
    from nbconvert import HTMLExporter  # takes a second

    scripts = dict.fromkeys(("mathjax_url", "require_js_url", "jquery_url", "mermaid_js_url"), "")
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        theme="dark" if dark else "light", **scripts
    )
    html, _ = exporter.from_filename(str(notebook))
    return str(html).replace(STOPGAP, "")
