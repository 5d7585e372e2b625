"""Objects in space: one row an object of a label image (Z, Y, X), with voxels of whatever proportions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, check
from clew.measure.measured import Measured, counted, sides_of_pixel
from clew.samples import Samples

if TYPE_CHECKING:
    import pandas as pd

AXES = ("major_axis_length", "middle_axis_length", "minor_axis_length")
SIZE = ("volume", "equivalent_diameter", *AXES)
RATIOS = ("solidity", "extent", "elongation", "flatness")
INTENSITY = ("intensity_mean", "intensity_min", "intensity_max", "intensity_std")
PLACE = ("min_plane", "min_row", "min_col", "max_plane", "max_row", "max_col")
CENTER = ("centroid_plane", "centroid_row", "centroid_col")


def measure_volumes(
    stacks: Sequence[np.ndarray],
    label_images: Sequence[np.ndarray],
    *,
    pixel_size: Sequence[float] | None = None,
    unit: str = "px",
    names: Sequence[str] | None = None,
    channel_names: Sequence[str] = ("gray",),
    min_volume: int = 0,
) -> Measured:
    """Measure every object of every stack: one row an object.

    Parameters
    ----------
    stacks : sequence of ndarray, shape (Z, Y, X) or (C, Z, Y, X)
        The intensities; all with the same channels.
    label_images : sequence of ndarray of int, shape (Z, Y, X)
        The objects of each stack; 0 for background.
    pixel_size : sequence of float, optional
        (dz, dy, dx), in ``unit``; 1 each by default.
    unit : str
        What pixel sizes are in, such as "µm".
    names : sequence of str, optional
        What the stacks are called; "stack_1", ... by default.
    channel_names : sequence of str
    min_volume : int
        Objects of fewer voxels are left out, and counted.

    Returns
    -------
    Measured
        Volume, equivalent diameter, the axes of the ellipsoid with the same second moments, solidity (of the convex
        hull), extent (of the bounding box), elongation 1 - middle / major, flatness 1 - minor / middle, and intensities.
        ``origin`` holds source, label, bounding box (half open) and centroid in voxels; the group is the stack.

    Raises
    ------
    DataError
        If shapes do not fit, intensities are not finite, or no object is left.
    SettingError
        If the pixel size is no three lengths.

    Notes
    -----
    The axes by the eigenvalues of the inertia tensor, as scikit-image has them (``2 sqrt(5 ...)``; van der Walt et al.,
    PeerJ 2014, doi:10.7717/peerj.453). A voxel counts as a point there, so an axis of one voxel has length 0: objects
    that are flat in this sense, or too small for a hull, are left out as degenerate.
    """
    import pandas as pd

    spacing = sides_of_pixel(pixel_size, 3, of="measure_volumes")
    names = [f"stack_{i + 1}" for i in range(len(stacks))] if names is None else list(names)
    check(
        len(stacks) == len(label_images) == len(names) >= 1,
        DataError,
        "The stacks, label images and names of measure_volumes must be as many. Got {}, {} and {}.",
        len(stacks),
        len(label_images),
        len(names),
    )
    labels = {name: np.asarray(given) for name, given in zip(names, label_images)}
    tables = [
        _measure_stack(np.asarray(stack), labels[name], name, spacing, channel_names)
        for name, stack in zip(names, stacks)
    ]
    table = pd.concat(tables, ignore_index=True)
    features = _features(channel_names)
    small = (table["n_voxels"] < min_volume).to_numpy()
    degenerate = ~np.isfinite(table[features].to_numpy(np.float64)).all(axis=1)
    degenerate |= (table["minor_axis_length"] <= 0).to_numpy()
    degenerate &= ~small
    kept = table[~small & ~degenerate].reset_index(drop=True)
    counts = {
        "found": len(table),
        "small": int(small.sum()),
        "degenerate": int(degenerate.sum()),
        "kept": len(kept),
    }
    notes = [f"{counted(len(table), 'object')} found, {len(kept)} measured."]
    for why, n in (
        (f"smaller than {counted(min_volume, 'voxel')}", counts["small"]),
        ("degenerate (flat, or too small for a hull)", counts["degenerate"]),
    ):
        notes += [f"{counted(n, 'object')} left out: {why}."] if n else []
    check(
        len(kept),
        DataError,
        "The objects of measure_volumes must be at least 1. Got none ({} found, {} left out).",
        len(table),
        len(table),
    )
    settings: dict[str, Any] = {
        "pixel_size": list(spacing),
        "unit": unit,
        "channels": list(channel_names),
        "min_volume": min_volume,
    }
    return Measured(_samples(kept, unit, channel_names), labels, notes, counts, settings)


def _samples(kept: pd.DataFrame, unit: str, channel_names: Sequence[str]) -> Samples:
    """Return the rows that are kept."""
    features = _features(channel_names)
    units = {"volume": f"{unit}³", "equivalent_diameter": unit, **dict.fromkeys(AXES, unit)}
    return Samples(
        features=kept[features].to_numpy(np.float64),
        feature_names=tuple(features),
        units=tuple(units.get(name, "counts" if name.startswith("intensity") else "") for name in features),
        sample=np.array([f"{s}#{i}" for s, i in zip(kept["source"], kept["label"])], dtype=str),
        origin=kept[["source", "label", *PLACE, *CENTER]].copy(),
        group=kept["source"].to_numpy(str),
        sets={"size": SIZE, "shape": RATIOS, "intensity": tuple(_intensities(channel_names))},
    )


def _features(channel_names: Sequence[str]) -> list[str]:
    return [*SIZE, *RATIOS, *_intensities(channel_names)]


def _intensities(channel_names: Sequence[str]) -> list[str]:
    if len(channel_names) == 1:
        return list(INTENSITY)
    return [f"{figure}_{channel}" for figure in INTENSITY for channel in channel_names]


def _measure_stack(
    stack: np.ndarray,
    labels: np.ndarray,
    name: str,
    spacing: tuple[float, ...],
    channel_names: Sequence[str],
) -> Any:
    """Return the table of the objects of one stack."""
    import pandas as pd
    from skimage.measure import regionprops

    stack = stack if stack.ndim == 4 else stack[None]
    check(
        labels.ndim == 3 and labels.dtype.kind in "ui" and stack.shape == (len(channel_names), *labels.shape),
        DataError,
        "The stack '{}' must have {} channels, and its label image whole numbers of the same (Z, Y, X). Got {} and {} of {}.",
        name,
        len(channel_names),
        stack.shape,
        labels.dtype,
        labels.shape,
    )
    n_wrong = int((~np.isfinite(stack)).sum()) if stack.dtype.kind == "f" else 0
    check(not n_wrong, DataError, "The voxels of '{}' must be finite. Got {} that are not.", name, n_wrong)
    values, dense = np.unique(np.append(0, labels), return_inverse=True)
    check(values[0] == 0, DataError, "The label image of '{}' must not be negative. Got {}.", name, values[0])
    rows = []
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")  # of objects too small for a hull, which are left out and counted
        for one in regionprops(dense[1:].reshape(labels.shape), spacing=spacing):
            inside = stack[(slice(None), *one.slice)][:, one.image].astype(np.float64)
            figures = np.stack([inside.mean(1), inside.min(1), inside.max(1), inside.std(1)])
            axes = _axes(one.inertia_tensor_eigvals)
            rows.append(
                {
                    "source": name,
                    "label": values[one.label],
                    "n_voxels": one.num_pixels,
                    **dict(zip(PLACE, one.bbox)),
                    **dict(zip(CENTER, np.divide(one.centroid, spacing))),
                    "volume": one.area,
                    "equivalent_diameter": one.equivalent_diameter_area,
                    **dict(zip(AXES, axes)),
                    "solidity": one.solidity,
                    "extent": one.extent,
                    "elongation": 1 - axes[1] / axes[0],
                    "flatness": 1 - axes[2] / axes[1],
                    **dict(zip(_intensities(channel_names), figures.ravel())),
                }
            )
    columns = ["source", "label", "n_voxels", *PLACE, *CENTER, *_features(channel_names)]
    return pd.DataFrame(rows, columns=columns)


def _axes(moments: Sequence[float]) -> np.ndarray:
    """Return the full axes of the ellipsoid whose inertia tensor has these eigenvalues (largest first), longest first.

    Of a solid ellipsoid with half axes a >= b >= c they are (a² + b²) / 5, (a² + c²) / 5 and (b² + c²) / 5.
    """
    large, middle, small = moments
    squared = 2.5 * np.array([large + middle - small, large - middle + small, middle + small - large])
    return 2 * np.sqrt(np.maximum(squared, 0))
