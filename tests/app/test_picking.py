"""The room of picks as the server answers: what there is to judge, in which order, and what was said of it."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError, SealedError, SettingError
from clew.study.study import Study
from tests.app.fakes import fake_session
from tests.app.picking_worlds import LASTS, RATE, SHA256, make_quakes, record_found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = make_quakes(tmp_path_factory.mktemp("quakes"))
    record_found(Study(path))
    return path


@pytest.fixture
def page(made):
    page = fake_session(made)
    for one in page.workspace.study.picks():  # what another test has said
        page.ask("picks.delete", client=f"clear-{one.client}", pick=one.client)
    page.pushed.clear()
    return page


def sealed_names(page):
    study = page.workspace.study
    return set(study.places()["recording"]) - set(study.samples().origin["recording"])


def test_recordings_with_open_rows_are_shown_and_the_sealed_ones_only_counted(page):
    told = page.ask("picks.open")
    names = {one["name"] for one in told["recordings"]}
    assert len(names) == 3 and told["sealed"] == 1 and not names & sealed_names(page)
    assert told["recordings"][0]["components"] == ["Z", "N", "E"]
    assert told["step"]["n"] == 9  # three picks of each, none of the sealed one
    for name, given in (("picks.of", {}), ("picks.trace", {"start": 0.0, "lasts": 9.0, "points": 64})):
        with pytest.raises(DataError, match="with open rows"):
            page.ask(name, recording=sealed_names(page).pop(), **given)


def test_what_is_proposed_is_the_least_sure_of_each_station_and_goes_as_it_is_judged(page):
    before = page.ask("picks.next")
    assert (before["n"], before["left"]) == (9, 9)
    first = before["next"][:3]
    assert [one["time"] for one in first] == [40.0] * 3 and len({one["recording"] for one in first}) == 3
    assert first[0]["probability"] < first[1]["probability"] < first[2]["probability"]
    page.ask("picks.reject", client="reject-001", **_of(first[0]))
    page.ask("picks.put", client="confirm-01", **{**_of(first[1]), "time": 41.7, "asked": 40.0})
    after = page.ask("picks.next")
    assert after["left"] == 7 and {one["time"] for one in after["next"]} == {40.0, 20.04, 26.04}
    assert first[2] == after["next"][0]
    told = page.ask("picks.of", recording=first[1]["recording"])
    assert [one["judged"] for one in told["candidates"]] == [
        False,
        False,
        True,
    ]  # though it was moved by 1.7 s
    page.ask("picks.undo", client="undo-00001")
    assert page.ask("picks.next")["left"] == 8


def _of(one):
    return {name: one[name] for name in ("recording", "phase", "time", "probability")} | {"model": SHA256}


def test_an_act_is_bound_to_the_content_of_its_file_told_to_every_page_and_recorded_once(page):
    other = fake_session(page.workspace.study, who="ben", workspace=page.workspace)
    name = page.ask("picks.open")["recordings"][0]["name"]
    given = {"client": "put-000001", "recording": name, "phase": "Pn", "time": 12.34}
    assert page.ask("picks.put", **given) == page.ask("picks.put", **given)
    (pushed,) = [one for one in other.pushed if one["push"] == "picked"]
    assert (pushed["recording"], pushed["who"], pushed["act"]) == (name, "tester", "put pick")
    (one,) = page.workspace.study.picks()
    source = next(one for one in page.workspace.study.sources() if one.name == name)
    assert (one.time, one.phase, one.sha256) == (12.34, "Pn", source.sha256)
    other.ask("picks.move", client="move-00001", recording=name, pick="put-000001", time=12.5)
    (one,) = other.ask("picks.of", recording=name)["picks"]
    assert (one["time"], one["who"], one["kind"]) == (12.5, "ben", "put")
    other.ask("picks.delete", client="delete-001", pick="put-000001")
    assert other.ask("picks.of", recording=name)["picks"] == []


def test_what_lies_nowhere_or_where_nobody_looks_is_refused(page):
    name = page.ask("picks.open")["recordings"][0]["name"]
    with pytest.raises(DataError, match="must lie in"):
        page.ask("picks.put", client="put-000009", recording=name, phase="P", time=LASTS)
    with pytest.raises(SettingError, match="phase"):
        page.ask("picks.put", client="put-000009", recording=name, phase="P wave", time=3.0)
    with pytest.raises((DataError, SealedError)):
        page.ask("picks.put", client="put-000009", recording=sealed_names(page).pop(), phase="P", time=3.0)
    with pytest.raises(SettingError, match="band"):
        page.ask("picks.trace", recording=name, start=0.0, lasts=5.0, points=64, band="loud")
    with pytest.raises(DataError, match="2 to"):
        page.ask("picks.trace", recording=name, start=0.0, lasts=0.001, points=64)
    assert page.workspace.study.picks() == []


def test_a_trace_holds_every_extreme_of_its_piece(page, made):
    name = page.ask("picks.open")["recordings"][0]["name"]
    told = page.ask("picks.trace", recording=name, start=15.0, lasts=20.0, points=100)
    with np.load(made.parent / name) as file:
        raw = file["data"].T[::-1].astype(np.float64)  # the file has E, N, Z
    raw = raw[:, int(15 * RATE) : int(35 * RATE)]
    raw -= raw.mean(axis=1, keepdims=True)
    low, high = (told["arrays"][0].reshape(3, 100, 2)[..., k] for k in (0, 1))
    np.testing.assert_allclose(low, raw.reshape(3, 100, 10).min(axis=2), atol=1e-4)
    np.testing.assert_allclose(high, raw.reshape(3, 100, 10).max(axis=2), atol=1e-4)
    assert (told["start"], told["lasts"], told["n"]) == (15.0, 20.0, 100)
    beyond = page.ask("picks.trace", recording=name, start=50.0, lasts=20.0, points=100)
    assert (beyond["start"], beyond["lasts"]) == (50.0, 10.0)
