"""The catalogue: every message stands in it, and German is complete."""

from __future__ import annotations

import ast
import io
from gettext import GNUTranslations
from pathlib import Path
from string import Formatter

import pytest

from orchestrator_kit import catalogue
from orchestrator_kit.checks import check, exercises, hint
from tests.scripts import load

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "orchestrator_kit"
languages = load("docs/languages.py")


def fields(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in Formatter().parse(text) if name}


def test_german_has_every_message_of_the_code() -> None:
    assert languages.missing(languages.catalogue("de")) == []


def read(compiled: bytes) -> dict[object, str]:
    """What gettext makes of a compiled catalogue, but for the line that names its maker."""
    found = GNUTranslations(io.BytesIO(compiled))
    return {key: text for key, text in vars(found)["_catalog"].items() if key}


@pytest.mark.parametrize("language", catalogue.languages())
def test_a_catalogue_is_what_the_code_and_its_translations_give(language: str) -> None:
    path = languages.po(language)
    assert path.read_bytes() == languages.as_po(languages.catalogue(language))
    stored = path.with_suffix(".mo").read_bytes()
    assert read(stored) == read(languages.as_mo(path))
    assert len(read(stored)) >= len(languages.messages())


@pytest.mark.parametrize("language", catalogue.languages())
def test_a_translation_fills_in_the_same_values(language: str) -> None:
    for message in languages.catalogue(language):
        if message.id:
            forms = [message.id] if isinstance(message.id, str) else list(message.id)
            texts = [message.string] if isinstance(message.string, str) else message.string
            for text in texts:
                assert fields(text) <= fields(forms[-1]), text
                assert fields(text) >= fields(forms[0]) - {"n"}, text


def test_no_message_is_put_together_before_it_is_looked_up() -> None:
    """An f-string, a sum or a call has no entry in a catalogue; nor has what an f-string hides."""
    known = {m if isinstance(m, str) else m[0] for m in languages.messages()}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "_",
                "N_",
                "ngettext",
            ):
                first = node.args[0]
                assert not isinstance(first, ast.JoinedStr | ast.BinOp | ast.Call), path
                if isinstance(first, ast.Constant):
                    assert first.value in known, (path, first.value)


def test_a_check_speaks_german_when_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(catalogue.VARIABLE, "de")
    verdict = str(check("plan-1", lambda plan: []))
    assert "noch nicht" in verdict
    assert "wartet" in verdict
    assert str(hint("plan-1")).startswith("Hinweis 1 von 3")


def test_every_title_and_hint_is_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(catalogue.VARIABLE, "de")
    for e in exercises().values():
        for text in (e.title, *e.hints):
            assert catalogue._(text) != text, text


def test_the_language_is_the_one_asked_for_or_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", catalogue.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    said = {}
    for language in ("de_AT.UTF-8", "en_GB.UTF-8", "C", "xx", ""):
        monkeypatch.setenv("LANG", language)
        said[language] = catalogue._("passed")
    assert said.pop("de_AT.UTF-8") == "bestanden"
    assert set(said.values()) == {"passed"}
    monkeypatch.setenv("LANG", "de")
    monkeypatch.setenv(catalogue.VARIABLE, "en")
    assert catalogue._("passed") == "passed"
    monkeypatch.delenv(catalogue.VARIABLE)
    monkeypatch.setenv("LANGUAGE", "xx:de:en")
    assert catalogue._("passed") == "bestanden"
