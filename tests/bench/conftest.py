"""What every test of the bench shares."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def only_objects_of_the_test_are_searched_for_cycles() -> Iterator[None]:
    """The bench collects garbage before each run that it times: half a second each, where rivals were imported before."""
    gc.freeze()
    yield
    gc.unfreeze()
