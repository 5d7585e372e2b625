"""Denoised recordings: from files of any length to miniSEED, by a net that learnt the noise of their own quiet parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check, check_choice
from clew.measure.frames import LOWEST_RATE
from clew.measure.runs import Run, living_runs, quiet_runs
from clew.neural.denoise_settings import DenoiseSettings
from clew.result import Result, literal_choices
from clew.steps.outcome import OnProgress, Outcome, sentences

if TYPE_CHECKING:
    from clew.neural.denoiser import Denoiser
    from clew.neural.signal_denoiser import Cleaned, SignalDenoiser
    from clew.read.miniseed_writer import MiniseedFile
    from clew.read.recording import Recording

Method = Literal["auto", "n2v", "autoencoder"]
MODEL = "denoiser"  # the folder in the output
MOST_WINDOWS = 600  # of noise, of all recordings
HELD_OUT = 4  # every fourth station is, or the last fourth of the time
DIAGNOSED = 2**16  # samples by which the noise of a recording is diagnosed
LEARNT = 2**18  # samples of each recording that Noise2Void learns from
TILE = 2**16  # samples that it denoises together
SLOWEST = 4.0  # Hz
MOST_TOGETHER = 3  # components that an event is simulated in
JUDGED, LITTLE = 12, 0.5  # quiet parts that events are put into, and dB that are no difference
SHOWN, SHOWN_SECONDS = 3, 30.0  # excerpts, before and after


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Excerpt(Result):
    """The loudest part of a recording, before and after.

    Parameters
    ----------
    name : str
        Of the recording and the component.
    rate, start : float
        In Hz, and s since the start of the recording.
    before, after : ndarray of float64, shape (n,)
        NaN where nothing was recorded; before without its mean.
    """

    name: str
    rate: float
    start: float
    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DenoisedRecordings(Result):
    """What became of recordings.

    Parameters
    ----------
    files : list of str
        Written, one for each recording.
    method : {"n2v", "autoencoder"}
    left : list of float
        The share of the energy above 1 Hz that is left, of each.
    clipped : int
        Samples that whole counts of 32 bits could not hold.
    excerpts : list of Excerpt
        Of the first recordings.
    caution : str
    beside : list of dict
        What the net and classical filters make of simulated events in quiet parts: see `clew.measure.signal_rivals.gains`.
    """

    files: list[str]
    method: str
    left: list[float]
    clipped: int
    excerpts: list[Excerpt]
    caution: str
    beside: list[dict[str, Any]] = field(default_factory=list)

    def headline(self) -> str:
        """Say how much energy is left."""
        low, high = min(self.left), max(self.left)
        share = f"{low:.0%}" if round(low, 2) == round(high, 2) else f"{low:.0%} to {high:.0%}"
        n = len(self.files)
        return f"{n} recording{'s' * (n != 1)} denoised by {self.method}: {share} of the energy above 1 Hz is left"


def denoise_recordings(
    paths: Sequence[Path],
    *,
    out: Path,
    method: Method = "auto",
    model: Path | None = None,
    rate: float | None = None,
    time: str | None = None,
    max_epochs: int = 30,
    random_state: int = 0,
    threads: int = 1,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Remove noise from recordings of any length, and write them as miniSEED.

    The noise is diagnosed first: that of seismometers hangs together in time, which Noise2Void does not remove, and "auto" takes
    the autoencoder then, and n2v where the noise is independent. It learns from simulated earthquakes that are mixed with the quiet parts of these very recordings.

    Parameters
    ----------
    paths : sequence of Path
        Recordings, and folders of them.
    out : Path
        A folder: NAME.mseed for each recording, and the model in ``denoiser``.
    method : {"auto", "n2v", "autoencoder"}
    model : Path, optional
        A denoiser that was trained before, to use as it is.
    rate, time
        As for `clew.read.recordings.read_recordings`.
    max_epochs : int
        Of the autoencoder's training: 512 mixtures each.
    random_state, threads : int
        Decide the bits of what is trained.
    on_progress : callable (done, total), optional
        Told after each epoch, then after each recording; returning False stops.

    Raises
    ------
    DataError
        If a recording cannot be read, or too little of them is quiet to learn from.
    SettingError
        If the output holds a model already, or the method does not go with the model that is given.
    Stopped
        If ``on_progress`` said so.
    """
    from clew.read.recordings import read_recordings

    check_choice(method, literal_choices(Method)[0], what="'method' setting", of="denoise")
    check(
        not (out / MODEL).exists(),
        SettingError,
        "The folder --out must hold no model yet. Got one in '{}'.",
        out / MODEL,
    )
    read = read_recordings(paths, rate=rate, time=time, lenient=True)
    recordings = read.recordings
    slowest = min(one.rate for one in recordings)
    check(slowest > SLOWEST, DataError, "The recordings to be denoised must have more than {:g} samples a second, since what is below 1 Hz is left out. Got {:g} Hz.", SLOWEST, slowest)  # fmt: skip
    how = DenoiseSettings(random_state=random_state, threads=threads)
    independent, said = diagnosis(recordings)
    chosen: str = method if method != "auto" else "n2v" if independent else "autoencoder"
    if model is not None:
        trained, chosen = _loaded(model, method)
    elif chosen == "n2v":
        trained = _n2v(recordings, how, on_progress)
    else:
        trained = _autoencoder(recordings, how, max_epochs, on_progress)
    out.mkdir(parents=True, exist_ok=True)
    beside, compared = _beside(trained, recordings)
    result = replace(_written(trained, recordings, out, chosen, on_progress), beside=beside)
    if model is None:
        trained.save_model(out / MODEL)
    failed = [f"Left out: {sentence}" for sentence in read.failed]
    clipped = [f"{result.clipped:,} samples were clipped to what 32 bits hold"] * bool(result.clipped)
    remarks = sentences([compared, result.caution, said, *trained.notes, *clipped, *read.notes, *failed])
    headline = result.headline()
    lines = [
        f"{headline[0].upper()}{headline[1:]}.",
        f"In {out}, by {model or out / MODEL} (sha256 {trained.sha256[:12]}).",
        *remarks,
    ]
    data = {
        "out": str(out),
        "files": result.files,
        "method": chosen,
        "model": str(model or out / MODEL),
        "model_sha256": trained.sha256,
        "energy_left": dict(zip(result.files, result.left)),
        "clipped": result.clipped,
        "training": [one.summary() for one in trained.histories],
        "caution": result.caution,
        "beside": beside,
    }  # fmt: skip
    return Outcome(lines, data, None, result, remarks, 1 if failed else 0)


# ---- what the noise is like ----
def diagnosis(recordings: Sequence[Recording]) -> tuple[bool, str]:
    """Return whether the noise of all recordings is independent from sample to sample, and say so; by the longest run of each."""
    from clew.measure.noise import noise_of

    along = []
    for one in recordings:
        run = max(living_runs(one, [0]), key=lambda run: run.n * bool(run.rows), default=None)
        if run is not None and run.rows:
            along.append(noise_of(run.read(0, min(run.n, DIAGNOSED))[0]).along)
    correlated, free = (sum(one in which for one in along) for which in (("x", "y", "both"), ("none",)))
    n = len(recordings)
    of = f"of {n} recording{'s' * (n != 1)}"
    if correlated:
        return (
            False,
            f"The noise of {correlated} {of} hangs together in time: Noise2Void (n2v) takes it for signal and will not remove it",
        )
    if free:
        return (
            free == n,
            f"The noise of {free} {of} is independent from sample to sample: Noise2Void (n2v) removes it, too",
        )
    return False, "Whether the noise hangs together in time cannot be told: too little of it is quiet"


# ---- models ----
def _autoencoder(
    recordings: Sequence[Recording], how: DenoiseSettings, max_epochs: int, on_progress: OnProgress | None
) -> SignalDenoiser:
    """Train on the quiet parts of recordings, judged by stations, or a time, that it does not hear."""
    from clew.neural.signal_denoising import SignalSettings, fit_signal_denoiser, noise_windows, row_samples

    rates = sorted({one.rate for one in recordings})
    check(len(rates) == 1, DataError, "The recordings to train one denoiser with must have one rate. Got {} Hz: denoise them apart.", " and ".join(f"{one:g}" for one in rates))  # fmt: skip
    by_station: dict[str, list[np.ndarray]] = {}
    for one in recordings:
        most = max(1, MOST_WINDOWS // len(recordings))
        runs = [run for run in quiet_runs(one) if run.n >= row_samples(one.rate)]
        found = noise_windows(one, runs, most=-(-most // max(1, len(runs))))
        by_station.setdefault(one.station or one.name, []).extend(found)
    taught, held = _divided(by_station)
    judged = "Judged while it was trained by later noise of the same stations: fewer than 4 stations have quiet parts"
    stations = [windows for windows in by_station.values() if windows]
    if len(stations) >= HELD_OUT:
        judged = f"Judged while it was trained by the noise of {len(stations[::HELD_OUT])} of {len(stations)} stations, of which it heard nothing"
    settings = SignalSettings(max_epochs=max_epochs, random_state=how.random_state, threads=how.threads)
    return fit_signal_denoiser(
        taught, rate=rates[0], validation=held, settings=settings, notes=[judged], on_progress=on_progress
    )


def _divided(by_station: dict[str, list[np.ndarray]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return what is learnt from and what is held out: every fourth station, or of fewer the last fourth of the time."""
    some = [windows for windows in by_station.values() if windows]
    if len(some) >= HELD_OUT:
        taught = [window for i, windows in enumerate(some) if i % HELD_OUT for window in windows]
        return taught, [window for windows in some[::HELD_OUT] for window in windows]
    taught, held = [], []
    for windows in some:
        n = len(windows) * (HELD_OUT - 1) // HELD_OUT if len(windows) > 2 * HELD_OUT else len(windows)
        taught += windows[:n]
        held += windows[n + HELD_OUT - 1 :]  # what lies between overlaps with both
    return taught, held


def _beside(trained: Any, recordings: Sequence[Recording]) -> tuple[list[dict[str, Any]], str]:
    """Put simulated events into quiet parts, and return how well the net and classical filters find them again, and say it."""
    from clew.measure.signal_rivals import fitted_rivals, gains
    from clew.neural.signal_denoising import row_samples

    rate, whole = (
        recordings[0].rate,
        not hasattr(trained, "denoise"),
    )  # Noise2Void takes all components or none
    by_station: dict[str, list[np.ndarray]] = {}
    for one in recordings:
        n = row_samples(rate)
        for run in quiet_runs(one):
            heard = len(run.rows) <= MOST_TOGETHER and (len(run.rows) == len(one.channels) or not whole)
            found = [run.read(at, at + n) for at in range(0, run.n - n + 1, n) if run.rows and heard]
            by_station.setdefault(one.station or one.name, []).extend(found[:MOST_WINDOWS])
    known, unheard = _divided(by_station)
    where = (
        "quiet parts that it had not heard"
        if unheard
        else "the quiet parts that it learnt from, which flatters it"
    )
    if not known or rate < LOWEST_RATE:
        return (
            [],
            "No classical filter stands beside it: no quiet part is long enough, or fast enough, to put an event into",
        )
    some, judged = (_evenly(windows) for windows in (known, unheard or known))
    net = trained.apply if whole else trained.denoise
    rows = gains({"the net": net, **fitted_rivals(some, rate=rate)}, judged, rate=rate)
    at_0 = {row["method"]: row["after_db"] for row in rows if row["before_db"] == 0}
    told = ", ".join(f"{name} {gain:.1f} dB" for name, gain in at_0.items())
    best = max(gain for name, gain in at_0.items() if name != "the net")
    verdict = "better than both" if at_0["the net"] > best + LITTLE else "not better than the best filter"
    return (
        rows,
        f"Beside it, simulated events as loud as the noise, in {len(judged)} {where}: {told} afterwards: {verdict}",
    )


def _evenly(windows: list[np.ndarray]) -> list[np.ndarray]:
    chosen = np.linspace(0, len(windows) - 1, min(JUDGED, len(windows))).round().astype(int)
    return [windows[i] for i in chosen]


def _n2v(recordings: Sequence[Recording], how: DenoiseSettings, on_progress: OnProgress | None) -> Denoiser:
    from clew.neural.denoise import fit_denoiser

    names = [one.components for one in recordings]
    check(len(set(names)) == 1, DataError, "The recordings to train one Noise2Void with must have the same components. Got {} and {}.", names[0], next((one for one in names if one != names[0]), ""))  # fmt: skip
    pieces = []
    for one in recordings:
        whole = [run for run in living_runs(one) if len(run.rows) == len(names[0])]
        longest = max(whole, key=lambda run: run.n, default=None)
        if longest is not None:
            pieces.append(longest.read(0, min(longest.n, LEARNT)).astype(np.float32))
    check(pieces, DataError, "The recordings must have all their components at one time somewhere. Got none.")
    return fit_denoiser(
        pieces, settings=how, channel_names=[one or "only" for one in names[0]], on_progress=on_progress
    )


def _loaded(folder: Path, method: Method) -> tuple[Any, str]:
    """Return a model that was trained before, and by which method."""
    from clew.learn.model_file import format_of
    from clew.neural.denoiser import Denoiser
    from clew.neural.signal_denoiser import SignalDenoiser

    kind, name = (
        (Denoiser, "n2v") if format_of(folder) == Denoiser.FORMAT else (SignalDenoiser, "autoencoder")
    )
    check(method in ("auto", name), SettingError, "The 'method' of denoise must be that of the model '{}' ({}). Got {}.", folder, name, method)  # fmt: skip
    return kind.load_model(folder), name


# ---- writing ----
def _pieces(trained: Any, recording: Recording) -> Iterator[Cleaned]:
    """Denoise a recording piece by piece, whatever the model."""
    from clew.neural.signal_denoiser import Cleaned, SignalDenoiser

    if isinstance(trained, SignalDenoiser):
        yield from trained.pieces(recording)
        return
    check(trained.n_axes == 1 and trained.members == len(recording.channels), DataError, "The recording '{}' must have the components of the denoiser ({}). Got {}.", recording.name, ", ".join(trained.channel_names), ", ".join(recording.components))  # fmt: skip
    for run in living_runs(recording):
        everything = tuple(sorted(run.rows + run.still))
        check(len(everything) == len(recording.channels), DataError, "Noise2Void must have all components at all times: '{}' lacks some from {} on.", recording.name, recording.spell(recording.time(run.first)))  # fmt: skip
        whole = replace(run, rows=everything, still=())
        for start in range(0, run.n, TILE):
            stop = min(start + TILE, run.n)
            values = trained.denoise_tile(
                lambda at, whole=whole: whole.read(at[0].start, at[0].stop), (run.n,), (start,), (stop,)
            )
            yield Cleaned(everything, run.first + start, values.astype(np.float64))


def _written(
    trained: Any, recordings: Sequence[Recording], out: Path, method: str, on_progress: OnProgress | None
) -> DenoisedRecordings:
    """Write each recording denoised, and say how much is left of it."""
    from clew.neural.signal_denoiser import CAUTION
    from clew.read.miniseed_writer import MiniseedFile

    files, left, clipped = list[str](), list[float](), 0
    excerpts: list[Excerpt] = []
    for done, one in enumerate(recordings):
        name = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in one.name)
        path = out / f"{name.rstrip('.')}.mseed"
        with MiniseedFile(path) as file:
            before, after, beyond, shown = _write(trained, one, file)
        files.append(path.name)
        left.append(after / before if before else 0.0)
        clipped += beyond
        if shown is not None and len(excerpts) < SHOWN:
            excerpts.append(shown)
        stopped = on_progress is not None and on_progress(done + 1, len(recordings)) is False
        check(
            not stopped,
            Stopped,
            "Denoising was stopped after {} of {} recordings.",
            done + 1,
            len(recordings),
        )
    settings = {"method": method}
    return DenoisedRecordings(
        files=files,
        method=method,
        left=left,
        clipped=clipped,
        excerpts=excerpts,
        caution=CAUTION,
        settings=settings,
    )


def _write(trained: Any, one: Recording, file: MiniseedFile) -> tuple[float, float, int, Excerpt | None]:
    """Write one recording; return its energy before and after, how many samples were clipped, and its loudest part."""
    from clew.read.miniseed_writer import seed_identifier

    kinds = [_dtype(one, row) for row in range(len(one.channels))]
    codes = [
        seed_identifier(c.identifier, station=one.station or one.name, component=c.component)
        for c in one.channels
    ]
    energy, clipped, highest, shown = np.zeros(2), 0, 0.0, None
    for piece in _pieces(trained, one):
        n = piece.values.shape[1]
        before = Run(one, piece.first, piece.first + n, piece.rows).read(0, n)
        energy += (before**2).sum(), (piece.values**2).sum()
        if np.abs(before[0]).max() > highest:
            highest, shown = float(np.abs(before[0]).max()), _excerpt(one, piece, before[0])
        for row, values in zip(piece.rows, piece.values):
            kept, beyond = _restored(values, kinds[row])
            clipped += beyond
            file.append(
                kept, identifier=codes[row], rate=one.rate, start=one.time(piece.first) + _shift(one, row)
            )
    return float(energy[0]), float(energy[1]), clipped, shown


def _excerpt(one: Recording, piece: Cleaned, before: np.ndarray) -> Excerpt:
    """Return the loudest half minute of the first component of a piece."""
    n = min(before.size, round(SHOWN_SECONDS * one.rate))
    first = min(max(0, int(np.abs(before).argmax()) - n // 3), before.size - n)
    name = f"{one.name} {one.components[piece.rows[0]]}".strip()
    cut = slice(first, first + n)
    return Excerpt(
        name=name,
        rate=one.rate,
        start=(piece.first + first) / one.rate,
        before=before[cut],
        after=piece.values[0, cut],
    )


def _dtype(one: Recording, row: int) -> np.dtype:
    """Return as what a component was stored: whole counts, or floats of 32 or 64 bits; told by the first samples that it has."""
    for first in range(0, one.n, DIAGNOSED):
        x = one.read(first, min(first + DIAGNOSED, one.n), [row])[0]
        x = x[np.isfinite(x)]
        if x.size:
            whole, single = (x == np.rint(x)).all(), (x == x.astype(np.float32)).all()
            return np.dtype(np.int32 if whole else np.float32 if single else np.float64)
    return np.dtype(np.float64)


def _restored(values: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, int]:
    """Return values as they were stored, whole counts rounded, and how many had to be clipped."""
    if dtype.kind == "f":
        return values.astype(dtype), 0
    limits, rounded = np.iinfo(dtype), np.rint(values)
    beyond = (rounded < limits.min) | (rounded > limits.max)
    return np.clip(rounded, limits.min, limits.max).astype(dtype), int(beyond.sum())


def _shift(one: Recording, row: int) -> float:
    """Return by how much the samples of a component lie off the grid of the recording, in s: less than half a sample."""
    starts = [stretch.start for stretch in one.channels[row].stretches if stretch.n]
    return starts[0] - one.time(one.index(starts[0])) if starts else 0.0
