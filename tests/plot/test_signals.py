"""A window is drawn with its gaps, its dead components and a spectrogram that another library gives, too."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import spectrogram as witness

from clew.plot.signals import (
    DARK,
    GREY,
    LIGHT,
    RANGE,
    decibels,
    extremes,
    measured_figure,
    power_range,
    spectrogram,
    thumbnail,
    window_figure,
)  # fmt: skip
from clew.plot.style import svg

RATE = 100.0


def tone(frequency=12.0, n=1000, seed=0):
    random = np.random.default_rng(seed)
    return 5 * np.sin(2 * np.pi * frequency * np.arange(n) / RATE) + random.normal(size=n)


@pytest.mark.parametrize(("n", "size"), [(1000, 128), (6000, 256), (90, 32), (17, 16), (11, 11)])
def test_the_spectrogram_is_that_of_scipy(n, size):
    x = tone(n=n)
    power, frequency, time = spectrogram(x, RATE)
    f, t, expected = witness(
        x, RATE, window="hann", nperseg=size, noverlap=size - size // 8, detrend="constant"
    )
    np.testing.assert_allclose(power, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(frequency, f)
    np.testing.assert_allclose(time, t)


def test_power_is_told_in_its_unit():
    """A tone of amplitude a has the mean square a**2 / 2: the density over frequencies adds up to it (Parseval)."""
    x = 5 * np.sin(2 * np.pi * 12.5 * np.arange(4096) / RATE)
    power, frequency, _ = spectrogram(x, RATE)
    assert (power.sum(axis=0) * frequency[1]).mean() == pytest.approx(12.5, rel=0.01)


def test_pieces_with_a_gap_are_not_known_and_no_others():
    x = tone()
    x[500:510] = np.nan
    power, _, time = spectrogram(x, RATE)
    half = 128 / 2 / RATE
    touched = (time + half > 5.0) & (time - half < 5.1)
    np.testing.assert_array_equal(np.isnan(power[0]), touched)
    np.testing.assert_array_equal(power[:, ~touched], spectrogram(tone(), RATE)[0][:, ~touched])


def test_the_scale_goes_down_from_the_strongest():
    strong, weak = np.array([[1e6, 1.0]]), np.array([[1e-9, 0.0, np.nan]])
    low, high = power_range([strong, weak])
    assert (low, high) == (60.0 - RANGE, 60.0)
    assert decibels(weak)[0].tolist()[:2] == pytest.approx([-90, -90])
    assert power_range([np.full((2, 2), np.nan)]) == (0.0, 1.0)
    assert power_range([np.zeros((2, 2))]) == (0.0, 1.0)


def texts(drawing):
    return [text.get_text() for text in drawing.texts] + [
        text.get_text() for axes in drawing.axes for text in axes.texts
    ]


def test_a_window_shows_its_components_its_gap_and_what_is_dead():
    window = np.stack([tone(), tone(seed=1), np.zeros(1000)])
    window[:, 200:300] = np.nan
    drawing = window_figure(
        window,
        rate=RATE,
        start=1274977473.21,
        components="ZNE",
        unit="counts",
        label="BW.UH1",
        lines=["event"],
    )
    assert len(drawing.axes) == 4
    assert [axes.get_ylabel() for axes in drawing.axes] == ["Z [counts]", "N [counts]", "E [counts]", "Hz"]
    told = texts(drawing)
    assert "BW.UH1, 2010-05-27 16:24:33.210 UTC" in told
    assert "dead: 0 throughout" in told
    assert "event" in told
    assert any(
        one.startswith("spectrogram of Z: dark ") and one.endswith("not recorded (1 s)") for one in told
    )
    hatched = [patch for axes in drawing.axes for patch in axes.patches if patch.get_hatch()]
    assert len(hatched) == 4
    assert hatched[0].get_extents().transformed(drawing.axes[0].transData.inverted()).x0 == pytest.approx(
        2.0, abs=0.01
    )


def test_times_of_what_is_not_dated_count_from_the_start():
    assert "12.500s in" in texts(window_figure(tone()[None], rate=RATE, start=12.5, dated=False))


@pytest.mark.parametrize("value", [np.nan, 0.0, 7.0])
def test_a_window_of_nothing_is_drawn_too(value):
    drawing = window_figure(np.full((1, 200), value), rate=RATE)
    assert svg(drawing, salt="w", label="")
    assert thumbnail(np.full(200, value), RATE).shape == (152, 152, 3)


def test_both_faces_of_a_window_stand_side_by_side():
    drawing = measured_figure(
        tone()[None] + 5000, tone()[None], rate=RATE, components=(["Z"], ["Z"]), how="above 1 Hz", label="UH1", start=0.0
    )  # fmt: skip
    left, right = drawing.subfigs
    assert left.texts[0].get_text().startswith("UH1 as recorded")
    assert right.texts[0].get_text().startswith("UH1 as measured")
    assert "above 1 Hz" in [text.get_text() for text in right.texts]
    assert left.axes[0].get_ylim()[0] > 4900


def test_the_same_window_gives_the_same_bytes():
    one, other = (svg(window_figure(tone()[None], rate=RATE), salt="w", label="x") for _ in range(2))
    assert one == other
    assert "var(--ink2)" in one


def rows_of(picture, colour):
    return (picture == np.array(colour, np.uint8)).all(axis=2)


def test_a_thumbnail_has_the_trace_above_the_spectrogram():
    picture = thumbnail(tone(frequency=40.0), RATE)
    trace = rows_of(picture, LIGHT)
    assert trace[:60].any(axis=0).all()  # in every column
    assert not trace[62:].any()
    lower = picture[62:].astype(int).sum(axis=2).mean(axis=1)  # cividis: brighter is stronger
    assert abs((len(lower) - 1 - lower.argmax()) / (len(lower) - 1) * 50 - 40) < 1.5


def test_thumbnails_of_one_gallery_can_share_a_scale():
    loud, quiet = tone() * 100, tone()
    own = rows_of(thumbnail(quiet, RATE), LIGHT).sum()
    shared = rows_of(thumbnail(quiet, RATE, amplitude=600.0), LIGHT).sum()
    assert shared < own / 4
    scale = power_range([spectrogram(loud, RATE)[0], spectrogram(quiet, RATE)[0]])
    assert (
        thumbnail(quiet, RATE, scale=scale)[62:].mean() < thumbnail(loud, RATE, scale=scale)[62:].mean() - 30
    )


def test_a_thumbnail_can_be_wider_than_high():
    square, wide = (
        thumbnail(tone(frequency=40.0), RATE, side=60),
        thumbnail(tone(frequency=40.0), RATE, side=60, width=96),
    )
    assert square.shape == (60, 60, 3) and wide.shape == (60, 96, 3)
    assert (
        wide[26:].sum(axis=(1, 2)).argmax() - square[26:].sum(axis=(1, 2)).argmax()
    ) == 0  # the tone is at one height


def test_what_was_not_recorded_is_grey_in_a_thumbnail():
    x = tone()
    x[400:600] = np.nan
    picture = thumbnail(x, RATE)
    grey = rows_of(picture, GREY)[:60].all(axis=0)
    assert np.flatnonzero(grey).min() == pytest.approx(0.4 * 152, abs=2)
    assert np.flatnonzero(grey).max() == pytest.approx(0.6 * 152, abs=2)
    assert rows_of(picture, DARK)[:60, ~grey].any()


def test_extremes_hold_every_value():
    x = np.random.default_rng(0).normal(size=997)
    x[100:140] = np.nan
    low, high = extremes(x, 50)
    edges = np.append((np.arange(50) * 997) // 50, 997)
    for i in range(50):
        piece = x[edges[i] : edges[i + 1]]
        known = piece[~np.isnan(piece)]
        assert (low[i], high[i]) == (known.min(), known.max()) if known.size else np.isnan(low[i])
    few = extremes(np.array([1.0, 5.0]), 8)
    np.testing.assert_array_equal(few[0], [1, 1, 1, 1, 5, 5, 5, 5])
