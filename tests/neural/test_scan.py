"""A picking net along recordings."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import torch

from clew.errors import DataError, SettingError, Stopped
from clew.neural import ground
from clew.neural.scan import Found, Scan, Scanner, curves, scan
from clew.neural.stacking import window_starts
from clew.read.recording import Channel, Recording, Stretch, recording_of
from tests.neural.nets.test_phasenet import shaken
from tests.neural.picking_models import Level, apart, bare_model
from tests.neural.test_stacking import stacked


def noisy(n: int = 3037, *, gaps: bool = True, seed: int = 0, name: str = "A.B..HH", **how: Any) -> Recording:
    """Return noise with bursts, cut by gaps."""
    values = np.random.default_rng(seed).normal(size=(3, n))
    values[:, 400:450] *= 6
    values[:, 1700:1780] *= 9
    if gaps:
        values[:, 1000:1013] = np.nan
        values[:, 1140:1150] = np.nan
        values[0, 2000:2300] = np.nan
    return recording_of(values, **({"rate": 100.0, "start": 1.2e9, "name": name} | how))


def same(a: Any, b: Any) -> bool:
    return bool(a.digest() == b.digest())


# ---- against twins ----
@pytest.mark.parametrize("stacking", ["mean", "max"])
@pytest.mark.parametrize("blinding", [[0, 0], [20, 30]])
def test_curves_are_those_of_the_slow_twin(stacking: Any, blinding: list[int]) -> None:
    recording, window, overlap = noisy(), 200, 130
    model = bare_model(window=window, overlap=overlap, stacking=stacking, blinding=blinding)
    found = curves(model, recording, engine=Level())
    values = recording.read(0, recording.n)
    expected = np.full((3, recording.n), np.nan)
    for a, b in ((0, 1000), (1013, 1140), (1150, 2000), (2000, 2300), (2300, recording.n)):
        run = np.nan_to_num(values[:, a:b])
        run -= run.mean(axis=1, keepdims=True)
        lead = max(0, window - (b - a)) // 2
        run = np.pad(run, ((0, 0), (lead, max(0, window - (b - a)) - lead)))
        starts = list(window_starts(run.shape[1], window, overlap))
        cut = np.stack([run[:, one : one + window] for one in starts])
        if lead == 0:
            cut -= cut.mean(axis=2, keepdims=True)
        answers = list(Level().answer(cut.astype(np.float32)))
        expected[:, a:b] = stacked(answers, starts, run.shape[1], stacking, blinding)[:, lead : lead + b - a]
    np.testing.assert_allclose(found.probability, expected, atol=1e-5)
    assert found.rate == 100.0 and found.start == 1.2e9


def test_picks_lie_where_the_curve_is_highest_between_where_it_reaches_and_leaves_the_threshold() -> None:
    from obspy.signal.trigger import trigger_onset

    recording = noisy(gaps=False)
    model = bare_model(thresholds={"P": 0.7, "S": 0.6})
    picks, seen = scan(model, [recording], engine=Level()), curves(model, recording, engine=Level())
    for i, (phase, least) in enumerate((("P", 0.7), ("S", 0.6))):
        curve = seen.probability[i]
        runs = trigger_onset(curve, least, least / 2)
        mine = picks.phase == phase
        assert len(runs) == mine.sum() > 3
        for (a, b), time, start, end, probability, uncertainty in zip(
            runs,
            *(getattr(picks, one)[mine] for one in ("time", "start", "end", "probability", "uncertainty")),
        ):
            p = curve[a : b + 1].astype(float)
            at = a + int(p.argmax())
            assert (time, start, end) == tuple(recording.time(int(one)) for one in (at, a, b))
            assert probability == p.max()
            spread = np.sqrt((p * (np.arange(a, b + 1) - at) ** 2).sum() / p.sum()) / 100.0
            assert uncertainty == pytest.approx(spread, abs=1e-9)


class Theirs:
    """A net of SeisBench behind clew's scan."""

    name, versions, batch = "theirs", {"seisbench": "?"}, 8

    def __init__(self, model: Any, net: torch.nn.Module) -> None:
        self.model, self.net = model, net

    def answer(self, x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            y = self.net(self.model.prepare(torch.from_numpy(x)))
            return (torch.stack(y, dim=1) if isinstance(y, tuple) else y).numpy()


@torch.no_grad()
def livelier(net: Any) -> None:
    """Make the curves of an EQTransformer with random weights rise and fall through their thresholds."""
    x = torch.randn(1, 3, 6000, generator=torch.Generator().manual_seed(5))
    for conv, said in zip((net.conv_d, *net.pick_convs), net(net.annotate_batch_pre(x, {}))):
        logits = torch.logit(said.double())
        more = 2 / float(logits.std())
        conv.weight *= more
        conv.bias.copy_((conv.bias - float(logits.mean())) * more - 2)


@pytest.mark.parametrize("kind", ["PhaseNet", "EQTransformer"])
def test_curves_and_picks_are_those_of_seisbench(kind: str) -> None:
    nets = pytest.importorskip("seisbench.models")
    from obspy import Stream, Trace, UTCDateTime

    torch.manual_seed(0)
    eqt = kind == "EQTransformer"
    net = shaken(
        nets.EQTransformer(lstm_blocks=1, norm="peak") if eqt else nets.PhaseNet(phases="PSN", norm="std")
    )
    if eqt:
        livelier(net)
    # the last window ends with the recording: else SeisBench cuts one sample too many, and its last window begins one earlier
    n = 13_000 if eqt else 7804
    recording = noisy(n, gaps=False)
    values = recording.read(0, n)
    header = {"network": "A", "station": "B", "starttime": UTCDateTime(1.2e9), "sampling_rate": 100.0}
    stream = Stream([Trace(row.copy(), header | {"channel": f"HH{one}"}) for one, row in zip("ZNE", values)])
    overlap = 2500 if eqt else 1400
    how: dict[str, Any] = {"overlap": overlap, "stacking": "max" if eqt else "mean"}
    how["blinding"] = (500, 500) if eqt else (0, 0)
    stacking = "max" if eqt else "avg"  # of another word SeisBench waits for ever
    as_theirs = how | {"stacking": stacking}
    theirs = apart(net.annotate, stream, **as_theirs)
    model = bare_model(
        architecture=kind.lower(), window=6000 if eqt else 3001, norm="peak" if eqt else "std",
        norm_per_component=True, labels=["Detection", "P", "S"] if eqt else ["P", "S", "N"], **how,
    )  # fmt: skip
    mine = curves(model, recording, engine=Theirs(model, net))
    for label, row in zip(model.labels, mine.probability):
        (trace,) = theirs.select(channel=f"{kind}_{label}")
        at = recording.index(trace.stats.starttime.timestamp)
        assert at == model.blinding[0]
        # the answers between blinded ends and nothing; one sample more than SeisBench's where it cuts one too many
        np.testing.assert_allclose(row[at : at + len(trace)], trace.data, atol=1e-4 if eqt else 1e-5)
        assert not at or (np.isnan(row[:at]).all() and np.isnan(row[n - at :]).all())
    least = {one: float(np.nanquantile(row, 0.9)) for one, row in zip(model.labels, mine.probability)}
    named = {
        "detection_threshold" if one == "Detection" else f"{one}_threshold": value
        for one, value in least.items()
    }
    classified = apart(
        net.classify, stream, **as_theirs, **{key: value for key, value in named.items() if key[0] != "N"}
    )
    picks = scan(
        model, [recording], thresholds={k: v for k, v in least.items() if k != "N"}, engine=Theirs(model, net)
    )
    expected = [
        (one.peak_time.timestamp, one.phase)
        for one in sorted(classified.picks, key=lambda one: (one.peak_time, one.phase))
    ]
    assert len(expected) > (2 if eqt else 5)
    theirs, ours = (
        {(round(t, 2), phase) for t, phase in each}
        for each in (expected, zip(picks.time.tolist(), picks.phase.tolist()))
    )
    assert len(theirs ^ ours) <= 0.002 * len(
        theirs
    )  # curves that differ by 1e-6 may cross a threshold once more
    if eqt:
        assert picks.detections is not None and len(picks.detections) == len(classified.detections) > 0
        spans = [(one.start_time.timestamp, one.end_time.timestamp) for one in classified.detections]
        np.testing.assert_allclose(np.c_[picks.detections.start, picks.detections.end], spans, atol=1e-3)


# ---- batches and blocks ----
@pytest.mark.parametrize("batch_size", [1, 3, 7, 500])
def test_picks_are_the_same_bits_for_any_batch(batch_size: int) -> None:
    recordings = [noisy(), noisy(1500, seed=1, name="C"), noisy(170, gaps=False, seed=2, name="D")]
    expected, got = (
        scan(bare_model(), recordings, engine=Level(), batch_size=one) for one in (64, batch_size)
    )
    assert len(expected) > 30 and same(expected, got)


def test_picks_are_the_same_for_any_block(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = noisy()
    expected = scan(bare_model(), [recording], engine=Level())
    monkeypatch.setattr(ground, "BLOCK", 300)
    assert same(scan(bare_model(), [recording], engine=Level()), expected)


def test_an_answer_that_depends_on_the_batch_would_be_seen() -> None:
    class Mixed(Level):
        def answer(self, x: np.ndarray) -> np.ndarray:
            return super().answer(x) * (1 - 1e-6 * np.arange(len(x), dtype=np.float32))[:, None, None]

    one, other = (scan(bare_model(), [noisy()], engine=Mixed(), batch_size=size) for size in (64, 4))
    assert not same(one, other)


def test_batches_run_on_across_gaps_and_recordings() -> None:
    values = np.random.default_rng(0).normal(size=(3, 40_000))
    values[:, ::200] = np.nan  # 200 runs, each shorter than a window
    parts = [recording_of(values[:, a : a + 20_000], rate=100.0, name=str(a)) for a in (0, 20_000)]
    engine = Level()
    picks = scan(bare_model(), parts, engine=engine, batch_size=64)
    assert engine.asked == [64, 64, 64, 8]
    assert len(np.unique(picks.recording)) == 2
    assert "100 of 100 runs without a gap are shorter than a window" in picks.notes[0]


# ---- memory ----
class Endless:
    """Samples that are made when they are read."""

    def __init__(self) -> None:
        self.most = self.all = 0

    def read(self, first: int, stop: int) -> np.ndarray:
        self.most, self.all = max(self.most, stop - first), self.all + stop - first
        at = np.arange(first, stop)
        return np.sin(at * 0.37) + 9.0 * (at % 400_000 < 30) * np.sin(at * 1.1)


def test_a_long_recording_is_read_piece_by_piece() -> None:
    n, samples = 3_000_000, Endless()
    long = Recording("long", 20.0, (Channel("Z", (Stretch(0.0, n, samples),)),), dated=False)
    states = []
    scanner = Scanner(
        bare_model(window=20_000, overlap=0, rate=20.0, labels=["P", "N"], thresholds={"P": 0.9})
    )
    found = []
    for one, new in scanner.walk([long], Level(2), batch_size=8):
        states.append(len(json.dumps(one.state())))
        found += new
    assert len(found) >= n // 400_000
    assert samples.most < 300_000 and samples.all < 2.5 * n  # once to find gaps, once to pick
    assert max(states) < 1000


# ---- going on ----
def test_a_walk_that_was_cut_off_goes_on_to_the_same_picks() -> None:
    recordings = [noisy(), noisy(900, seed=1, name="C", gaps=False)]
    model = bare_model(
        blinding=[10, 10], overlap=150, thresholds={"P": 0.35, "S": 0.3}
    )  # runs are open for long
    scanner = Scanner(model)
    whole = [one for _, new in scanner.walk(recordings, Level(), batch_size=4) for one in new]
    steps = len(list(scanner.walk(recordings, Level(), batch_size=4)))
    assert len(whole) > 30 and steps > 10
    opened = 0
    for stop in range(1, steps):
        states: dict[str, Any] = {}
        found: list[Found] = []
        for number, (one, new) in enumerate(scanner.walk(recordings, Level(), batch_size=4), start=1):
            states[one.recording.name] = json.loads(json.dumps(one.state()))
            found += [Found(**json.loads(json.dumps(asdict(item)))) for item in new]
            if number == stop:
                break
        opened += any(one["open"] for one in states.values())
        for _, new in scanner.walk(recordings, Level(), batch_size=4, begun=states):
            found += new
        assert found == whole
    assert opened > 3  # picks that had begun were carried over


def test_a_walk_without_what_had_begun_would_lose_picks() -> None:
    recording = noisy()
    scanner = Scanner(bare_model(overlap=150, thresholds={"P": 0.35, "S": 0.3}))
    whole = [one for _, new in scanner.walk([recording], Level(), batch_size=4) for one in new]
    found, state = [], {}
    for one, new in scanner.walk([recording], Level(), batch_size=4):
        found += new
        state = one.state()
        if state["open"]:
            break
    begun = {recording.name: state | {"open": {}}}
    found += [one for _, new in scanner.walk([recording], Level(), batch_size=4, begun=begun) for one in new]
    assert found != whole


def test_what_is_done_is_not_asked_again() -> None:
    recording, engine = noisy(), Level()
    scanner = Scanner(bare_model())
    states = {one.recording.name: one.state() for one, _ in scanner.walk([recording], Level())}
    assert states[recording.name]["done"] and states[recording.name]["next"] == recording.n
    assert list(scanner.walk([recording], engine, begun=states)) == [] and engine.asked == []
    assert Scan(scanner, recording, states[recording.name]).notes  # what was said stays known


def test_progress_counts_seconds_and_can_stop() -> None:
    told: list[tuple[int, int]] = []
    recordings = [noisy(), noisy(1500, seed=1, name="C")]
    scan(bare_model(), recordings, engine=Level(), batch_size=4, on_progress=lambda *a: told.append(a))  # type: ignore[func-returns-value]
    assert (told == sorted(told) and told[-1] == (45, 46)) or told[-1] == (46, 46)
    with pytest.raises(Stopped):
        scan(bare_model(), recordings, engine=Level(), on_progress=lambda *_: False)


# ---- what is said ----
def test_picks_carry_all_that_decided_them() -> None:
    picks = scan(bare_model(), [noisy()], engine=Level(), thresholds={"S": 0.9}, overlap=0.25)
    said = picks.settings
    assert said["overlap"] == 50 and said["thresholds"] == {"P": 0.5, "S": 0.9}
    assert said["stacking"] == "mean" and said["blinding"] == [0, 0] and said["engine"] == "level"
    assert said["model_sha256"] == picks.model_sha256 == bare_model().sha256
    assert {"clew", "numpy", "level"} <= set(said["versions"])
    assert picks.dated.all() and (picks.station == "A.B..HH").all()
    assert (np.diff(picks.time) >= 0).all()
    assert picks.detections is None


def test_three_thousand_samples_are_enough_for_a_window_of_3001() -> None:
    short = noisy(3000, gaps=False)
    picks = scan(bare_model(window=3001, overlap=1500), [short], engine=Level())
    assert len(picks) > 0
    assert picks.notes == [
        "'A.B..HH': It is shorter than a window (30.01 s) and padded with 0.01 s of zeros."
    ]


def test_a_recording_that_is_not_dated_counts_from_its_start() -> None:
    picks = scan(bare_model(), [noisy(start=None)], engine=Level())
    assert not picks.dated.any() and 0 < picks.time.min() < picks.time.max() < 30.4


def test_picks_of_another_rate_lie_where_they_were() -> None:
    t = np.arange(6000) / 200.0
    burst = np.exp(-(((t - 17.315) / 0.05) ** 2)) * 50 * np.cos(2 * np.pi * 10 * (t - 17.315))
    rows = np.random.default_rng(0).normal(size=(3, 6000)) * 0.1 + burst
    picks = scan(
        bare_model(thresholds={"P": 0.85, "S": 1.0}), [recording_of(rows, rate=200.0)], engine=Level()
    )
    assert picks.time[picks.probability.argmax()] == pytest.approx(17.315, abs=0.011)
    assert picks.notes == ["'recording': resampled from 200 to 100 Hz."]


def test_recordings_that_do_not_fit_are_left_out_and_said() -> None:
    other = recording_of(np.zeros((1, 500)), rate=100.0, components=["pressure"], name="other")
    dead = recording_of(np.zeros((3, 500)), rate=100.0, name="dead")
    picks = scan(bare_model(), [other, noisy(), dead], engine=Level())
    assert picks.notes[0].startswith("Left out: The recording 'other' must have one of the components")
    assert "'dead': left out 1 run in which every component is dead (5 s)." in picks.notes
    with pytest.raises(DataError, match="'other' must have"):
        scan(bare_model(), [other], engine=Level())
    with pytest.raises(DataError, match="must be at least one"):
        scan(bare_model(), [], engine=Level())
    with pytest.raises(DataError, match="must have different names. Got 'A.B..HH' twice"):
        scan(bare_model(), [noisy(), noisy()], engine=Level())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"overlap": 200}, "'overlap' of picking must be from 0 to 199"),
        ({"overlap": 10.5}, "'overlap' of picking must be from 0 to 199"),
        ({"stacking": "median"}, "'stacking' setting of picking must be"),
        ({"blinding": [100, 100]}, "'blinding' of picking must be two numbers"),
        ({"thresholds": {"p": 0.5}}, "'thresholds' of picking must be of P and S. Got 'p'"),
        ({"thresholds": {"P": 0.0}}, "threshold of 'P' must be a probability"),
        ({"missing": "zero"}, "'missing' setting of picking must be"),
        ({"batch_size": 0}, "'batch_size' of picking must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: Any, sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        scan(bare_model(), [noisy()], engine=Level(), **settings)


def test_a_part_of_the_curves_is_the_same_bits_as_there_in_the_whole() -> None:
    for rate in (100.0, 80.0):
        recording = noisy(rate=rate)
        whole = curves(bare_model(), recording, engine=Level())
        for first, stop in ((0, 900), (960, 1100), (1800, 2600), (2900, 3037)):
            part = curves(bare_model(), recording, first=first, stop=stop, engine=Level())
            at = round((part.start - whole.start) * whole.rate)
            n = part.probability.shape[1]
            if rate == 100.0:
                assert n == stop - first
                np.testing.assert_array_equal(part.probability, whole.probability[:, at : at + n])
            else:
                known = ~np.isnan(part.probability[0])
                assert known.mean() > 0.6
    with pytest.raises(SettingError, match="must lie within its 3,037 samples. Got 5 to 4000"):
        curves(bare_model(), noisy(), first=5, stop=4000, engine=Level())


def test_runs_that_are_too_short_are_left_out_and_said() -> None:
    recording = noisy(3000, gaps=True)
    runs = scan(bare_model(), [recording], engine=Level(), shortest=0.5)
    longer = scan(bare_model(), [recording], engine=Level(), shortest=2.0)  # a window is 2 s: none is padded
    assert any("left out" in note and "shorter than 2 s" in note for note in longer.notes)
    assert not any("padded" in note for note in longer.notes)
    assert 0 < len(longer) < len(runs) and longer.settings["shortest"] == 2.0
    with pytest.raises(SettingError, match="'shortest' of picking must be above 0"):
        scan(bare_model(), [recording], engine=Level(), shortest=0.0)
