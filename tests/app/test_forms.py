"""What the page shows of a verb, and what it accepts back."""

from __future__ import annotations

from pathlib import Path

import pytest

from clew.app.forms import VERBS, WRITTEN, arguments, placed
from clew.errors import SettingError
from clew.steps.settings import settings_of_verb
from tests.app.fakes import fake_session


@pytest.fixture
def session(blob_study):
    session = fake_session(blob_study)
    session.workspace.home = blob_study.parent
    return session


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_form_with_all_its_settings(session, verb):
    told = session.ask("form", verb=verb)
    assert [one["name"] for one in told["settings"]] == [
        one.name for one in settings_of_verb(VERBS[verb]) if one.kind != "study"
    ]
    assert told["help"] and told["seals"] == (verb in ("confirm", "test"))


def test_a_form_knows_the_study_what_is_usual_in_it_and_how_long_it_took(session):
    told = session.ask("form", verb="explore")
    usual = {one["name"]: one["default"] for one in told["settings"]}
    assert (told["study"], usual["features"], usual["k"]) == ("blobs.study", "shape", "auto")
    assert told["seconds"] == session.workspace.study.last("explore").seconds
    assert session.ask("form", verb="train")["seconds"] is None
    assert session.ask("form", verb="new")["study"] is None


@pytest.mark.parametrize(
    ("verb", "forest", "net"), [("train", "trees", "epochs"), ("explain", "refits", "steps")]
)
def test_settings_that_only_one_kind_of_model_has_are_marked_so(session, verb, forest, net):
    told = session.ask("form", verb=verb)
    of = {one["name"]: one["of"] for one in told["settings"]}
    assert (of[forest], of[net], of["target"], told["model"]) == ("forest", "net", "", "forest")


def test_a_comparison_has_forest_and_nets_at_once(session):
    assert {one["of"] for one in session.ask("form", verb="compare")["settings"]} == {""}


def test_without_a_study_only_verbs_that_need_none_are_offered(session):
    assert {one["verb"] for one in session.ask("verbs")["verbs"]} == set(VERBS)
    alone = fake_session(None)
    assert {one["verb"] for one in alone.ask("verbs")["verbs"]} == {
        "new",
        "demo",
        "predict",
        "denoise",
        "pick",
    }


def test_values_become_what_the_verb_takes(session):
    home = session.workspace.home.resolve()
    given = placed(
        session.workspace,
        "explore",
        {"k": "3", "min_dist": 0.2, "embed": "pca", "features": ["area", "extent"]},
    )
    assert given == {"k": 3, "min_dist": 0.2, "embed": "pca", "features": "area,extent"}
    assert type(given["k"]) is int
    assert placed(session.workspace, "explore", {"k": "auto"}) == {"k": "auto"}
    args, rest = arguments("explore", given, "the study")
    assert args == ["the study"] and rest == given
    given = placed(session.workspace, "new", {"study": "b.study", "paths": ["blobs.tif"], "sealed": 0.1})
    assert given == {"study": str(home / "b.study"), "paths": [str(home / "blobs.tif")], "sealed": 0.1}
    args, rest = arguments("new", given, None)
    assert args == [home / "b.study", [home / "blobs.tif"]] and rest == {"sealed": 0.1}
    assert arguments("name", placed(session.workspace, "name", {"names": ["0=a b", "1=c"]}), 7)[0] == [
        7,
        ["0=a b", "1=c"],
    ]
    assert arguments("label", {}, 7) == ([7, None], {})


@pytest.mark.parametrize(
    ("verb", "settings", "said"),
    [
        ("explore", {"rnus": 3}, "Did you mean 'runs'?"),
        ("explore", {"embed": "umapp"}, "Did you mean 'umap'?"),
        ("explore", {"k": "many"}, "a whole number or one of: auto. Got 'many'"),
        ("explore", {"k": 2.5}, "a whole number"),
        ("explore", {"k": True}, "a whole number"),
        ("explore", {"min_dist": "NaN"}, "a number"),
        ("explore", {"features": {"a": 1}}, "must be text"),
        ("explore", {"features": "x" * 20_000}, "must be text"),
        ("label", {"undo": "yes"}, "yes or no"),
        ("name", {}, "'names' of name must be given"),
        ("name", {"names": [""]}, "a list of texts"),
        ("confirm", {}, "it stands on record for ever"),
        ("test", {"reason": "  "}, "'reason' of test must be given"),
        ("serve", {}, "verb of the page must be one of"),
        ("export", {"out": "/etc/clew.csv"}, "must lie in"),
        ("export", {"out": "../x.csv"}, "must lie in"),
        ("export", {"out": "blobs.study/study.sqlite"}, "must not lie in the study"),
        ("export", {"out": "a\0b.csv"}, "must be text"),
        ("export", {"labels": "/etc/clew.csv"}, "must lie in"),
        ("export", {"labels": "blobs.tif"}, "must be a new file"),
        ("report", {"out": "blobs.tif"}, "must be a new file"),
        ("predict", {"model": "m", "paths": ["blobs.tif"], "paint": "../../x"}, "must lie in"),
        ("new", {"study": "/etc/clew.study", "paths": ["blobs.tif"]}, "must lie in"),
        ("new", {"study": "blobs.study/inner.study", "paths": ["blobs.tif"]}, "must not lie in the study"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_a_sentence(session, verb, settings, said):
    with pytest.raises(SettingError, match=".") as refused:
        placed(session.workspace, verb, settings)
    assert said in str(refused.value)


def test_a_link_does_not_lead_out_of_the_home_folder(session, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (session.workspace.home / "link").symlink_to(outside)
    with pytest.raises(SettingError, match="must lie in"):
        placed(session.workspace, "export", {"out": "link/x.csv"})
    kept = placed(session.workspace, "export", {"out": "x.csv"})
    assert Path(kept["out"]) == session.workspace.home.resolve() / "x.csv"


def test_every_setting_by_which_a_verb_writes_is_guarded(session):
    read = {"file", "paths", "masks", "model", "distances", "annotations", "response", "stations", "truth"}
    paths = {
        (verb, one.name)
        for verb in VERBS.values()
        for one in settings_of_verb(verb)
        if one.kind == "path" and one.name not in read
    }
    assert {(verb.name, name) for verb, name in paths} == set(WRITTEN)
