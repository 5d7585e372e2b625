"""The table of what is measured of a window of a recording: names, units, sets, and where each comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clew.errors import DataError, check
from clew.measure.spectra import CEPSTRAL, FILTERS, Lines, spectral_lines, spell_band


@dataclass(frozen=True)
class Measurement:
    """One thing that is measured.

    Parameters
    ----------
    name, unit : str
        "{u}" in a unit stands for that of the samples.
    set : str
        The named set of features it belongs to.
    source : str
        How it is measured, and who says so.
    """

    name: str
    unit: str
    set: str
    source: str


@dataclass(frozen=True)
class FeatureTable:
    """What is measured of windows, in the order of the columns.

    Parameters
    ----------
    names, units : tuple of str
        One a column; all names differ.
    sets : dict of str to tuple of str
        Named sets of features.
    sources : dict of str to str
        How each is measured, and who says so.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    sets: dict[str, tuple[str, ...]]
    sources: dict[str, str]


# ---- of each component, in the order in which the loops of clew.kernels.waveforms write them ----
# fmt: off
BOMMER = "Bommer & Martínez-Pereira, J. Earthquake Eng. 3 (1999), doi:10.1080/13632469909350343"
LEVELS = (
    Measurement("peak_amplitude", "{u}", "amplitude", "largest distance of the samples from 0"),
    Measurement("rms_amplitude", "{u}", "amplitude", "root mean square of the samples"),
    Measurement("peak_to_peak", "{u}", "amplitude", "largest less smallest sample"),
    Measurement("energy", "{u}² s", "amplitude", "sum of the squared samples over the sampling rate"),
    Measurement("crest_factor", "", "shape", "largest distance from the mean over the standard deviation"),
    Measurement("skewness", "", "shape", "third central moment over the cube of the standard deviation"),
    Measurement("kurtosis", "", "shape", "fourth central moment over the squared variance, less 3"),
    Measurement("zero_crossing_rate", "1/s", "frequency", "changes of sign about the mean a second"),
)
ENVELOPES = (
    Measurement("envelope_mean_to_maximum", "", "shape", "mean over maximum of the envelope (length of the analytic signal)"),
    Measurement("envelope_variation", "", "shape", "standard deviation over mean of the envelope"),
    Measurement("envelope_kurtosis", "", "shape", "excess kurtosis of the envelope"),
    Measurement("duration", "s", "shape", f"time for which the smoothed envelope is above 0.2 of its maximum; uniform duration, {BOMMER}"),
    Measurement("significant_duration", "s", "shape", "from 5 to 95% of the energy; Trifunac & Brady, Bull. Seism. Soc. Am. 65 (1975), doi:10.1785/BSSA0650030581"),
    Measurement("rise_time", "s", "shape", "from where the smoothed envelope last rose above 0.2 of its maximum to the maximum"),
    Measurement("decay_rate", "1/s", "shape", "fall of the logarithm of the smoothed envelope from its maximum to a hundredth of it, or the end, by least squares"),
    Measurement("time_of_maximum", "", "position", "where the smoothed envelope is largest, as a share of the window; not in its outer 1%, where fewer samples are averaged"),
)
TRIGGER = (
    Measurement("sta_lta_maximum", "", "trigger", "largest ratio of mean squares, over a 20th and over a 4th of the window, both trailing; Allen, Bull. Seism. Soc. Am. 68 (1978), doi:10.1785/BSSA0680051521"),
)
FREQUENCIES = (
    Measurement("dominant_frequency", "Hz", "frequency", "where the power is largest"),
    Measurement("centroid_frequency", "Hz", "frequency", "mean frequency, weighted by power"),
    Measurement("bandwidth", "Hz", "frequency", "standard deviation of frequency, weighted by power"),
    Measurement("spectral_rolloff", "Hz", "frequency", "85% of the power lies up to here"),
    Measurement("spectral_entropy", "", "frequency", "entropy of the shares of power, 1 where all are equal"),
    Measurement("spectral_flatness", "", "frequency", "geometric over arithmetic mean of power"),
    Measurement("spectral_slope", "", "frequency", "of log power against log frequency, by least squares"),
)
REPETITION = (
    Measurement("autocorrelation_peak", "", "repetition", "highest peak of the autocorrelation behind its first zero, up to half the window, lag 0 being 1; 0 if none"),
    Measurement("autocorrelation_lag", "s", "repetition", "lag of the first peak of at least 0.8 of that: the period of what repeats; 0 if none"),
    Measurement("envelope_autocorrelation_peak", "", "repetition", "the same of the envelope less its mean: footfalls repeat, however they sound"),
    Measurement("envelope_autocorrelation_lag", "s", "repetition", "the same of the envelope: the time from footfall to footfall; 0 if none"),
)

# ---- of three components, and of stations together ----
MONTALBETTI = "Montalbetti & Kanasewich, Geophys. J. R. Astron. Soc. 21 (1970), doi:10.1111/j.1365-246X.1970.tb01771.x"
FLINN = "Flinn, Proc. IEEE 53 (1965), doi:10.1109/PROC.1965.4462"
JURKEVICS = "Jurkevics, Bull. Seism. Soc. Am. 78 (1988) 1725"
POLARISATION = (
    Measurement("rectilinearity", "", "polarisation", f"1 where the motion is along a line; {MONTALBETTI}"),
    Measurement("planarity", "", "polarisation", f"1 where the motion is within a plane; {JURKEVICS}"),
    Measurement("azimuth", "°", "polarisation", f"direction of that line from north, 0 to 180; {FLINN}"),
    Measurement("incidence", "°", "polarisation", f"of that line from the vertical, 0 to 90; {FLINN}"),
)
RATIOS = (
    Measurement("horizontal_to_vertical", "", "ratios", "root mean square of the two horizontal components over that of the vertical one"),
    Measurement("north_to_east", "", "ratios", "root mean square of the north component over that of the east one"),
)
WELCH = "by Welch's method, IEEE Trans. Audio Electroacoust. 15 (1967), doi:10.1109/TAU.1967.1161901"
NETWORK = (
    Measurement("coherence", "", "network", f"magnitude-squared coherence with other stations, mean of frequencies and stations; {WELCH}"),
    Measurement("largest_coherence", "", "network", "the same with the station that is most alike"),
    Measurement("correlation", "", "network", "largest correlation with other stations, at lags up to a quarter of the window, mean of stations"),
    Measurement("largest_correlation", "", "network", "the same with the station that is most alike"),
)
# fmt: on


def bands_and_cepstra(lines: Lines) -> tuple[Measurement, ...]:
    """Return the bands of a spectrum and its cepstral coefficients, whose number hangs on the window."""
    bands = [
        Measurement(
            f"energy_{spell_band(low, high)}",
            "log10",
            "frequency",
            "logarithm to base 10 of the band's share of the power; -12 at the least",
        )
        for low, high in zip(lines.bounds[:-1], lines.bounds[1:])
    ]
    cepstra = [
        Measurement(
            f"cepstral_{order}",
            "",
            "cepstral",
            f"discrete cosine transform, order {order} of {CEPSTRAL}, of log power in {FILTERS} triangular filters of equal "
            "width in Hz (fewer in short windows); Davis & Mermelstein, IEEE Trans. ASSP 28 (1980), "
            "doi:10.1109/TASSP.1980.1163420",
        )
        for order in range(1, len(lines.cosines) + 1)
    ]
    return (*bands, *cepstra)


def of_each_component(lines: Lines) -> tuple[Measurement, ...]:
    """Return what is measured of each component, in the order of the columns."""
    return (*LEVELS, *ENVELOPES, *TRIGGER, *FREQUENCIES, *bands_and_cepstra(lines), *REPETITION)


def describe(
    components: Sequence[str],
    *,
    of: Sequence[int],
    three: Sequence[int] | None,
    rate: float,
    n: int,
    unit: str | Sequence[str],
    highest: float | None = None,
    network: bool = False,
) -> FeatureTable:
    """Say what `clew.measure.waveforms.measure_waveforms` measures, in the order of its columns.

    Parameters
    ----------
    components : sequence of str
        What the components are called. Where several are measured, the names of features end in theirs, in lower case.
    of : sequence of int
        The components that are measured, each by itself.
    three : sequence of three int, optional
        The vertical, the north and the east one, where polarisation is measured, too.
    rate : float
        In Hz.
    n : int
        Samples of a window.
    unit : str or sequence of str
        Of the samples, or of those of each component that is measured; "" where unknown.
    highest : float, optional
        In Hz; what is above is not looked at. Half the rate by default.
    network : bool
        Whether what compares a station with the others follows.

    Raises
    ------
    SettingError
        If the window is too short for its frequencies.
    DataError
        If two of the components have one name.
    """
    each = of_each_component(spectral_lines(rate, n, highest))
    endings = [""] if len(of) == 1 else [f"_{_ending(components[i])}" for i in of]
    check(
        len(set(endings)) == len(endings),
        DataError,
        "The components of a recording must have different names. Got {}.",
        ", ".join(components),
    )
    units = [unit] * len(of) if isinstance(unit, str) else list(unit)
    columns = [(one.name + ending, one) for ending in endings for one in each]
    spelt = [_spell_unit(one.unit, unit) for unit in units for one in each]
    together = (*(POLARISATION + RATIOS if three is not None else ()), *(NETWORK if network else ()))
    columns += [(one.name, one) for one in together]
    spelt += [one.unit for one in together]
    sets: dict[str, tuple[str, ...]] = {}
    for name, one in columns:
        sets[one.set] = (*sets.get(one.set, ()), name)
    return FeatureTable(
        tuple(name for name, _ in columns),
        tuple(spelt),
        sets,
        {name: one.source for name, one in columns},
    )


def _ending(component: str) -> str:
    """Return how the names of features end for a component."""
    return "_".join(component.lower().split())


def _spell_unit(template: str, unit: str) -> str:
    """Return a unit with that of the samples in its place; "" where that is unknown."""
    if "{u}" in template and not unit:
        return ""
    whole = f"({unit})" if "²" in template and not unit.isalpha() else unit
    return template.replace("{u}", whole)
