import numpy as np
import pytest
import tifffile

from clew.errors import DataError, SettingError
from clew.steps.measuring import gather, measure
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
