import numpy as np
import pandas as pd
import pytest

from clew.distances import square_distances
from clew.errors import DataError, SettingError
from clew.samples import Samples


def samples(**changes):
    values = {
        "features": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        "feature_names": ("area", "circularity"),
        "units": ("px²", ""),
        "sample": ["a#1", "a#2", "a#3"],
        "origin": pd.DataFrame({"source": ["a"] * 3, "label": [1, 2, 3]}),
        "group": ["a", "a", "b"],
        "labels": ["x", "", "y"],
        "sets": {"shape": ("circularity",), "size": ("area",)},
    }
    return Samples(**{**values, **changes})


def test_rows_are_taken_with_all_that_belongs_to_them():
    for rows in ([2, 0], np.array([True, False, True])):
        taken = samples().take(rows)
        assert sorted(taken.sample) == ["a#1", "a#3"]
        assert taken.origin["label"].tolist() == [int(name[-1]) for name in taken.sample]
        assert dict(zip(taken.sample, taken.labels)) == {"a#1": "x", "a#3": "y"}
        assert dict(zip(taken.sample, taken.features[:, 0])) == {"a#1": 1.0, "a#3": 5.0}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("all", ["area", "circularity"]),
        ("shape", ["circularity"]),
        ("circularity, size", ["area", "circularity"]),
        (["area"], ["area"]),
    ],
)
def test_features_are_chosen_by_set_or_name_in_the_order_of_the_table(wanted, names):
    chosen = samples().select(wanted)
    assert list(chosen.feature_names) == names
    assert chosen.units == tuple({"area": "px²", "circularity": ""}[name] for name in names)
    assert chosen.features[1].tolist() == [{"area": 3.0, "circularity": 4.0}[name] for name in names]


def test_an_unknown_feature_gets_a_suggestion():
    with pytest.raises(SettingError, match=r"Got 'circularty' instead\. Did you mean 'circularity'\?"):
        samples().select("circularty")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sample": ["a#1", "a#1", "a#3"]}, r"sample names .* Got 'a#1' twice"),
        ({"feature_names": ("area", "area")}, r"feature names .* Got 'area' twice"),
        ({"group": ["a", "a"]}, r"group of Samples must have 3 entries\. Got 2"),
        ({"labels": ["a"]}, r"labels of Samples must have 3 entries\. Got 1"),
        ({"units": ("px",)}, r"units of Samples must have 2 entries\. Got 1"),
        ({"features": np.array([1.0, 2.0])}, r"must be a table"),
        (
            {"features": np.array([[1, 2], [3, np.inf], [5, 6.0]])},
            r"'circularity' of sample 'a#2' must be a finite number\. Got inf",
        ),
        (
            {"features": np.array([[1, 2], [3, 4], [np.nan, 6.0]])},
            r"'area' of sample 'a#3' must be a finite number\. Got nan",
        ),
    ],
)
def test_what_does_not_fit_is_refused_at_the_door(changes, said):
    with pytest.raises(DataError, match=said):
        samples(**changes)


def test_samples_cannot_be_changed_and_the_callers_array_can():
    mine = np.ones((3, 2))
    made = samples(features=mine)
    with pytest.raises(ValueError, match="read-only"):
        made.features[0, 0] = 2
    mine[0, 0] = 5


def test_the_digest_sees_rows_features_groups_and_labels():
    base = samples().digest()
    assert base == samples().digest()
    for changes in (
        {"labels": ["x", "z", "y"]},
        {"group": ["a", "b", "b"]},
        {"units": ("µm²", "")},
        {"features": np.eye(3, 2)},
    ):
        assert samples(**changes).digest() != base


def test_a_table_of_pandas_becomes_samples_and_back():
    frame = pd.DataFrame({"a": [1.0, 2.0], "plate": ["p", "q"], "kind": ["u", None]}, index=["r1", "r2"])
    made = Samples.from_frame(frame, group="plate", labels="kind")
    assert made.labels.tolist() == ["u", ""]
    assert made.to_frame()["a"].tolist() == [1.0, 2.0]
    assert made.to_frame().index.tolist() == ["r1", "r2"]
    assert "2 rows x 1 features" in repr(made)
    assert "<table" in made._repr_html_()


def test_a_feature_whose_name_has_a_comma_can_be_chosen():
    made = samples(feature_names=("a, raw", "b"), sets={})
    assert made.resolve("a, raw") == ["a, raw"]
    assert made.resolve(["a, raw", "b"]) == ["a, raw", "b"]


FAR = np.array([[0, 1.5, 2], [1.5, 0, 3.25], [2, 3.25, 0]])


def test_distances_are_taken_on_both_sides_and_nothing_leads_back_to_the_others():
    made = samples(distances=FAR)
    assert "distances" in repr(made) and "distances" not in repr(samples())
    for rows in ([2, 0], np.array([True, False, True])):
        taken = made.take(rows)
        assert taken.distances.tolist() == [[0, 2], [2, 0]]
        base = taken.distances
        while base.base is not None:
            base = base.base
        assert base.size == 4
    assert made.take([1, 2]).distances[0, 1] == 3.25
    with pytest.raises(ValueError, match="read-only"):
        made.distances[0, 1] = 2
    FAR[0, 0] = 0  # the caller's own can still be changed


def test_distances_stay_with_whatever_else_changes():
    made = samples(distances=FAR)
    for other in (
        made.select("area"),
        made.with_labels(None),
        made.with_target(np.ones(3)),
        made.take([0, 1, 2]),
    ):
        np.testing.assert_array_equal(other.distances, FAR)
    assert made.with_distances(None).distances is None
    assert made.with_distances(None).digest() == samples().digest()
    assert len({one.digest() for one in (samples(), made, made.with_distances(2 * FAR))}) == 3


@pytest.mark.parametrize(
    ("row", "column", "value", "said"),
    [
        (0, 1, 9, "from sample 'a#1' to 'a#2' .* the same in both directions.* Got 9.0 and, back, 1.5"),
        (1, 2, np.nan, "from sample 'a#2' to 'a#3' must be finite.* Got nan"),
        (2, 0, np.inf, "'a#1' to 'a#3' must be finite.* Got 2.0 and, back, inf"),
        (1, 1, 0.5, "from sample 'a#2' to 'a#2'.* 0 to itself.* Got 0.5"),
    ],
)
def test_distances_that_are_none_are_refused_with_their_place(row, column, value, said):
    wrong = FAR.copy()
    wrong[row, column] = value
    with pytest.raises(DataError, match=said):
        samples(distances=wrong)


def test_distances_of_another_number_of_rows_or_below_0_are_refused():
    with pytest.raises(DataError, match=r"of shape \(3, 3\)\. Got \(2, 2\)"):
        samples(distances=FAR[:2, :2])
    with pytest.raises(DataError, match="not negative"):
        samples(distances=-FAR)


def test_a_wrong_distance_far_down_a_large_matrix_is_found():
    n = 1500
    x = np.arange(n, dtype=float)
    far = np.abs(x[:, None] - x)
    names = [str(i) for i in range(n)]
    given = {"features": np.empty((n, 0)), "feature_names": (), "units": (), "sample": names, "group": names}
    given |= {"origin": pd.DataFrame({"source": ["a"] * n}), "labels": None, "sets": {}}
    assert samples(**given, distances=far).n_rows == n
    for row, column in ((1400, 1300), (1400, 3), (1400, 1400)):
        wrong = far.copy()
        wrong[row, column] += 0.25
        with pytest.raises(DataError, match="'1400'"):
            samples(**given, distances=wrong)


def test_rows_may_have_distances_and_no_features():
    made = Samples.from_distances(square_distances(FAR, names=["x", "y", "z"]), source="d.csv")
    assert made.sample.tolist() == made.group.tolist() == ["x", "y", "z"]
    assert made.origin["source"].tolist() == ["d.csv"] * 3
    assert repr(made) == "<Samples: 3 rows x 0 features, distances>"
    assert made.select("all").n_features == 0
    with pytest.raises(SettingError, match=r"must be among: all\. Got 'area'"):
        made.select("area")
    with pytest.raises(SettingError, match="at least one measurement"):
        made.with_distances(None).select("all")
    unnamed = Samples.from_distances(square_distances(FAR), source="d.npy")
    assert unnamed.sample.tolist() == ["d.npy#1", "d.npy#2", "d.npy#3"]
