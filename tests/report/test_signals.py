"""The page shows windows of each group from the recordings, and says so in a sentence where it cannot."""

from __future__ import annotations

import base64
import io
import shutil

import numpy as np
import pytest
from PIL import Image

from clew import steps
from clew.plot.signals import GREY
from clew.report import signals
from clew.report.gathered import gather
from clew.report.signals import SHOWN
from clew.study.study import Study
from tests.report.studies import Page, table_study, two_clouds
from tests.steps.recorded import recorded_study


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    study = recorded_study(tmp_path_factory.mktemp("recorded"))
    steps.explore(study, k=2, runs=2, references=99, embed="pca", k_max=3)
    return study


def pixels(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_only_studies_of_recordings_have_windows(explored, tmp_path):
    assert signals.has_windows(gather(explored))
    assert not signals.has_windows(gather(table_study(tmp_path, two_clouds())))


def test_each_group_shows_its_windows_from_the_surest_to_the_least_sure(explored):
    record = gather(explored)
    found = signals.crops(record, signals.Recorded(record))
    samples, groups = record.shown
    sure = dict(zip(record.exploration.sample.tolist(), record.exploration.confidence))
    assert sorted(found) == [0, 1]
    for group, shown in found.items():
        names = [name for name, _ in shown]
        assert 2 <= len(names) <= SHOWN
        assert set(names) <= set(samples.sample[groups == group].tolist())
        confidence = [sure[name] for name in names]
        assert confidence == sorted(confidence, reverse=True)
        assert all(pixels(uri).shape == (152, 152, 3) for _, uri in shown)


def test_pictures_show_the_windows_of_their_rows(explored):
    record = gather(explored)
    recorded = signals.Recorded(record)
    rows = [int(np.flatnonzero(record.samples.labels == name)[0]) for name in ("burst", "quiet")]
    burst, quiet = (pixels(uri) for uri in signals.windows(record, recorded, rows))
    assert burst[62:].mean() > quiet[62:].mean() + 5  # one scale of power for both
    assert not (burst == np.array(GREY, np.uint8)).all(axis=2).any()


def places_of(record):
    from clew.plot import explore as draw

    return draw.map_places(draw.run_map(record.exploration), record.exploration)


def test_a_point_of_the_map_opens_its_window(explored, monkeypatch):
    record = gather(explored)
    places = places_of(record)
    over, opened, said = signals.linked(record, signals.Recorded(record), places)
    dots = [dict(given) for tag, given in Page(over).tags if tag == "a"]
    figures = {dict(given)["id"]: dict(given) for tag, given in Page(opened).tags if tag == "figure"}
    samples, _ = record.shown
    assert len(dots) == len(figures) == samples.n_rows and "Click a point" in said
    assert {one["href"].removeprefix("#") for one in dots} == set(figures)
    at = {str(name): place for name, place in zip(record.exploration.sample, places)}
    for one in dots:
        left, top = (float(part.partition(":")[2].rstrip("%")) for part in one["style"].split(";"))
        np.testing.assert_allclose([left, top], 100 * at[one["title"]], atol=0.006)
        assert samples.sample[int(one["href"].removeprefix("#w"))] == one["title"]
    sealed = set(explored.sample_names()) - set(explored.samples().sample)
    assert sealed and not any(name in over + opened for name in sealed)
    monkeypatch.setattr(signals, "LINKED", 5)
    over, opened, said = signals.linked(record, signals.Recorded(record), places)
    assert over.count("<a ") == opened.count("<figure ") == 5
    assert f"(5 of {samples.n_rows} do)" in said


def test_the_gallery_says_what_it_shows(explored):
    record = gather(explored)
    html = signals.gallery(record, signals.Recorded(record))
    page = Page(html)
    assert sum(tag == "img" for tag, _ in page.tags) == sum(map(len, signals.chosen(record).values()))
    assert "Open windows of each group, 5 s wide, from the surest (left) to the least sure." in page.text
    assert "As measured: above 1 Hz, without its trend." in page.text


def test_no_sealed_window_is_shown(explored):
    record = gather(explored)
    html = signals.gallery(record, signals.Recorded(record)) + signals.when(record)
    sealed = set(explored.sample_names()) - set(explored.samples().sample)
    assert sealed
    assert not any(name in html for name in sealed)


def test_without_the_recordings_there_is_a_sentence_instead(explored, tmp_path):
    shutil.copytree(explored.folder.parent, tmp_path / "other")
    study = Study(tmp_path / "other" / "r.study")
    for path in (tmp_path / "other").glob("*.mseed"):
        path.write_bytes(b"something else")
    record = gather(study)
    changed = signals.gallery(record, signals.Recorded(record))
    assert (
        "<img" in changed or "cannot be read any more" in changed
    )  # the originals may still lie where they were
    kept = explored.folder.parent.rename(explored.folder.parent.with_name("kept"))
    try:
        recorded = signals.Recorded(record)
        assert "The recordings cannot be read any more" in signals.gallery(record, recorded)
        for path in (tmp_path / "other").glob("*.mseed"):
            path.unlink()
        recorded = signals.Recorded(record)
        told = Page(signals.gallery(record, recorded)).text
        assert "clew relink r.study PATH" in told
        assert str(tmp_path) not in told
        assert signals.windows(record, recorded, [0]) == []
    finally:
        kept.rename(explored.folder.parent)


def test_labels_stand_along_time_and_those_that_touch_are_one(explored):
    record = gather(explored)
    html = signals.when(record)
    assert "labelled stretches, a line a station" in html
    assert "UTC" in html
    said = signals._said(record.samples)
    assert set(said.station) == {"XX.AAA", "XX.BBB"}
    whole = record.samples.with_labels(np.full(record.samples.n_rows, "quiet"))
    merged = signals._said(whole)
    lasts = sum((merged.end - merged.start).tolist())
    assert lasts == pytest.approx(5.0 * record.samples.n_rows)
    assert len(merged.start) < len(said.start)


def test_without_labels_there_is_no_timeline(tmp_path):
    assert signals.when(gather(recorded_study(tmp_path, labels=False))) == ""
