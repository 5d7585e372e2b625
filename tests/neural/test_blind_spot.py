"""Hidden pixels are hidden: their values reach neither the input nor, by it, the answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from clew.neural.blind_spot import BlindSpot, BlindSpotError
from clew.neural.rows import Rows


def pieces(*sides, n=4, channels=1, seed=0):
    return torch.randn(n, channels, *sides, generator=torch.Generator().manual_seed(seed))


def hide(spot, x, seed=0):
    return spot(Rows(x), torch.Generator().manual_seed(seed))


SPOTS = [BlindSpot(fill="median"), BlindSpot(fill="uniform"), BlindSpot(fill="uniform", along=-1, reach=3), BlindSpot(along=-2)]  # fmt: skip


@pytest.mark.parametrize("spot", SPOTS)
def test_the_value_under_a_mask_has_no_influence_on_the_input(spot):
    x = pieces(40, 40)
    asked = ~hide(spot, x).y.isnan()
    changed = torch.where(asked, x + 100, x)
    torch.testing.assert_close(hide(spot, changed).x, hide(spot, x).x, rtol=0, atol=0)
    x.requires_grad_()
    hide(spot, x).x.mul(torch.randn(x.shape)).sum().backward()  # projected randomly
    assert (x.grad[asked] == 0).all()
    assert (x.grad[~asked] != 0).any()


def test_that_test_can_fail():
    class Leaks(BlindSpot):
        def _replaced(self, seen, at, random):
            return super()._replaced(seen, at, random) + 1e-3 * self.x[(at[0], slice(None), *at[1:])]

    x = pieces(40, 40)
    spot = Leaks()
    object.__setattr__(spot, "x", x)
    before = hide(spot, x)
    changed = torch.where(before.y.isnan(), x, x + 100)
    object.__setattr__(spot, "x", changed)
    assert (hide(spot, changed).x != before.x).any()


def test_neighbours_along_the_axis_are_hidden_but_not_asked_for():
    x = pieces(60, 60)
    spot = BlindSpot(fill="uniform", along=-1, reach=3)
    rows = hide(spot, x)
    asked = ~rows.y.isnan()
    hidden = rows.x != x
    for shift in range(-3, 4):
        moved = torch.roll(asked, shift, -1)
        moved[..., :3], moved[..., -3:] = False, False
        assert (hidden | ~moved).all()
    assert hidden.sum() > 5 * asked.sum()
    changed = torch.where(hidden, x + 100, x)
    torch.testing.assert_close(hide(spot, changed).x, rows.x, rtol=0, atol=0)


@pytest.mark.parametrize(("sides", "share"), [((600,), 0.03), ((64, 64), 0.03), ((24, 24, 24), 0.03)])
def test_the_share_that_is_hidden_is_right_and_no_two_share_a_box(sides, share):
    spot = BlindSpot(share=share)
    asked = ~hide(spot, pieces(*sides, n=8)).y.isnan()
    assert float(asked.float().mean()) == pytest.approx(spot.box(len(sides)) ** -len(sides), rel=0.1)
    assert 0.5 < spot.box(len(sides)) ** -len(sides) / share < 1.6


def test_every_place_is_asked_for_alike():
    counts = torch.zeros(16, 16)
    random = torch.Generator().manual_seed(0)
    for _ in range(40):
        counts += BlindSpot(share=0.06).asked((40, 16, 16), random).sum(0)
    assert chisquare(counts.numpy().ravel()).pvalue > 1e-3  # a stratified draw varies less


def test_uniform_replacement_draws_every_visible_neighbour_alike():
    class Middle(BlindSpot):
        def asked(self, shape, random):
            found = torch.zeros(shape, dtype=torch.bool)
            found[:, 6, 6] = True
            return found

    x = torch.arange(169.0).view(1, 1, 13, 13).expand(4000, -1, -1, -1)
    drawn = hide(Middle(fill="uniform"), x).x[:, 0, 6, 6].long().bincount(minlength=169)
    inside = drawn.view(13, 13)[1:12, 1:12].flatten()
    assert drawn.sum() == inside.sum()
    assert inside[60] == 0  # the middle itself
    assert chisquare(np.delete(inside.numpy(), 60)).pvalue > 1e-3


def test_the_median_is_exact_at_edges_too():
    x = pieces(20, 20, n=2, channels=2)
    rows = hide(BlindSpot(fill="median"), x)
    asked = ~rows.y[:, 0].isnan()
    seen = np.where(asked[:, None].numpy(), np.nan, x.numpy())
    for b, i, j in asked.nonzero().tolist():
        window = seen[b, :, max(0, i - 2) : i + 3, max(0, j - 2) : j + 3]
        np.testing.assert_allclose(rows.x[b, :, i, j], np.nanmedian(window, axis=(1, 2)), atol=1e-6)


def test_the_objective_asks_at_hidden_pixels_only():
    rows = hide(BlindSpot(), pieces(32, 32))
    said = torch.zeros_like(rows.x)
    asked = ~rows.y.isnan()
    objective = BlindSpotError()
    assert float(objective.loss(said, rows)) == pytest.approx(float((rows.y[asked] ** 2).mean()))
    assert objective.size(rows) == asked.sum()
    assert float(objective.loss(said + 9 * ~asked, rows)) == float(objective.loss(said, rows))
    assert objective.chance(Rows(rows.y.nan_to_num())) > 0
