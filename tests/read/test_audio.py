import pickle
import struct

import numpy as np
import pytest
from scipy.io import wavfile

from clew.errors import DataError
from clew.read import audio
from clew.read.audio import Placed, open_audio
from clew.read.side_by_side import Column
from tests.conftest import shared
from tests.read.slicing import differing_parts

soundfile = pytest.importorskip("soundfile")


def noise(n, channels, seed=0):
    return np.random.default_rng(seed).uniform(-0.9, 0.9, (n, channels))


def write_ogg(path, values, rate=8000):
    with soundfile.SoundFile(path, "w", rate, values.shape[1], format="OGG", subtype="VORBIS") as file:
        for at in range(0, len(values), 4096):  # libsndfile 1.2.2 crashes on long blocks
            file.write(values[at : at + 4096])
    return path


def test_sixteen_bit_wav_is_what_scipy_reads_over_full_scale(tmp_path):
    whole = (noise(5000, 2) * 32768).astype(np.int16)
    wavfile.write(tmp_path / "a.wav", 8000, whole)
    traces = open_audio(tmp_path / "a.wav", source="a.wav")
    assert [one.component for one in traces] == ["left", "right"]
    assert {(one.rate, one.unit, one.dated, one.station, one.stretch.n) for one in traces} == {
        (8000.0, "", False, "a.wav", 5000)
    }
    _, witness = wavfile.read(tmp_path / "a.wav")
    for i, one in enumerate(traces):
        np.testing.assert_array_equal(one.stretch.read(0, 5000), witness[:, i] / 32768)
        assert not differing_parts(one.stretch.read, witness[:, i] / 32768)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "RF64", "W64", "AIFF"])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_part_of_a_file_is_that_part_of_the_whole(tmp_path, form, channels):
    path = tmp_path / f"a.{form.casefold()}"
    soundfile.write(path, noise(9000, channels), 44100, format=form)
    whole, _ = soundfile.read(path, always_2d=True)
    traces = open_audio(path, source="a")
    assert [one.component for one in traces] == ([""] if channels == 1 else ["1", "2", "3"])
    for i, one in enumerate(traces):
        assert not differing_parts(one.stretch.read, whole[:, i], n_draws=10)


@pytest.mark.parametrize("name", ["water_footstep.1.ogg", "water_footstep.2.ogg", "hard_footstep.1.ogg"])
def test_real_ogg_gives_the_samples_of_reading_it_in_one_go(name):
    path = shared(f"signals/footsteps_audio/{name}")
    whole, _ = soundfile.read(path, always_2d=True)
    for i, one in enumerate(open_audio(path, source=name)):
        assert not differing_parts(one.stretch.read, whole[:, i])


def test_any_part_of_an_mp3_is_that_part_of_the_whole(tmp_path):
    values = 0.5 * np.sin(np.arange(100_000) / 7) + 0.1 * noise(100_000, 1)[:, 0]
    soundfile.write(tmp_path / "a.mp3", values, 16000, format="MP3")
    (one,) = open_audio(tmp_path / "a.mp3", source="a.mp3")
    whole = one.stretch.read(0, one.stretch.n)
    np.testing.assert_allclose(whole, soundfile.read(tmp_path / "a.mp3")[0], atol=1e-6)
    assert not differing_parts(one.stretch.read, whole)


def test_seeking_in_ogg_would_give_other_samples():  # the mutant: the reader for files with exact places
    path = shared("signals/footsteps_audio/water_footstep.1.ogg")
    whole, _ = soundfile.read(path, always_2d=True)
    assert differing_parts(Column(Placed(path, "a"), 0).read, whole[:, 0])


def test_long_ogg_is_read_forwards_and_backwards_while_little_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "BEHIND", 3000)
    monkeypatch.setattr(audio, "BLOCK", 1000)
    path = write_ogg(tmp_path / "a.ogg", noise(40_000, 2))
    whole, _ = soundfile.read(path, always_2d=True)
    traces = open_audio(path, source="a")
    rows = traces[0].stretch.data.rows._rows
    for first in range(0, 39_000, 500):  # windows that overlap
        np.testing.assert_array_equal(
            traces[1].stretch.read(first, first + 1000), whole[first : first + 1000, 1]
        )
        assert sum(map(len, rows._blocks)) <= 5000
    assert not differing_parts(traces[0].stretch.read, whole[:, 0])
    again = pickle.loads(pickle.dumps(rows))
    np.testing.assert_array_equal(again(5, 50), whole[5:50])


def test_wav_of_more_than_four_gib_is_read_where_it_is_asked_for(tmp_path):
    n = 2_200_000_000  # frames of 16 bits: 4.4 GB, of which nearly nothing takes room on the disk
    path, tail = tmp_path / "long.wav", np.arange(1, 101, dtype="<i2")
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 100, 200, 2, 16)
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, 2 * n + 72, 2 * n, n, 0)
    head = b"RF64\xff\xff\xff\xffWAVE" + ds64 + fmt + b"data\xff\xff\xff\xff"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 2 * n)
        file.seek(len(head) + 2 * (n - 100))
        file.write(tail.tobytes())
    (one,) = open_audio(path, source="long.wav")
    assert one.stretch.n == n
    np.testing.assert_array_equal(one.stretch.read(n - 100, n), tail / 32768)
    np.testing.assert_array_equal(one.stretch.read(n - 102, n - 99), [0, 0, 1 / 32768])


def test_a_wav_that_was_cut_gives_what_is_there_and_says_so(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(10_000, 1), 8000)
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[: len(data) // 2])
    notes = []
    (one,) = open_audio(tmp_path / "a.wav", source="a.wav", notes=notes)
    assert 4900 < one.stretch.n < 5000
    assert notes == ["'a.wav': ends before the 20,000 bytes of sound that it announces; was it cut?"]
    assert len(one.stretch.read(0, one.stretch.n)) == one.stretch.n


def test_flac_that_was_cut_is_refused_where_it_ends(tmp_path):
    soundfile.write(tmp_path / "a.flac", noise(10_000, 1), 8000)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
    (one,) = open_audio(tmp_path / "a.flac", source="a.flac")
    with pytest.raises(DataError, match="'a.flac' must be whole"):
        one.stretch.read(0, 10_000)


def test_what_is_no_sound_is_refused(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"no sound at all")
    with pytest.raises(DataError, match="'a.wav' must be sound"):
        open_audio(tmp_path / "a.wav", source="a.wav")
    soundfile.write(tmp_path / "b.wav", np.empty(0), 8000)
    with pytest.raises(DataError, match="'b.wav' must hold samples"):
        open_audio(tmp_path / "b.wav", source="b.wav")


def test_infinite_samples_are_refused_and_nan_is_kept(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0, np.nan, np.inf, 0]), 8000, subtype="FLOAT")
    (one,) = open_audio(tmp_path / "a.wav", source="a.wav")
    np.testing.assert_array_equal(one.stretch.read(0, 2), [0, np.nan])
    with pytest.raises(DataError, match=r"number 3\."):
        one.stretch.read(0, 4)
