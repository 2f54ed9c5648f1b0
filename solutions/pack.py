"""Pack the rubrics and the labelled answers into the package, so that nobody stumbles over them.

    python solutions/pack.py

tests/test_rubrics.py fails when the package and the sources differ. Packing is no secret: whoever
wants to can unpack it in a line.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator_kit.questions import rubric

HERE = Path(__file__).parent
PACKED = {"rubrics.toml": rubric.RUBRICS, "labelled.toml": rubric.LABELLED}


def main() -> None:
    """Write the packed files."""
    for name, path in PACKED.items():
        path.write_text(rubric.packed((HERE / name).read_text("utf-8")), "ascii")


if __name__ == "__main__":
    main()
