"""SHAP values of pixels are those of the package shap, wherever tiles end, and add up to what is predicted."""

from __future__ import annotations

import dataclasses
import importlib.util

import numpy as np
import pytest

from clew import PixelClassifier
from clew.errors import DataError, SettingError, Stopped
from clew.learn import pixel_shapley
from clew.learn.pixel_shapley import PixelExplainer, name_of
from clew.read.stacks import Stack
from tests.pixel_worlds import discs, model, strokes


@pytest.fixture(scope="module")
def pixel_model():
    return model(depth=3)


def small(image=None):
    return Stack.of(discs(1)[:70, :90] if image is None else image)


def maps_of(explainer):
    found = np.full((len(explainer.maps), *explainer.stack.shape[2:]), np.nan, np.float32)

    def write(t, start, tile):
        found[(slice(None), *(slice(a, a + n) for a, n in zip(start, tile.shape[1:])))] = tile

    explainer.write(write)
    assert np.isfinite(found).all()
    return found


def features_of(pixel_model, stack):
    """Every filter of every pixel, as a table: tile after tile is for images."""
    whole = pixel_model.bank(stack)
    explainer = PixelExplainer(pixel_model, stack, of="cell")
    rows, _ = explainer._features(0, (0, 0, 0), stack.shape[2:])
    table = np.zeros((rows.shape[1], len(whole)), np.float32)
    table[:, explainer.used] = rows.T
    return table


@pytest.mark.skipif(importlib.util.find_spec("shap") is None, reason="shap is not installed")
def test_maps_are_the_values_of_the_package_shap(pixel_model):
    import shap

    forest = pixel_model.forest
    stack = small()
    trees = []
    ends = [*forest.tree_start[1:], len(forest.feature)]
    for start, end in zip(forest.tree_start, ends):
        leaf = forest.feature[start:end] < 0
        trees.append(
            {
                "children_left": np.where(leaf, -1, forest.left[start:end] - start),
                "children_right": np.where(leaf, -1, forest.right[start:end] - start),
                "children_default": np.where(leaf, -1, forest.left[start:end] - start),
                "features": np.where(leaf, -2, forest.feature[start:end]),
                "thresholds": forest.threshold[start:end],
                "values": forest.value[start:end] / forest.n_trees,
                "node_sample_weight": forest.cover[start:end],
            }
        )
    table = features_of(pixel_model, stack)
    theirs = shap.TreeExplainer({"trees": trees}).shap_values(
        table.astype(np.float64), check_additivity=False
    )
    explainer = PixelExplainer(pixel_model, stack, of="cell", most=99)
    ours = maps_of(explainer).reshape(len(explainer.maps), -1)
    at = [forest.feature_names.index(name) for name in explainer.result.channels]
    np.testing.assert_allclose(ours, theirs[:, at, forest.classes.index("cell")].T, atol=1e-7)  # float32
    assert np.abs(ours).max() > 0.05


def test_maps_and_base_add_up_to_the_probability(pixel_model):
    stack = small()
    explainer = PixelExplainer(pixel_model, stack, of="cell", most=99)
    row = pixel_model.forest.classes.index("cell")
    said = pixel_model.forest.predict(features_of(pixel_model, stack)).probability[:, row]
    total = explainer.result.base + maps_of(explainer).sum(axis=0).reshape(-1)
    np.testing.assert_allclose(total, said, atol=1e-6)
    assert explainer.result.error < 1e-12
    assert np.abs(total - explainer.result.base - said).max() > 0.1  # the mutant that forgets the base


def test_tiles_do_not_show(pixel_model, monkeypatch):
    stack = small()
    whole = maps_of(PixelExplainer(pixel_model, stack, of="cell"))
    monkeypatch.setattr(pixel_shapley, "TILE_2D", (1, 16, 32))
    np.testing.assert_array_equal(maps_of(PixelExplainer(pixel_model, stack, of="cell")), whole)


def test_a_group_is_the_sum_of_its_filters_and_copies_share_one_map(pixel_model):
    stack = small()
    single = PixelExplainer(pixel_model, stack, of="cell", most=99)
    together = PixelExplainer(pixel_model, stack, of="cell", by="group", most=99)
    each = dict(zip(single.result.channels, maps_of(single)))
    for group, found in zip(together.result.groups, maps_of(together)):
        np.testing.assert_allclose(found, sum(each[name] for name in group), atol=1e-6)
    assert together.result.channels == [name_of(group) for group in together.result.groups]
    assert any(len(group) > 1 for group in together.result.groups)  # Gaussians of neighbouring sigmas
    assert sorted(name for group in together.result.groups for name in group) == sorted(
        single.result.feature_names
    )
    assert (np.diff(together.result.group_mean_absolute) <= 0).all()


def test_the_filter_that_sees_the_discs_says_most_and_the_other_class_is_the_negative(pixel_model):
    stack = small()
    cell, ground = (PixelExplainer(pixel_model, stack, of=name) for name in ("cell", "ground"))
    assert "gaussian" in cell.result.feature_names[0] or "original" in cell.result.feature_names[0]
    assert cell.result.base + ground.result.base == pytest.approx(1)
    np.testing.assert_allclose(maps_of(cell), -maps_of(ground), atol=1e-7)
    inside = discs(1)[:70, :90] > 130
    first = maps_of(cell)[0, 0]
    assert first[inside].mean() > 0 > first[~inside].mean()


def test_volumes_are_explained_too():
    volume = np.stack([discs()] * 6)
    explainer = PixelExplainer(
        model(image=volume, axes="ZYX"), Stack.of(volume[:, :40, :50], axes="ZYX"), of="cell"
    )
    assert maps_of(explainer).shape == (len(explainer.maps), 6, 40, 50)
    assert explainer.result.error < 1e-12


def test_the_classifier_explains_arrays():
    classifier = PixelClassifier(features="small", trees=10, depth=3).fit([discs()], [strokes()])
    found, maps = classifier.explain(discs(1)[:60, :50], most=3)
    assert found.of == "3"
    assert maps.shape == (3, 60, 50)
    assert len(found.channels) == 3
    with pytest.raises(SettingError, match="Call fit first"):
        PixelClassifier().explain(discs())


def test_the_class_of_the_highest_painted_number_is_explained_not_the_last_of_the_alphabet():
    from clew.read.annotations import Annotation

    painted = Annotation.of(np.where(strokes() == 3, 2, strokes()).astype(np.uint8), class_names={1: "ground", 2: "blob"})  # fmt: skip
    classifier = PixelClassifier(features="small", trees=5, depth=3).fit([discs()], [painted])
    assert list(classifier.classes_) == ["blob", "ground"]
    small_one = discs(1)[:60, :50]
    assert classifier.explain(small_one, most=1)[0].of == "blob"
    assert classifier.explain(small_one, "ground", most=1)[0].of == "ground"


def test_what_cannot_be_explained_is_refused(pixel_model):
    with pytest.raises(
        SettingError, match="'of' setting of pixels explain must be one of.*cell.*Did you mean"
    ):
        PixelExplainer(pixel_model, small(), of="cel")
    with pytest.raises(SettingError, match="at least 1"):
        PixelExplainer(pixel_model, small(), of="cell", most=0)
    with pytest.raises(DataError, match="they must be the same"):
        PixelExplainer(pixel_model, Stack.of(np.zeros((2, 30, 30), np.uint8), axes="CYX"), of="cell")


def test_it_stops_when_asked(pixel_model):
    with pytest.raises(Stopped):
        PixelExplainer(pixel_model, small(), of="cell").write(lambda *_: None, on_progress=lambda *_: False)


def test_the_result_is_said_and_saved(pixel_model, tmp_path):
    found = PixelExplainer(pixel_model, small(), of="cell", most=2).result
    assert found.headline().startswith("cell: ")
    assert found.summary()["channels"] == found.channels
    found.save(tmp_path / "x.zip")
    again = type(found).load(tmp_path / "x.zip")
    assert again.digest() == found.digest() != dataclasses.replace(found, base=0.0).digest()
