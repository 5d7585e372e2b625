import logging
from dataclasses import replace

import numpy as np
import pytest

from clew.errors import DataError, SettingError, Stopped
from clew.explain import shapley, tables
from clew.explain.foreign import from_scikit_learn
from clew.explain.shapley import ShapleyTables, ShapleyValues, estimate_seconds, shapley_values
from clew.learn.training import train
from clew.result import Result
from clew.samples import Samples
from tests.explain.games import N_FEATURES, by_definition, known, mixed, random_trees, rows_of

METHODS = ["path", "interventional"]


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    return random_trees(rng, n_trees=6), rows_of(rng, 40), rows_of(rng, 7)


def explained(world, method, **more):
    trees, rows, background = world
    against = {} if method == "path" else {"background": background}
    return shapley_values(trees, rows, method=method, **against, **more)


def predicted(trees, rows):
    return np.array([known(trees, row, range(len(row))) for row in rows])


def fitted(kind, depth, *, n_classes=2, n_trees=10):
    from sklearn import ensemble

    rng = np.random.default_rng(1)
    X = rng.standard_normal((600, 8)).astype(np.float32)
    truth = X[:, 0] * X[:, 1] + X[:, 2]
    y = truth if kind.endswith("Regressor") else np.digitize(truth, np.linspace(-1, 1, n_classes + 1)[1:-1])
    return getattr(ensemble, kind)(n_trees, max_depth=depth, random_state=0).fit(X, y), X


# ---- the definition ----
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("method", METHODS)
def test_values_are_those_of_the_definition(method, seed):
    rng = np.random.default_rng(seed)
    trees = random_trees(rng, n_outputs=1 + seed % 3, depth=2 + seed)
    rows, background = rows_of(rng, 4), rows_of(rng, 5)
    found = explained((trees, rows, background), method)
    for row, values in zip(rows, found.values):

        def game(s, row=row):
            return known(trees, row, s) if method == "path" else mixed(trees, row, s, background)

        np.testing.assert_allclose(values, by_definition(game, N_FEATURES), atol=1e-14)
        np.testing.assert_allclose(found.base, game(frozenset()), atol=1e-14)


def test_the_two_methods_answer_different_questions(world):
    path, other = (explained(world, method) for method in METHODS)
    assert np.abs(path.values - other.values).max() > 0.01
    assert path.says != other.says
    assert path.method == "path"


def test_the_definition_can_be_missed(world):  # the mutant: a row that no longer goes where it went
    trees, rows, background = world
    moved = replace(trees, threshold=trees.threshold + 0.1)
    assert (
        np.abs(explained((moved, rows, background), "path").values - explained(world, "path").values).max()
        > 0.01
    )


@pytest.mark.parametrize("method", METHODS)
def test_base_and_values_sum_to_the_prediction(world, method):
    found = explained(world, method)
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), predicted(*world[:2]), atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("beyond", [-1e39, 1e39])
def test_thresholds_that_no_float32_passes_are_averaged_over_like_others(world, method, beyond):
    trees, rows, background = world
    threshold = np.where(np.arange(len(trees.threshold)) % 3 == 0, beyond, trees.threshold)
    beyond_them = replace(trees, threshold=threshold)
    found = explained((beyond_them, rows[:3], background), method)
    for row, values in zip(rows, found.values):

        def game(s, row=row):
            if method == "path":
                return known(beyond_them, row, s)
            return mixed(beyond_them, row, s, background)

        np.testing.assert_allclose(values, by_definition(game, N_FEATURES), atol=1e-14)


def test_a_feature_that_no_tree_asks_for_has_no_part(world):
    trees, rows, _ = world
    wider = replace(trees, feature_names=[*trees.feature_names, "unused"])
    found = shapley_values(wider, np.column_stack([rows, rows[:, 0]]))
    assert not found.values[:, -1].any()
    np.testing.assert_array_equal(found.values[:, :-1], explained(world, "path").values)


def test_a_forest_of_single_leaves_has_nothing_to_tell():
    trees = random_trees(np.random.default_rng(0), depth=0)
    for method in METHODS:
        rows = np.zeros((3, N_FEATURES))
        found = explained((trees, rows, rows), method)
        assert not found.values.any()
        np.testing.assert_allclose(found.base, trees.value.mean(axis=0))


# ---- shap ----
@pytest.mark.parametrize(
    ("kind", "depth", "n_classes"),
    [
        ("RandomForestClassifier", 4, 2),
        ("RandomForestClassifier", 8, 3),
        ("ExtraTreesClassifier", None, 2),
        ("RandomForestRegressor", 6, 2),
        ("ExtraTreesRegressor", None, 2),
    ],
)
def test_path_values_are_those_of_shap(kind, depth, n_classes):
    shap = pytest.importorskip("shap")
    model, X = fitted(kind, depth, n_classes=n_classes)
    found = shapley_values(from_scikit_learn(model), X[:50])
    theirs = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    values = theirs.shap_values(X[:50], check_additivity=False).reshape(found.values.shape)
    np.testing.assert_allclose(found.values, values, atol=1e-9)
    np.testing.assert_allclose(found.base, np.atleast_1d(theirs.expected_value), atol=1e-9)


@pytest.mark.parametrize(("kind", "depth"), [("RandomForestClassifier", 4), ("RandomForestRegressor", None)])
def test_interventional_values_are_those_of_shap_up_to_its_single_precision(kind, depth):
    shap = pytest.importorskip("shap")
    model, X = fitted(kind, depth)
    background = X[-20:]
    found = shapley_values(from_scikit_learn(model), X[:50], method="interventional", background=background)
    theirs = shap.TreeExplainer(model, background.astype(float), feature_perturbation="interventional")
    values = theirs.shap_values(X[:50].astype(float), check_additivity=False).reshape(found.values.shape)
    np.testing.assert_allclose(
        found.values, values, atol=1e-7
    )  # its weights are float32: see the definition above
    np.testing.assert_allclose(found.base, np.atleast_1d(theirs.expected_value), atol=1e-7)


def test_very_deep_trees_stay_exact():
    """A chain of 200 questions on as many features: each leaf's game is known in closed form."""
    n = 200
    arrays = {
        "feature": np.array([0, *(f for i in range(1, n) for f in (-1, i)), -1, -1], np.int32),
        "threshold": np.zeros(2 * n + 1),
        "left": np.full(2 * n + 1, -1, np.int32),
        "right": np.full(2 * n + 1, -1, np.int32),
        "value": np.zeros((2 * n + 1, 1)),
        "cover": np.ones(2 * n + 1),
    }
    node = 0
    for i in range(n):  # left: a leaf of value 0; right: the next question; the last leaf has the value 1
        arrays["left"][node], arrays["right"][node] = node + 1, node + 2
        arrays["feature"][node] = i
        arrays["cover"][node] = n - i + 1
        node += 2
    arrays["value"][node] = 1.0
    trees = tables_of(arrays, n)
    values = shapley_values(trees, np.ones((1, n))).values[0, :, 0]
    # all answers right: the product over known features is won; base is the product of the shares
    shares = np.array([(n - i) / (n - i + 1) for i in range(n)])
    np.testing.assert_allclose(values.sum(), 1 - shares.prod(), atol=1e-13)
    t, w = np.polynomial.legendre.leggauss(150)
    t, w = (t + 1) / 2, w / 2
    factor = shares[:, None] + (1 - shares[:, None]) * t
    others = np.array([np.delete(factor, i, axis=0).prod(axis=0) for i in range(n)])
    np.testing.assert_allclose(values, (1 - shares) * (others @ w), atol=1e-14)


def tables_of(arrays, n):
    from clew.explain.foreign import Trees

    names = [f"x{i}" for i in range(n)]
    return Trees(**arrays, tree_start=np.zeros(1, np.int32), feature_names=names)


# ---- votes, outputs, Samples ----
def test_votes_are_explained_as_votes(world):
    trees, rows, background = world
    vote = replace(trees, combine="vote")
    says = replace(trees, value=np.eye(2)[trees.value.argmax(axis=1)])
    for method in METHODS:
        found = explained((vote, rows, background), method)
        np.testing.assert_array_equal(found.values, explained((says, rows, background), method).values)
    assert np.abs(found.values - explained(world, method).values).max() > 0.01


def test_classes_can_be_chosen(world):
    rng = np.random.default_rng(3)
    world = random_trees(rng, n_outputs=3), *world[1:]
    every = explained(world, "path")
    some = explained(world, "path", outputs=["c2", "c0"])
    assert some.outputs == ["c2", "c0"]
    np.testing.assert_allclose(some.values, every.values[:, :, [2, 0]], atol=1e-15)
    np.testing.assert_array_equal(some.base, every.base[[2, 0]])
    np.testing.assert_allclose(every.values.sum(axis=2), 0, atol=1e-15)


def samples_of(rng, n=90):
    import pandas as pd

    frame = pd.DataFrame(rng.standard_normal((n, 4)), columns=["a", "b", "c", "d"])
    frame["label"] = np.where(frame["a"] + frame["b"] > 0, "large", "small")
    return Samples.from_frame(frame, labels="label")


@pytest.mark.parametrize("combine", ["mean", "vote"])
def test_our_own_forest_is_explained_by_name(combine):
    samples = samples_of(np.random.default_rng(0))
    forest = train(samples, trees=8, depth=4, combine=combine)
    found = shapley_values(forest, samples)
    said = forest.predict(samples).probability
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), said, atol=1e-14)
    assert found.outputs == ["large", "small"]
    assert found.feature_names == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(found.sample, samples.sample)
    frame = samples.to_frame().drop(columns="group")[["label", "d", "c", "b", "a"]]
    turned = Samples.from_frame(frame, labels="label")
    np.testing.assert_array_equal(shapley_values(forest, turned).values, found.values)
    assert [one["name"] for one in found.summary()["features"]][:2] in (["a", "b"], ["b", "a"])


def test_values_can_be_kept(world, tmp_path):
    found = explained(world, "interventional")
    again = Result.load(found.save(tmp_path / "values.zip"))
    assert isinstance(again, ShapleyValues)
    assert again.digest() == found.digest()
    assert "40 rows, interventional" in repr(found)


# ---- the same bits ----
@pytest.mark.parametrize("method", METHODS)
def test_threads_and_blocks_change_no_bit(world, method, monkeypatch):
    trees, _, background = world
    rows = rows_of(np.random.default_rng(4), 700)
    once = explained((trees, rows, background), method, n_threads=1)
    for part in (tables.PathPart, tables.PiecePart, tables.PairPart):
        monkeypatch.setattr(part, "rows", 37)
    cut = explained((trees, rows, background), method, n_threads=3)
    assert cut.values.tobytes() == once.values.tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_tables_that_come_part_by_part_say_the_same(world, method, monkeypatch):
    once = explained(world, method)
    monkeypatch.setattr(tables, "PART", 1)
    seen = []
    parts = explained(world, method, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] >= 3
    np.testing.assert_allclose(parts.values, once.values, atol=1e-15)


@pytest.mark.parametrize("method", METHODS)
def test_a_block_at_a_time_gives_the_same_bits(world, method):
    trees, rows, background = world
    made = ShapleyTables.of(trees, method=method, background=None if method == "path" else background)
    once = explained(world, method)
    out = np.full((13, N_FEATURES, 2), np.nan)
    made.explain(rows[7:20], out)
    np.testing.assert_array_equal(made.base, once.base)
    np.testing.assert_allclose(out, once.values[7:20], atol=1e-15)
    if method == "path":
        assert out.tobytes() == once.values[7:20].tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_planes_go_in_and_come_out(world, dtype):
    trees, rows, _ = world
    made = ShapleyTables.of(trees, output=1)
    out = np.full((len(made.used), len(rows)), np.nan, dtype)
    made.explain_planes(rows.T[list(made.used)], out)
    expected = explained(world, "path").values[:, made.used, 1].T
    np.testing.assert_allclose(out, expected, atol=1e-7 if dtype == np.float32 else 1e-15)


# ---- long work ----
def test_work_can_be_stopped(world):
    trees, _, _ = world
    with pytest.raises(Stopped, match="after 1 of [3-9]"):
        shapley_values(trees, np.zeros((5000, N_FEATURES)), on_progress=lambda done, total: False)


def test_long_work_is_announced(world, monkeypatch, caplog):
    monkeypatch.setattr(shapley, "MANY", 1)
    monkeypatch.setattr(shapley, "_estimate", lambda *args: 7300.0)
    with caplog.at_level(logging.INFO, logger="clew.explain"):
        explained(world, "path")
    assert [one.message for one in caplog.records] == ["Explaining 40 rows takes about 2 hours."]
    caplog.clear()
    monkeypatch.setattr(shapley, "_estimate", lambda *args: 9.0)
    explained(world, "path")
    assert not caplog.records


@pytest.mark.parametrize("method", METHODS)
def test_estimates_grow_with_the_rows(world, method):
    n_background = 0 if method == "path" else 20
    few, many = (
        estimate_seconds(world[0], n, method=method, n_background=n_background) for n in (10**6, 10**10)
    )
    assert 0 < few < many


# ---- what is refused ----
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tree_start": np.zeros(0, np.int32)}, "at least one tree"),
        ({"value": lambda v: np.where(v > 0.5, np.nan, v)}, "finite numbers"),
        ({"cover": lambda c: 0 * c}, "cover of 0"),
        ({"cover": lambda c: c + 1}, "sum of those below"),
        ({"left": lambda n: 0 * n}, "astray"),
        ({"feature": lambda f: f + 1}, "astray"),
        ({"threshold": lambda t: t + np.inf}, "astray"),
    ],
)
def test_forests_that_are_not_sound_are_refused(world, change, said):
    trees, rows, _ = world
    made = {name: new(getattr(trees, name)) if callable(new) else new for name, new in change.items()}
    with pytest.raises(DataError, match=said):
        shapley_values(replace(trees, **made), rows)


def test_interventional_values_need_no_cover(world):
    trees, rows, background = world
    bare = replace(trees, cover=0 * trees.cover)
    found = explained((bare, rows, background), "interventional")
    np.testing.assert_array_equal(found.values, explained(world, "interventional").values)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_numbers_that_trees_cannot_compare_are_refused(world, bad):
    trees, rows, background = world
    rows = rows.astype(float)
    rows[3, 2] = bad
    with pytest.raises(DataError, match="rows of shapley_values must be finite"):
        shapley_values(trees, rows)
    with pytest.raises(DataError, match="background of shapley_values must be finite"):
        shapley_values(trees, background, method="interventional", background=rows)


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"method": "interventional"}, SettingError, "'background'.*Got none"),
        ({"background": np.zeros((2, N_FEATURES))}, SettingError, "'background'.*Got one for 'path'"),
        (
            {"method": "interventional", "background": np.zeros((0, N_FEATURES))},
            DataError,
            "at least one row",
        ),
        ({"method": "interventional", "background": np.zeros((2, 3))}, DataError, "table of 5 columns"),
        ({"method": "pathh"}, SettingError, "Did you mean 'path'"),
        ({"outputs": ["c9"]}, SettingError, "'outputs'"),
        ({"n_threads": 0}, SettingError, "'n_threads'"),
    ],
)
def test_settings_that_do_not_fit_are_refused_in_a_sentence(world, settings, error, said):
    with pytest.raises(error, match=said):
        shapley_values(world[0], world[1], **settings)


def test_rows_that_do_not_fit_are_refused(world):
    with pytest.raises(DataError, match=r"table of 5 columns. Got the shape \(40, 4\)"):
        shapley_values(world[0], world[1][:, :4])
    with pytest.raises(DataError, match="none called 'x0', 'x1'"):
        shapley_values(world[0], samples_of(np.random.default_rng(0)))
    with pytest.raises(SettingError, match="'output' of ShapleyTables"):
        ShapleyTables.of(world[0], output=2)
    with pytest.raises(SettingError, match="'n_background'"):
        estimate_seconds(world[0], 10, n_background=3)
    assert explained((world[0], world[1][:0], None), "path").values.shape == (0, N_FEATURES, 2)
