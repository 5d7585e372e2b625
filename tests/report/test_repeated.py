"""The second sheet shows what stays when a look is repeated."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clew import steps
from clew.explore.stability import in_words
from clew.plot.stability import LINES
from clew.report import repeated
from clew.report.behind import second_sheet
from clew.report.gathered import gather
from tests.report.studies import Page, read, table_study, two_clouds

SECTIONS = [repeated.at_home, repeated.two_runs, repeated.cut, repeated.consensus, repeated.number_of_groups]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = table_study(tmp_path_factory.mktemp("repeated"), two_clouds().drop(columns="secret"))
    steps.explore(made, runs=4, references=99)
    return made


@pytest.fixture(scope="module")
def record(study):
    return gather(study)


def test_each_part_of_stability_has_its_figure_with_a_caption(record):
    page = Page("".join(part(record) for part in SECTIONS))
    for title in (
        "Who is at home on the map, and who wanders",
        "Two runs side by side",
        "The cut, repeated",
        "Consensus",
        "How many groups",
    ):
        assert title in page.text
    figures = sum(tag == "figure" for tag, _ in page.tags)
    assert figures == sum(tag == "figcaption" for tag, _ in page.tags) == 7
    labels = [dict(attrs).get("aria-label") for tag, attrs in page.tags if tag == "svg" and "role" in attrs]
    assert len(labels) == 7 and all(labels)


def test_the_first_sheet_sums_stability_up_in_one_sentence(study, record):
    text = Page(read(study)).text
    assert text.count(in_words(record.exploration)) == 1
    assert f"{len(record.exploration.sample)} shown of {len(record.exploration.sample)} open rows" in text


def test_captions_hold_the_figures_of_the_result(record):
    found = record.exploration.clustering
    text = Page(repeated.consensus(record)).text
    for g in range(2):
        rows = found.consensus == g
        again = np.nanmean(found.resampled_confidence[rows])
        assert f"group {g} {found.confidence[rows].mean():.2f} and {again:.2f}" in text
    assert "No row is put in another group" in text


def test_rows_that_wander_are_counted_of_how_many(record):
    look = record.exploration
    overlap = np.full(len(look.sample), 0.95)
    overlap[[2, 3, 5]] = 0.1
    odd = dataclasses.replace(look, embedding=dataclasses.replace(look.embedding, neighbor_overlap=overlap))
    said = repeated.at_home(dataclasses.replace(record, exploration=odd))
    assert f"a row wanders (ring): 3 of {len(overlap)}." in said
    assert f"3 of {len(overlap)} rows wander between" in in_words(odd)


def test_a_single_map_is_shown_with_how_true_it_is_and_nothing_beside_it(record):
    look = record.exploration
    one = dataclasses.replace(look.embedding, aligned=look.embedding.aligned[:1])
    alone = dataclasses.replace(record, exploration=dataclasses.replace(look, embedding=one))
    assert repeated.at_home(alone) == ""
    assert repeated.two_runs(alone) == ""
    text = second_sheet(alone)
    assert "One map" in text and "Trustworthiness" in text
    assert text.count("<section>") % 2 == 0


@pytest.mark.filterwarnings("error")
def test_a_group_that_no_resample_drew_has_no_figure(record):
    look = record.exploration
    labels = look.clustering.resampled_labels.copy()
    labels[:, look.clustering.consensus == 1] = -2
    clustering = dataclasses.replace(look.clustering, resampled_labels=labels)
    odd = dataclasses.replace(record, exploration=dataclasses.replace(look, clustering=clustering))
    said = repeated.cut(odd) + repeated.consensus(odd)
    assert said.count("none drawn") == 2 and "nan" not in Page(said).text
    assert clustering.summary()["stability"]["resampled_jaccard"]["1"] is None


def test_without_groups_parts_are_spoken_of(record):
    none = dataclasses.replace(record, exploration=dataclasses.replace(record.exploration, k=0))
    text = Page(repeated.consensus(none) + repeated.cut(none)).text
    assert "part 0" in text and "group 0" not in text
    assert "There are no groups" in text


def test_before_the_first_look_there_is_nothing_to_repeat(record):
    fresh = dataclasses.replace(record, exploration=None)
    assert [part(fresh) for part in SECTIONS] == [""] * 5


def test_the_two_columns_come_out_even(record):
    for one in (record, dataclasses.replace(record, exploration=None)):
        assert second_sheet(one).count("<section>") % 2 == 0


def test_distances_alone_are_reported(tmp_path):
    from clew.study.study import Study

    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 2)) + 9.0 * (np.arange(60) % 2)[:, None]
    np.save(tmp_path / "d.npy", np.linalg.norm(points[:, None] - points[None], axis=2))
    steps.new(tmp_path / "d.study", [], distances=tmp_path / "d.npy")
    study = Study(tmp_path / "d.study")
    told = steps.explore(study, k=2, cluster="agglomerative", runs=3, references=99)
    assert any("Two principal coordinates explain" in line for line in told.lines)
    page = Page(read(study))
    assert "distances alone" in page.text and "Stress" in page.text
    assert "has no randomness and does not depend on which rows are drawn" in page.text


def test_a_report_of_many_rows_stays_small(record):
    look = record.exploration
    n, rng = 4000, np.random.default_rng(0)
    maps = rng.normal(size=(3, n, 2)).astype(np.float32)
    embedding = dataclasses.replace(
        look.embedding, coordinates=maps, aligned=maps, neighbor_overlap=np.sqrt(rng.random(n))
    )
    cut = (np.arange(n) % 2).astype(np.int32)
    many = dataclasses.replace(
        look,
        embedding=embedding,
        shown=np.arange(n),
        cut=cut,
        confidence=np.ones(n),
        sample=np.arange(n).astype(str),
    )
    big = dataclasses.replace(record, exploration=many)
    drawn = repeated.at_home(big) + repeated.two_runs(big)
    assert len(drawn) < 500_000
    assert f"the {LINES} rows of 4,000" in drawn
    assert drawn.count("<use") < 2 * LINES + 1500 + 100
