"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("CLEW_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def shared(relative: str) -> Path:
    """Return the path of a real data file, or skip the test where the collection is absent (never in CI)."""
    path = DATA / relative
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"the shared data set '{relative}' must be there in CI")
        pytest.skip(f"needs the shared data set '{relative}'")
    return path
