"""Files of distances: every layout gives the same matrix, real networks what a plain search finds."""

from __future__ import annotations

import gzip
from collections import deque

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError, SettingError
from clew.read.distances import is_distances, read_distances
from tests.conftest import shared

NAMES = ["b", "a c", "10"]
MATRIX = np.array([[0, 1.5, 2], [1.5, 0, 3.25], [2, 3.25, 0]])


def written(folder, text, name="d.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def as_csv(matrix=MATRIX, names=NAMES, **how):
    return pd.DataFrame(matrix, index=names, columns=names).to_csv(**how)


# ---- square ----
@pytest.mark.parametrize(
    ("text", "name"),
    [
        (as_csv(), "d.csv"),
        (as_csv(sep=";", decimal=","), "d.csv"),
        (as_csv(sep="\t"), "d.tsv"),
        (as_csv(index_label="place"), "d.txt"),
        (gzip.compress(as_csv().encode(), mtime=0), "d.csv.gz"),
        (as_csv().removeprefix(","), "d.csv"),  # as R writes it: no corner
        (pd.DataFrame(MATRIX, columns=NAMES).to_csv(index=False), "d.csv"),  # names in the first line only
    ],
)
def test_a_named_square_table_is_read_however_it_is_written(tmp_path, text, name):
    found = read_distances(written(tmp_path, text, name))
    np.testing.assert_array_equal(found.matrix, MATRIX)
    assert found.names.tolist() == NAMES


@pytest.mark.parametrize(
    "text",
    [
        pd.DataFrame(MATRIX).to_csv(index=False, header=False),
        "\n".join(" ".join(map(str, row)) for row in MATRIX),
        "\n".join(";".join(f"{one:.18e}" for one in row) for row in MATRIX),
    ],
)
def test_numbers_only_are_a_matrix_without_names(tmp_path, text):
    found = read_distances(written(tmp_path, text, "d.txt"))
    np.testing.assert_array_equal(found.matrix, MATRIX)
    assert found.names is None


def test_columns_that_pandas_numbered_are_names(tmp_path):
    for path in (
        written(tmp_path, pd.DataFrame(MATRIX).to_csv(index=False), "a.csv"),
        written(tmp_path, pd.DataFrame(MATRIX).to_csv(), "b.csv"),
    ):
        found = read_distances(path)
        np.testing.assert_array_equal(found.matrix, MATRIX)
        assert found.names.tolist() == ["0", "1", "2"]


def test_columns_in_another_order_than_rows_are_put_in_order(tmp_path):
    shuffled = pd.DataFrame(MATRIX, index=NAMES, columns=NAMES)[["10", "b", "a c"]]
    found = read_distances(written(tmp_path, shuffled.to_csv()))
    np.testing.assert_array_equal(found.matrix, MATRIX)
    assert found.names.tolist() == NAMES


def test_names_are_kept_as_they_are_written(tmp_path):
    found = read_distances(written(tmp_path, as_csv(names=["007", "1.50", "NA"])))
    assert found.names.tolist() == ["007", "1.50", "NA"]


def test_parquet_and_arrays_hold_distances(tmp_path):
    frame = pd.DataFrame(MATRIX, columns=NAMES)
    frame.insert(0, "name", NAMES)
    frame.to_parquet(tmp_path / "d.parquet")
    np.save(tmp_path / "d.npy", MATRIX.astype(np.float32))
    np.savez(tmp_path / "d.npz", far=MATRIX)
    for name in ("d.parquet", "d.npy", "d.npz"):
        found = read_distances(tmp_path / name)
        np.testing.assert_array_equal(found.matrix, MATRIX)
        assert (found.names is None) == (name != "d.parquet")


def test_directions_that_differ_are_adapted_and_told_with_the_other_notes(tmp_path):
    path = written(tmp_path, as_csv(np.triu(MATRIX) + 2 * np.tril(MATRIX), sep=";"))
    found = read_distances(path, symmetrise="max")
    np.testing.assert_array_equal(found.matrix, 2 * MATRIX)
    assert found.asymmetric == 3
    assert any("semicolon" in note for note in found.notes) and any(
        "the longer" in note for note in found.notes
    )
    assert found.settings["symmetrise"] == "max"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (",a,b\na,0,\nb,1,0\n", r"finite numbers. Got nan in row 1, column 2 \(from 'a' to 'b'\)"),
        (",a,b\na,0,far\nb,1,0\n", "column 'b' of .* must hold"),
        (",a,b\na,0,near\nb,far,0\n", "must hold"),
        (",a,b\na,0,inf\nb,1,0\n", "Got 'inf' in line 2"),
        (",a,b\na,0,-1\nb,1,0\n", "not be negative. Got -1"),
        (",a,b\na,0,1\nc,1,0\n", "name rows and columns alike. Got 'b' for one of them only"),
        (",a,b\na,0,1\na,1,0\n", "name rows and columns alike. Got 'b'"),
        (",a,a\na,0,1\na,1,0\n", "must all differ. Got 'a' twice"),
        (
            ",a,b,c\na,0,1,2\nb,1,0,2\n",
            r"square table, or a list of edges .*Got 2 rows x 4 columns: index, a, b, c",
        ),
        ("0,1,2\n1,0,2\n", "square table, or a list of edges .*Got 2 rows x 3 columns"),
        ("0,1\n1\n", "2 fields in every line"),
        ("0,0\n0,0\n", "must tell rows apart"),
        ("a,b\n0,1\n1,2\n", r"0 on the diagonal.* Got 2 in row 2, column 2 \(from 'b' to 'b'\)"),
        ("", "empty file"),
        ("\n\n", "blank lines"),
    ],
)
def test_a_table_that_is_no_square_of_distances_is_refused(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read_distances(written(tmp_path, text))


def test_arrays_that_are_no_distances_are_refused(tmp_path):
    np.save(tmp_path / "wide.npy", np.zeros((2, 3)))
    np.savez(tmp_path / "two.npz", a=MATRIX, b=MATRIX)
    np.save(tmp_path / "objects.npy", np.array([[0, "a"], [1, 0]], dtype=object), allow_pickle=True)
    np.save(tmp_path / "cut.npy", MATRIX)
    written(tmp_path, (tmp_path / "cut.npy").read_bytes()[:-9], "cut.npy")
    for name, said in {
        "wide.npy": "2 x 3",
        "two.npz": "one array. Got 2",
        "objects.npy": "whole array",
        "cut.npy": "whole array",
        "none.npy": "can be read",
        "d.xlsx": "suffix '.xlsx'",
    }.items():
        with pytest.raises(DataError, match=said):
            read_distances(tmp_path / name)
    np.save(tmp_path / "d.npy", MATRIX)
    with pytest.raises(SettingError, match="column of the source must be in a list of edges"):
        read_distances(tmp_path / "d.npy", source="a")


# ---- edges ----
@pytest.mark.parametrize(
    "ends", [("source", "target"), ("From", "To"), ("origin", "destination"), ("u", "v")]
)
def test_a_list_of_edges_is_known_by_its_columns(tmp_path, ends):
    text = f"{ends[0]},{ends[1]},travel_time_min,kind\na,b,2,road\nb,c,1.5,rail\n"
    found = read_distances(written(tmp_path, text))
    assert found.matrix.tolist() == [[0, 2, 3.5], [2, 0, 1.5], [3.5, 1.5, 0]]
    assert found.names.tolist() == ["a", "b", "c"]
    assert any("'travel_time_min' is taken as the length" in note for note in found.notes)


def test_three_edges_in_three_columns_are_no_matrix(tmp_path):
    found = read_distances(written(tmp_path, "source,target,length\n1,2,4\n2,3,5\n3,1,6\n"))
    assert found.matrix.tolist() == [[0, 4, 6], [4, 0, 5], [6, 5, 0]]


def test_edges_without_a_head_are_taken_by_column_number(tmp_path):
    found = read_distances(written(tmp_path, "0 1\n1 2\n2 3\n3 4\n", "e.txt"), source="1", target="2")
    assert found.matrix[0].tolist() == [0, 1, 2, 3, 4]


def test_a_weight_is_a_length_only_when_asked(tmp_path):
    path = written(tmp_path, "source,target,weight\na,b,5\nb,c,1\n")
    found = read_distances(path)
    assert found.matrix[0].tolist() == [0, 1, 2]
    assert any("'weight' is not taken for a length" in note for note in found.notes)
    assert any("Each edge counts 1" in note for note in found.notes)
    asked = read_distances(path, length="weight")
    assert asked.matrix[0].tolist() == [0, 5, 6]
    assert not any("weight" in note or "counts 1" in note for note in asked.notes)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"source": "a", "target": "bb"}, "target column of .* Got 'bb' instead. Did you mean 'b'"),
        ({"source": "a"}, "two columns for their ends.*Got 'a' and 'None'"),
        ({"source": "a", "target": "a"}, "Got 'a' and 'a'"),
        ({"length": "time"}, "Got 'None' and 'None'"),
        ({"source": "a", "target": "b"}, "one column: --edge-length. Got 'time', 'cost'"),
        ({"source": "a", "target": "b", "length": "tme"}, "Did you mean 'time'"),
    ],
)
def test_columns_that_do_not_fit_are_refused(tmp_path, how, said):
    path = written(tmp_path, "a,b,time,cost,kind\nx,y,1,2,k\ny,z,1,2,k\n")
    with pytest.raises(SettingError, match=said):
        read_distances(path, **how)


@pytest.mark.parametrize(
    ("text", "how", "said"),
    [
        ("source,target\na,b\nc,d\n", {}, "Got 2 parts"),
        ("source,target\na,b\nc,\n", {}, "must have a target each. Got none in edge 2"),
        ("source,target,time\na,b,1\nb,c,-3\n", {}, "Got -3 from 'b' to 'c'"),
        ("source,target,time\na,b,1\nb,c,\n", {}, "Got nan from 'b' to 'c'"),
        ("source,target,time\na,b,x\nb,c,y\n", {"length": "time"}, "must hold lengths. Got 'x' in line 2"),
    ],
)
def test_edges_that_make_no_distances_are_refused(tmp_path, text, how, said):
    with pytest.raises(DataError, match=said):
        read_distances(written(tmp_path, text), **how)


def test_the_largest_part_is_kept_when_asked(tmp_path):
    path = written(tmp_path, "source,target\na,b\nb,c\nx,y\n")
    found = read_distances(path, parts="largest")
    assert found.names.tolist() == ["a", "b", "c"]
    assert any("2 of 5 places left out" in note for note in found.notes)


# ---- recognised ----
def test_a_table_is_recognised_as_distances_by_equal_names_and_a_diagonal_of_0(tmp_path):
    assert is_distances(written(tmp_path, as_csv()))
    assert is_distances(written(tmp_path, gzip.compress(as_csv().encode(), mtime=0), "d.csv.gz"))
    frame = pd.DataFrame(MATRIX, columns=NAMES)
    frame.insert(0, "name", NAMES)
    frame.to_parquet(tmp_path / "d.parquet")
    assert is_distances(tmp_path / "d.parquet")


@pytest.mark.parametrize(
    "text",
    [
        as_csv(MATRIX + np.eye(3)),  # correlations, say
        as_csv(names=["x", "y", "z"]).replace("\nx,", "\nq,"),
        pd.DataFrame(MATRIX).to_csv(index=False, header=False),
        as_csv()[:-20],
        "source,target\na,b\nb,c\n",
        "",
    ],
)
def test_no_other_table_is_taken_for_distances(tmp_path, text):
    assert not is_distances(written(tmp_path, text))


def test_real_tables_of_measurements_are_not_taken_for_distances():
    for name in ("iris.csv", "penguins.csv", "wine_data.csv"):
        assert not is_distances(shared(f"tables/{name}"))
    assert not is_distances(shared("images/blobs/blobs.tif"))


# ---- real networks ----
def test_steps_in_the_karate_club_are_those_of_a_plain_search():
    found = read_distances(shared("distances/karate_club_edges.csv"))
    edges = pd.read_csv(shared("distances/karate_club_edges.csv"))
    friends = {str(i): set() for i in range(34)}
    for a, b in zip(edges["source"].astype(str), edges["target"].astype(str)):
        friends[a].add(b)
        friends[b].add(a)
    for i, start in enumerate(found.names):
        steps, waiting = {start: 0}, deque([start])
        while waiting:
            here = waiting.popleft()
            for friend in friends[here] - steps.keys():
                steps[friend] = steps[here] + 1
                waiting.append(friend)
        assert found.matrix[i].tolist() == [steps[name] for name in found.names]
    assert found.n_rows == 34 and found.matrix.max() == 5
    assert any("weight" in note for note in found.notes)


def test_ways_through_san_francisco_are_those_of_the_file_and_longer_than_the_flight():
    path = shared("distances/sf_network_distance_16_stores_205_tracts.csv")
    with pytest.raises(DataError, match="--edge-source"):
        read_distances(path)
    found = read_distances(path, source="name", target="DestinationName")
    assert found.n_rows == 221 and (found.asymmetric, found.triangle_violations) == (0, 0)
    assert any("16 sources, or two of the 205 targets" in note for note in found.notes)
    listed = pd.read_csv(path, dtype={"DestinationName": str})
    stores, tracts = (found.places_of(listed[name], of="it") for name in ("name", "DestinationName"))
    ways = found.matrix[stores, tracts]
    assert (ways <= listed["distance"] + 1e-6).all()
    assert np.isclose(ways, listed["distance"]).mean() > 0.99

    at = pd.concat(
        pd.read_csv(shared(f"distances/{name}"), dtype={"NAME": str}).set_index("NAME")[["long", "lat"]]
        for name in ("sf_stores_16_lonlat.csv", "sf_tracts_205_centroids.csv")
    )
    a, b = (np.radians(at.loc[listed[name]].to_numpy()) for name in ("name", "DestinationName"))
    lifted = np.sin((b - a) / 2) ** 2
    flight = (
        2 * 6_371_000 * np.arcsin(np.sqrt(lifted[:, 1] + np.cos(a[:, 1]) * np.cos(b[:, 1]) * lifted[:, 0]))
    )
    assert (ways >= flight).mean() > 0.95
    assert 1 < np.median(ways / flight) < 2
