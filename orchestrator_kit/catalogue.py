"""The catalogue of messages that learners read, in their language (gettext, domain `okit`).

    _("{n} plans").format(n=n)

A message is a whole sentence with named placeholders, in English in the code. The language is
OKIT_LANG, or else the one that LANGUAGE, LC_ALL, LC_MESSAGES or LANG names; English where the
catalogue has no other. CONTRIBUTING.md says how a language is added. Knows no messages.
"""

from __future__ import annotations

import gettext as _gettext
import os
from functools import lru_cache
from pathlib import Path

DOMAIN = "okit"
FOLDER = Path(__file__).parent / "locale"
VARIABLE = "OKIT_LANG"
_USUAL = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def _(message: str) -> str:
    """The message in the learner's language."""
    return _chosen().gettext(message)


def ngettext(one: str, many: str, n: int) -> str:
    """The message for `n` things in the learner's language."""
    return _chosen().ngettext(one, many, n)


def N_(message: str) -> str:
    """The message as it is: marked for the catalogue here, translated by `_` when it is shown."""
    return message


def languages() -> list[str]:
    """The codes of the languages that the catalogue holds, besides English."""
    return sorted(path.parent.parent.name for path in FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))


def _chosen() -> _gettext.NullTranslations:
    asked = os.environ.get(VARIABLE) or next(filter(None, map(os.environ.get, _USUAL)), "")
    return _translations(asked)


@lru_cache
def _translations(asked: str) -> _gettext.NullTranslations:
    """The first language of a list such as "de_AT:fr" that the catalogue has."""
    wished: list[str] = []
    for name in filter(None, asked.split(":")):
        if name.split(".")[0].split("_")[0] in ("en", "C", "POSIX"):
            break  # the messages are English as they are
        wished.append(name)
    if not wished:
        return _gettext.NullTranslations()
    return _gettext.translation(DOMAIN, FOLDER, languages=wished, fallback=True)
