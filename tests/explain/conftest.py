"""Explanations that several files of tests look at."""

import pytest

from clew.explain.explanation import Explanation
from tests.explain.copies import explained, nine_copies


@pytest.fixture(scope="session")
def copies() -> Explanation:
    return explained(nine_copies())


@pytest.fixture(scope="session")
def numbers() -> Explanation:
    return explained(nine_copies(regression=True))
