"""How good a U-Net is beside a pixel forest and a threshold, all on the same images that none of them has seen."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clew.learn.pixel_model import PixelModel
from clew.learn.pixel_training import train_pixels
from clew.measure.segment import objects_by_border, segment
from clew.neural.pixel_net_training import smallest_of, train_object_net
from clew.neural.pixel_net_validation import BORDER, GROUND, OBJECT, numbers_of
from clew.read.annotations import Annotation
from clew.read.stacks import Stack

LEARNT_FROM = 20  # images of a split; the others test
DRAWN = 20_000  # pixels of the training images that the forest learns from
SPLITS = (0, 1, 2)

Says = Callable[[Stack], tuple[np.ndarray, np.ndarray]]  # foreground and objects, both (Y, X)


def nuclei(folder: Path) -> tuple[list[Stack], list[np.ndarray]]:
    """Return the fluorescence images of nuclei_dsb2018 in gray, and the nucleus of each pixel, int32 (Y, X)."""
    from skimage.io import imread

    stacks, labels = [], []
    with (folder / "index.csv").open() as lines:
        names = [row["id"] for row in csv.DictReader(lines) if row["modality"] == "fluorescence"]
    for name in names:
        image = imread(folder / f"{name}_image.png")[..., :3].mean(axis=-1)
        stacks.append(Stack.of(image.astype(np.float32), axes="YX", name=name))
        labels.append(imread(folder / f"{name}_labels.tif").astype(np.int32))
    return stacks, labels


def segmentation_quality(
    folder: Path, *, splits: Sequence[int] = SPLITS, **settings: Any
) -> list[dict[str, float]]:
    """Train and judge a U-Net, a forest and Otsu's threshold on fixed splits of the nuclei.

    Parameters
    ----------
    folder : Path
        nuclei_dsb2018.
    splits : sequence of int
        Random states: 20 images drawn by each teach, the other 20 test.
    **settings
        Of `clew.neural.unet_settings.UNetSettings`; nothing is held out of the 20 by default.

    Returns
    -------
    list of dict
        A dict for each split: "split", "seconds" (of CPU, for training the U-Net), and for "unet", "forest", "otsu" and "watershed"
        "..._iou" of the foreground and "..._ap" (TP / (TP + FP + FN) of objects at IoU 0.5), both in the mean over images.
        Objects of all are left out where they are smaller than half the smallest that was outlined in training. Those of the
        forest and of "otsu" are cut apart at their necks, as `clew.measure.segment.segment` does; "watershed"
        is the same threshold with scikit-image's usual watershed.
    """
    stacks, labels = nuclei(folder)
    found = []
    for split in splits:
        order = np.random.default_rng(split).permutation(len(stacks))
        learnt, test = order[:LEARNT_FROM], order[LEARNT_FROM:]
        taught = [stacks[i] for i in learnt], [labels[i] for i in learnt]
        start = time.process_time()
        unet = _unet(*taught, random_state=split, **{"held_out": 0.0} | settings)
        row = {"split": float(split), "seconds": time.process_time() - start}
        who: dict[str, Says] = {
            "unet": unet,
            "forest": _forest(*taught, random_state=split),
            "otsu": _otsu,
            "watershed": _watershed,
        }
        least = smallest_of(one[None, None] for one in taught[1])
        for name, says in who.items():
            each = [_figures(labels[i], *says(stacks[i]), least) for i in test]
            row[f"{name}_iou"], row[f"{name}_ap"] = map(float, np.mean(each, axis=0))
        found.append(row)
    return found


def _unet(stacks: list[Stack], labels: list[np.ndarray], **settings: Any) -> Says:
    model = train_object_net(stacks, [one[None, None] for one in labels], **settings)

    def says(stack: Stack) -> tuple[np.ndarray, np.ndarray]:
        classes = numbers_of(model, stack)[0, 0]
        return classes != GROUND, objects_by_border(
            classes, object=OBJECT, border=BORDER, min_area=model.smallest
        )

    return says


def _forest(stacks: list[Stack], labels: list[np.ndarray], *, random_state: int) -> Says:
    random = np.random.default_rng(random_state)
    annotations = []
    for stack, truth in zip(stacks, labels):
        drawn = np.zeros(truth.shape, np.int32)
        some = random.choice(truth.size, min(truth.size, DRAWN // len(stacks)), replace=False)
        drawn.flat[some] = np.where(truth.flat[some] > 0, OBJECT, GROUND)
        annotations.append(Annotation.of(drawn[None, None], name=stack.name))
    model = PixelModel(train_pixels(stacks, annotations, random_state=random_state)[0])
    return lambda stack: _cut(numbers_of(model, stack)[0, 0] == OBJECT)


def _otsu(stack: Stack) -> tuple[np.ndarray, np.ndarray]:
    from skimage.filters import gaussian, threshold_otsu

    image = gaussian(stack.read(0, slice(None), slice(None), slice(None))[0, 0], 1, preserve_range=True)
    return _cut(image > threshold_otsu(image))


def _watershed(stack: Stack) -> tuple[np.ndarray, np.ndarray]:
    """Do what scikit-image's gallery does: grow every maximum of the smoothed distance that is 5 px from others."""
    from scipy.ndimage import distance_transform_edt
    from skimage.feature import peak_local_max
    from skimage.filters import gaussian
    from skimage.measure import label
    from skimage.segmentation import watershed

    mask, _ = _otsu(stack)
    distance = distance_transform_edt(mask)
    seeds = np.zeros(mask.shape, np.int32)
    peaks = peak_local_max(gaussian(distance, 1), min_distance=5, labels=label(mask))
    seeds[tuple(peaks.T)] = range(1, len(peaks) + 1)
    return mask, watershed(-distance, seeds, mask=mask).astype(np.int32)


def _cut(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return mask, segment(mask, split="distance").labels


def _figures(
    truth: np.ndarray, mask: np.ndarray, objects: np.ndarray, min_area: int = 0
) -> tuple[float, float]:
    """Return IoU of the foreground, and AP at IoU 0.5 of all objects that are not too small, of one image."""
    from clew.validate.objects import compare_objects

    known = truth > 0
    objects = np.where(np.bincount(objects.ravel())[objects] >= min_area, objects, 0)
    iou = (known & mask).sum() / max(1, (known | mask).sum())
    return float(iou), float(compare_objects([truth], [objects]).metrics["ap_50"].value)
