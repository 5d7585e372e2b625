"""One row is drawn: its window, or its object; a sealed one never."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from clew.errors import SealedError, SettingError
from clew.report.showing import show
from tests.report.studies import image_study, table_study, two_clouds
from tests.steps.recorded import recorded_study


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return recorded_study(tmp_path_factory.mktemp("recorded"))


def test_a_window_is_drawn_and_told(recorded, tmp_path):
    sample = str(recorded.samples().sample[1])
    told = show(recorded, sample, out=tmp_path / "one.png")
    assert told.lines[0].startswith(f"{sample}: labelled ")
    assert "peak_amplitude " in told.lines[0]
    assert told.lines[1] == f"Picture: {tmp_path / 'one.png'}"
    assert told.data["label"] in ("burst", "quiet")
    assert len(told.data["values"]) == recorded.samples().n_features
    assert Image.open(tmp_path / "one.png").size[0] == 2240  # as recorded and as measured


def test_it_is_drawn_for_print_too(recorded, tmp_path):
    show(recorded, str(recorded.samples().sample[1]), out=tmp_path / "one.svg")
    assert "as measured" in (tmp_path / "one.svg").read_text()


def test_a_sealed_window_is_not_drawn(recorded, tmp_path):
    sealed = next(name for name in recorded.sample_names() if name not in set(recorded.samples().sample))
    with pytest.raises(SealedError, match="which is sealed"):
        show(recorded, sealed, out=tmp_path / "one.png")
    assert not list(tmp_path.iterdir())


def test_a_picture_needs_a_name_and_a_place(recorded, tmp_path):
    sample = str(recorded.samples().sample[0])
    with pytest.raises(SettingError, match=r"must end in \.png"):
        show(recorded, sample, out=tmp_path / "one.csv")
    with pytest.raises(SettingError, match="in a folder that is there"):
        show(recorded, sample, out=tmp_path / "nowhere" / "one.png")


def test_looking_is_no_step_of_the_study(recorded, tmp_path):
    before = len(recorded.steps())
    show(recorded, str(recorded.samples().sample[0]), out=tmp_path / "one.png")
    assert len(recorded.steps()) == before


def test_an_object_is_drawn_with_its_outline(tmp_path):
    study = image_study(tmp_path)
    samples = study.samples()
    show(study, str(samples.sample[0]), out=tmp_path / "object.png")
    picture = np.asarray(Image.open(tmp_path / "object.png").convert("RGB")).astype(int)
    assert (
        np.abs(picture - [0x56, 0xB4, 0xE9]).sum(axis=2) < 30
    ).any()  # in the bright blue of the first group
    plain = (np.abs(picture - [0x9A, 0x9A, 0x9A]).sum(axis=2) < 6).sum()
    assert plain < picture.shape[0] * picture.shape[1] / 2


def test_a_row_of_a_table_has_nothing_to_see(tmp_path):
    study = table_study(tmp_path, two_clouds())
    told = show(study, str(study.samples().sample[2]), out=tmp_path / "row.png")
    assert told.lines[1] == "A row of numbers has nothing more to see: no picture was written."
    assert "length_mm" in told.lines[0]
    assert told.data["picture"] is None
    assert not (tmp_path / "row.png").exists()
