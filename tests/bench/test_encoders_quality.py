"""What is compared on the nuclei: every rival on the same images, and figures that a slow twin gives, too."""

import os

import numpy as np
import pytest

from clew.bench import encoders_quality
from clew.bench.encoders_quality import _cut, _figures, nuclei
from clew.read.stacks import Stack
from tests.conftest import shared


def test_the_nuclei_are_40_gray_images_with_an_object_each():
    stacks, labels = nuclei(shared("images/nuclei_dsb2018/index.csv").parent)
    assert len(stacks) == len(labels) == 40
    assert all(one.shape[3:] == truth.shape and truth.max() > 0 for one, truth in zip(stacks, labels))


def test_the_figures_are_those_counted_by_hand():
    truth, found = np.zeros((8, 8), np.int32), np.zeros((8, 8), np.int32)
    truth[:2, :4], truth[4:6, :4] = 1, 2
    found[:2, :3], found[6:, 6:] = 1, 2  # one found with IoU 6 / 8, one missed, one made up
    iou, ap = _figures(truth, found > 0, found)
    assert iou == pytest.approx(6 / 20) and ap == pytest.approx(1 / 3)
    assert _figures(truth, *_cut(truth > 0)) == (1, 1)


def test_every_rival_gets_a_figure_from_the_same_images(monkeypatch):
    random = np.random.default_rng(0)
    labels = [np.zeros((40, 40), np.int32) for _ in range(4)]
    for one in labels:
        one[5:15, 5:15], one[20:32, 18:33] = 1, 2
    stacks = [Stack.of((5 * (one > 0) + random.normal(size=one.shape)).astype(np.float32), axes="YX", name=str(i)) for i, one in enumerate(labels)]  # fmt: skip
    monkeypatch.setattr(encoders_quality, "nuclei", lambda folder: (stacks, labels))
    monkeypatch.setattr(encoders_quality, "LEARNT_FROM", 2)
    (row,) = encoders_quality.segmentation_quality(None, splits=[1], updates=3, patch=16, channels="3,4")
    assert row["split"] == 1 and row["seconds"] > 0
    assert (
        row["otsu_iou"] > 0.9
        and row["otsu_ap"] == 1
        and row["forest_iou"] > 0.9
        and row["watershed_iou"] == row["otsu_iou"]
    )
    assert 0 <= row["unet_iou"] < row["otsu_iou"]  # three updates are not enough


@pytest.mark.skipif("CLEW_QUALITY" not in os.environ, reason="twenty CPU-minutes: make quality")
def test_a_unet_finds_nuclei_better_than_the_forest_and_a_threshold():
    rows = encoders_quality.segmentation_quality(shared("images/nuclei_dsb2018/index.csv").parent)
    for row in rows:
        print({name: round(value, 3) for name, value in row.items()})
    mean = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
    print("mean", {name: round(float(value), 3) for name, value in mean.items()})
    assert mean["unet_iou"] >= max(0.86, mean["forest_iou"])
    assert mean["unet_ap"] >= max(0.73, mean["watershed_ap"] + 0.04)
    assert max(row["seconds"] for row in rows) < 600
