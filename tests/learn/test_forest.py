"""A forest: the same bits on any number of threads, and what it answers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from clew.errors import DataError, SettingError
from clew.learn.forest import ARRAYS, Forest
from clew.learn.training import train
from clew.result import Result
from tests.forest_worlds import blobs, cancer, make


def test_votes_are_counted_and_ties_go_to_the_first_class():
    samples = blobs()
    forest = train(samples, trees=20, depth=3, combine="vote")
    rival = RandomForestClassifier(20, max_depth=3, random_state=0).fit(samples.features, samples.labels)
    each = np.stack([tree.predict(samples.features) for tree in rival.estimators_]).astype(int)
    counts = np.stack([(each == k).sum(axis=0) for k in range(3)], axis=1)
    found = forest.predict(samples)
    np.testing.assert_array_equal(found.probability, counts / 20)
    np.testing.assert_array_equal(found.label, np.array(forest.classes)[counts.argmax(axis=1)])
    assert not np.array_equal(
        found.probability, train(samples, trees=20, depth=3).predict(samples).probability
    )


def test_a_tied_vote_goes_to_the_first_class():
    leaf = {"feature": [-1, -1], "threshold": [0.0, 0.0], "left": [-1, -1], "right": [-1, -1]}
    forest = dataclasses.replace(
        train(make([[0.0], [1.0]], np.array(["a", "b"])), trees=2, combine="vote"),
        **{name: np.array(values, ARRAYS[name]) for name, values in leaf.items()},
        value=np.array([[0.0, 1.0], [1.0, 0.0]]),
        cover=np.ones(2),
        tree_start=np.array([0, 1], "<i4"),
    )
    found = forest.predict(np.zeros((1, 1)))
    assert found.probability.tolist() == [[0.5, 0.5]]
    assert found.label.tolist() == ["a"]


# ---- the same bits ----
def test_threads_and_batches_do_not_change_a_bit():
    samples = cancer()
    forest = train(samples, depth=4)  # mixed leaves, whose sums are rounded
    rows = np.tile(samples.features, (20, 1)) * np.linspace(0.8, 1.2, 20 * samples.n_rows)[:, None]
    whole = forest.predict(rows, n_threads=1).probability
    assert whole.tobytes() == forest.predict(rows, n_threads=4).probability.tobytes()
    for size in (1, 7, 4096, 5000):
        parts = [
            forest.predict(rows[i : i + size]).probability for i in range(0, min(len(rows), 12 * size), size)
        ]
        assert np.concatenate(parts).tobytes() == whole[: 12 * size].tobytes()


def test_the_order_of_trees_does_change_bits_so_it_must_be_fixed():
    forest = train(cancer(), depth=4)
    turned = dataclasses.replace(forest, tree_start=forest.tree_start[::-1])
    rows = cancer().features
    assert forest.predict(rows).probability.tobytes() != turned.predict(rows).probability.tobytes()


def test_the_hash_reads_everything_that_predictions_rest_on():
    forest = train(blobs(), trees=5)
    hashes = {forest.sha256}
    for change in (
        {"threshold": np.nextafter(forest.threshold, np.inf)},
        {"combine": "vote"},
        {"units": ["µm²", "", "px", ""]},
        {"classes": ["debris", "long", "round"]},
        {"measure": {"threshold": 120}},
        {"tree_start": forest.tree_start[:-1]},
    ):
        hashes.add(dataclasses.replace(forest, **change).sha256)
    assert len(hashes) == 7
    assert dataclasses.replace(forest, notes=["seen"]).sha256 == forest.sha256
    swapped = {name: getattr(forest, name).astype(kind.replace("<", ">")) for name, kind in ARRAYS.items()}
    assert dataclasses.replace(forest, **swapped).sha256 == forest.sha256  # a machine of the other byte order


# ---- on disk ----
def test_a_saved_forest_predicts_the_same_bits(tmp_path):
    forest = dataclasses.replace(train(blobs()), measure={"threshold": 120.0, "features": ["area"]})
    loaded = Forest.load_model(forest.save_model(tmp_path / "round"))
    assert loaded.sha256 == forest.sha256
    rows = blobs()
    assert loaded.predict(rows).probability.tobytes() == forest.predict(rows).probability.tobytes()
    assert loaded.measure == forest.measure
    np.testing.assert_array_equal(loaded.importance, forest.importance)
    assert Result.load(forest.save(tmp_path / "result.clew")).digest() == forest.digest()


def test_nodes_that_lead_in_a_circle_are_refused(tmp_path):
    forest = train(blobs(), trees=3)
    left = forest.left.copy()
    left[0] = 0
    folder = dataclasses.replace(forest, left=left).save_model(tmp_path / "m")
    with pytest.raises(DataError, match="lead astray"):
        Forest.load_model(folder)


# ---- what fits ----
def test_features_in_another_order_are_found_by_name():
    samples = blobs()
    forest = train(samples)
    turned = make(samples.features[:, ::-1], names=samples.feature_names[::-1], units=samples.units[::-1])
    np.testing.assert_array_equal(forest.predict(turned).probability, forest.predict(samples).probability)


@pytest.mark.parametrize(
    ("names", "units", "sentence"),
    [
        (("area", "solidity", "length"), ("px²", "", "px"), "missing step."),
        (("area", "solidity", "length", "step", "age"), ("px²", "", "px", "", "h"), "unknown to it age."),
        (
            ("area", "solidity", "length", "step"),
            ("µm²", "", "px", ""),
            "area was trained in px², given in µm².",
        ),
        (
            ("area", "solidity", "length", "size"),
            ("px²", "", "m", ""),
            "missing step; unknown to it size; length",
        ),
    ],
)
def test_other_features_or_units_are_refused_with_what_differs(names, units, sentence):
    forest = train(blobs(), trees=3)
    other = make(np.zeros((2, len(names))), names=names, units=units)
    with pytest.raises(DataError) as caught:
        forest.predict(other)
    said = str(caught.value)
    assert said.startswith("The model was trained on area [px²], solidity, length [px], step; given area")
    assert sentence in said


def test_rows_that_the_trees_cannot_read_are_refused():
    forest = train(blobs(), trees=3)
    with pytest.raises(DataError, match="table of 4 columns"):
        forest.predict(np.zeros((2, 3)))
    for bad in (np.nan, np.inf, 1e39):
        with pytest.raises(DataError, match="finite and at most"):
            forest.predict(np.full((1, 4), bad))
    with pytest.raises(SettingError, match="n_threads"):
        forest.predict(np.zeros((1, 4)), n_threads=0)


def test_no_rows_give_no_predictions():
    assert train(blobs(), trees=3).predict(np.zeros((0, 4))).label.shape == (0,)


# ---- look inside ----
def reached(node, row, names):
    while "feature" in node:
        node = node["yes" if np.float32(row[names.index(node["feature"])]) <= node["threshold"] else "no"]
    return node


def test_a_drawn_tree_leads_each_row_to_the_leaf_of_the_forest():
    samples = blobs()
    forest = train(samples, trees=4)
    drawn = [forest.tree(i) for i in range(4)]
    for row, expected in zip(samples.features[:40], forest.predict(samples).probability, strict=False):
        leaves = [list(reached(tree, row, forest.feature_names)["value"].values()) for tree in drawn]
        np.testing.assert_allclose(np.mean(leaves, axis=0), expected, atol=1e-12)
    assert drawn[0]["rows"] == 240


def test_rules_tell_thresholds_with_units():
    text = train(blobs(), depth=2).rules(0)
    assert text.startswith("tree 0 of 100\n")
    assert "px²?" in text or "px?" in text
    assert "yes: " in text and "rows, " in text
    with pytest.raises(SettingError, match=r"from 0 to 99\. Got 100"):
        train(blobs()).rules(100)
