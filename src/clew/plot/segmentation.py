"""Figures of how well a segmentation agrees with the truth: its figures, its objects, and where it does not."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.plot.style import GROUPS, INK, INK3, REF, RULE, RULE2, SURFACE, THREAD, Drawing, bare, drawn, mix
from clew.plot.validate import spelt
from clew.validate.objects import ObjectScores
from clew.validate.segmentation import SegmentationScores

WORDS = {"accuracy": "accuracy, whole", "cropped_accuracy": "accuracy, cropped", "precision": "precision", "recall": "recall", "f1": "F1 (Dice)", "jaccard": "Jaccard"}  # fmt: skip
ONLY_TRUE, ONLY_PREDICTED = GROUPS[0], GROUPS[1]
MOST_SHOWN = 400  # dots of single images in a row


@drawn
def pixels(result: SegmentationScores, *, width: float = 460) -> Drawing:
    """Draw the figures of pixels with their intervals, and each image as a dot; accuracy with and without background."""
    height = 24.0 * len(WORDS) + 44
    figure = Drawing(width, height)
    axes = figure.add_axes((128 / width, 30 / height, 1 - 262 / width, 1 - 44 / height))
    places = np.arange(len(WORDS))[::-1].astype(float)
    of_row = axes.get_yaxis_transform()
    axes.hlines(places, 0, 1, color=RULE, linewidth=0.8, transform=of_row)
    shown = [result.metrics[name].value for name in WORDS]
    for where, (name, word) in zip(places, WORDS.items()):
        one = result.metrics[name]
        if name != "cropped_accuracy" and 1 < len(result.confusion) <= MOST_SHOWN:
            each = result.of_images(name)  # type: ignore[arg-type]
            axes.plot(each, np.full(each.size, where), "|", color=mix(RULE2, 0.7), markersize=7)
            shown += each.tolist()
        if np.isfinite(one.low):
            axes.plot([one.low, one.high], [where] * 2, color=INK3, linewidth=1.5)
            shown.append(one.low)
        face = SURFACE if name == "accuracy" else THREAD if name == "cropped_accuracy" else INK3
        edge = THREAD if name == "cropped_accuracy" else INK3
        axes.plot(one.value, where, "o", markersize=6, color=face, markeredgecolor=edge, markeredgewidth=1.4)
        text: dict[str, Any] = {"va": "center", "fontsize": 10.5, "clip_on": False, "transform": of_row}
        inner = width - 262
        axes.text(-128 / inner, where, word, color=INK, **text)
        axes.text(1 + 128 / inner, where, spelt(one), color=INK, ha="right", **text)
    left = float(np.floor(np.nanmin(shown) * 10)) / 10
    axes.set_xlim(max(left, 0) - 0.01, 1.01)
    axes.set_ylim(-0.6, len(WORDS) - 0.4)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=4)
    return figure


@drawn
def objects(result: ObjectScores, *, width: float = 560) -> Drawing:
    """Draw average precision over IoU, and the IoU of every true object."""
    figure = Drawing(width, 190)
    left, right = (part.add_axes((0.17, 0.24, 0.78, 0.66)) for part in figure.halves([1, 1]))
    left.plot(result.thresholds, result.average_precision, "o-", color=INK3, markersize=4)
    left.axhline(result.metrics["mean_ap"].value, color=THREAD, linewidth=1)
    left.text(
        0.95, result.metrics["mean_ap"].value, "mean", color=THREAD, ha="right", va="bottom", fontsize=9.5
    )
    left.set_xlabel("IoU that a match must reach")
    left.set_ylabel("TP / (TP + FP + FN)")
    left.set_ylim(0, 1.03)
    right.hist(result.iou, bins=np.arange(0, 1.0001, 0.05), color=REF)
    right.axvline(0.5, color=THREAD, linewidth=1)
    right.set_xlabel("IoU of a true object with its match, 0: none")
    right.set_ylabel("objects")
    return figure


@drawn
def agreement(
    truth: np.ndarray, predicted: np.ndarray, *, background: int = 0, width: float = 420
) -> Drawing:
    """Draw where truth and prediction are both, or only one of them, not background.

    Parameters
    ----------
    truth, predicted : ndarray of int, shape (Y, X) or (Z, Y, X)
        Label images; of a stack, the plane is shown that differs in most pixels.
    background : int
        The number of the background.
    width : float
        Of the figure, in px.
    """
    true, said = np.asarray(truth) != background, np.asarray(predicted) != background
    title = ""
    if true.ndim == 3:
        plane = int((true != said).sum(axis=(1, 2)).argmax())
        true, said, title = true[plane], said[plane], f"plane {plane} of {len(true)}, "
    height = width * true.shape[0] / true.shape[1]
    figure = Drawing(width, height + 24)
    axes = figure.add_axes((0.003, 24 / (height + 24), 0.994, 0.994 * height / (height + 24)))
    colors = np.array([mix(color, 1.0) for color in (SURFACE, ONLY_TRUE, ONLY_PREDICTED, REF)])
    axes.imshow(colors[true + 2 * said], interpolation="nearest")
    bare(axes)
    for spine in axes.spines.values():
        spine.set_visible(True)
    parts = [(f"{title}both", INK3), ("only the truth", ONLY_TRUE), ("only the prediction", ONLY_PREDICTED)]
    for share, (word, color) in zip((0.01, 0.38, 0.68), parts):
        figure.text(share, 7 / (height + 24), word, color=color, fontsize=9.5)
    return figure
