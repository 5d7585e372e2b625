"""Where a net looks is said after whether that can be believed, and only where it means anything."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from clew.explain.net_looks import BINS, DISAGREE, TYPICAL, UNPLACED, WRONG, NetLooks, densities
from clew.explain.saliency import Saliency, Sanity
from clew.intervals import Interval


def sanity(*, likeness: float = 0.0, sizes: float = 0.0) -> Sanity:
    cascading = np.zeros((1, 2, 3))
    cascading[..., 0], cascading[..., 1] = likeness, sizes
    return Sanity(
        method="grad-cam", layers=["head"], cascading=cascading, independent=cascading, null=np.zeros((5, 3))
    )


def looks(check: Sanity | None) -> NetLooks:
    inputs = np.ones((2, 2, 8, 8), np.float32)
    one = Saliency(
        method="grad-cam", layer="conv", inputs=inputs, values=inputs[:, :1].astype(float), target=np.array([0, 1]),
        score=np.ones(2), baseline_score=np.full(2, np.nan),
    )  # fmt: skip
    return NetLooks(
        architecture="cnn", outputs=["long", "round"], channels=["DNA", "actin"], units=["counts"] * 2, unit="µm", rate=None,
        saliency=one, sample=np.array(["a", "b"]), why=np.array([TYPICAL, WRONG]), truth=np.array(["long", "long"]),
        said=np.array(["long", "round"]), sanity=check, edges=np.array([0.0, 1.0, 2.0]),
        density=np.array([[2.0, 0.5], [0.0, 1.5], [0.0, 0.0]]), answer=np.array([0, 1, 1]),
        channel_share=np.array([[0.9, 0.1], [0.7, 0.3], [0.8, 0.2]]), missed=0.0, agreement=0.25, members=3, held_out=3, warnings=[],
    )  # fmt: skip


def test_places_and_channels_are_told_where_the_map_speaks_of_the_net():
    found = looks(sanity())
    assert found.placed and found.verdict().startswith("The map depends on what was learnt")
    assert found.where() == "Maps are densest 0 to 1 µm from the centre: 1.00 times an even map."
    assert found.by_class() == [
        "Towards long: 0 to 1 µm from the centre: 2.00 times an even map.",
        "Towards round: 1 to 2 µm from the centre: 1.50 times an even map.",
    ]  # the third row, whose map is empty, has no part in it
    assert found.which_channel() == "Of the score's shares go to DNA 80% and actin 20%."
    assert found.empty() == ["In 1 of 3 rows the map is empty: nothing in them speaks for the answer."]
    assert any("those of the others are like them by 0.25" in one for one in found.caveats())


def test_a_map_that_random_weights_make_as_well_says_so_first_and_no_place():
    found = looks(sanity(likeness=0.9, sizes=0.9))
    assert not found.believable
    assert found.verdict().startswith(
        "The map does not depend on what was learnt: this method shows edges, not reasons"
    )
    assert (
        found.headline() == "The map does not depend on what was learnt: this method shows edges, not reasons"
    )
    assert found.ranked() == [UNPLACED, found.shown()]


def test_sizes_that_follow_the_input_are_not_averaged_though_signs_are_learnt():
    found = looks(sanity(likeness=0.1, sizes=0.95))
    assert found.believable and not found.placed
    assert found.ranked()[0] == UNPLACED and "only the signs" in found.headline()


def test_how_good_the_net_is_comes_first_and_at_chance_nothing_else():
    reached = Interval(value=0.51, low=0.42, high=0.61, n_groups=12, n_rows=40)
    blind = dataclasses.replace(looks(sanity()), reached=reached, chance=0.5, held_out=40)
    said = "This net is not shown to beat chance on the 40 rows held out (balanced accuracy 0.51 [0.42, 0.61]): its maps explain nothing."
    assert blind.verdict() == said and blind.headline() == said.rstrip(".")
    assert blind.ranked() == [blind.shown()] and not blind.few() and not blind.summary()["believable"]
    few = dataclasses.replace(blind, reached=dataclasses.replace(reached, n_groups=4))
    assert any("--held-out" in one for one in few.caveats())
    good = dataclasses.replace(blind, reached=dataclasses.replace(reached, low=0.505))  # the limit
    assert good.placed and good.verdict().startswith(
        "On the 40 rows held out the net reaches a balanced accuracy of 0.51 [0.51, 0.61]; chance gives 0.50. The map depends"
    )


def test_members_whose_maps_are_no_more_alike_than_unrelated_ones_are_said_to_disagree():
    found = looks(sanity())  # unrelated maps reach 0
    assert DISAGREE not in found.verdict()
    assert dataclasses.replace(found, agreement=0.0).verdict().endswith(DISAGREE)
    assert not dataclasses.replace(found, agreement=np.nan, members=1).disagree


def test_maps_that_are_the_same_everywhere_say_nothing():
    found = looks(None)
    assert (
        found.verdict() == "The maps are the same everywhere, so they say nothing of what the net looks at."
    )
    assert found.ranked() == [found.shown()]
    assert json.loads(json.dumps(found.summary()))["sanity"] is None


def test_every_map_comes_with_what_it_does_not_say():
    assert "no causal claim" in looks(sanity()).caveats()[0]
    flow = dataclasses.replace(looks(sanity()).saliency, method="integrated-gradients", layer="")
    assert looks(sanity()).cause().startswith("Grad-CAM shows")
    each = dataclasses.replace(looks(sanity()).saliency, method="hires-cam")
    assert dataclasses.replace(looks(sanity()), saliency=each).cause().startswith("HiResCAM shows where")
    assert (
        dataclasses.replace(looks(sanity()), saliency=flow).cause().startswith("Integrated gradients show ")
    )


def test_which_rows_are_shown_and_why():
    found = looks(sanity())
    assert (
        found.shown()
        == "Shown: 1 that are most like the others of their class to the net, and 1 that it gets wrong, the surest first."
    )
    assert "furthest off" in dataclasses.replace(found, outputs=["mass"]).shown()
    data = json.loads(json.dumps(found.summary()))
    assert data["shown"][1] == {"sample": "b", "why": "wrong", "truth": "long", "said": "round"}


# ---- densities ----
@pytest.mark.parametrize(("shape", "of_windows"), [((3, 1, 40, 40), False), ((3, 2, 120), True)])
def test_an_even_map_is_as_dense_everywhere(shape, of_windows):
    edges, density = densities(np.ones(shape), size=0.5, of_windows=of_windows)
    assert len(edges) == density.shape[1] + 1 <= BINS + 1
    np.testing.assert_allclose(density, 1)
    assert edges[-1] == pytest.approx(0.5 * (20 if not of_windows else 120))


def test_a_spot_is_dense_where_it_is():
    values = np.zeros((2, 1, 40, 40))
    values[0, 0, 19:21, 19:21] = -3.0  # sizes count
    values[1, 0, 20, 32] = 1.0
    edges, density = densities(values, size=1.0, of_windows=False)
    assert density[0].argmax() == 0 and density[1].argmax() == np.digitize(12.5, edges) - 1
    y, x = np.mgrid[:40, :40] - 19.5
    far = np.hypot(y, x)
    room = ((far < edges[1]).sum()) / (far < 20).sum()
    assert density[0, 0] == pytest.approx(1 / room)  # all of it on that share of the places


def test_time_is_counted_from_the_start_and_an_empty_map_is_0():
    values = np.zeros((2, 3, 100))
    values[0, 1, 55] = 1.0
    edges, density = densities(values, size=0.01, of_windows=True)
    at = int(density[0].argmax())
    assert edges[at] <= 0.555 < edges[at + 1]
    assert not density[1].any()
