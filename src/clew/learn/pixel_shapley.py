"""Why is a pixel of its class? Exact Shapley values of every pixel for every filter, tile by tile."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import SettingError, check, check_choice
from clew.explore.hypotheses import correlated_groups, spearman
from clew.learn.pixel_model import PixelModel
from clew.learn.tiling import OnProgress, block_at, in_threads, scale_of, tiles_of
from clew.measure.intensity import Scale
from clew.measure.pixels import Buffers, Shape
from clew.read.stacks import Stack
from clew.result import Result

TILE_2D, TILE_3D = (1, 128, 256), (16, 32, 64)  # features and values of a tile stay below 30 MB
LOOKED_AT = 20_000  # pixels, evenly spread, by which filters are ranked and found to be correlated
Write = Callable[[int, Shape, np.ndarray], Any]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PixelContributions(Result):
    """What pushes the pixels of an image towards a class.

    Parameters
    ----------
    of : str
        The class.
    base : float
        Its probability where no filter is known: among the pixels that were painted.
    feature_names : list of str
        The filters that the forest asks for, the one that says most first.
    mean_absolute : ndarray of float64, shape (n_features,)
        The mean over pixels of each filter's absolute contribution to the probability.
    groups : list of list of str
        The same filters, those together that can stand in for each other; the group that says most first.
    group_mean_absolute : ndarray of float64, shape (n_groups,)
        The mean over pixels of the absolute sum of a group's contributions.
    channels : list of str
        What was written, one map each, in this order.
    n_pixels : int
        The pixels by which filters were ranked and grouped.
    error : float
        The largest difference, over these pixels, between the probability and the base with all contributions.
    """

    of: str
    base: float
    feature_names: list[str]
    mean_absolute: np.ndarray
    groups: list[list[str]]
    group_mean_absolute: np.ndarray
    channels: list[str]
    n_pixels: int
    error: float

    def headline(self) -> str:
        """Say which group of filters pushes most."""
        told = [
            f"{name_of(group)} {value:.3f}" for group, value in zip(self.groups[:3], self.group_mean_absolute)
        ]
        return f"{self.of}: {', '.join(told)} of probability on average, from {self.base:.2f}"

    def summary(self) -> dict[str, Any]:
        """Return what scripts rely on."""
        return {
            "of": self.of,
            "base": self.base,
            "features": [
                {"name": name, "shap": float(value)}
                for name, value in zip(self.feature_names, self.mean_absolute)
            ],
            "correlated_groups": [list(group) for group in self.groups if len(group) > 1],
            "groups": [
                {"features": list(group), "shap": float(value)}
                for group, value in zip(self.groups, self.group_mean_absolute)
            ],
            "channels": list(self.channels),
        }


def name_of(group: list[str]) -> str:
    """Return what a group of filters is called: by its first, and how many stand behind it."""
    return group[0] if len(group) == 1 else f"{group[0]} + {len(group) - 1}"


class PixelExplainer:
    """Tells how each filter moves the probability of one class, for every pixel of one image.

    Parameters
    ----------
    model : PixelModel
    stack : Stack
        An image that fits the model.
    of : str, optional
        The class; the one that was painted with the highest number otherwise: the ground is mostly painted first.
    by : {"feature", "group"}
        Whether maps are those of single filters, or of groups that can stand in for each other: a single filter's map
        is small where others say the same.
    most : int
        How many maps: those that say most.

    Raises
    ------
    SettingError
        If there is no such class, or `most` is below 1.
    DataError
        If the image does not fit the model.

    Notes
    -----
    Path-dependent TreeSHAP (Lundberg et al., Nature Machine Intelligence 2, 2020, doi:10.1038/s42256-019-0138-9), with
    the painted pixels as what is known of filters that are not: filters lean on each other as they did there.
    """

    def __init__(
        self,
        model: PixelModel,
        stack: Stack,
        *,
        of: str | None = None,
        by: Literal["feature", "group"] = "feature",
        most: int = 7,
    ) -> None:
        from clew.explain.shapley import ShapleyTables

        of = max(model.values, key=lambda name: model.values[name]) if of is None else of
        check_choice(of, model.forest.classes, what="'of' setting", of="pixels explain")
        check_choice(by, ["feature", "group"], what="'by' setting", of="pixels explain")
        check(most >= 1, SettingError, "The 'most' of pixels explain must be at least 1. Got {}.", most)
        self.notes = model.check(stack)
        self.model, self.stack, self.of = model, stack, of
        self.scale: Scale = scale_of(stack, model.normalise)
        self.tables = ShapleyTables.of(model.forest, output=model.forest.classes.index(of))
        self.used = list(self.tables.used)
        self.local = threading.local()
        self.size: Shape = TILE_2D if model.features.dimensions == 2 else TILE_3D
        self._look(by, most)

    def _look(self, by: str, most: int) -> None:
        """Rank and group the filters by pixels spread evenly over the image; choose the maps."""
        n = self.stack.shape[0] * math.prod(self.stack.shape[2:])
        stride = max(1, round(math.sqrt(n / LOOKED_AT)))
        parts: dict[tuple[int, Shape], tuple[np.ndarray, np.ndarray]] = {}

        def look(one: tuple[int, Shape, Shape]) -> None:
            planes, shape = self._features(*one)
            every = np.arange(planes.shape[1]).reshape(shape)[:, ::stride, ::stride].reshape(-1)
            chosen = np.ascontiguousarray(planes[:, every])
            parts[one[:2]] = chosen, self._values(chosen)

        in_threads(look, self._tiles(), None)
        order = sorted(parts)
        features = np.concatenate([parts[at][0] for at in order], axis=1)  # (n_used, n_looked)
        values = np.concatenate([parts[at][1] for at in order], axis=1)
        names = [self.model.forest.feature_names[i] for i in self.used]
        mean = np.abs(values).mean(axis=1)
        ranked = np.argsort(-mean, kind="stable")
        together = correlated_groups(spearman(features.T.astype(np.float64)), names)
        alone = [[name] for name in names if not any(name in group for group in together)]
        rows = [
            sorted((names.index(name) for name in group), key=lambda i: -mean[i])
            for group in [*together, *alone]
        ]
        of_group = np.array([np.abs(values[group].sum(axis=0)).mean() for group in rows])
        first = np.argsort(-of_group, kind="stable")
        self.maps = [rows[i] for i in first[:most]] if by == "group" else [[int(i)] for i in ranked[:most]]
        probability = self.model.forest.predict(self._whole(features)).probability
        assert probability is not None
        said = probability[:, self.model.forest.classes.index(self.of)]
        self.result = PixelContributions(
            of=self.of,
            base=float(self.tables.base[0]),
            feature_names=[names[i] for i in ranked],
            mean_absolute=mean[ranked],
            groups=[[names[j] for j in rows[i]] for i in first],
            group_mean_absolute=of_group[first],
            channels=[name_of([names[j] for j in group]) for group in self.maps],
            n_pixels=values.shape[1],
            error=float(np.abs(self.tables.base[0] + values.sum(axis=0) - said).max()),
            settings={"of": self.of, "by": by, "most": most},
        )

    def write(self, write: Write, *, on_progress: OnProgress | None = None) -> None:
        """Make the maps tile by tile, on all threads, and hand each tile on.

        Parameters
        ----------
        write : callable
            Takes t, the start (z, y, x) of a tile and its maps, float32 of shape (n_maps, Z, Y, X): how far each moves the
            probability of the class; called from several threads, with tiles that do not overlap.
        on_progress : callable, optional
            Takes the numbers of tiles done and in all; returning False stops.

        Raises
        ------
        Stopped
            If ``on_progress`` said so.
        """

        def do(one: tuple[int, Shape, Shape]) -> None:
            planes, shape = self._features(*one)
            values = self._values(planes)
            maps = np.stack([values[group].sum(axis=0) for group in self.maps]).astype(np.float32)
            write(one[0], one[1], maps.reshape(-1, *shape))

        in_threads(do, self._tiles(), on_progress)

    def _tiles(self) -> list[tuple[int, Shape, Shape]]:
        return list(tiles_of(self.stack.shape, self.size))

    def _features(self, t: int, start: Shape, stop: Shape) -> tuple[np.ndarray, Shape]:
        """Return the filters that the forest asks for, float32 (n_used, n), and the shape of the tile."""
        if not hasattr(self.local, "buffers"):
            self.local.buffers = Buffers()
        bank = self.model.bank(self.stack)
        block = block_at(self.stack, t, start, stop, bank.halo(self.used), self.scale, self.local.buffers)
        shape: Shape = block.shape
        planes = self.local.buffers.take("features", (len(self.used), math.prod(shape)))
        place = {index: row for row, index in enumerate(self.used)}

        def keep(index: int, values: np.ndarray) -> None:
            planes[place[index]] = values.reshape(-1)

        bank.apply(block, keep, self.used)
        return planes, shape

    def _values(self, planes: np.ndarray) -> np.ndarray:
        """Return the Shapley values of filters (n_used, n), float64 of the same shape."""
        values = np.empty(planes.shape)
        self.tables.explain_planes(planes, values)
        return values

    def _whole(self, features: np.ndarray) -> np.ndarray:
        """Return rows of all filters; those that no tree asks for are 0."""
        rows = np.zeros((features.shape[1], len(self.model.forest.feature_names)), np.float32)
        rows[:, self.used] = features.T
        return rows
