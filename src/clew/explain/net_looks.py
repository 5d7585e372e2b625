"""What does a net look at in images of objects or windows of recordings? Where on them, on which channels, in which rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.explain.importance import figure
from clew.explain.saliency import CLAIMS, NAMES, Saliency, Sanity
from clew.intervals import FEW_GROUPS, Interval, number, spell
from clew.result import Result
from clew.words import listed

BINS = 12  # of the distance from the centre, or of the time
UNPLACED = "Where maps are large, random weights make them large as well: it says nothing of the net, and is not averaged."
DISAGREE = "The maps of the nets do not agree: read no single map."
TYPICAL, WRONG = "typical", "wrong"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class NetLooks(Result):
    """What a net that looks at raw data goes by: maps of some rows, places and channels over many.

    Parameters
    ----------
    architecture : str
    outputs : list of str
        The classes, or the name of the number.
    channels, units : list of str
        Of the cut-outs.
    unit : str
        Of places: "s", "µm" or "px".
    rate : float or None
        Of windows, in Hz.
    saliency : Saliency
        Maps of the rows that are shown, towards what the net answered; the inputs are the cut-outs in their own units.
    sample, why, truth, said : ndarray of str, shape (n_shown,)
        Which rows these are; "typical" or "wrong"; what they are, and what the net says.
    sanity : Sanity or None
        Whether the maps speak of the net; None where they are the same everywhere, so that they say nothing.
    edges : ndarray of float64, shape (n_bins + 1,)
        Distances from the centre of the cut-out, or times in the window, in ``unit``.
    density : ndarray of float64, shape (n_rows, n_bins)
        How dense the map of each averaged row is there: 1 where it is as dense as if it were even; 0 all over where the map is.
    answer : ndarray of int64, shape (n_rows,)
        The output that is explained in each of these rows.
    channel_share : ndarray of float64, shape (n_rows, n_channels)
        Of the sizes of its integrated gradients.
    missed : float
        How far the sums of integrated gradients are from the rises of the scores, as a share of the mean rise.
    agreement : float
        Mean Spearman correlation of the maps of different members in the rows that are shown; NaN with one member, or where
        the maps are empty.
    members : int
    held_out : int
        How many rows the net had not learnt from; 0 where that is not known, and all rows that it learnt from stand in.
    warnings : list of str
    reached : Interval or None
        How good the net is on the rows held out: balanced accuracy, or R2 of numbers; None where none were held out.
    chance : float
        What always one answer reaches there.
    """

    architecture: str
    outputs: list[str]
    channels: list[str]
    units: list[str]
    unit: str
    rate: float | None
    saliency: Saliency
    sample: np.ndarray
    why: np.ndarray
    truth: np.ndarray
    said: np.ndarray
    sanity: Sanity | None
    edges: np.ndarray
    density: np.ndarray
    answer: np.ndarray
    channel_share: np.ndarray
    missed: float
    agreement: float
    members: int
    held_out: int
    warnings: list[str]
    reached: Interval | None = None
    chance: float = np.nan

    @property
    def of_windows(self) -> bool:
        """Tell whether these are windows of recordings, not images of objects."""
        return self.saliency.inputs.ndim == 3

    @property
    def believable(self) -> bool:
        """Tell whether the net beats chance, and the maps changed when its weights were made random."""
        return not self.by_chance and self.sanity is not None and self.sanity.depends

    @property
    def placed(self) -> bool:
        """Tell whether it means anything where the maps are large: not, where random weights make maps as large there."""
        return self.believable and self.sanity is not None and not self.sanity.sizes_follow_input

    @property
    def by_chance(self) -> bool:
        """Tell whether the net is not shown to beat chance on the rows held out; not, where there is no interval."""
        return self.reached is not None and self.reached.low <= self.chance

    @property
    def disagree(self) -> bool:
        """Tell whether the maps of the members are no more alike than unrelated maps are."""
        return self.sanity is not None and self.agreement <= self.sanity.chance

    @property
    def told(self) -> np.ndarray:
        """Which of the averaged rows have a map that is not 0 all over, bool (n_rows,)."""
        return np.asarray(self.density.any(axis=1))

    @property
    def method(self) -> str:
        """Return "Grad-CAM", "HiResCAM" or "integrated gradients"."""
        return NAMES[self.saliency.method]

    # ---- in words ----
    def shown_of(self) -> str:
        """Say over how many rows places and channels are averaged, and whether the net learnt from them."""
        return f"{len(self.answer):,} {'held-out' if self.held_out else 'training'}"

    def verdict(self) -> str:
        """Say how good the net is on rows held out, and whether its maps can be believed: before anything else."""
        good = self.how_good()
        return good if self.by_chance else f"{good} {self._of_maps()}".lstrip()

    def how_good(self) -> str:
        """Say how good the net is on the rows held out; "" where none were."""
        if self.reached is None:
            return ""
        what = "balanced accuracy" if len(self.outputs) > 1 else "R2"
        rows, value = f"the {self.held_out:,} rows held out", spell(self.reached.summary())
        if self.by_chance:
            return (
                f"This net is not shown to beat chance on {rows} ({what} {value}): its maps explain nothing."
            )
        return f"On {rows} the net reaches {'a' if len(self.outputs) > 1 else 'an'} {what} of {value}; chance gives {self.chance:.2f}."

    def _of_maps(self) -> str:
        """Say whether the maps speak of the net, and whether those of its members agree."""
        if self.sanity is None:
            return "The maps are the same everywhere, so they say nothing of what the net looks at."
        said, why = self.sanity.verdict, self.sanity.evidence
        return f"{said[0].upper()}{said[1:]} ({why}).{f' {DISAGREE}' if self.disagree else ''}"

    def ranked(self) -> list[str]:
        """Say which places and channels matter, over rows, and which rows are shown."""
        if not self.placed:
            untold = self.sanity is None or self.by_chance
            return [self.shown()] if untold else [UNPLACED, self.shown()]
        told = [self.where(), *self.by_class(), self.which_channel(), self.shown()]
        return [one for one in told if one]

    def where(self) -> str:
        """Say where the maps are densest, over all rows."""
        return f"Maps are densest {self._densest(self.told)}." if self.told.any() else ""

    def by_class(self) -> list[str]:
        """Say the same for the rows that got each class."""
        kinds = np.unique(self.answer[self.told]).tolist()
        if len(kinds) < 2:
            return []
        return [f"Towards {self.outputs[k]}: {self._densest(self.told & (self.answer == k))}." for k in kinds]

    def _densest(self, rows: np.ndarray) -> str:
        mean = self.density[rows].mean(axis=0)
        at = int(mean.argmax())
        what = "into the window" if self.of_windows else "from the centre"
        low, high = (f"{edge:.3g}" for edge in self.edges[at : at + 2])
        return f"{low} to {high} {self.unit} {what}: {figure(mean[at])} times an even map"

    def which_channel(self) -> str:
        """Say how the score is shared among channels; "" where there is one."""
        if len(self.channels) < 2:
            return ""
        mean = self.channel_share.mean(axis=0)
        order = np.argsort(-mean, kind="stable").tolist()
        return f"Of the score's shares go to {listed([f'{self.channels[c]} {mean[c]:.0%}' for c in order])}."

    def shown(self) -> str:
        """Say which rows are shown, and by which rule they were chosen."""
        counts = Counter(self.why.tolist())
        if len(self.outputs) == 1:
            return f"Shown: {counts[TYPICAL]} that are most like the others to the net, and {counts[WRONG]} on which it is furthest off."
        wrong = (
            f"{counts[WRONG]} that it gets wrong, the surest first"
            if counts[WRONG]
            else "none that it gets wrong"
        )
        return (
            f"Shown: {counts[TYPICAL]} that are most like the others of their class to the net, and {wrong}."
        )

    def caveats(self) -> list[str]:
        """Say what to mind: what such maps can say, whose they are, and warnings."""
        whose = ""
        if self.members > 1:
            like = (
                "cannot be compared with them"
                if np.isnan(self.agreement)
                else f"are like them by {self.agreement:.2f} (Spearman)"
            )
            whose = f"The maps are those of the first of {self.members} nets; those of the others {like}."
        return [self.cause(), *([whose] if whose else []), *self.empty(), *self.few(), *self.warnings]

    def few(self) -> list[str]:
        """Say what to do where too few groups were held out to show that the net beats chance."""
        if self.reached is None or not self.by_chance or self.reached.n_groups >= FEW_GROUPS:
            return []
        return [
            f"Only {self.reached.n_groups} groups were held out: train with a larger --held-out to show more."
        ]

    def empty(self) -> list[str]:
        """Say in how many rows the map is 0 all over."""
        n = int((~self.told).sum())
        return (
            [f"In {n} of {len(self.told)} rows the map is empty: nothing in them speaks for the answer."]
            if n
            else []
        )

    def cause(self) -> str:
        """Say what a map of this kind says, and what not."""
        show = "show" if self.saliency.method == "integrated-gradients" else "shows"
        return f"{self.method[0].upper()}{self.method[1:]} {show} {CLAIMS[self.saliency.method]}."

    def headline(self) -> str:
        """Say whether the maps can be believed, and where they are densest."""
        if self.by_chance:
            return self.how_good().rstrip(".")
        if not self.believable:
            return self._of_maps().partition(" (")[0].rstrip(".")
        if not self.placed:
            return f"{self.method} of {len(self.sample)} rows, of which only the signs speak of the net"
        return f"{self.method} of {len(self.sample)} rows: densest {self._densest(self.told)}"

    def summary(self) -> dict[str, Any]:
        """Return where the net looks, over rows and in those that are shown, and whether that can be believed."""
        names = ("sample", "why", "truth", "said")
        columns = (getattr(self, name).tolist() for name in names)
        return {
            "method": self.method,
            "net": self.architecture,
            "outputs": list(self.outputs),
            "rows": len(self.answer),
            "held_out": self.held_out,
            "reached": None if self.reached is None else self.reached.summary(),
            "chance": number(self.chance),
            "believable": self.believable,
            "depends": self.sanity is not None and self.sanity.depends,
            "placed": self.placed,
            "sanity": None if self.sanity is None else self.sanity.summary(),
            "edges": self.edges.tolist(),
            "unit": self.unit,
            "density": self.density[self.told].mean(axis=0).tolist() if self.told.any() else [],
            "channels": dict(zip(self.channels, self.channel_share.mean(axis=0).tolist(), strict=True)),
            "missed": self.missed,
            "agreement": None if np.isnan(self.agreement) else self.agreement,
            "shown": [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)],
            "warnings": [self.cause(), *self.empty(), *self.few(), *self.warnings],
        }  # fmt: skip


def densities(values: np.ndarray, *, size: float, of_windows: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return where maps are dense: over the distance from the centre, or over time.

    Parameters
    ----------
    values : ndarray of float, shape (n_rows, n_channels, *places)
        Their sizes count, summed over channels.
    size : float
        Of one place: the side of a pixel, or the time between samples.
    of_windows : bool
        Places are times, not (y, x).

    Returns
    -------
    edges : ndarray of float64, shape (n_bins + 1,)
    density : ndarray of float64, shape (n_rows, n_bins)
        The share of the map in a bin over the bin's share of all places; 0 in all bins of a map that is 0 everywhere.

    Notes
    -----
    Of an image the circle that fits into it is divided: its corners would say something of two directions only.
    """
    flat = np.abs(values).sum(axis=1).reshape(len(values), -1)
    places = values.shape[2:]
    if of_windows:
        at, end = np.arange(places[0]) + 0.5, float(places[0])
    else:
        y, x = (np.arange(n) + 0.5 - n / 2 for n in places)
        at, end = np.hypot(y[:, None], x[None]).ravel(), min(places) / 2
    n_bins = max(1, min(BINS, int(end // 2)))
    edges = np.linspace(0, end, n_bins + 1)
    inside = at < end
    of = np.digitize(at[inside], edges) - 1
    room = np.bincount(of, minlength=n_bins) / inside.sum()
    mass = np.stack([np.bincount(of, one[inside], n_bins) for one in flat])
    total = mass.sum(axis=1, keepdims=True)
    share = np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)
    return edges * size, share / np.where(room > 0, room, 1.0)
