"""What every test of the bench shares."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def only_objects_of_the_test_are_searched_for_cycles() -> Iterator[None]:
    """The bench collects garbage before each run that it times: half a second each, where rivals were imported before."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def threads_of_torch_stay() -> Iterator[None]:
    """A rival sets them for the whole process, and others that count on OpenMP would find too few."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else os.cpu_count()
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(before)
