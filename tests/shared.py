"""Where the public data are that some tests read; they are not part of the project."""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[2] / "shared" / "data" / "notices"
NOTICES = Path(os.environ.get("OKIT_NOTICES") or _BESIDE)

with_notices = pytest.mark.skipif(
    not NOTICES.is_dir(),
    reason="the public notices are neither beside the repository nor where OKIT_NOTICES says",
)

_ANSWERS = _BESIDE.parent / "answers" / "training" / "3way" / "beetle"
ANSWERS = Path(os.environ.get("OKIT_ANSWERS") or _ANSWERS)

with_answers = pytest.mark.skipif(
    not ANSWERS.is_dir(),
    reason="the public answers are neither beside the repository nor where OKIT_ANSWERS says",
)
