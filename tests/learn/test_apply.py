import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tifffile

from clew.errors import DataError, SettingError
from clew.learn.apply import check_measured_alike, check_output, paint_classes, prediction_table, write_table
from clew.learn.forest import Prediction
from clew.learn.training import train
from clew.measure.measured import Measured
from clew.samples import Samples


def measured():
    labels = np.array([[1, 1, 0], [0, 2, 3]], np.int32)
    samples = Samples(
        features=np.array([[1.0], [2.0]]),
        feature_names=("area",),
        units=("px²",),
        sample=["a/x.tif#1", "a/x.tif#3"],
        origin=pd.DataFrame({"source": ["a/x.tif"] * 2, "label": [1, 3]}),
        group=["g", "g"],
    )
    return Measured(samples, {"a/x.tif": labels}, [], {}, {})


SAID = Prediction(
    label=np.array(["long", "round"]),
    probability=np.array([[0.75, 0.25], [0.4, 0.6]]),
    value=None,
    classes=["long", "round"],
)


def test_the_table_holds_what_scripts_rely_on():
    table = prediction_table(measured().samples, SAID)
    assert table.columns.tolist() == [
        "source",
        "sample",
        "label",
        "probability",
        "probability_long",
        "probability_round",
    ]
    assert table["probability"].tolist() == [0.75, 0.6]
    numbers = Prediction(label=None, probability=None, value=np.array([1.5, 2.5]), classes=[])
    assert prediction_table(measured().samples, numbers).columns.tolist() == ["source", "sample", "value"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_every_format_comes_back_as_it_went(tmp_path, suffix):
    table = prediction_table(measured().samples, SAID)
    path = write_table(table, tmp_path / f"p{suffix}")
    if suffix == ".jsonl":
        back = pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
    else:
        back = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    pd.testing.assert_frame_equal(back, table, check_dtype=False)


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    for path, said in [
        ("p.xlsx", r"must end in one of: \.csv, \.parquet, \.jsonl\. Got '\.xlsx'"),
        ("none/p.csv", "folder .* must exist"),
        ("folder.csv", "must not be a folder"),
        ("data.csv", "must not be one that is read"),
    ]:
        with pytest.raises(SettingError, match=said):
            check_output(tmp_path / path, None, inputs=[tmp_path / "data.csv"])
    with pytest.raises(SettingError, match="must be a folder"):
        check_output(tmp_path / "p.csv", tmp_path / "data.csv", inputs=[])


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_earlier_predictions_are_replaced_and_nothing_else(tmp_path, suffix):
    path = tmp_path / f"p{suffix}"
    path.write_bytes(b"a,b,c\nprecious")
    with pytest.raises(SettingError, match="must be new or hold earlier predictions"):
        check_output(path, None, inputs=[])
    path.unlink()
    write_table(prediction_table(measured().samples, SAID), path)
    check_output(path, None, inputs=[])


def test_objects_are_painted_with_the_number_of_their_class_and_left_out_ones_are_ground(tmp_path):
    (path,) = paint_classes(measured(), SAID, tmp_path / "painted")
    assert path == tmp_path / "painted" / "a" / "x.tif.classes.tif"
    np.testing.assert_array_equal(tifffile.imread(path), [[1, 1, 0], [0, 0, 2]])


def test_images_of_other_channels_or_depth_are_refused():
    rows = replace(measured().samples, labels=["long", "round"], units=("counts",))
    gray = {"channels": ["gray"], "dtype": "uint8"}
    forest = train(rows, trees=2, measure=gray)
    check_measured_alike(forest, replace(measured(), settings=gray))
    with pytest.raises(DataError, match="the channels gray, given red, green, blue"):
        colour = {"channels": ["red", "green", "blue"], "dtype": "uint8"}
        check_measured_alike(forest, replace(measured(), settings=colour))
    with pytest.raises(DataError, match="intensities of uint8 images, given uint16"):
        check_measured_alike(forest, replace(measured(), settings=gray | {"dtype": "uint16"}))
    without = train(replace(rows, units=("px²",)), trees=2, measure=gray)
    check_measured_alike(without, replace(measured(), settings=gray | {"dtype": "uint16"}))
