"""What the map asks of the server: places, colours, the strip, one row; open rows only."""

from __future__ import annotations

import numpy as np
import pytest

from clew.app.handling import ROUTES
from clew.app.map_data import MapData
from clew.errors import DataError, SettingError
from clew.study.study import Study
from tests.app.fakes import fake_session


@pytest.fixture
def session(blob_study):
    return fake_session(blob_study)


def test_a_look_says_how_many_of_how_many(session):
    told = session.ask("map.look")
    study = Study(session.workspace.study.folder)
    assert told["n"] == told["n_shown"] == told["n_placed"] == study.counts()["open"] == 80
    assert [group["name"] for group in told["groups"]] == ["round", "elongated"]
    groups, wanders = told["arrays"]
    assert [int((groups == g).sum()) for g in (0, 1)] == [group["n"] for group in told["groups"]]
    assert np.unpackbits(wanders)[:80].sum() <= told["wandering"] == np.unpackbits(wanders).sum()
    assert {"group", "confidence", "label", "source", "feature:area"} <= set(told["colours"])


def test_rows_that_were_not_drawn_have_no_place_but_in_run_0(session):
    runs = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(np.float32)
    placed = np.random.default_rng(1).normal(size=(9, 2)).astype(np.float32)
    shown = np.array([0, 2, 5, 8])
    placed[shown] = runs[0]
    plain = MapData.of_arrays(placed)
    session.workspace.kept["map"] = MapData(
        runs, shown, placed, plain.groups, [], plain.confidence, plain.wanders
    )
    assert session.ask("map.positions", run=0)["n"] == 9
    later = session.ask("map.positions", run=2)
    places = later["arrays"][0].reshape(9, 2)
    assert later["n"] == 4
    np.testing.assert_array_equal(np.flatnonzero((places != 65535).all(axis=1)), shown)
    told = session.ask("map.look")
    assert (told["n"], told["n_placed"], told["n_shown"]) == (9, 9, 4)
    assert set(session.ask("map.row", row=1)["arrays"][0].ravel()) == {65535}
    with pytest.raises(SettingError, match="from 0 to 2"):
        session.ask("map.positions", run=3)


def test_the_strip_shows_the_same_rows_in_every_run(session):
    strip = session.ask("map.strip")
    places, groups, wanders = strip["arrays"]
    assert places.shape == (4, 80, 2) and len(groups) == len(wanders) == 80
    for run in range(4):
        np.testing.assert_array_equal(
            places[run].ravel(), session.ask("map.positions", run=run)["arrays"][0].ravel()
        )
    session.workspace.kept["map"] = MapData.of_arrays(np.random.default_rng(0).normal(size=(2, 5000, 2)))
    assert session.ask("map.strip")["arrays"][0].shape == (2, 400, 2)


def test_values_keep_their_order_and_their_ends(session):
    samples = session.workspace.samples
    area = samples.features[:, samples.feature_names.index("area")]
    told = session.ask("map.colours", by="feature:area")
    sent = told["arrays"][0].astype(int)
    assert (told["kind"], told["unit"]) == ("values", "px²")
    assert sent.min() == 0 and sent.max() == 254  # 255 is for a row without a value
    assert (np.diff(sent[np.argsort(area)]) >= 0).all()
    assert area.min() <= told["low"] < told["high"] <= area.max()
    flat = session.ask("map.colours", by="confidence")
    assert flat["low"] <= flat["high"]


def test_sources_beyond_the_fifteenth_share_a_colour(session):
    import dataclasses

    samples = session.workspace.samples
    origin = samples.origin.copy()
    origin["source"] = [f"s{min(row, 19):02d}" for row in range(80)]  # 20 sources, the last with 61 rows
    session.workspace._samples = dataclasses.replace(samples, origin=origin)
    told = session.ask("map.colours", by="source")
    assert [one["n"] for one in told["classes"]] == [61, *[1] * 14, 5]
    assert told["classes"][0]["name"] == "s19" and told["classes"][15]["name"] == "5 others"
    assert told["arrays"][0][79] == 0


def test_a_row_is_told_in_words(session):
    told = session.ask("map.row", row=3)
    samples, (_, look) = session.workspace.samples, session.workspace.look()
    assert (told["sample"], told["group"], told["runs"]) == (samples.sample[3], look.groups[3], 4)
    assert told["agree"] == round(look.confidence[3] * 4)
    assert told["label"] == session.workspace.study.labels()[told["sample"]][0]
    np.testing.assert_array_equal(
        told["arrays"][0][2], session.ask("map.positions", run=2)["arrays"][0].reshape(80, 2)[3]
    )


@pytest.mark.parametrize("given", [{"row": 80}, {"row": -1}])
def test_rows_that_are_not_there_are_refused(session, given):
    with pytest.raises(SettingError, match="from 0 to 79"):
        session.ask("map.row", **given)


def test_what_cannot_colour_is_refused_with_the_nearest_word(session):
    with pytest.raises(SettingError, match="Did you mean 'feature:area'"):
        session.ask("map.colours", by="feature:aera")


def test_without_a_look_it_says_what_to_do(tmp_path):
    from clew import steps

    (tmp_path / "a.csv").write_text("x,y\n" + "\n".join(f"{i},{i * i % 7}" for i in range(20)))
    steps.new(tmp_path / "a.study", [tmp_path / "a.csv"])
    with pytest.raises(DataError, match="run explore first"):
        fake_session(tmp_path / "a.study").ask("map.look")


def test_the_density_picture_is_for_browsers_that_cannot_draw(session):
    picture = ROUTES["/picture/map"](session.workspace, run="1", width="100", height="80")
    assert picture.media_type == "image/png" and picture.data[:4] == b"\x89PNG"
    for wrong in ({"width": "9999"}, {"height": "x"}, {"run": "-1"}, {"run": "9"}):
        with pytest.raises(SettingError):
            ROUTES["/picture/map"](session.workspace, **wrong)
