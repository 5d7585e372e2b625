"""How the ground moves in space: along a line, in a plane, in which direction; and how its components compare.

| name | unit | what it is |
|---|---|---|
| rectilinearity | | 1: along a line (P waves); 0: no line stands out |
| planarity | | 1: in a plane (Rayleigh waves; a line is in one, too); 0: in all directions alike |
| azimuth | ° | where the line points on the map, from north over east, 0 to 180: its two ends are not told apart |
| incidence | ° | between the line and the vertical, 0 to 90: P waves from below are steep, S and surface waves flat |
| horizontal_to_vertical | | RMS of the two horizontal components over that of the vertical |
| north_to_east | | RMS of north over that of east |
"""

from __future__ import annotations

import numpy as np

from clew.errors import DataError, check

POLARISATION = ("rectilinearity", "planarity", "azimuth", "incidence")
POLARISATION_UNITS = ("", "", "°", "°")
RATIOS = ("horizontal_to_vertical", "north_to_east")
RATIO_UNITS = ("", "")


def polarisation(block: np.ndarray) -> np.ndarray:
    """Return the shape and the direction of the ground's motion in each window.

    Parameters
    ----------
    block : ndarray, shape (w, 3, n)
        The components up, north, east; NaN where nothing was recorded, and samples that one of them lacks are left out.

    Returns
    -------
    ndarray of float64, shape (w, 4)
        As `POLARISATION` names them, in `POLARISATION_UNITS`. NaN where a component is dead (it never changes, or has
        nothing but NaN), and where fewer than 4 samples are left: a motion that was not recorded has no direction.

    Raises
    ------
    DataError
        If ``block`` is not of shape (w, 3, n).

    Notes
    -----
    With the eigenvalues l1 >= l2 >= l3 of the covariance matrix, rectilinearity is 1 - sqrt(l2 / l1) (Montalbetti &
    Kanasewich, Geophys. J. R. Astron. Soc. 21:119 (1970), doi:10.1111/j.1365-246X.1970.tb01771.x) and planarity
    1 - 2 l3 / (l1 + l2) (Jurkevics, Bull. Seismol. Soc. Am. 78:1725 (1988)); the direction is that of the first
    eigenvector (Flinn, Proc. IEEE 53:1874 (1965), doi:10.1109/PROC.1965.4462). Equal to obspy.signal.polarization.flinn.

    Noise that is alike in all directions looks the less like a line or a plane the more independent samples there are: in
    10 s at 100 Hz it has a rectilinearity of 0.03 and a planarity of 0.10 on average if it is white, 0.10 and 0.28 from 1
    to 5 Hz, 0.18 and 0.49 from 1 to 2 Hz. Its azimuth is anything, and its incidence 57° on average, since more directions
    are flat than steep; and the azimuth of steep motion says nothing.
    """
    from clew.kernels.polarisation import covariances, principal_axes

    values, vectors = principal_axes(covariances(_three(block, of="polarisation")))
    first, second, third = np.maximum(values, 0.0).T
    up, north, east = vectors[:, 0].T
    return np.stack(
        [
            1.0 - np.sqrt(second / first),
            1.0 - 2.0 * third / (first + second),
            np.degrees(np.arctan2(east, north)) % 180.0,
            np.degrees(np.arctan2(np.hypot(north, east), np.abs(up))),
        ],
        axis=1,
    )


def component_ratios(block: np.ndarray) -> np.ndarray:
    """Return how strongly the ground moves along one component in comparison to others, in each window.

    Parameters
    ----------
    block : ndarray, shape (w, 3, n)
        As for `polarisation`.

    Returns
    -------
    ndarray of float64, shape (w, 2)
        As `RATIOS` names them; NaN where `polarisation` is.

    Raises
    ------
    DataError
        If ``block`` is not of shape (w, 3, n).

    Notes
    -----
    The first is sqrt((N² + E²) / 2) / Z of the RMS around the mean: the H/V ratio in the time domain.
    """
    from clew.kernels.polarisation import covariances

    up, north, east = np.diagonal(covariances(_three(block, of="component_ratios")), axis1=1, axis2=2).T
    return np.stack([np.sqrt((north + east) / 2.0 / up), np.sqrt(north / east)], axis=1)


def _three(block: np.ndarray, *, of: str) -> np.ndarray:
    """Return the windows as contiguous float64 (w, 3, n)."""
    check(
        block.ndim == 3 and block.shape[1] == 3,
        DataError,
        "The 'block' of {} must be of shape (windows, 3, samples): up, north, east. Got {}.",
        of,
        block.shape,
    )
    return np.ascontiguousarray(block, dtype=np.float64)
