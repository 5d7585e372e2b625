import pytest
import torch

from clew.neural.nets.coder import CoderConfig, Decoder, Encoder, one_hot, usual


@pytest.mark.parametrize("size", [(), (1,), (57,), (7, 12), (5, 1, 9)])
def test_rows_of_any_sides_come_back_in_their_shape(size):
    config = CoderConfig(2, 0, size, **usual((2, *size), {"latent": 3}))
    x = torch.randn(4, 2, *size)
    latent = Encoder(config, 3)(x)
    assert latent.shape == (4, 3)
    assert Decoder(config)(latent).shape == x.shape


def test_sides_are_made_smaller_rounding_up():
    config = CoderConfig(1, 0, (11, 4), channels=(2, 3))
    assert config.sides == [(11, 4), (6, 2), (3, 1)] and config.width == 3 * 3 * 1
    maps = Encoder(config, 1).blocks(torch.zeros(1, 1, 11, 4))
    assert tuple(maps.shape[2:]) == config.sides[-1]


def test_blocks_are_added_until_the_maps_are_small():
    assert usual((1, 28, 28), {})["channels"] == (16, 32)
    assert usual((3, 3000), {}) == {"kernel": 7, "stride": 4, "channels": (16, 32, 64, 64, 64)}
    assert usual((1, 28, 28), {"channels": ()})["channels"] == ()  # what is given stands
    assert usual((3,), {})["latent"] == 2 and usual((100,), {})["latent"] == 8


def test_the_decoder_sees_the_label_and_every_number():
    torch.manual_seed(0)
    config = CoderConfig(1, 2, (8, 8), latent=3, channels=(4,), activation="tanh")
    latent = torch.randn(1, 3, requires_grad=True)
    decoder = Decoder(config)
    answers = [decoder(latent, one_hot(torch.tensor([code]), config, latent)) for code in (0, 1)]
    assert not torch.allclose(*answers)
    answers[0].pow(2).sum().backward()
    assert (latent.grad != 0).all()


def test_labels_must_be_given_where_they_are_told():
    told, untold = CoderConfig(1, 2, ()), CoderConfig(1, 0, ())
    x = torch.zeros(2, 1)
    assert one_hot(torch.tensor([1, 0]), told, x).tolist() == [[0, 1], [1, 0]]
    assert one_hot(torch.tensor([1, 0]), untold, x) is None
    with pytest.raises(ValueError, match="Got none"):
        one_hot(None, told, x)


@pytest.mark.parametrize(
    ("size", "wrong", "says"),
    [
        ((), {"channels": (4,)}, "must go with rows that have sides"),
        ((4,), {"kernel": 4}, "must be odd"),
        ((4,), {"latent": 0}, "'latent'"),
        ((4, 4, 4, 4), {}, "at most 3 sides"),
    ],
)
def test_measures_that_make_no_net_are_refused(size, wrong, says):
    with pytest.raises(ValueError, match=says):
        CoderConfig(1, 0, size, **wrong)
