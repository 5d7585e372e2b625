import pandas as pd
import pytest

from clew.errors import DataError
from clew.read.labels import read_labels

SAMPLES = ["blobs.tif#1", "blobs.tif#2", "blobs.tif#3"]


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_labels_are_read_and_empty_ones_passed_over(tmp_path, sign):
    text = "who,sample,label\nak,blobs.tif#2,round\nak,blobs.tif#1,\nak,blobs.tif#3,long\n".replace(",", sign)
    assert read_labels(write(tmp_path, text), samples=SAMPLES) == [
        ("blobs.tif#2", "round"),
        ("blobs.tif#3", "long"),
    ]


def test_a_file_of_a_spreadsheet_with_a_byte_order_mark_is_read(tmp_path):
    assert read_labels(write(tmp_path, "sample,label\nblobs.tif#1,NA\n", "utf-8-sig"), samples=SAMPLES) == [
        ("blobs.tif#1", "NA")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "sample,label\nblobs.tif#1,x\nblob.tif#2,y\n",
            r"line 3 .* Got 'blob\.tif#2' instead\. Did you mean 'blobs\.tif#2'\?",
        ),
        (
            "sample,lable\nblobs.tif#1,x\n",
            r"column 'label'.*Got the columns sample, lable instead\. Did you mean 'lable'\?",
        ),
        ("sample,label\nblobs.tif#1,x\nblobs.tif#1,y\n", "must have one label .* Got 'x' and 'y'"),
        ("sample,label\nblobs.tif#1,\n", "at least one sample"),
        ("", "must be a table"),
    ],
)
def test_labels_that_do_not_fit_are_refused_whole(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read_labels(write(tmp_path, text), samples=SAMPLES)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(DataError, match="Got nothing there"):
        read_labels(tmp_path / "none.csv", samples=SAMPLES)


def test_a_parquet_table_is_read_and_missing_labels_passed_over(tmp_path):
    frame = pd.DataFrame({"sample": SAMPLES, "label": ["round", None, "long"], "who": "ak"})
    frame.to_parquet(tmp_path / "l.parquet")
    assert read_labels(tmp_path / "l.parquet", samples=SAMPLES) == [
        ("blobs.tif#1", "round"),
        ("blobs.tif#3", "long"),
    ]
    (tmp_path / "no.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="must be a table"):
        read_labels(tmp_path / "no.parquet", samples=SAMPLES)


def test_no_suggestion_is_sought_for_a_sample_that_is_there(tmp_path, monkeypatch):
    sought = []
    monkeypatch.setattr("clew.read.labels.did_you_mean", lambda word, _: sought.append(word) or "")
    read_labels(write(tmp_path, "sample,label\nblobs.tif#1,a\nblobs.tif#2,b\n"), samples=SAMPLES)
    assert "blobs.tif#1" not in sought and "blobs.tif#2" not in sought
    with pytest.raises(DataError, match="line 2"):
        read_labels(write(tmp_path, "sample,label\nblobs.tif#9,a\n"), samples=SAMPLES)
    assert "blobs.tif#9" in sought
