"""Given distances: what is refused, what is adapted and said, and shortest paths as a slow twin finds them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import clew.distances
from clew.distances import shortest_paths, square_distances
from clew.errors import DataError, SettingError
from clew.result import Result


def euclidean(n: int, seed: int = 0) -> np.ndarray:
    X = np.random.default_rng(seed).normal(size=(n, 3))
    return np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))


def broken(matrix: np.ndarray) -> float:
    """The share of triples that break the triangle inequality, triple by triple."""
    wrong = 0
    triples = list(itertools.combinations(range(len(matrix)), 3))
    for i, j, k in triples:
        short, middle, long = sorted((matrix[i, j], matrix[j, k], matrix[i, k]))
        wrong += long > (short + middle) * (1 + 1e-9)
    return wrong / len(triples)


# ---- square ----
def test_a_symmetric_matrix_stays_as_it_is_to_the_bit():
    matrix = euclidean(40)
    for how in ("mean", "min", "max"):
        found = square_distances(matrix, symmetrise=how)
        np.testing.assert_array_equal(found.matrix, matrix)
        assert (found.asymmetric, found.coincident, found.triangle_violations, found.notes) == (0, 0, 0.0, [])
    assert found.triples == 40 * 39 * 38 // 6
    with pytest.raises(ValueError, match="read-only"):
        found.matrix[0, 1] = 1
    matrix[0, 1] = 5  # the caller's own can still be changed


@pytest.mark.parametrize(
    ("how", "stands", "word"), [("mean", 3, "mean"), ("min", 2, "shorter"), ("max", 4, "longer")]
)
def test_two_directions_become_one_as_asked_and_it_is_said(how, stands, word):
    found = square_distances([[0, 2, 3], [4, 0, 3], [3, 3, 0]], symmetrise=how)
    assert found.matrix[0, 1] == found.matrix[1, 0] == stands
    assert (found.asymmetric, found.largest_asymmetry) == (1, 0.5)
    assert found.notes == [
        f"1 of 3 pairs of rows differ by direction, by up to 50%: made symmetric by the {word} of both directions."
    ]


def test_rounding_is_no_asymmetry_and_leaves_no_trace():
    matrix = euclidean(30)
    noisy = matrix * (1 + 1e-12 * np.random.default_rng(0).normal(size=matrix.shape)) + 1e-14 * np.eye(30)
    found = square_distances(noisy)
    assert found.asymmetric == 0 and found.notes == []
    np.testing.assert_array_equal(found.matrix, found.matrix.T)
    assert not found.matrix.diagonal().any()
    assert (
        square_distances(matrix * (1 + 1e-6 * np.tri(30))).asymmetric == 435
    )  # the mutant: a real difference


@pytest.mark.parametrize("how", ["mean", "min", "max"])
def test_bands_make_symmetric_what_one_stroke_makes(how, monkeypatch):
    rng = np.random.default_rng(0)
    matrix = euclidean(50)
    differ = np.triu(rng.random((50, 50)) < 0.2, 1)
    matrix[differ] *= 1 + rng.random(differ.sum())
    for band in (1, 7, 50, 1024):
        monkeypatch.setattr(clew.distances, "BAND", band)
        found = square_distances(matrix, symmetrise=how)
        stands = {"mean": np.mean, "min": np.min, "max": np.max}[how]([matrix, matrix.T], axis=0)
        np.testing.assert_allclose(found.matrix, stands, rtol=1e-15)
        assert found.asymmetric == differ.sum()
        assert found.largest_asymmetry == pytest.approx(
            (1 - matrix.T[differ] / matrix[differ]).max(), rel=1e-12
        )


def test_broken_triangles_are_counted_as_one_by_one_and_never_repaired():
    for seed, power in itertools.product(range(3), (1, 1.5, 2, 4)):
        matrix = euclidean(14, seed) ** power
        found = square_distances(matrix)
        assert found.triangle_violations == pytest.approx(broken(matrix), abs=1e-15)
        np.testing.assert_array_equal(found.matrix, matrix)
    assert square_distances(euclidean(50)).triangle_violations == 0
    assert square_distances(euclidean(50) ** 2).triangle_violations > 0.3  # the mutant
    assert "break the triangle inequality" in square_distances(euclidean(9) ** 4).notes[0]


def test_points_on_a_line_break_no_triangle():
    x = np.cumsum(
        np.random.default_rng(0).random(200)
    )  # all triples are degenerate: only rounding is in the way
    assert square_distances(np.abs(x[:, None] - x)).triangle_violations == 0


def test_random_triples_tell_what_all_triples_tell(monkeypatch):
    matrix = euclidean(300) ** 1.3
    exact = square_distances(matrix)
    monkeypatch.setattr(clew.distances, "EXACT_ROWS", 299)
    found = square_distances(matrix)
    assert 1_900_000 < found.triples < 2_000_000 < exact.triples
    error = np.sqrt(exact.triangle_violations / found.triples)
    assert 0.01 < exact.triangle_violations < 0.5
    assert abs(found.triangle_violations - exact.triangle_violations) < 5 * error
    assert "random triples" in found.notes[0] and "random" not in exact.notes[0]
    assert square_distances(matrix).triangle_violations == found.triangle_violations


def test_different_rows_at_distance_0_are_counted():
    matrix = euclidean(6)
    matrix[np.ix_([1, 2], [0, 3, 4, 5])] = matrix[1, [0, 3, 4, 5]]
    matrix = np.minimum(matrix, matrix.T)
    matrix[1, 2] = matrix[2, 1] = 0
    found = square_distances(matrix)
    assert found.coincident == 1
    assert "1 pair of different rows at distance 0." in found.notes


A, B = np.array([[0, 1.0], [1, 0]]), ["a", "b"]


@pytest.mark.parametrize(
    ("matrix", "names", "said"),
    [
        (np.ones((2, 3)), None, "square matrix, a row and a column for each. Got the shape 2 x 3"),
        (np.ones(4), None, "Got the shape 4"),
        ([[0, 1], [1]], None, "Got rows of different length"),
        (np.zeros((1, 1)), None, "2 to 20000 rows. Got 1"),
        ([[0, np.nan], [1, 0]], B, r"finite numbers. Got nan in row 1, column 2 \(from 'a' to 'b'\)"),
        ([[0, 1], [np.inf, 0]], None, "finite numbers. Got inf in row 2, column 1"),
        ([[0, 1], [-2, 0]], B, r"not be negative. Got -2 in row 2, column 1 \(from 'b' to 'a'\)"),
        ([[0, 3], [3, 1]], None, "0 on the diagonal, from a row to itself. Got 1 in row 2, column 2"),
        ([[1, 0.2], [0.2, 1]], None, "these look like similarities"),
        (np.zeros((3, 3)), None, "must tell rows apart. Got 0 between all 3 rows"),
        ([["0", "x"], ["1", "0"]], None, r"must be numbers. Got '0' \(str_\)"),
        ([[0, None], [1, 0]], None, r"must be numbers. Got 'None'"),
        (A > 0, None, "must be numbers. Got 'False'"),
        (A, ["a", "a"], "must all differ. Got 'a' for 2 rows"),
        (A, ["", "b"], "must all differ. Got '' for 1 rows"),
        (A, ["a"], "one for each of the 2 rows. Got 1"),
    ],
)
def test_what_is_no_distance_is_refused_with_its_place(matrix, names, said):
    with pytest.raises(DataError, match=said) as refused:
        square_distances(matrix, names=names, of="'t.csv'")
    assert "of 't.csv' must" in str(refused.value)


def test_a_misspelt_setting_gets_a_suggestion():
    with pytest.raises(SettingError, match="Did you mean 'mean'"):
        square_distances(A, symmetrise="meen")
    with pytest.raises(SettingError, match="Did you mean 'largest'"):
        shortest_paths(["a"], ["b"], parts="large")


def test_distances_are_saved_and_loaded(tmp_path):
    found = square_distances([[0, 2, 3], [4, 0, 3], [3, 3, 0]], names=["a", "b", "c"])
    back = Result.load(found.save(tmp_path / "d.zip"))
    assert back.digest() == found.digest()
    assert "3 rows, from 3 to 3" in repr(found)
    assert found.summary()["asymmetric"] == 1


def test_places_are_found_by_name_and_what_is_missing_on_either_side_is_listed():
    found = square_distances(euclidean(3), names=["x", "y", "z"])
    assert found.places_of(["z", "x"], of="'t.csv'").tolist() == [2, 0]
    with pytest.raises(DataError, match="Got 1 row without distances: 'q'; without a row: 'y', 'z'"):
        found.places_of(["x", "q"], of="'t.csv'")
    numbered = square_distances(euclidean(3), names=["007", "8", "9.50"])
    assert numbered.places_of(["9.5", "7"], of="'t.csv'").tolist() == [2, 0]
    with pytest.raises(DataError, match="must have names"):
        square_distances(A).places_of(["x"], of="'t.csv'")


def test_names_that_are_equal_as_numbers_only_are_not_taken_for_each_other():
    found = square_distances(euclidean(3), names=["7", "07", "8"])
    assert found.places_of(["07", "7"], of="'t.csv'").tolist() == [1, 0]
    with pytest.raises(DataError, match="'007'"):
        found.places_of(["007"], of="'t.csv'")


# ---- shortest paths ----
def floyd_warshall(n, edges, directed):
    """Shortest paths as every textbook has them."""
    d = np.where(np.eye(n), 0.0, np.inf)
    for a, b, length in edges:
        d[a, b] = min(d[a, b], length)
        if not directed:
            d[b, a] = min(d[b, a], length)
    for k in range(n):
        d = np.minimum(d, d[:, k : k + 1] + d[k : k + 1])
    return d


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_shortest_paths_are_those_of_floyd_and_warshall(seed, directed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(12, size=(2, 60))  # loops, repeated edges and edges of length 0 among them
    a, b = np.r_[a, :12], np.r_[b, 1:12, 0]  # and a ring, which joins all
    length = np.r_[rng.integers(0, 6, 60) / 2, np.full(12, 4.0)]
    found = shortest_paths(a, b, length, directed=directed, symmetrise="mean")
    names = found.names.astype(int)
    assert names.tolist() == list(dict.fromkeys([*a.tolist(), *b.tolist()]))
    twin = floyd_warshall(12, zip(a, b, length), directed)[np.ix_(names, names)]
    np.testing.assert_array_equal(found.matrix, (twin + twin.T) / 2)
    assert found.asymmetric == (np.triu(twin) != np.triu(twin.T)).sum()
    assert found.asymmetric if directed else not found.asymmetric


def test_each_edge_counts_1_without_lengths():
    ring = np.arange(7)
    found = shortest_paths(ring, np.roll(ring, 1))
    steps = np.abs(ring[:, None] - ring)
    np.testing.assert_array_equal(found.matrix, np.minimum(steps, 7 - steps))
    assert found.notes == ["Distances are the shortest ways along 7 edges between 7 places."]


def test_loops_and_uneven_edges_are_told():
    found = shortest_paths(["a", "b", "a", "c", "c"], ["b", "a", "a", "b", "b"], [2, 3, 9, 1, 1])
    assert found.matrix.tolist() == [[0, 2, 3], [2, 0, 1], [3, 1, 0]]
    assert found.names.tolist() == ["a", "b", "c"]
    assert "1 edge from a place to itself passed over." in found.notes
    assert any(note.startswith("1 pair of places with edges of different length") for note in found.notes)


def test_a_list_from_one_kind_of_place_to_another_is_told():
    between = shortest_paths(list("AABBB"), list("xyxyz"))
    assert any("2 sources, or two of the 3 targets" in note for note in between.notes)
    assert not any("targets" in note for note in shortest_paths(list("abc"), list("bca")).notes)


def test_places_that_are_not_joined_are_refused_or_left_out_as_asked():
    source, target = ["a", "b", "x", "s"], ["b", "c", "y", "s"]
    with pytest.raises(
        DataError, match="Got 3 parts, the largest of 3 of 6 places, and no way between 'a' and 'x'"
    ):
        shortest_paths(source, target)
    found = shortest_paths(source, target, parts="largest")
    assert found.names.tolist() == ["a", "b", "c"]
    assert any(note.startswith("3 of 6 places left out, such as 'x'") for note in found.notes)
    with pytest.raises(DataError, match="Got 3 parts"):  # one way only: there is no way back
        shortest_paths(["a", "b"], ["b", "c"], directed=True)
    with pytest.raises(DataError, match="must be for 2 to 20000 rows. Got 1"):
        shortest_paths(["a", "b"], ["b", "c"], directed=True, parts="largest")


@pytest.mark.parametrize(
    ("source", "target", "length", "said"),
    [
        (["a", "b"], ["b"], None, "one source and one target each, and be at least one. Got 2 and 1"),
        ([], [], None, "Got 0 and 0"),
        (["a", ""], ["b", "c"], None, "must have a source each. Got none in edge 2"),
        (["a"], ["a"], None, "must join 2 to 20000 places. Got 1"),
        (["a", "b"], ["b", "c"], [1, -2], r"finite and not negative. Got -2 from 'b' to 'c' \(edge 2\)"),
        (["a", "b"], ["b", "c"], [np.nan, 2], r"Got nan from 'a' to 'b' \(edge 1\)"),
        (["a", "b"], ["b", "c"], [1], "one for each of the 2 edges. Got 1"),
        (["a", "b"], ["b", "c"], ["near", "far"], "must be numbers"),
        (["a", "b"], ["b", "c"], [0, 0], "must tell rows apart"),
    ],
)
def test_edges_that_make_no_distances_are_refused(source, target, length, said):
    with pytest.raises(DataError, match=said):
        shortest_paths(source, target, length, of="'edges.csv'")
