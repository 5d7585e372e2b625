"""The second sheet holds the whole thread and the figures behind the first."""

from __future__ import annotations

import pytest

from clew import steps
from clew.report.behind import second_sheet
from clew.report.gathered import gather
from tests.report.studies import Page, table_study, two_clouds


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = table_study(tmp_path_factory.mktemp("behind"), two_clouds().drop(columns="secret"))
    steps.explore(made, features="mass", runs=3, references=99)
    steps.explore(made, k=2, runs=3, references=99)
    steps.name(made, ["0=low", "1=high"])
    steps.train(made, trees=7)
    return made


def test_every_step_stands_in_the_thread_with_settings_and_hashes(study):
    text = second_sheet(gather(study))
    page = Page(text)
    for step in study.steps():
        assert f'<tr id="step-{step.id}">' in text
        assert step.digest[:16] in page.text
        assert step.inputs.get("samples", "")[:8] in page.text
        for name, value in step.settings.items():
            if isinstance(value, (int, float, str)):
                assert f"{name} {value}" in page.text
    assert "tried: 2 looks, " in page.text and "1 model and 0 validations" in page.text
    for library, version in study.steps()[-1].versions.items():
        assert f"{library} {version}" in page.text


def test_trees_wear_the_names_that_a_person_gave(study):
    text = Page(second_sheet(gather(study))).text
    assert "The hypothesis as a tree" in text and "Tree 1 of 7" in text
    assert text.count("low") > 3 and "group 0" not in text


def test_tables_have_nothing_to_paint(study):
    assert "Groups painted back" not in second_sheet(gather(study))


def test_a_look_whose_groups_no_few_features_tell_has_no_trees_to_draw(tmp_path):
    made = table_study(tmp_path, two_clouds().drop(columns="secret"))
    steps.explore(made, k=2, runs=3, references=99)
    record = gather(made)
    record.exploration.hypotheses.stated.clear()
    assert "The hypothes" not in Page(second_sheet(record)).text
