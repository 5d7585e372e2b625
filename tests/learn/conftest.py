"""What several files of tests of pixels share."""

import pytest

from clew.learn.pixels import PixelClassifier
from tests.learn.painted_images import FEW, example


@pytest.fixture(scope="session")
def fitted():
    image, painted, _ = example()
    return PixelClassifier(**FEW).fit([image], [painted])
