"""Counting tokens the way a model's own tokenizer does, or the nearest known.

Knows which of OpenAI's two vocabularies a model name stands for, and whether a
stated count can be true of a text. Does not know requests, replies or prices.
The vocabularies are loaded from `bpe-openai` when the first text is counted.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

# GPT-4 up to turbo, GPT-3.5 and the embedding models; all later ones have o200k.
_CL100K = re.compile(r"gpt-4(?![o.\d])|gpt-?3\.?5|text-embedding|cl100k")

# A stated count may differ from ours by this factor, and by this many tokens
# (chat templates, a provider's own instructions), before it is disbelieved.
_FACTOR = 4
_SLACK = 50

# Characters to a token in ordinary text, at least and at most.
_DENSE, _SPARSE = 2, 6


def tokenizer_of(model: str) -> Callable[[str], int]:
    """A function that counts the tokens of a text as `model` would.

    OpenAI's models are told apart by name, with or without a provider before a
    slash ("openai/gpt-4") or a fine-tune's prefix ("ft:gpt-4o:acme"). Any other
    model gets o200k, the nearest known. The function takes any text, lone
    surrogates included, and never raises.
    """
    name = model.lower().rpartition("/")[2].removeprefix("ft:")
    return _counter("cl100k_base" if _CL100K.match(name) else "o200k_base")


def is_plausible(stated: int, least: str, most: str | None, count: Callable[[str], int]) -> bool:
    """Whether `stated` tokens can be true of a text.

    `least` is text that was certainly counted, `most` all that may have been
    (None: no upper limit). Up to four times too few or too many is believed,
    and any small count. Nearly every stated count is true, so `count`, which
    takes time on long texts, is asked only where the length leaves a doubt.
    """
    if stated * _FACTOR < len(least) // _DENSE:
        tokens = count(least)
        if tokens > _SLACK and stated * _FACTOR < tokens:
            return False
    if most is None or stated <= _FACTOR * (len(most) // _SPARSE + _SLACK):
        return True
    return stated <= _FACTOR * (count(most) + _SLACK)


@cache
def _counter(vocabulary: str) -> Callable[[str], int]:
    encoding: Any = None

    def count(text: str) -> int:
        nonlocal encoding
        if encoding is None:
            encoding = _bindings().tokenizer_for_encoding(vocabulary)
        try:
            tokens: int = encoding.count(text)
        except UnicodeEncodeError:  # lone surrogates, which UTF-8 has no bytes for
            tokens = encoding.count(text.encode("utf-8", "replace").decode())
        return tokens

    return count


def _bindings() -> ModuleType:
    """The compiled part of `bpe-openai`, without the rest of the package.

    Importing the package reads three vocabularies in Python, about a second,
    for tables that counting does not need; the compiled part has its own.
    """
    name = "bpe_openai._bindings"
    if name in sys.modules:
        return sys.modules[name]
    package = importlib.util.find_spec("bpe_openai")
    places = package.submodule_search_locations if package else None
    spec = importlib.machinery.PathFinder.find_spec(name, places)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("bpe-openai is not installed: pip install bpe-openai")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # One initialisation a process: a later import of the package finds this one.
    sys.modules[name] = module
    return module
