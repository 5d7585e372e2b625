"""What is held out of images that teach a net, and what is said of it."""

from __future__ import annotations

import numpy as np

from clew.neural.pixel_net_validation import GAP, Lesson, divide, table_of
from clew.read.stacks import Stack


def lesson(k, values=None):
    values = np.indices((80, 120)).sum(axis=0) % 2 + 1 if values is None else values
    return Lesson(Stack.of(np.full(values.shape, k), name=str(k)), values[None, None], group=str(k))


def test_whole_images_are_held_out_and_no_class_is_left_untaught():
    rare = np.ones((8, 8), int)
    rare[0, 0] = 2
    lessons = [lesson(0, rare), *[lesson(k, np.ones((8, 8), int)) for k in range(1, 6)]]
    for seed in range(6):
        found = divide(lessons, 0.2, seed)
        assert len(found.test) == 1 and found.test[0].group != "0"
        assert {one.group for one in found.train}.isdisjoint(one.group for one in found.test)


def test_of_one_image_a_region_is_held_out_with_a_gap_beside_it():
    found = divide([lesson(0)], 0.25, 0)
    taught, tested = (
        np.flatnonzero(part[0].values.any(axis=(0, 1, 2))) for part in (found.train, found.test)
    )
    assert tested.min() - taught.max() > GAP and tested.max() == 119
    assert found.by == "region" and "one image only" in found.told


def test_where_nothing_can_be_spared_nothing_is_held_out_and_that_is_said():
    assert divide([lesson(0)], 0, 0).test == []
    found = divide([lesson(0, np.eye(8, dtype=int) + 1)], 0.2, 0)
    assert found.test == [] and "nobody knows how good" in found.told


def test_the_net_stands_above_its_rivals_in_the_table_whatever_the_order_of_the_dict():
    one = {"cell": {"jaccard": 0.5, "precision": None, "recall": 1.0}, "ap_50": 0.25}
    lines = table_of({"told": "T.", "figures": {"forest": one, "Otsu": one, "U-Net": one}})
    assert [line.split()[1] for line in lines[1:]] == ["U-Net", "forest", "Otsu"]
    assert lines[1].split()[2:] == ["0.500", "-", "1.000", "0.250"]
