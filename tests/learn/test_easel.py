"""The easel: strokes that win over strokes, a live forest that is the saved one, answers that are those of prediction."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clew import simulate
from clew.errors import DataError
from clew.learn.easel import STRIDE, TILE, Easel, tiles_in, weakest
from clew.learn.pixel_shapley import PixelExplainer
from clew.learn.pixel_training import train_pixels
from clew.learn.sheet import Sheet
from clew.read.stacks import Stack
from tests.learn.test_sheet import across

NAMES = {1: "nucleus", 2: "ground", 3: "rim"}
ARRAYS = ("feature", "threshold", "left", "right", "value", "tree_start")


@pytest.fixture(scope="module")
def images():
    one = simulate.blobs().pixels
    return {"one": one[:300, :270], "two": one[200:500, 250:500]}


def painted_easel(images):
    easel = Easel(NAMES)
    for name, pixels in images.items():
        easel.sheets[name] = Sheet(Stack.of(pixels, name=name), name)
    random = np.random.default_rng(3)
    for i, sheet in enumerate(easel.sheets.values()):
        strokes = [across(1 + k % 2, *random.uniform(5, 200, 2)) for k in range(4 + i)]
        sheet.draw(strokes)
    return easel


@pytest.fixture(scope="module")
def easel(images):
    return painted_easel(images)


@pytest.fixture(scope="module")
def live(easel):
    return easel.fit()


# ---- the live forest ----
def test_features_of_pixels_painted_little_by_little_are_those_of_all_at_once(images):
    slow, fast = painted_easel(images), painted_easel(images)
    strokes = list(fast.sheets["one"].strokes)
    for n in (2, 1, 4):  # forward and back
        fast.sheets["one"].draw(strokes[:n])
        fast.sheets["one"].measured(fast.features_of(fast.sheets["one"].stack))
    a, b = fast.painted(), slow.painted()
    for name in ("features", "labels", "image", "place"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.reach == b.reach


def test_the_live_forest_is_the_one_that_is_saved(easel, live):
    sheets = list(easel.sheets.values())
    saved, painted = train_pixels(
        [one.stack for one in sheets], [one.annotation(NAMES) for one in sheets], dimensions="2"
    )
    assert live.exact and len(painted) == len(live.painted)
    assert live.model.forest.classes == saved.classes and live.painted.reach == painted.reach
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(live.model.forest, name), getattr(saved, name))


def test_the_quick_forest_is_not_the_saved_one_and_says_so(easel, live):
    quick = easel.fit(quick=True)
    assert not quick.exact and quick.model.forest.n_trees < live.model.forest.n_trees


def test_tiles_and_preview_are_what_prediction_writes(easel, live):
    stack = easel.sheets["one"].stack
    whole = np.zeros(stack.shape[3:], np.uint8)
    shares = np.zeros((2, *stack.shape[3:]), np.float32)

    def write(t, start, labels, share):
        at = (slice(start[1], start[1] + labels.shape[1]), slice(start[2], start[2] + labels.shape[2]))
        whole[at], shares[(slice(None), *at)] = labels[0], share[:, 0]

    live.model.predict(stack, write, probability=True)
    whole = np.array([live.model.values[name] for name in live.model.forest.classes])[whole]
    tiles = tiles_in(stack, (0, 0, 300, 270))
    assert sorted(tiles) == [(0, 0), (0, 256), (256, 0), (256, 256)]
    for top, left in tiles:
        classes, probability = easel.tile(live, "one", 0, 0, (top, left))
        np.testing.assert_array_equal(classes, whole[top : top + TILE, left : left + TILE])
        np.testing.assert_array_equal(probability, shares[:, top : top + TILE, left : left + TILE])
        coarse, probability = easel.preview(live, "one", 0, 0, (top, left))
        np.testing.assert_array_equal(coarse, classes[::STRIDE, ::STRIDE])
        np.testing.assert_array_equal(
            probability, shares[:, top : top + TILE : STRIDE, left : left + TILE : STRIDE]
        )
    assert set(np.unique(whole)) == {1, 2}


def test_a_slice_of_a_stack_is_painted_and_answered_by_itself(images):
    pixels = np.stack([images["one"], np.flipud(images["one"])])
    easel = Easel(NAMES)
    easel.sheets["deep"] = sheet = Sheet(Stack.of(pixels, axes="ZYX"), "deep")
    sheet.draw([across(1, 20, 20, plane=(0, 1)), across(2, 120, 150, plane=(0, 1))])
    live = easel.fit()
    assert live.painted.place[:, 1].tolist() == [1] * len(live.painted)
    assert live.model.features.dimensions == 2
    first, second = (easel.tile(live, "deep", 0, z, (0, 0))[0] for z in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("strokes", [[], [across(1, 20, 20)]])
def test_one_class_is_not_enough_and_what_is_missing_is_said(images, strokes):
    easel = Easel(NAMES)
    easel.sheets["one"] = Sheet(Stack.of(images["one"]), "one")
    easel.sheets["one"].draw(strokes)
    with pytest.raises(DataError, match="Paint at least two classes"):
        easel.fit()


def test_images_of_different_channels_do_not_train_together(images):
    easel = painted_easel(images)
    easel.sheets["colour"] = Sheet(
        Stack.of(np.stack([images["one"]] * 2), axes="CYX", name="colour"), "colour"
    )
    easel.sheets["colour"].draw([across(1, 20, 20)])
    with pytest.raises(DataError, match="must have the same channels"):
        easel.painted()
    easel.channels = ("gray",)
    assert len(easel.painted()) == len(painted_easel(images).painted())


# ---- how good, where next, and why ----
def test_strokes_of_a_class_that_is_nowhere_are_told_by_chance_and_shuffled_pixels_flatter():
    noise = np.random.default_rng(0).normal(size=(420, 420)).astype(np.float32)
    easel = Easel(NAMES)
    easel.sheets["noise"] = sheet = Sheet(Stack.of(noise), "noise")
    corners = [(r, c) for r in (10, 140, 270, 360) for c in (10, 140, 270, 360)]
    order = np.random.default_rng(1).permutation(16)
    sheet.draw([across(1 + int(k % 2), *corners[i], radius=3, length=25) for k, i in enumerate(order)])
    found = easel.accuracy(easel.painted())
    honest, naive = (one.metrics["balanced_accuracy"].value for one in (found.scores, found.naive))
    assert found.split["by"] == "stroke" and abs(honest - 0.5) < 0.2 and naive > honest + 0.2
    truth, taken, share = weakest(found)
    said = found.predicted[(found.truth == truth) & (found.predicted != "")]
    assert truth != taken and share == pytest.approx((said == taken).mean())
    assert weakest(dataclasses.replace(found, predicted=found.truth)) is None


def test_the_most_uncertain_spot_is_uncertain_and_not_painted(easel, live):
    tiles = tiles_in(easel.sheets["one"].stack, (0, 0, 300, 270))
    row, column, unsure = easel.most_uncertain(live, "one", 0, 0, tiles)
    assert 0 < unsure <= 1 and easel.sheets["one"].labels(0, 0)[row, column] == 0
    shares = easel.tile(live, "one", 0, 0, (row // TILE * TILE, column // TILE * TILE))[1]
    here = shares[:, row % TILE, column % TILE]
    assert here.max() < 0.9  # where the forest is sure the largest share is near 1


def test_reasons_are_the_shap_values_that_the_whole_image_gets(easel, live):
    stack = easel.sheets["one"].stack
    tiles = tiles_in(stack, (0, 0, 300, 270))
    found = easel.reasons(live, "one", 0, 0, tiles, of="nucleus")
    explainer = PixelExplainer(live.model, stack, of="nucleus", most=len(found.names))
    whole = {name: np.zeros(stack.shape[3:], np.float32) for name in explainer.result.channels}

    def write(t, start, maps):
        for name, one in zip(explainer.result.channels, maps):
            whole[name][start[1] : start[1] + one.shape[1], start[2] : start[2] + one.shape[2]] = one[0]

    explainer.write(write)
    for at, maps in zip(tiles, found.maps):
        for name, one in zip(found.names, maps):
            expected = whole[name][at[0] : at[0] + TILE : STRIDE, at[1] : at[1] + TILE : STRIDE]
            np.testing.assert_allclose(one, expected, atol=1e-6)
    assert found.mean_absolute.max() > 0.01
    assert found.of_group(found.names[:1]) == pytest.approx(found.mean_absolute[0])


def test_tiles_come_with_the_middle_of_the_view_first_and_no_more_than_asked():
    stack = Stack.of(np.zeros((2000, 3000), np.uint8))
    tiles = tiles_in(stack, (300, 500, 1300, 1700))
    assert tiles[0] == (768, 1024) and len(tiles) == len(set(tiles)) == 5 * 6
    assert len(tiles_in(stack, (-50, -50, 5000, 5000))) == 64
    assert tiles_in(stack, (-50, -50, -10, -10)) == [(0, 0)]
    assert tiles_in(stack, (9e9, 9e9, 1e10, 1e10)) == [(1792, 2816)]
    one_more = Stack.of(np.zeros((TILE + 1, TILE), np.uint8))
    assert sorted(tiles_in(one_more, (0, 0, TILE + 1, TILE))) == [(0, 0), (TILE, 0)]
    assert tiles_in(one_more, (0, 0, TILE, TILE)) == [(0, 0)]


def test_warming_up_needs_nothing():
    Easel({}).warm_up()
