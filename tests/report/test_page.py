"""The page is whole, safe and the same at every stage of a study."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from clew import steps
from clew.errors import SettingError
from clew.report import write_report
from tests.report.studies import Page, image_study, labelled_table, read, table_study, two_clouds

SECTIONS = ["What was found", "How sure", "How good is the", "What was claimed, and what holds", "What a reviewer should know", "Every run", "The thread"]  # fmt: skip


@pytest.fixture(scope="module")
def stages(tmp_path_factory) -> dict[str, str]:
    """The page of one study of an image after each verb."""
    study = image_study(tmp_path_factory.mktemp("stages"))
    pages = {"new": read(study)}
    for verb, act in {
        "explored": lambda: steps.explore(study, features="size", runs=4, references=99),
        "explored again": lambda: steps.explore(study, k=2, runs=4, references=99),
        "named": lambda: steps.name(study, ["0=round", "1=elongated"]),
        "trained": lambda: steps.train(study, trees=10),
        "validated": lambda: steps.validate(study, trees=10),
        "explained": lambda: steps.explain(study, refits=2, permutations=2),
        "asked all": lambda: [
            steps.curve(study, values=[8, 16], repeats=1, trees=5),
            steps.compare(study, families="dummy,linear", repeats=1, folds=3),
            steps.repeat(study, runs=2, trees=5, folds=3),
        ],
        "tested": lambda: steps.test(study, reason="for the manuscript"),
        "tested again": lambda: steps.test(study, reason="once more"),
        "stated": lambda: steps.state(study, "eccentricity", about="round"),
    }.items():
        act()
        pages[verb] = read(study)
    return pages


def test_every_stage_gives_a_whole_page_with_all_sections(stages):
    for stage, text in stages.items():
        page = Page(text)
        for title in SECTIONS:
            assert title in page.text, (stage, title)


def test_the_reader_of_these_tests_refuses_broken_pages():
    with pytest.raises(AssertionError):
        Page("<div><p></div>")


def test_the_page_asks_for_nothing_outside_of_itself(stages):
    for text in stages.values():
        page = Page(text)
        for tag, attributes in page.tags:
            assert tag not in ("script", "link", "iframe", "object", "form")
            for name in ("src", "href", "xlink:href"):
                value = attributes.get(name)
                assert value is None or value.startswith(("#", "data:image/png;base64,")), value
        assert "@import" not in text
        assert not re.search(r"url\((?!#)", text)
        assert not re.search(r"https?://(?!www\.w3\.org/)", text)


def test_no_two_elements_share_an_id_and_every_reference_is_there(stages):
    for text in stages.values():
        tags = Page(text).tags
        ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        named = [a.get("href") or a.get("xlink:href") or "" for _, a in tags]
        used = {name[1:] for name in named if name.startswith("#")} | set(
            re.findall(r"url\(#([^)]*)\)", text)
        )
        assert used <= set(ids)


def test_an_empty_place_names_the_command_that_fills_it(stages):
    assert "clew explore b.study" in stages["new"]
    assert "clew name b.study 0=... 1=..." in stages["explored again"]
    assert "clew train b.study" in stages["named"]
    assert "clew validate b.study" in stages["trained"]
    assert "clew test b.study --reason" in stages["validated"]
    assert 'class="empty"' not in stages["tested"]


def test_what_was_not_asked_is_named_with_its_command_until_it_is(stages):
    for verb in ("explain", "curve", "compare", "repeat"):
        assert f"clew {verb} b.study)" in Page(stages["validated"]).text
        assert (f"clew {verb} b.study)" in Page(stages["explained"]).text) == (verb != "explain")
    assert "<h2>Not asked yet" not in stages["asked all"] and "<h2>Not asked yet" not in stages["named"]


def test_an_earlier_look_stays_on_the_thread_as_a_fork(stages):
    assert stages["explored"].count('<li class="fork"') == 0
    assert stages["explored again"].count('<li class="fork"') == 1
    assert "2 looks at the open rows" in Page(stages["tested"]).text


def test_a_cut_without_evidence_is_not_called_groups(stages):
    text = Page(stages["explored again"]).text
    assert "Cut into two groups as asked" in text or "Two groups" in text


def test_a_second_opening_is_marked_as_not_independent(stages):
    once, twice = Page(stages["tested"]).text, Page(stages["tested again"]).text
    assert "not independent" not in once
    assert "2nd time: not independent" in twice
    assert "Tested again, not independent" in twice
    assert "for the manuscript" in twice and "once more" in twice


def test_labels_that_are_names_of_groups_are_said_to_be_circular(stages):
    assert "repeats the grouping" in Page(stages["validated"]).text
    assert "repeats the grouping" not in Page(stages["explored again"]).text


def test_the_same_record_gives_the_same_bytes_wherever_it_is_written(stages, tmp_path):
    study = image_study(tmp_path)
    steps.explore(study, k=2, runs=3, references=99)
    first = write_report(study, tmp_path / "one.html").read_bytes()
    second = write_report(study, tmp_path / "two.html").read_bytes()
    assert first == second
    assert str(tmp_path).encode() not in first


def test_hostile_names_are_only_text(tmp_path):
    hostile = "<script>alert(1)</script>"
    frame = two_clouds(40).rename(columns={"mass": f'{hostile}$x^2$ & "quoted"'})
    study = table_study(tmp_path, frame, sealed=0.2)
    steps.explore(study, k=2, runs=3, references=99)
    steps.name(study, [f"0={hostile}", "1=a'b\"c&d"])
    steps.train(study, trees=5)
    steps.validate(study, trees=5)
    steps.test(study, reason="</p><img src=x onerror=alert(1)>")
    text = read(study)
    page = Page(text)
    assert all(tag != "script" for tag, _ in page.tags)
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert hostile in page.text


def test_an_image_with_a_hostile_name_can_be_shown(tmp_path):
    study = image_study(tmp_path, name="a<b>&'c $1$.tif")
    steps.explore(study, k=2, runs=3, references=99)
    page = Page(read(study))
    assert "a<b>&'c $1$.tif" in page.text
    assert any(tag == "img" for tag, _ in page.tags)


def test_one_cloud_gives_a_page_that_says_no_groups(tmp_path):
    rng = np.random.default_rng(1)
    study = table_study(tmp_path, pd.DataFrame(rng.normal(size=(60, 4)), columns=list("abcd")), sealed=0)
    steps.explore(study, runs=3, references=99)
    text = Page(read(study)).text
    assert "No groups of rows" in text
    assert "No seal" in text
    assert "clew label a.study" in text


@pytest.mark.parametrize("numbers", [False, True])
def test_where_there_is_something_to_learn_the_finding_is_the_model_and_no_box_waits_for_a_look(
    tmp_path, numbers
):
    roles = {"target": "answer"} if numbers else {"label": "answer"}
    study = table_study(tmp_path, labelled_table(numbers=numbers), group="plate", identifier="row", **roles)

    def finding(text):
        return re.search(r'<p class="finding">(.*?)</p>', text)[1]

    given = "each with a target" if numbers else "labelled by people"
    texts = [read(study)]
    assert given in finding(texts[0]) and "clew train a.study" in finding(texts[0])
    steps.train(study, trees=6)
    texts.append(read(study))
    assert "<b>A model was trained" if numbers else "<b>A classifier was trained" in finding(texts[1])
    steps.validate(study, trees=6, folds=3)
    texts.append(read(study))
    said = (
        "The model of <i>answer</i> is off by" if numbers else "The classifier reaches a balanced accuracy of"
    )
    assert finding(texts[2]).startswith(f"<b>{said}")
    for text in texts:
        page = Page(text).text
        assert page.count("Nobody has looked for groups: clew explore a.study.") == 1
        assert "nobody has looked" not in page  # the mutant: the headline of a study without labels
        for title in ("What was found", "How sure", "What was claimed", "Every run"):
            assert f"<h2>{title}" not in text
    steps.state(study, "width")
    assert "<h2>What was claimed" in read(study)


def test_without_labels_the_look_is_what_is_missing(stages):
    assert "nobody has looked for groups yet" in stages["new"] and "<h2>Every run" in stages["new"]
    assert stages["new"].count('class="empty"') > 3


def test_a_model_of_numbers_gives_a_page(tmp_path):
    frame = two_clouds()[["length_mm", "width_mm", "mass"]]
    study = table_study(tmp_path, frame, target="mass", sealed=0.2)
    steps.train(study, trees=10)
    steps.validate(study, trees=10)
    steps.test(study, reason="final")
    text = Page(read(study)).text
    assert "The model of mass is off by" in text
    assert "predicted against true" in text


def test_several_groups_and_images_give_a_page(tmp_path):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        rng.normal(size=(90, 2)) + np.repeat([[0, 0], [9, 0], [0, 9]], 30, axis=0), columns=["a", "b"]
    )
    study = table_study(tmp_path, frame)
    steps.explore(study, runs=3, references=99)
    text = Page(read(study)).text
    assert "Three groups of rows" in text
    assert "Three hypotheses" in text


def test_a_place_that_is_not_there_is_refused(tmp_path):
    study = table_study(tmp_path, two_clouds())
    with pytest.raises(SettingError, match="must exist"):
        write_report(study, tmp_path / "nowhere" / "report.html")
    with pytest.raises(SettingError, match="must be a file"):
        write_report(study, tmp_path)


def test_groups_that_follow_their_source_are_said_to(tmp_path):
    frame = two_clouds(80)
    frame["plate"] = [f"{'ab'[i % 2]}{i // 2 % 4}" for i in range(80)]
    study = table_study(tmp_path, frame.drop(columns="secret"), group="plate")
    steps.explore(study, k=2, runs=3, references=99)
    assert "The groups follow the sources of the rows" in Page(read(study)).text
    mixed = frame.assign(plate=[f"p{i // 10}" for i in range(80)])
    (tmp_path / "mixed").mkdir()
    other = table_study(tmp_path / "mixed", mixed.drop(columns="secret"), group="plate")
    steps.explore(other, k=2, runs=3, references=99)
    assert "follow the sources" not in Page(read(other)).text


def test_an_opening_that_showed_nothing_is_told_as_such():
    from types import SimpleNamespace

    from clew.report.page import _seal
    from clew.study.record import Opening

    first = Opening(1, "2026-01-01T00:00:00+00:00", "ak", "final", "test", shown=False, independent=True)
    second = Opening(2, "2026-01-02T00:00:00+00:00", "ak", "again", "test", shown=True, independent=True)
    third = Opening(3, "2026-01-03T00:00:00+00:00", "ak", "more", "test", shown=True, independent=False)
    record = SimpleNamespace(counts={"sealed": 5}, openings=[first], tests=[])
    assert "Nothing was shown" in _seal(record)
    both = _seal(SimpleNamespace(counts={"sealed": 5}, openings=[first, second, third], tests=[]))
    assert both.count("not independent") == 1
    assert "2nd time" in both
