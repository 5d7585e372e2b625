from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from clew.app.starting import dropped, turn_to
from clew.errors import ClewError, DataError, SettingError
from clew.study.study import Study
from tests.app.conftest import enter, shot, until
from tests.app.fakes import fake_session
from tests.steps import worlds


def home(tmp_path):
    session = fake_session(None)
    session.workspace.home = tmp_path
    return session


def test_studies_here_are_told_with_their_seal(blob_study, tmp_path):
    session = home(tmp_path)
    (one,) = session.ask("start.recent")["studies"]
    assert (one["name"], one["verb"], one["seal"]) == ("room/blobs.study", "name", "never opened")
    (blob_study / "study.sqlite").write_bytes(b"none of ours")
    assert session.ask("start.recent")["studies"] == []  # what cannot be opened is not offered


def test_opening_a_study_tells_every_page(blob_study, tmp_path):
    session = home(tmp_path)
    session.ask("start.open", folder=str(blob_study))
    assert session.workspace.study.folder == blob_study
    assert session.pushed[-2]["push"] == "opened" and session.pushed[-1]["what"] == "study"
    session.ask("start.leave")
    assert not session.workspace.has_study
    with pytest.raises(ClewError, match="study"):
        session.ask("start.open", folder=str(tmp_path / "none"))


def test_a_folder_is_listed_folders_first_and_studies_as_such(blob_study, tmp_path):
    session = home(blob_study.parent)
    told = session.ask("start.list")
    assert [(one["name"], one["kind"]) for one in told["entries"]] == [
        ("blobs.study", "study"),
        ("blobs.tif", "file"),
    ]
    assert told["above"] == str(tmp_path)
    with pytest.raises(DataError, match="not there"):
        session.ask("start.list", folder="nowhere")
    with pytest.raises(ClewError, match="path"):
        session.ask("start.list", folder="a\0b")


def test_files_are_recognised_and_one_that_cannot_be_read_is_named_with_why(looked_at, tmp_path):
    session = home(tmp_path)
    for i in range(3):
        shutil.copy(looked_at / "blobs.tif", tmp_path / f"w{i}.tif")
    (tmp_path / "w1.tif").write_bytes((tmp_path / "w1.tif").read_bytes()[:3000])
    told = session.ask("start.look", paths=[str(tmp_path)])
    assert (told["kind"], told["n"], told["tried"]) == ("image", 3, 3)
    (bad,) = told["unreadable"]
    assert bad["name"] == "w1.tif" and "w1.tif" in bad["why"]
    assert sorted(path[-6:] for path in told["readable"]) == ["w0.tif", "w2.tif"]


def test_stacks_are_recognised_and_not_called_unreadable(looked_at, tmp_path):
    session = home(tmp_path)
    shutil.copy(looked_at / "blobs.tif", tmp_path / "plane.tif")
    worlds.stack(tmp_path / "embryo.tif")
    (tmp_path / "cut.tif").write_bytes((tmp_path / "embryo.tif").read_bytes()[:900])
    told = session.ask("start.look", paths=[str(tmp_path)])
    assert [one["name"] for one in told["unreadable"]] == ["cut.tif"]
    assert [(one["name"], one["size"]) for one in told["stacks"]] == [
        ("embryo.tif", "2 channels, 4 planes of 96 x 80 pixels")
    ]
    assert told["readable"] == [str(tmp_path / "plane.tif")]  # objects are found in planes
    assert told["paintable"] == [str(tmp_path / "embryo.tif"), str(tmp_path / "plane.tif")]
    pd.DataFrame({"x": [1.0, 2.0]}).to_csv(tmp_path / "t.csv", index=False)
    table = session.ask("start.look", paths=[str(tmp_path / "t.csv")])
    assert table["stacks"] == [] and table["paintable"] == []


def test_the_columns_of_a_table_are_offered_as_what_belongs_together(tmp_path):
    session = home(tmp_path)
    pd.DataFrame({"patient": ["a", "b"], "x": [1.0, 2.0]}).to_csv(tmp_path / "t.csv", index=False)
    told = session.ask("start.look", paths=["t.csv"])
    assert told["kind"] == "table" and told["columns"] == ["patient", "x"] and told["name"] == "t.study"
    with pytest.raises(DataError, match="not"):
        session.ask("start.look", paths=["gone.csv"])
    with pytest.raises(SettingError, match=r"20,000"):
        session.ask("start.look", paths=[])


@pytest.mark.parametrize("name", ["../x.tif", "a/../../x", "", "/", "x\0y", "a/" * 9 + "b", "x" * 1001])
def test_a_dropped_file_cannot_lead_elsewhere(tmp_path, name):
    with pytest.raises(SettingError, match="dropped file"):
        dropped(home(tmp_path).workspace, "20260101", name, 10)
    assert list(tmp_path.iterdir()) == []


def test_a_dropped_file_needs_room(tmp_path):
    with pytest.raises(DataError, match="room"):
        dropped(home(tmp_path).workspace, "1", "a.tif", 10**18)
    path = dropped(home(tmp_path).workspace, "1", "f/a.tif", 10)
    assert path == tmp_path / "dropped-1" / "f" / "a.tif"
    path.write_bytes(b"data that a study may rest on")
    with pytest.raises(DataError, match="a name of its own"):
        dropped(home(tmp_path).workspace, "1", "f/a.tif", 10)


@pytest.mark.parametrize("name", ["../up", "", "a/b", ".hidden"])
def test_a_study_is_not_made_elsewhere(tmp_path, name):
    with pytest.raises(SettingError, match="name of a study"):
        home(tmp_path).ask("start.make", paths=["a.csv"], name=name, settings={})


def test_a_dropped_table_becomes_a_study_that_opens(serve, context, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        rng.normal(size=(60, 3)) + 4.0 * (np.arange(60) % 2)[:, None], columns=["length", "width", "mass"]
    )
    served = serve(None, cwd=tmp_path)
    page = enter(context, served)
    until(lambda: page.evaluate("() => document.querySelector('.start h1') !== null"))
    shot(page, "start")
    page.evaluate(
        """(text) => {
            const given = new DataTransfer();
            given.items.add(new File([text], "flowers.csv"));
            dispatchEvent(new DragEvent("drop", { dataTransfer: given, cancelable: true }));
        }""",
        table.to_csv(index=False),
    )
    button = page.get_by_role("button", name="Make the study")
    button.wait_for()
    shot(page, "start-found")
    button.click()
    until(
        lambda: page.evaluate("() => window.clew?.state?.about?.study?.name === 'flowers'"),
        what="the study to open",
    )
    assert Study(tmp_path / "flowers.study").counts() == {"open": 48, "sealed": 12}


def test_turning_to_another_study_empties_what_was_kept(blob_study, tmp_path):
    session = home(tmp_path)
    turn_to(session.workspace, Study(blob_study))
    session.workspace.row_of(str(session.workspace.samples.sample[0]))
    assert session.workspace.kept
    turn_to(session.workspace, None)
    assert not session.workspace.kept


def test_an_empty_table_is_named_with_why(tmp_path):
    (tmp_path / "empty.csv").write_bytes(b"")
    told = home(tmp_path).ask("start.look", paths=[str(tmp_path / "empty.csv")])
    assert told["columns"] == [] and "empty.csv" in told["unreadable"][0]["why"]
