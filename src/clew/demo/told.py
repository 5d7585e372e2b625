"""What all walk-throughs share: the folder that they make, and how they tell maps, groups, hypotheses and explanations."""

from __future__ import annotations

import hashlib
import itertools
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from clew.study.study import Study

WIDTH = 100  # letters of a line
STATED = "  It is stated, not proved: these features made the groups, so testing them on the groups would be circular."
MOST = 10  # measurements of a table
OnProgress = Callable[[int, int], bool | None]


def free(out: Path) -> Path:
    """Return ``out``, or the first of out-2, out-3, ... where nothing is: no demo ever replaces anything."""
    numbered = (out.with_name(f"{out.name}-{n}") for n in itertools.count(2))
    return out if not out.exists() else next(one for one in numbered if not one.exists())


def maps(found: Any, *, of: str, by: str) -> list[str]:
    """Tell how far the runs of the map agree; ``of`` what, such as "blobs", ``by`` which measurements."""
    overlap = found.embedding.neighbor_overlap.mean()
    return [
        f"(1) UMAP draws a map of the {of} from {by}. Drawn twice, the map differs:",
        f"  two of its {len(found.embedding.coordinates)} runs share {overlap:.0%} of the neighbours that they give a {of[:-1]}.",
        f"  Each is faithful (trustworthiness {found.embedding.trustworthiness.mean():.2f} of 1); none is the true one.",
    ]


def groups(found: Any, *, of: str) -> list[str]:
    """Tell how far the runs of the clustering agree, and whether there are groups at all."""
    from clew.explore.stability import in_words

    ari = found.clustering.stability.ari
    return [
        f"(2) k-means cuts the {of} into groups, 20 times, each time from other starting points:",
        f"  run 1 and run 2 agree at an adjusted Rand index of {ari[0, 1]:.2f} (1 is the same, 0 is chance).",
        f"  {in_words(found)}",
        f"  Are there groups at all? {found.evidence.headline()}",
        f"  (Single clouds: simulated {of} of one kind only, with the spread and skew that was measured, or as one ellipsoid. "
        f"Cut in two they look less divided than these {of} do.)",
    ]


def hypothesis(found: Any, *, of: str) -> list[str]:
    """Tell which measurements tell the groups apart, the ten that do most where there are many, and what follows."""
    if found.hypotheses is None:
        return ["(3) Without groups there is no hypothesis."]
    if found.k > 2:
        stated = [f"  {one.headline()}." for one in found.hypotheses.stated]
        return [
            "(3) Which measurements tell each group from the rest? Hypotheses:",
            *stated,
            STATED.replace("It is", "They are"),
        ]
    effect = found.hypotheses.effect[:, 0]
    shown = range(len(effect)) if len(effect) <= MOST else np.argsort(-np.abs(effect), kind="stable")[:MOST]
    width = max(len(found.features[i]) for i in shown)
    rows = [
        f"    {found.features[i]:<{width}}  {found.hypotheses.distance_correlation[i, 0]:+8.2f}  {effect[i]:+10.1f}"
        for i in shown
    ]
    return [
        f"(3) Which measurements tell the groups apart? Each one's correlation with a {of[:-1]}'s distance to the centre of "
        "group 0, and the difference between the groups in standard deviations:",
        f"    {'':<{width}}  distance  difference",
        *rows,
        f"  Hypothesis: {found.hypotheses.stated[0].headline()}.",
        STATED,
    ]


def on_threads(study: Study, forest: Any) -> dict[str, str]:
    """Return a short hash of the forest's probabilities, by number of threads."""
    samples = study.samples().select(forest.feature_names)
    return {
        str(n): hashlib.sha256(forest.predict(samples, n_threads=n).probability.tobytes()).hexdigest()[:12]
        for n in (1, 2)
    }


def why(explained: Any, *, part: int) -> list[str]:
    """Tell what the forest goes by."""
    return [
        f"({part}) What does the forest go by? SHAP values, correlated measurements as one, since they share the credit:",
        *(f"  {line}" for line in explained.ranked()[:3]),
        f"  {explained.cause()}",
    ]


def folded(lines: list[str]) -> list[str]:
    """Break long lines between words, with what follows set in as far; commands stay whole, to be copied."""
    short: list[str] = []
    for line in lines:
        indent = " " * max(2, len(line) - len(line.lstrip())) if line.strip() else ""
        wrapped = textwrap.wrap(
            line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        short += wrapped if len(line) > WIDTH and "  clew " not in line else [line]
    return short


class Parts:
    """Counts the parts that are done, and tells who watches."""

    def __init__(self, callback: OnProgress | None, *, total: int) -> None:
        self.callback, self.total, self.so_far = callback, total, 0

    def done(self, parts: int = 1) -> None:
        """Count some more as done."""
        self.so_far += parts
        if self.callback is not None:
            self.callback(self.so_far, self.total)
