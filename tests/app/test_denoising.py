"""Denoising from the page: runs are told apart, nothing of the sources is touched, both sides have one contrast."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import tifffile

from clew.app.denoising import picture
from clew.app.forms import VERBS, placed
from clew.app.jobs import jobs_of
from clew.errors import ClewError, DataError, SettingError
from clew.steps import Verb
from tests.app.fakes import fake_session


@pytest.fixture
def session(blob_study):
    session = fake_session(blob_study, who="AK")
    session.workspace.home = blob_study.parent
    yield session
    jobs_of(session.workspace).end()


def ran(session, n, pixels, lines=("The noise is independent.",)):
    """Put a run there, as a job leaves it."""
    folder = session.workspace.study.folder / "denoised" / f"blobs.tif-{n}"
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "blobs.tif", pixels)
    (folder / "said.json").write_text(
        json.dumps({"image": "blobs.tif", "lines": list(lines), "warnings": [], "settings": {}, "who": "AK"})
    )


def image_of(session):
    return tifffile.imread(session.workspace.study.folder.parent / "blobs.tif")


def shown(session, **given):
    from PIL import Image

    return np.asarray(
        Image.open(
            io.BytesIO(picture(session.workspace, **{name: str(one) for name, one in given.items()}).data)
        )
    )


def test_runs_are_listed_the_latest_first_and_one_that_did_not_end_is_not(session):
    before = session.ask("denoise.images")
    assert before == {"images": ["blobs.tif"], "sealed": 0}
    for n in (9, 10):
        ran(session, n, image_of(session))
    (session.workspace.study.folder / "denoised" / "blobs.tif-11").mkdir()
    told = session.ask("denoise.open", image="blobs.tif")
    assert [one["run"] for one in told["runs"]] == ["blobs.tif-10", "blobs.tif-9"]
    assert told["runs"][0]["lines"] == ["The noise is independent."]
    assert told["shape"][3:] == list(image_of(session).shape[-2:])


def test_both_sides_are_drawn_at_the_contrast_of_the_image_before(session):
    before = image_of(session)
    ran(session, 1, (before // 2).astype(before.dtype))
    given = {"image": "blobs.tif", "run": "blobs.tif-1"}
    plane = session.ask("denoise.plane", **given)
    ends = {"low": plane["low"], "high": plane["high"]}
    assert (plane["height"], plane["width"]) == before.shape[-2:]
    gray = np.clip((before.reshape(-1, *before.shape[-2:])[0].astype(float) - ends["low"]) / (ends["high"] - ends["low"]), 0, 1)  # fmt: skip
    np.testing.assert_allclose(shown(session, image="blobs.tif", **ends), gray * 255, atol=0.6)
    after = shown(session, **given, **ends)
    assert after.mean() < shown(session, image="blobs.tif", **ends).mean()  # not stretched anew
    part = shown(session, **given, **ends, x0=10, y0=20, x1=40, y1=60)
    np.testing.assert_array_equal(part, after[20:60, 10:40])
    with pytest.raises(DataError, match="that has ended"):
        shown(session, image="blobs.tif", run="../..", **ends)
    for wrong in (
        {"low": "nan", "high": "1"},
        {**ends, "x0": "-1"},
        {**ends, "c": "7"},
        {**ends, "x0": "40", "x1": "10"},
    ):
        with pytest.raises(SettingError):
            shown(session, image="blobs.tif", **wrong)


def test_a_run_of_another_size_is_refused_with_both_sizes(session):
    ran(session, 1, np.zeros((8, 9), np.uint8))
    with pytest.raises(DataError, match="as large as the image.* Got 8 x 9"):
        session.ask("denoise.plane", image="blobs.tif", run="blobs.tif-1")


def test_a_job_writes_into_the_study_and_nowhere_else_in_it(session, monkeypatch):
    workspace, started = session.workspace, {}

    def start(verb, given, *, who, then):
        started.update(placed(workspace, verb, given), verb=verb, then=then)
        raise DataError("enough")

    monkeypatch.setattr(jobs_of(workspace), "start", start)
    ran(session, 4, image_of(session))
    with pytest.raises(DataError, match="enough"):
        session.ask("denoise.start", image="blobs.tif", settings={"updates": 5})
    folder = workspace.study.folder.resolve()
    assert started["out"] == str(folder / "denoised" / "blobs.tif-5") and started["updates"] == 5
    for out in (
        folder / "arrays" / "x",
        folder / "denoised" / "a" / "b",
        folder / "denoised",
        "/elsewhere/x",
    ):
        with pytest.raises(SettingError, match="must"):
            placed(workspace, "denoise", {"paths": ["blobs.tif"], "out": str(out)})
    for settings in ({"out": "x"}, {"paths": ["x"]}, {"updatse": 5}):
        with pytest.raises(ClewError):
            session.ask("denoise.start", image="blobs.tif", settings=settings)
    assert isinstance(VERBS["denoise"], Verb)
