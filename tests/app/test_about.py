from __future__ import annotations

import pytest

from clew import steps
from clew.errors import DataError, SettingError
from clew.study.study import Study
from tests.app.fakes import fake_session


def test_without_a_study_there_is_none():
    told = fake_session(None).ask("about")
    assert told["study"] is None and told["who"] == "tester"


def test_about_a_study_nothing_sealed_is_told(blob_study, tmp_path):
    study = Study(blob_study)
    told = fake_session(study).ask("about")["study"]
    assert told["counts"] == study.counts() and told["kind"] == "image"
    assert told["features"] == list(study.samples().feature_names) and len(told["units"]) == len(
        told["features"]
    )
    assert [one["k"] for one in told["looks"]] == [2]
    assert told["labels"] == 0  # a named group is no label of a person
    steps.label(study, labels_file(study, tmp_path))
    assert fake_session(study).ask("about")["study"]["labels"] == 3
    steps.label(study, undo=True)
    assert fake_session(study).ask("about")["study"]["labels"] == 0


def labels_file(study, folder):
    path = folder / "labels.csv"
    rows = [f"{name},round" for name in study.samples().sample[:3]]
    path.write_text("\n".join(["sample,label", *rows]))
    return path


def test_a_person_has_a_name(looked_at):
    session = fake_session(looked_at / "blobs.study")
    assert session.ask("who.set", name="  Ada   L. ") == {"who": "Ada L."} and session.who == "Ada L."
    for wrong in ("", "   ", "x" * 61):
        with pytest.raises(SettingError, match="1 to 60"):
            session.ask("who.set", name=wrong)


def test_an_invitation_opens_once(looked_at):
    session = fake_session(looked_at / "blobs.study")
    door = session.kept["door"]
    token = session.ask("invite", name="Grace H.")["address"].partition("token=")[2]
    cookie = door.enter(token)
    assert door.people[cookie] == "Grace H." and door.enter(token) is None
    with pytest.raises(SettingError, match="1 to 60"):
        session.ask("invite", name=" ")


def test_files_of_this_machine_are_for_the_host_and_not_for_guests(looked_at):
    session = fake_session(looked_at / "blobs.study")
    asked = [
        ("start.list", {}),
        ("start.look", {"paths": ["/etc"]}),
        ("start.make", {"paths": ["/etc/x"], "name": "a", "settings": {}}),
        ("start.open", {"folder": "/"}),
        ("start.leave", {}),
        ("start.demo", {"what": "blobs"}),
        *(("job.start", {"verb": verb, "settings": {}}) for verb in ("new", "predict", "export", "label")),
    ]
    door = session.kept["door"]
    session.kept["cookie"] = door.enter(door.invite("Grace H."))
    for name, given in asked:
        with pytest.raises(DataError, match="Got a guest"):
            session.ask(name, **given)
    session.kept["cookie"] = door.enter(door.invite())
    assert session.ask("start.list")["entries"] is not None  # the host is not refused
