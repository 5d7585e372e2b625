"""U-Nets learn classes of pixels, from all of them or from a few, and nothing from answers that do not belong."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from clew.errors import DataError
from clew.neural.objectives import PADDING
from clew.neural.rows import Rows
from clew.neural.segmenting import PixelCrossEntropy, class_weights, divided, fit_unet, instance_targets
from clew.neural.tiled import answer_tile
from clew.neural.unet_settings import UNetSettings

TINY = UNetSettings(channels="6,12", updates=60, patch=32, lr=0.02)
SIDE = 48


def blobs(n: int, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return images whose objects are rough and whose background is smooth, equally bright in the mean."""
    random = np.random.default_rng(seed)
    images, answers = [], []
    for _ in range(n):
        inside = gaussian_filter(random.normal(size=(SIDE, SIDE)), 5) > 0
        rough = random.normal(size=(SIDE, SIDE))
        smooth = gaussian_filter(random.normal(size=(SIDE, SIDE)), 2)
        images.append(np.where(inside, rough, smooth / smooth.std())[None].astype(np.float32))
        answers.append(inside.astype(np.int64))
    return images, answers


def iou(net, images, answers) -> float:
    said = [answer_tile(net, lambda at, one=one: one[(slice(None), *at)], one.shape[1:], (0, 0), one.shape[1:]).argmax(0) for one in images]  # fmt: skip
    both = sum((a & b).sum() for a, b in zip(said, answers))
    return both / sum((a | b).sum() for a, b in zip(said, answers))


@pytest.fixture(scope="module")
def lesson():
    torch.set_num_threads(1)
    images, answers = blobs(8)
    return images, answers, fit_unet(images, answers, n_classes=2, settings=TINY)


def test_it_learns_what_no_threshold_tells(lesson):
    from skimage.filters import threshold_otsu

    images, answers = blobs(6, seed=1)
    otsu = np.mean([((one[0] > threshold_otsu(one)) & a).sum() / ((one[0] > threshold_otsu(one)) | a).sum() for one, a in zip(images, answers)])  # fmt: skip
    learnt = iou(lesson[2].nets[0], images, answers)
    assert learnt > 0.75 and learnt > otsu + 0.25


def test_an_untrained_net_does_not(lesson):  # the control
    images, answers = blobs(6, seed=1)
    _, _, fitted = lesson
    torch.manual_seed(3)
    assert iou(type(fitted.nets[0])(fitted.config).eval(), images, answers) < 0.6


def test_answers_of_other_images_teach_nothing(lesson):
    images, answers, fitted = lesson
    shuffled = fit_unet(images, answers[1:] + answers[:1], n_classes=2, settings=TINY)
    (wrong,), (right,) = shuffled.histories, fitted.histories
    assert wrong.valid_loss[-1] > wrong.chance_loss - 0.03  # no better than the shares of the classes
    assert right.valid_loss[-1] < right.chance_loss - 0.2


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    images, answers = blobs(2)
    few = UNetSettings(channels="3,4", updates=2, patch=16, members=2)
    first, again = (fit_unet(images, answers, n_classes=2, settings=few, random_state=5) for _ in range(2))
    for one, two in zip(first.nets, again.nets):
        assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values()))
    assert first.seeds == [5, 6]
    assert not torch.equal(first.nets[0].head.weight, first.nets[1].head.weight)


def test_pixels_that_nobody_knows_neither_cost_nor_count():
    torch.manual_seed(0)
    output, codes = torch.randn(2, 3, 4, 5), torch.randint(3, (2, 4, 5))
    weight = torch.tensor([1.0, 2.0, 0.5])
    codes[:, :2] = PADDING
    objective = PixelCrossEntropy(weight)
    theirs = torch.nn.functional.cross_entropy(output, codes, weight, ignore_index=PADDING)
    torch.testing.assert_close(objective.loss(output, Rows(output, codes)), theirs)
    known = codes != PADDING
    assert objective.score(output, Rows(output, codes)) == pytest.approx(float((output.argmax(1) == codes)[known].double().mean()))  # fmt: skip
    nobody = Rows(output, torch.full_like(codes, PADDING))
    assert float(objective.loss(output, nobody)) == 0 and objective.size(nobody) == 0


def test_strokes_are_enough():
    images, answers = blobs(4)
    known = np.random.default_rng(0).random((SIDE, SIDE)) < 0.05
    sparse = [np.where(known, one, PADDING) for one in answers]
    fitted = fit_unet(images, sparse, n_classes=2, settings=TINY)
    assert iou(fitted.nets[0], *blobs(4, seed=1)) > 0.65
    assert "region" in fitted.notes[0]


def test_equal_classes_weigh_the_same():
    answers = [np.array([0, 0, 0, 1, PADDING])]
    weights = class_weights(answers, 2, "equal")
    assert weights[0] * 3 == pytest.approx(weights[1] * 1)
    assert class_weights(answers, 2, "given").tolist() == [1, 1]


# ---- objects ----
def test_touching_objects_get_a_border_between_them_only():
    labels = np.zeros((7, 9), np.int32)
    labels[1:6, 1:4], labels[1:6, 4:8] = 1, 2
    targets = instance_targets(labels)
    assert (
        (targets[1:6, 3:5] == 2).all() and (targets[2:5, 1:3] == 1).all() and (targets[2:5, 5:8] == 1).all()
    )
    assert (instance_targets(labels, thickness=2)[1:6, 2:6] == 2).all()
    assert (instance_targets((labels > 0).astype(int)) < 2).all()  # one object has no neighbour


def test_a_gap_of_one_pixel_is_border_and_a_wide_one_is_not():
    labels = np.array([1, 1, 1, 0, 2, 2, 0, 0, 0, 3, 3])
    assert instance_targets(labels).tolist() == [1, 1, 1, 2, 1, 1, 0, 0, 0, 1, 1]


# ---- what is held out ----
def test_images_are_held_out_where_there_are_enough_of_them():
    images, answers = blobs(10)
    (kept, _), (held, _), note = divided(images, answers, 0.2)
    assert len(kept) == 8 and len(held) == 2 and "2 of 10 images" in note
    assert {id(one) for one in kept}.isdisjoint(id(one) for one in held)


def test_of_one_image_a_region_is_held_out_and_that_is_said():
    (kept, _), (held, _), note = divided(*blobs(1), 0.25)
    assert kept[0].shape == (1, 36, SIDE) and held[0].shape == (1, 12, SIDE) and "one image only" in note


def test_nothing_is_held_out_where_a_class_would_be_lost():
    images, answers = blobs(1)
    answers = [np.full((SIDE, SIDE), PADDING)]
    answers[0][1, 1], answers[0][-1, -1] = 0, 1
    _, (held, _), note = divided(images, answers, 0.25)
    assert not held and "too little is known" in note


# ---- bad input ----
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda x, y: (x, [one * 0 for one in y]), "at least two classes"),
        (lambda x, y: (x, [one + 1 for one in y]), "from 0 to 1"),
        (lambda x, y: ([one * np.nan for one in x], y), "finite"),
        (lambda x, y: (x, y[:1]), "answers for each"),
        (lambda x, y: (x, [one[:-1] for one in y]), "of shape"),
    ],
)
def test_bad_input_is_refused(spoil, said):
    images, answers = spoil(*blobs(2))
    with pytest.raises(DataError, match=said):
        fit_unet(images, answers, n_classes=2, settings=TINY)


def test_images_smaller_than_a_piece_and_constant_ones_train():
    images = [np.zeros((1, 9, 13), np.float32)]
    answers = [np.eye(9, 13, dtype=np.int64)]
    fitted = fit_unet(images, answers, n_classes=2, settings=UNetSettings(channels="3,4", updates=2))
    assert np.isfinite(fitted.histories[0].train_loss).all()
