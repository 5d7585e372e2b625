"""The page of denoised images."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from clew.report.denoising import denoise


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    image = np.random.default_rng(0).normal(1000, 30, (70, 90)).astype(np.uint16)
    tifffile.imwrite(folder / "a<b.tif", image)
    return denoise(
        [folder / "a<b.tif"], out=folder / "out", updates=2, turns="none"
    ), folder / "out" / "denoised.html"


def test_the_page_stands_beside_the_results_and_begins_with_the_diagnosis(ran):
    outcome, place = ran
    page = place.read_text()
    assert outcome.data["page"] == str(place)
    assert outcome.lines[0][:40] in page
    assert page.index('class="finding"') < page.index('class="slide"')


def test_it_is_self_contained_and_names_are_escaped(ran):
    page = ran[1].read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "a&lt;b.tif" in page
    assert "<b.tif" not in page


def test_each_image_has_a_slider_that_can_be_moved_by_keys(ran):
    page = ran[1].read_text()
    assert page.count('type="range"') == 1
    assert page.count("data:image/png;base64,") >= 2
    assert 'aria-label="a&lt;b.tif' in page


def test_the_signature_of_the_verb_is_kept():
    import inspect

    assert "structure" in inspect.signature(denoise).parameters
