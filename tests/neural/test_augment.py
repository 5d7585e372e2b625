import dataclasses

import numpy as np
import pytest
import torch

from clew.errors import DataError, SettingError
from clew.neural.augment import (
    Chain,
    DropChannels,
    Flip,
    Gain,
    Gamma,
    Grain,
    Noise,
    Shift,
    Turn,
    Zoom,
    usual,
)
from clew.neural.objectives import PADDING
from clew.neural.rows import Rows

EACH = [
    Flip(),
    Flip((1,)),
    Turn(),
    Shift(0.3),
    Shift(0.3, "empty"),
    Gain(0.3, 0.1),
    Noise(0.1),
    Gamma(0.3),
    Grain(0.2),
    Zoom(0.3),
    DropChannels(0.4),
    Chain((Flip(), Noise())),
]


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=40, shape=(2, 6, 6)):
    x = torch.rand(n, *shape, generator=random(1)) + 1
    return Rows(x, (x[:, 0] > 1.5).long())  # a class at each place


def whole(rows):
    return dataclasses.replace(rows, y=torch.arange(len(rows)))


@pytest.mark.parametrize("change", EACH, ids=repr)
def test_the_generator_alone_decides_and_the_rows_stay_as_they_were(change):
    rows = whole(images())
    before = rows.x.clone()
    first = change(rows, random(3)).x
    torch.rand(5)
    assert torch.equal(change(rows, random(3)).x, first) and not torch.equal(change(rows, random(4)).x, first)
    assert torch.equal(rows.x, before) and not torch.equal(first, before) and first.shape == before.shape
    assert change == dataclasses.replace(change) and hash(change) is not None


@pytest.mark.parametrize("change", [Flip(), Turn(), Shift(0.4), Chain((Turn(), Shift(0.2)))], ids=repr)
def test_classes_of_places_move_along(change):
    changed = change(images(), random())
    assert torch.equal(changed.y, (changed.x[:, 0] > 1.5).long())
    stays = change(whole(images()), random())
    assert torch.equal(stays.y, torch.arange(40))
    assert not torch.equal(images().y, (stays.x[:, 0] > 1.5).long())  # mutant: answers that stay behind


def test_flips_and_turns_give_the_eight_of_a_square_and_the_four_of_an_oblong():
    for shape, wanted in (((1, 3, 3), 8), ((1, 2, 3), 4)):
        one = torch.arange(float(np.prod(shape))).view(1, *shape).repeat(400, 1, 1, 1)
        changed = usual("grids", 2)(Rows(one), random()).x
        found, counts = np.unique(changed.flatten(1).numpy(), axis=0, return_counts=True)
        assert len(found) == wanted and np.abs(counts - 400 / wanted).max() < 4.5 * np.sqrt(400 / wanted)
        by_hand = {
            np.rot90(flipped, k).tobytes()
            for flipped in (one[0, 0].numpy(), one[0, 0].numpy()[::-1])
            for k in range(4)
            if np.rot90(flipped, k).shape == shape[1:]
        }
        assert {row.tobytes() for row in found} == by_hand


def test_flips_of_one_side_leave_the_other():
    rows = whole(images())
    changed = Flip((1,))(rows, random()).x
    flipped = (changed == rows.x.flip(3)).flatten(1).all(1)
    assert ((changed == rows.x).flatten(1).all(1) | flipped).all() and 8 < flipped.sum() < 32
    with pytest.raises(SettingError, match="below 2. Got 2"):
        Flip((2,))(rows, random())


def test_shifts_roll_as_numpy_does_or_leave_nothing():
    x = torch.arange(1.0, 21.0).view(1, 1, 20).repeat(60, 1, 1)
    rolled = Shift(0.25)(Rows(x), random()).x
    by = rolled[:, 0].argmax(1) - 19
    np.testing.assert_array_equal(rolled[:, 0], [np.roll(x[0, 0], int(one)) for one in by])
    offsets = {int((one + 10) % 20 - 10) for one in by}
    assert offsets == set(range(-5, 6))
    empty = Shift(0.25, "empty")(Rows(x, torch.arange(20).repeat(60, 1)), random())
    gone = empty.x[:, 0] == 0
    assert torch.equal(empty.y == PADDING, gone) and torch.equal(
        empty.y[~gone] + 1, empty.x[:, 0][~gone].long()
    )
    assert torch.equal(gone.sum(1), torch.tensor([abs((int(one) + 10) % 20 - 10) for one in by]))


def test_steps_of_a_sequence_move_within_its_length_with_their_classes():
    lengths = torch.tensor([8, 3, 5] * 10)
    steps = torch.arange(8.0).repeat(30, 1)
    x = torch.stack([steps, -steps], dim=2)
    y = steps.long().masked_fill(torch.arange(8) >= lengths[:, None], PADDING)
    moved = Shift(0.5, takes="sequences")(Rows(x, y, lengths), random())
    inside = torch.arange(8) < lengths[:, None]
    assert torch.equal(moved.x[..., 0], -moved.x[..., 1]) and torch.equal(
        moved.y[inside], moved.x[..., 0][inside].long()
    )
    assert torch.equal(moved.y[~inside], y[~inside]) and not torch.equal(moved.y, y)
    for row, length in zip(moved.y, lengths):
        assert sorted(row[:length].tolist()) == list(range(length))


def test_answers_that_cannot_move_along_are_refused():
    x = torch.rand(5, 1, 8)
    for y in (torch.rand(5, 8), torch.zeros(5, 7, dtype=torch.int64)):
        with pytest.raises(
            DataError, match="rows that Shift changes must be one of each row, or a class at each place"
        ):
            Shift()(Rows(x, y), random())
    with pytest.raises(DataError, match="must be images"):
        Turn()(Rows(x), random())
    for wrong in (1, -0.1, 2.5, float("nan")):
        with pytest.raises(
            SettingError, match="must be a share of the side, from 0 to below 1, not a number of"
        ):
            Shift(share=wrong)
    assert torch.equal(Shift(share=0)(Rows(x), random()).x, x)


def test_gain_and_noise_have_the_spread_that_was_asked_for():
    rows = Rows(torch.ones(4000, 1, 2))
    changed = Gain(0.2)(rows, random()).x
    assert torch.equal(changed[..., 0], changed[..., 1]) and abs(float(changed.log().std()) - 0.2) < 0.01
    lifted = Gain(0.0, 0.3)(rows, random()).x - 1
    assert abs(float(lifted.std()) - 0.3) < 0.015 and torch.equal(lifted[..., 0], lifted[..., 1])
    noise = Noise(0.5)(rows, random()).x - 1
    assert abs(float(noise.std()) - 0.5) < 0.025 and abs(float(np.corrcoef(noise[:, 0].T)[0, 1])) < 0.08


def test_channels_are_lost_at_the_share_but_never_all():
    changed = DropChannels(0.3)(Rows(torch.ones(3000, 3, 4)), random()).x
    lost = changed[:, :, 0] == 0
    assert torch.equal(lost[..., None].expand_as(changed), changed == 0) and not lost.all(1).any()
    assert abs(float(lost.float().mean()) - (0.3 - 0.3**3)) < 0.02
    steps = DropChannels(0.5, "sequences")(Rows(torch.ones(50, 4, 3)), random()).x
    assert torch.equal(steps, steps[:, :1].expand_as(steps)) and (steps == 0).any()


def test_the_usual_changes_fit_what_a_net_takes():
    assert usual("rows", 0) is None and usual("sequences", 1) is None
    for n_sides in (1, 2, 3):
        rows = Rows(torch.rand(4, 2, *[5] * n_sides), torch.arange(4))
        changed = usual("grids", n_sides)(rows, random())
        assert changed.x.shape == rows.x.shape and torch.equal(changed.y, rows.y)


def test_gamma_keeps_signs_and_zero_and_one():
    x = torch.tensor([-4.0, -1.0, 0.0, 1.0, 4.0]).expand(30, 1, 5)
    bent = Gamma(0.5)(Rows(x.clone()), random()).x
    torch.testing.assert_close(bent[..., 1:4], x[..., 1:4])
    torch.testing.assert_close(bent[..., 0], -bent[..., 4])
    assert bent[:, 0, 4].log().std() > 0.1


def test_grain_differs_in_strength_from_row_to_row():
    spread = Grain(0.2)(Rows(torch.zeros(400, 1, 16, 16)), random()).x.flatten(1).std(dim=1)
    assert spread.max() < 0.25 and spread.mean() == pytest.approx(0.1, abs=0.01) and spread.std() > 0.04


def test_zoom_makes_a_disc_larger_or_smaller_and_its_answers_alike():
    y, x = torch.meshgrid(torch.arange(65) - 32.0, torch.arange(65) - 32.0, indexing="ij")
    disc = (y.hypot(x) < 12).float().expand(60, 1, 65, 65)
    found = Zoom(0.1)(Rows(disc, disc[:, 0].long()), random())
    area = found.x.sum((1, 2, 3)) / disc[0].sum()
    factor = (0.1 * torch.randn(60, generator=random())).exp()
    torch.testing.assert_close(area, factor**2, rtol=0.03, atol=0)  # an area grows with the square
    apart = [((one > 0.5) != found.y.bool()).float().mean() for one in (found.x[:, 0], disc[:, 0])]
    assert 5 * apart[0] < apart[1]  # along its edge only; against the disc as it was, more
    assert set(found.y.unique().tolist()) == {0, 1}


def test_zoom_leaves_what_nobody_knows_unknown():
    y = torch.full((8, 12, 12), PADDING)
    y[:, 4:8, 4:8] = 3
    found = Zoom(0.5)(Rows(torch.zeros(8, 1, 12, 12), y), random()).y
    assert set(found.unique().tolist()) == {PADDING, 3} and (found[:, 5, 5] == 3).all()
    with pytest.raises(DataError, match="images"):
        Zoom()(Rows(torch.zeros(2, 1, 9)), random())
