from dataclasses import replace

import numpy as np
import pytest

from clew.explain import tables
from clew.explain.tables import Frame, PairPart, PathPart, PiecePart, Pieces, integral, path_parts
from tests.explain.games import known, random_trees, rows_of

OUTPUTS = [0, 1]


def framed(seed=0, **more):
    rng = np.random.default_rng(seed)
    trees = random_trees(rng, **({"n_trees": 6} | more))
    frame = Frame.of(trees, method="path")
    rows, background = (np.ascontiguousarray(rows_of(rng, n)[:, frame.used].T) for n in (30, 9))
    return trees, frame, rows, background


def added(makers, rows):
    values = np.zeros((len(OUTPUTS), *rows.shape))
    for make in makers:
        make().add(rows, values)
    return values


def test_points_integrate_products_exactly():
    for degree in range(1, 12):
        t, weight = integral(degree, 2)
        assert t.shape == weight.shape == (-(-degree // 4) if degree > 2 else 1, 2)
        for power in range(degree):
            assert (weight * t**power).sum() == pytest.approx(1 / (power + 1), abs=1e-15)
        assert ((t > 0) & (t < 1)).all()


def test_too_few_points_would_be_noticed():
    t, weight = integral(4, 2)
    assert abs((weight * t**4).sum() - 1 / 5) > 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_tables_and_pairs_say_the_same(seed):
    _, frame, rows, background = framed(seed)
    pieces = Pieces(frame, background, OUTPUTS)
    many, few = pieces.parts(10**9), pieces.parts(0)
    assert isinstance(many[0](), PiecePart)
    pairs = added([pieces._pairs], rows)
    np.testing.assert_allclose(added(many, rows), pairs, atol=1e-15)
    assert np.abs(pairs).max() > 0.01
    assert isinstance(few[0](), PairPart)


def test_how_a_tree_is_cut_changes_nothing(monkeypatch):
    _, frame, rows, background = framed(1, depth=6)
    found = []
    for answers in (1, 4, 12):
        monkeypatch.setattr(tables, "ANSWERS", answers)
        pieces = Pieces(frame, background, OUTPUTS)
        found.append((len(pieces.pieces), added(pieces.parts(10**9), rows)))
    assert found[0][0] > found[1][0] > found[2][0]
    np.testing.assert_allclose(found[0][1], found[2][1], atol=1e-15)
    np.testing.assert_allclose(found[1][1], found[2][1], atol=1e-15)


def test_trees_with_too_many_features_above_a_leaf_meet_the_background_one_by_one(monkeypatch):
    monkeypatch.setattr(tables, "MOST_ANSWERS", 1)
    _, frame, _, background = framed()
    (make,) = Pieces(frame, background, OUTPUTS).parts(10**9)
    assert isinstance(make(), PairPart)


def test_parts_hold_all_trees_in_order(monkeypatch):
    _, frame, rows, _ = framed()
    (whole,) = path_parts(frame, OUTPUTS)
    monkeypatch.setattr(tables, "PART", 1)
    single = path_parts(frame, OUTPUTS)
    assert len(single) == (frame.feature[frame.roots] >= 0).sum() > 2
    assert isinstance(single[0](), PathPart)
    np.testing.assert_allclose(added(single, rows), added([whole], rows), atol=1e-15)
    assert (
        np.abs(added(single[:-1], rows) - added([whole], rows)).max() > 1e-3
    )  # a lost tree would be noticed


def test_a_frame_predicts_and_expects_what_the_trees_say():
    trees, frame, rows, _ = framed()
    whole = np.zeros((rows.shape[1], 5), np.float32)
    whole[:, frame.used] = rows.T
    expected = [known(trees, row, range(5)) for row in whole]
    np.testing.assert_allclose(frame.predict(rows), expected, atol=1e-15)
    np.testing.assert_allclose(frame.expected(), known(trees, whole[0], ()), atol=1e-15)


def test_the_last_output_follows_only_from_shares():
    trees, frame, _, _ = framed()
    assert frame.sums_to_one()
    assert not Frame.of(replace(trees, value=2 * trees.value), method="path").sums_to_one()
    assert not framed(n_outputs=1)[1].sums_to_one()


def test_thresholds_part_float32_as_float64_does():
    trees, _, _, _ = framed()
    threshold = np.array([0.1, -0.1, 1 + 1e-12, 1e300, -1e300, 1e-50, -1e-50])
    single = tables._single(threshold)
    for x in np.float32([0.1, -0.1, 1, 0, 3e38, -3e38, np.nextafter(np.float32(1), np.float32(2))]):
        np.testing.assert_array_equal(x <= single, np.float64(x) <= threshold)
