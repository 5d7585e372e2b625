import hashlib

import numpy as np
import pandas as pd
import pytest
import tifffile

from clew.errors import DataError, SettingError
from clew.steps.measuring import gather, measure
from tests.steps.recorded import recorded_study
from tests.steps.worlds import write_table


def test_tables_and_images_are_recognised(tmp_path):
    path, _ = write_table(tmp_path)
    kind, files, _ = gather([path], [])
    assert (kind, files) == ("table", [(path, None)])
    assert measure(kind, files, {}).samples.n_rows == 90
    tifffile.imwrite(tmp_path / "i.tif", np.zeros((9, 9), np.uint8))
    assert gather([tmp_path / "i.tif"], [])[0] == "image"


def test_a_mixture_is_refused(tmp_path):
    path, _ = write_table(tmp_path)
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "i.tif", np.zeros((9, 9), np.uint8))
    for paths in ([path, tmp_path / "images" / "i.tif"], [path, tmp_path / "images"]):
        with pytest.raises(DataError, match="all images or all tables"):
            gather(paths, [])
    with pytest.raises(SettingError, match="must go with images"):
        gather([path], [tmp_path / "images" / "i.tif"])
    with pytest.raises(SettingError, match="at least one file"):
        gather([], [])


def test_distances_are_rows_by_themselves_or_go_with_those_of_a_table(tmp_path):
    names = ["x", "y", "z"]
    far = pd.DataFrame([[0, 1, 3], [2, 0, 3], [3, 3, 0]], index=names, columns=names)
    far.to_csv(tmp_path / "far.csv")
    alone = measure("distances", [(tmp_path / "far.csv", None)], {"symmetrise": "max"})
    assert alone.samples.sample.tolist() == names
    assert alone.samples.distances[0].tolist() == [0, 2, 3]
    assert alone.sha256 == {"far.csv": hashlib.sha256((tmp_path / "far.csv").read_bytes()).hexdigest()}
    (tmp_path / "t.csv").write_text("id,a\nz,1\nx,2\n")
    both = measure(
        "table", [(tmp_path / "t.csv", None)], {}, distances=(tmp_path / "far.csv", {"symmetrise": "min"})
    )
    assert both.samples.distances.tolist() == [[0, 3], [3, 0]]
    assert both.sha256.keys() == {"t.csv", "distances in far.csv"}
    assert any("1 of 3 names in the distances left out" in note for note in both.notes)
    assert any("by the shorter of both directions" in note for note in both.notes)
    assert both.distances.asymmetric == 1


def test_recordings_are_recognised_and_not_mixed_with_others(tmp_path):
    recorded_study(tmp_path, labels=False)
    kind, files, _ = gather([tmp_path / "AAA.mseed", tmp_path / "BBB.mseed"], [])
    assert (kind, len(files)) == ("signal", 2)
    table, _ = write_table(tmp_path)
    with pytest.raises(DataError, match=r"all recordings \(tables are, with --window\)"):
        gather([table, tmp_path / "AAA.mseed"], [])
    assert gather([table, tmp_path / "AAA.mseed"], [], signals=True)[0] == "signal"
    assert gather([table], [])[0] == "table"
    (tmp_path / "both").mkdir()
    (tmp_path / "AAA.mseed").rename(tmp_path / "both" / "AAA.mseed")
    assert gather([tmp_path / "both"], [])[0] == "signal"
    tifffile.imwrite(tmp_path / "both" / "i.tif", np.zeros((9, 9), np.uint8))
    assert gather([tmp_path / "both"], [])[0] == "image"  # as before there were recordings
    with pytest.raises(SettingError, match="masks must go with images"):
        gather([tmp_path / "BBB.mseed"], [tmp_path / "both" / "i.tif"])


def test_a_recording_is_refused_where_rows_of_images_or_tables_are_asked_for(tmp_path):
    recorded_study(tmp_path, labels=False)
    with pytest.raises(DataError, match="must be images or tables, as those that the model was trained on"):
        gather([tmp_path / "AAA.mseed"], [], signals=False)
