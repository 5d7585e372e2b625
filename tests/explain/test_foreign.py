from types import SimpleNamespace

import numpy as np
import pytest

from clew.errors import DataError
from clew.explain.foreign import from_scikit_learn
from clew.kernels.forest import add_leaves

rng = np.random.default_rng(0)
X = rng.standard_normal((200, 4)).astype(np.float32)
NUMBER = X[:, 0] * X[:, 1] + X[:, 2]
CLASS = np.array(["high" if one > 0 else "low" for one in NUMBER])


def said(trees, rows):
    out = np.zeros((len(rows), trees.value.shape[1]))
    nodes = (trees.feature, trees.threshold, trees.left, trees.right, trees.value, trees.tree_start)
    add_leaves(rows, *nodes, out)
    return out / len(trees.tree_start)


@pytest.mark.parametrize("name", ["RandomForest", "ExtraTrees", "DecisionTree", "ExtraTree"])
@pytest.mark.parametrize("more", [{}, {"max_leaf_nodes": 9}, {"max_depth": 1}])
def test_flat_trees_say_what_the_model_says(name, more):
    from sklearn import ensemble, tree

    room = ensemble if name in ("RandomForest", "ExtraTrees") else tree
    classifier = getattr(room, f"{name}Classifier")(random_state=0, class_weight="balanced", **more).fit(
        X, CLASS
    )
    trees = from_scikit_learn(classifier)
    np.testing.assert_allclose(said(trees, X), classifier.predict_proba(X), atol=1e-14)
    assert trees.classes == ["high", "low"]
    regressor = getattr(room, f"{name}Regressor")(random_state=0, **more).fit(X, NUMBER)
    trees = from_scikit_learn(regressor)
    np.testing.assert_allclose(said(trees, X)[:, 0], regressor.predict(X), atol=1e-14)
    assert trees.classes == []


def test_columns_keep_their_names():
    import pandas as pd
    from sklearn.tree import DecisionTreeClassifier

    frame = pd.DataFrame(X, columns=list("abcd"))
    assert from_scikit_learn(DecisionTreeClassifier().fit(frame, CLASS)).feature_names == list("abcd")
    assert from_scikit_learn(DecisionTreeClassifier().fit(X, CLASS)).feature_names == ["x0", "x1", "x2", "x3"]


def test_what_is_no_forest_is_refused():
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression

    with pytest.raises(DataError, match="Got LinearRegression instead"):
        from_scikit_learn(LinearRegression())
    with pytest.raises(DataError, match="must be fitted"):
        from_scikit_learn(RandomForestRegressor())
    with pytest.raises(DataError, match="Got 2 of them"):
        from_scikit_learn(RandomForestRegressor(2).fit(X, np.column_stack([NUMBER, NUMBER])))
    with pytest.raises(DataError, match="Got SimpleNamespace"):
        from_scikit_learn(SimpleNamespace())
