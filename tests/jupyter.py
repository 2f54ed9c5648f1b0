"""A real JupyterLab or Voilà and a real browser for tests: started, driven, watched and ended."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_kit import exercises

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Cell = dict[str, Any]
REQUIRED = "OKIT_BROWSER"  # "required" where a missing browser is a failure: in CI
SECONDS = 90
WIDE = {"width": 1280, "height": 1600}
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
_ADDRESS = re.compile(r"(http://(?:127\.0\.0\.1|localhost):\d+/\S*)")


def missing() -> str:
    """What a browser test lacks here, or nothing."""
    try:
        import playwright  # noqa: F401
    except ModuleNotFoundError:
        return "playwright is not installed"
    return "" if chromium() else "no Chromium on this machine (Debian: apt install chromium)"


def skip_without_browser() -> None:
    """Leave out the tests of a module, and say why; where a browser is required they fail."""
    if (lacks := missing()) and os.environ.get(REQUIRED) != "required":
        pytest.skip(lacks, allow_module_level=True)


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def notebook(path: Path, *cells: str) -> Path:
    """A notebook of these code cells."""
    rows: list[Cell] = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": text.splitlines(True)}
        | {"outputs": [], "execution_count": None}
        for n, text in enumerate(cells)
    ]
    about = {"metadata": exercises._METADATA, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps({"cells": rows} | about), "utf-8")
    return path


def unrun(source: Path, folder: Path) -> Path:
    """A copy of a notebook without stored outputs, so that its prompts tell of this run alone."""
    made = exercises.read(source)
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    path = folder / source.name
    path.write_text(json.dumps(made), "utf-8")
    return path


@contextmanager
def lab(folder: Path, *, dark: bool = False) -> Iterator[str]:
    """JupyterLab on a folder, with settings of its own; yields its address with the token."""
    settings = folder / ".settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    news = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(news))
    theme = {"theme": "JupyterLab Dark" if dark else "JupyterLab Light"}
    (settings / "themes.jupyterlab-settings").write_text(json.dumps(theme))
    where = {"JUPYTERLAB_SETTINGS_DIR": str(folder / ".settings")}
    where["JUPYTERLAB_WORKSPACES_DIR"] = str(folder / ".workspaces")
    where["JUPYTER_RUNTIME_DIR"] = str(folder / ".runtime")
    command = "-m jupyterlab --no-browser --port=0 --ServerApp.port_retries=0 --allow-root".split()
    with _server([sys.executable, *command, str(folder)], where, folder / ".lab.log") as address:
        yield address


@contextmanager
def page_without_code(notebook: Path) -> Iterator[str]:
    """`okit lab --app` on a notebook; yields its address."""
    command = [str(Path(sys.executable).with_name("okit")), "lab", str(notebook)]
    command += ["--app", "--no-browser", f"--port={_free_port()}"]
    where = {"JUPYTER_RUNTIME_DIR": str(notebook.parent / ".runtime")}
    with _server(command, where, notebook.parent / ".app.log") as address:
        yield address


@contextmanager
def _server(command: list[str], where: dict[str, str], log: Path) -> Iterator[str]:
    with log.open("w") as out:
        process = subprocess.Popen(
            command, env=os.environ | where, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield _address(process, log)
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # okit's child is the server
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if found := _ADDRESS.search(log.read_text("utf-8", "replace")):
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(f"the server did not start:\n{log.read_text('utf-8', 'replace')}")


@dataclass
class Watch:
    """A page, and what it asked for outside this machine or complained of."""

    page: Page
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", self._asked)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))

    def _asked(self, request: Any) -> None:
        url = request.url
        if not re.match(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|data:|blob:|about:", url):
            self.outside.append(url)

    def _said(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def settled(self) -> None:
        """Nothing went out, and nothing went wrong."""
        assert self.outside == []
        assert self.errors == []


@contextmanager
def opened(browser: Browser, address: str, *, dark: bool = False) -> Iterator[Watch]:
    """A page at an address, watched, and closed at the end."""
    scheme: Any = "dark" if dark else "light"
    context = browser.new_context(viewport=WIDE, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_default_timeout(SECONDS * 1000 / 3)
    watch = Watch(context.new_page())
    try:
        watch.page.goto(address, wait_until="commit")  # a page without code loads while it runs
        yield watch
    finally:
        context.close()


def in_lab(address: str, name: str) -> str:
    """The address of a notebook in a JupyterLab, by itself, without the panels around it."""
    base, _, query = address.partition("?")
    return f"{base.split('/lab')[0]}/doc/tree/{name}?{query}"


def run_all(page: Page, cells: int) -> None:
    """Run every cell to the last prompt; again where a cold JupyterLab dropped the request.

    Not before the kernel is there: JupyterLab would ask which one to take, and stay asking.
    """
    page.wait_for_function(_READY)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
        try:
            page.wait_for_function(_COUNTED, arg=cells, timeout=20_000)
        except Exception:  # dropped, or slow: look again
            continue
        return
    raise AssertionError("the cells did not run")


_READY = """() => {
    const state = document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status;
    const kernel = document.querySelector('.jp-Toolbar-kernelName')?.innerText;
    return state === 'idle' && kernel && kernel !== 'No Kernel';
}"""
_COUNTED = """n => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]
    .filter(p => /\\[\\d+\\]/.test(p.textContent)).length >= n"""


def says(page: Page, words: str) -> None:
    """Wait until the first line that a widget says of itself has these words.

    It comes after the picture, by a message of its own.
    """
    page.wait_for_function(
        "w => document.querySelector('[role=status]')?.innerText.includes(w)", arg=words
    )
