import numpy as np
import pytest

from clew.errors import DataError
from clew.read.motions import open_motions
from tests.conftest import shared

HEAD = "#remark\n@problemName two\n@timeStamps false\n@dimensions 2\n@classLabel true a b\n@data\n"


def opened(tmp_path, text, rate=10.0):
    (tmp_path / "two.ts").write_text(text)
    return open_motions(tmp_path / "two.ts", source="folder/two.ts", rate=rate, notes=[])


def test_real_motions_are_forty_recordings_with_their_classes():
    path = shared("signals/basic_motions/BasicMotions_TRAIN.ts")
    traces, given = open_motions(path, source=path.name, rate=10)
    assert len(traces) == 240 and len(given) == 40
    lines = path.read_text().split("@data\n")[1].splitlines()
    for number, (line, said) in enumerate(zip(lines, given, strict=True)):
        *dimensions, label = line.split(":")
        assert (said.label, said.start, said.end) == (label, 0.0, 10.0)
        assert said.recording == f"BasicMotions_TRAIN-{number + 1:04d}"
        for text, one in zip(dimensions, traces[6 * number : 6 * number + 6], strict=True):
            assert (one.station, one.rate, one.dated) == (said.recording, 10.0, False)
            np.testing.assert_array_equal(one.stretch.read(0, one.stretch.n), np.fromstring(text, sep=","))


def test_cases_may_differ_in_length_and_lack_values(tmp_path):
    traces, given = opened(tmp_path, HEAD + "1,2,?:4,5:a\n7:8,9,10,11:b\n")
    assert [(one.station, one.component, one.stretch.n) for one in traces] == [
        ("folder/two-0001", "1", 3),
        ("folder/two-0001", "2", 2),
        ("folder/two-0002", "1", 1),
        ("folder/two-0002", "2", 4),
    ]
    np.testing.assert_array_equal(traces[0].stretch.read(0, 3), [1, 2, np.nan])
    assert [(one.label, one.end) for one in given] == [("a", 0.3), ("b", 0.4)]


def test_a_target_is_a_number_of_the_case_and_one_dimension_has_no_name(tmp_path):
    text = "@univariate true\n@targetLabel true\n@data\n1,2:3.5\n4,5:?\n"
    traces, given = opened(tmp_path, text)
    assert [one.component for one in traces] == ["", ""]
    assert [(one.label, one.columns) for one in given] == [("", {"target": 3.5})]


def test_without_a_rate_the_flag_that_gives_it_is_named(tmp_path):
    with pytest.raises(DataError, match="give it in Hz with --rate"):
        opened(tmp_path, HEAD + "1:2:a\n", rate=None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD + "1:2:3:a\n", "must have 2 dimensions. Got 3 in line 7"),
        (HEAD + "1:2:a\n1:2\n", r"must have 2 dimensions. Got 1 in line 8 \(a file that was cut"),
        (HEAD + "1:2:c\n", "one of its classes: a, b. Got 'c' in line 7"),
        (HEAD + "1:x:a\n", "must be numbers, or '\\?'. Got 'x' in line 7"),
        (HEAD + "1::a\n", "an empty one in line 7"),
        (HEAD + "1:inf:a\n", "must be finite"),
        (HEAD, "must hold cases"),
        ("@dimensions 2\n1:2:a\n", "must have the line '@data'"),
        ("@timeStamps true\n@data\n(0,1):a\n", "a time each"),
    ],
)
def test_what_does_not_fit_the_format_is_refused_with_its_line(tmp_path, text, sentence):
    with pytest.raises(DataError, match=sentence):
        opened(tmp_path, text)
