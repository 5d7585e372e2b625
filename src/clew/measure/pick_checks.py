"""What picks tell of the recordings that they are in: whether the component called vertical is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clew.measure.filtering import design
from clew.measure.picks import Picks
from clew.read.picks import family_of
from clew.read.recording import Recording

ONSET, NOISE, APART = 0.2, 2.8, 0.2  # s behind a P pick, and from 3 s to 0.2 s before it
HIGHPASS = 1.0  # Hz
FEWEST, SHARE = (
    10,
    0.75,
)  # picks at least; the share of them in which a horizontal leads, from which on it is odd
MOST = 200  # picks of a recording that are looked at, evenly spaced
HORIZONTALS = (("N", "E"), ("1", "2"))


@dataclass(frozen=True)
class Leading:
    """In how many P waves each component is the loudest at the onset.

    Parameters
    ----------
    components : tuple of str
        Z and two horizontals; none where a recording lacks them.
    counts : tuple of int
        Of those waves for which all three were recorded, and one got louder.
    """

    components: tuple[str, ...] = ()
    counts: tuple[int, ...] = (0, 0, 0)

    @property
    def judged(self) -> int:
        """Return the number of waves."""
        return sum(self.counts)

    @property
    def instead(self) -> str:
        """Return the horizontal that leads so often that it seems to be the vertical; "" for none.

        Of ten moments that are no waves at all, one horizontal leads in three quarters by chance in 7 of 1,000 recordings.
        """
        most = max(self.counts[1:])
        odd = self.judged >= FEWEST and most >= SHARE * self.judged
        return self.components[self.counts.index(most, 1)] if odd else ""


def leading_at_p(recording: Recording, times: Sequence[float] | np.ndarray) -> Leading:
    """Count in how many of some P waves each component is the loudest for the first 0.2 s, above the noise before.

    P waves of local earthquakes come from below. Of 57 real ones at 58 stations of northern California (NCEDC) the vertical led
    in 91 of 100; where names of components are exchanged, some other one does.

    Parameters
    ----------
    recording : Recording
    times : sequence of float
        Of P picks, in s as the recording has it.

    Returns
    -------
    Leading
        Of none, where there are no three components by name.
    """
    from scipy.signal import sosfilt

    names = list(recording.components)
    flat = next((pair for pair in HORIZONTALS if {"Z", *pair} <= set(names)), None)
    rate = recording.rate
    if flat is None or rate <= 4 * HIGHPASS:
        return Leading()
    rows = [names.index(one) for one in ("Z", *flat)]
    passes = design(rate, highpass=HIGHPASS, lowpass=None)
    before, after = round((NOISE + APART) * rate), max(2, round(ONSET * rate))
    quiet, counts = round(NOISE * rate), [0, 0, 0]
    for time in np.asarray(times)[:: max(1, -(-len(times) // MOST))]:
        first = recording.index(float(time)) - before
        x = recording.read(first, first + before + after, rows)
        if not np.isfinite(x).all():
            continue
        x = sosfilt(passes.sos, x - x[:, :1], axis=1)
        louder = (x[:, before:] ** 2).mean(axis=1) - (x[:, :quiet] ** 2).mean(axis=1)
        if (louder > 0).any():
            counts[int(louder.argmax())] += 1
    return Leading(("Z", *flat), tuple(counts))


def doubts(picks: Picks, recordings: Sequence[Recording]) -> list[str]:
    """Say of which recordings the components seem to be exchanged, one sentence each."""
    told = []
    for one in recordings:
        own = picks.recording == one.name
        p = own & np.array([family_of(phase) == "P" for phase in picks.phase.tolist()], bool)
        found = leading_at_p(one, picks.time[p])
        if found.instead:
            times = f"{max(found.counts[1:])} of {found.judged}"
            told.append(
                f"'{one.name}': {found.instead} is the loudest component in {times} P waves, where Z is in 9 of 10 local earthquakes: "
                "components may be exchanged, and picks, of S above all, may be missing."
            )
    return told
