import numpy as np
import pandas as pd
import pytest

from clew.distances import square_distances
from clew.errors import StudyError
from clew.samples import Samples
from clew.study.table import read_samples, write_samples
from tests.study.worlds import table


def test_samples_come_back_as_they_went(tmp_path):
    write_samples(table(), tmp_path / "x.parquet")
    back = read_samples(tmp_path / "x.parquet")
    assert back.digest() == table().digest()
    assert back.sets == table().sets
    pd.testing.assert_frame_equal(back.origin, table().origin)


def test_features_named_like_our_own_columns_do_not_collide(tmp_path):
    frame = pd.DataFrame(
        {"sample": [1.0, 2.0], "group": [3.0, 4.0], "origin.source": [5.0, 6.0]}, index=["a", "b"]
    )
    made = Samples.from_frame(frame).with_target(np.array([7.0, 8.0]))
    write_samples(made, tmp_path / "x.parquet")
    assert read_samples(tmp_path / "x.parquet").digest() == made.digest()


def test_a_damaged_table_is_refused(tmp_path):
    write_samples(table(), tmp_path / "x.parquet")
    (tmp_path / "x.parquet").write_bytes((tmp_path / "x.parquet").read_bytes()[:-20])
    with pytest.raises(StudyError, match="must hold the samples of a study"):
        read_samples(tmp_path / "x.parquet")
    with pytest.raises(StudyError, match="must hold the samples of a study"):
        read_samples(tmp_path / "nothing.parquet")


def test_distances_lie_beside_the_table_and_come_back_as_they_went(tmp_path):
    x = np.random.default_rng(0).random(12)
    made = table().with_distances(np.abs(x[:, None] - x))
    write_samples(made, tmp_path / "x.parquet")
    assert read_samples(tmp_path / "x.parquet").digest() == made.digest() != table().digest()
    file = tmp_path / "arrays" / "distances.npy"
    np.testing.assert_array_equal(np.load(file), made.distances)
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(StudyError, match="must hold the distances of a study"):
        read_samples(tmp_path / "x.parquet")
    file.unlink()
    with pytest.raises(StudyError, match=r"distances\.npy"):  # and never rows without the distances they had
        read_samples(tmp_path / "x.parquet")


def test_rows_without_features_come_back_too(tmp_path):
    made = Samples.from_distances(square_distances(1 - np.eye(3), names=["a", "b", "c"]))
    write_samples(made, tmp_path / "x.parquet")
    back = read_samples(tmp_path / "x.parquet")
    assert back.digest() == made.digest() and back.n_features == 0


def test_tables_without_distances_are_read_as_ever(tmp_path):
    write_samples(table(), tmp_path / "x.parquet")
    assert read_samples(tmp_path / "x.parquet").distances is None
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]
