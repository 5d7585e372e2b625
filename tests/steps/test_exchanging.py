"""Labels go out to other tools and come back the same; what cannot be matched is refused, and says how much."""

from __future__ import annotations

import json
import shutil

import numpy as np
import obspy
import pandas as pd
import pytest

from clew import steps
from clew.errors import DataError, SettingError
from clew.steps.labelling import record_labels
from clew.study.study import Study
from tests.conftest import shared
from tests.steps.worlds import nuclei

CLASSES = ("round", "small & odd", "größer")


@pytest.fixture(scope="session")
def worlds(tmp_path_factory):
    """Studies of objects in two images, of overlapping windows of two stations, and of a table."""
    folder = tmp_path_factory.mktemp("exchange")
    pictures = [nuclei(folder, "a.tif"), nuclei(folder, "b.tif", seed=9)]
    steps.new(folder / "objects.study", pictures, features="shape", sealed=0)
    rng = np.random.default_rng(0)
    for station in ("UH1", "UH2"):
        head = {"sampling_rate": 20, "network": "BW", "station": station, "channel": "BHZ"}
        head["starttime"] = obspy.UTCDateTime(2020, 1, 1)
        obspy.Trace(rng.normal(size=1800).astype("f4"), head).write(str(folder / f"{station}.mseed"))
    steps.new(folder / "windows.study", sorted(folder.glob("*.mseed")), window=10, step=4, sealed=0)
    pd.DataFrame(rng.normal(size=(20, 3)), columns=["a", "b", "c"]).to_csv(folder / "t.csv", index=False)
    steps.new(folder / "table.study", [folder / "t.csv"])
    return folder


def copy(worlds, kind, to):
    shutil.copytree(worlds / f"{kind}.study", to / f"{kind}.study")
    return Study(to / f"{kind}.study")


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("objects", "l.csv", None),
        ("objects", "l.parquet", None),
        ("objects", "l.json", "coco"),
        ("objects", "l.json", "label-studio"),
        ("objects", "outlines", "qupath"),
        ("windows", "l.csv", None),
        ("windows", "l.parquet", None),
        ("windows", "l.json", "label-studio"),
        ("windows", "l.xml", None),
        ("table", "l.csv", None),
        ("table", "l.parquet", None),
    ],
)
def test_what_goes_out_comes_back_the_same(worlds, tmp_path, kind, name, told):
    study = copy(worlds, kind, tmp_path / "one")
    samples = study.samples().sample.tolist()
    given = {sample: CLASSES[i % 3] for i, sample in enumerate(samples) if i % 4}
    record_labels(study, given, source="here")
    data = steps.export(study, labels=tmp_path / name, format=told).data
    assert sum(data["labels"].values()) == len(given)
    fresh = copy(worlds, kind, tmp_path / "two")
    steps.label(fresh, tmp_path / name)
    back = {sample: label for sample, (label, how) in fresh.labels().items() if how == "person"}
    assert back == given
    del given[samples[1]]
    assert back != given  # the mutant: one label less is another answer


@pytest.mark.parametrize(
    ("kind", "name", "told", "error", "said"),
    [
        ("windows", "l.json", "coco", DataError, "objects in images"),
        ("windows", "l.geojson", None, DataError, "objects in images"),
        ("table", "l.json", "label-studio", DataError, "csv or .parquet"),
        ("objects", "l.xml", None, DataError, "windows of recordings"),
        ("objects", "l.json", None, SettingError, "--format"),
        ("objects", "l.geojson", None, SettingError, "2 images"),
    ],
)
def test_a_format_that_cannot_hold_the_rows_says_so(worlds, tmp_path, kind, name, told, error, said):
    study = copy(worlds, kind, tmp_path)
    with pytest.raises(DataError, match="labels of people"):
        steps.export(study, labels=tmp_path / name, format=told)
    record_labels(study, {study.samples().sample[0]: "x"}, source="here")
    with pytest.raises(error, match=said):
        steps.export(study, labels=tmp_path / name, format=told)
    assert not (tmp_path / name).exists()
    with pytest.raises(SettingError, match="Got both"):
        steps.export(study, out=tmp_path / "a.csv", labels=tmp_path / "b.csv")
    with pytest.raises(SettingError, match="somewhere"):
        steps.export(study)


def test_names_of_groups_are_no_labels_of_people_and_what_is_taken_back_does_not_go_out(worlds, tmp_path):
    study = copy(worlds, "table", tmp_path)
    first, second = study.samples().sample[:2].tolist()
    with study.store.writing() as db:
        db.execute(
            "INSERT INTO labels (at, who, how, sample, label, step) VALUES ('', 'x', 'group', ?, 'g', 1)",
            (second,),
        )
    record_labels(study, {first: "old"}, source="1", who="anna")
    record_labels(study, {first: "new", second: "gone"}, source="2", who="ben")
    steps.label(study, undo=True)
    steps.export(study, labels=tmp_path / "l.csv")
    assert pd.read_csv(tmp_path / "l.csv")[["sample", "label", "who"]].to_numpy().tolist() == [
        [first, "old", "anna"]
    ]


def coco(*boxes, image="a.tif"):
    return {
        "images": [{"id": 1, "file_name": image}],
        "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": c, "bbox": b} for i, (c, b) in enumerate(boxes)
        ],
    }


def test_what_lies_beside_is_told_what_is_of_another_image_is_refused_and_what_is_shared_stays_unlabelled(
    worlds, tmp_path
):
    study = copy(worlds, "objects", tmp_path)
    file = tmp_path / "l.json"
    whole, nothing, other = [115, 110, 30, 40], [0, 140, 5, 5], [175, 115, 30, 30]
    file.write_text(json.dumps(coco((1, other), image="elsewhere.tif")))
    with pytest.raises(DataError, match=r"a\.tif, b\.tif.*1 of others, the first 'x' at x = 175"):
        steps.label(study, file)
    file.write_text(json.dumps(coco((1, nothing))))
    with pytest.raises(DataError, match="1 that lie on no object"):
        steps.label(study, file)
    assert study.label_events() == []
    file.write_text(json.dumps(coco((1, other), (1, nothing), (1, whole), (2, [120, 118, 22, 22]))))
    told = steps.label(study, file)
    assert len(study.labels()) == 1
    assert any("1 of 4 labels lie on no object" in note for note in told.warnings)
    assert any("share stay unlabelled" in note for note in told.warnings)
    file.write_text("{")
    with pytest.raises(DataError, match="whole JSON"):
        steps.label(study, file)


def test_detections_of_qupath_label_the_objects_under_them(worlds, tmp_path):
    study = copy(worlds, "objects", tmp_path)
    ring = [[178, 118], [202, 118], [202, 142], [178, 142], [178, 118]]
    one = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"objectType": "detection", "classification": {"name": "Tumor"}},
    }
    (tmp_path / "b.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [one]}))
    steps.label(study, tmp_path / "b.geojson")  # the file's own name tells the image
    ((sample, label),) = study.labels().items()
    assert (sample.partition("#")[0], label) == ("b.tif", ("Tumor", "person"))


def test_picks_of_a_catalogue_label_the_windows_of_their_station_that_hold_them(worlds, tmp_path):
    study = copy(worlds, "windows", tmp_path)
    event = obspy.core.event.Event(event_type="earthquake")
    for station, second in (("UH1", 9.0), ("UH1", 4000.0), ("XX", 9.0)):
        wave = obspy.core.event.WaveformStreamID("BW", station, None, "BHZ")
        event.picks.append(
            obspy.core.event.Pick(time=obspy.UTCDateTime(2020, 1, 1) + second, waveform_id=wave)
        )
    obspy.core.event.Catalog([event]).write(str(tmp_path / "c.xml"), format="QUAKEML")
    told = steps.label(study, tmp_path / "c.xml")
    # windows of 10 s every 4 s: those from 0, 4 and 8 s hold second 9
    assert [name.rpartition("T")[2] for name in study.labels()] == [
        "00:00:00.000",
        "00:00:04.000",
        "00:00:08.000",
    ]
    assert {name.partition("@")[0] for name in study.labels()} == {"BW.UH1.BH"}
    assert set(study.labels().values()) == {("earthquake", "person")}
    assert any("lie in no window" in note for note in told.warnings)


def test_a_catalogue_of_a_real_network_is_of_no_use_to_images(worlds, tmp_path):
    study = copy(worlds, "objects", tmp_path)
    found = sorted(shared("signals/obspy/quakeml").glob("*.xml"))
    assert found
    with pytest.raises(DataError):
        steps.label(study, found[0])
    assert study.label_events() == []
