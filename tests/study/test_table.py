import numpy as np
import pandas as pd
import pytest

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
