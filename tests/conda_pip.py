"""Prints the pip section of environment.yml as a requirements file, for CI to install."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ENVIRONMENT = Path(__file__).parent.parent / "environment.yml"


def sections() -> tuple[list[str], list[str]]:
    """(what conda is to bring, what pip is to bring)."""
    listed: list[Any] = yaml.safe_load(ENVIRONMENT.read_text("utf-8"))["dependencies"]
    (pip,) = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    return [entry for entry in listed if isinstance(entry, str)], pip


if __name__ == "__main__":
    print("\n".join(sections()[1]))
