"""What speaks for a class where somebody looks: exact SHAP values of the filters, and which of them stand together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clew.errors import check_choice
from clew.learn.forest import Forest

RANKED_PIXELS = 4_000  # by which filters are found to stand in for each other


@dataclass(frozen=True, eq=False)
class Reasons:
    """What speaks for a class in some tiles.

    Parameters
    ----------
    of : str
        The class.
    names : list of str
        The filters that the forest asks for.
    mean_absolute : ndarray of float64, shape (n_filters,)
        The mean over the looked-at pixels of each filter's absolute contribution to the probability.
    maps : list of ndarray of float64, shape (n_filters, rows, columns)
        One for each tile: every filter's contribution at every fourth pixel.
    together : list of list of str
        Filters that can stand in for each other.
    values : ndarray of float64, shape (n_filters, n_pixels)
        All maps side by side.
    """

    of: str
    names: list[str]
    mean_absolute: np.ndarray
    maps: list[np.ndarray]
    together: list[list[str]]
    values: np.ndarray

    def of_group(self, group: Sequence[str]) -> float:
        """Return the mean absolute sum of the contributions of filters that stand together."""
        rows = [self.names.index(name) for name in group]
        return float(np.abs(self.values[rows].sum(axis=0)).mean())


def reasons_of(forest: Forest, planes: Sequence[np.ndarray], *, of: str) -> Reasons:
    """Return how far each filter moves the probability of a class, for each pixel of some pictures.

    Parameters
    ----------
    forest : Forest
    planes : sequence of ndarray of float32, shape (n_features, rows, columns)
        All features of the forest, a picture each.
    of : str
        The class.

    Raises
    ------
    SettingError
        If the forest has no such class.

    Notes
    -----
    Path-dependent TreeSHAP (Lundberg et al., Nature Machine Intelligence 2, 2020, doi:10.1038/s42256-019-0138-9), as
    `clew.learn.pixel_shapley.PixelExplainer` does for whole images.
    """
    from clew.explain.shapley import ShapleyTables
    from clew.explore.hypotheses import correlated_groups, spearman

    check_choice(of, forest.classes, what="'of' setting", of="what speaks for a class")
    tables = ShapleyTables.of(forest, output=forest.classes.index(of))
    used = list(tables.used)
    flat = [np.ascontiguousarray(one[used].reshape(len(used), -1)) for one in planes]
    values = [np.empty(one.shape) for one in flat]
    for features, found in zip(flat, values):
        tables.explain_planes(features, found)
    every, features = np.concatenate(values, axis=1), np.concatenate(flat, axis=1)
    looked = np.unique(np.linspace(0, features.shape[1] - 1, RANKED_PIXELS).astype(int))
    names = [forest.feature_names[i] for i in used]
    together = correlated_groups(spearman(features[:, looked].T.astype(np.float64)), names)
    maps = [found.reshape(len(used), *one.shape[1:]) for found, one in zip(values, planes)]
    return Reasons(of, names, np.abs(every).mean(axis=1), maps, together, every)
