from __future__ import annotations

import numpy as np
import pytest

from clew.errors import ClewError, DataError, SettingError
from tests.app.fakes import fake_session
from tests.app.test_traces import made  # noqa: F401


@pytest.fixture
def session(blob_study):
    return fake_session(blob_study)


def choose(session, rows):
    return session.ask("select", kind="rows", rows=rows)["selection"]


def test_the_pages_of_the_gallery_hold_every_selected_row_once(session):
    rows = list(range(3, 40))
    selection = choose(session, rows)
    pages = [session.ask("beside.gallery", selection=selection, page=page, size=10) for page in range(4)]
    assert {page["n"] for page in pages} == {37} and {page["pages"] for page in pages} == {4}
    assert sorted(one["row"] for page in pages for one in page["rows"]) == rows
    assert session.ask("beside.gallery", selection=selection, page=99, size=10)["page"] == 3
    other = session.ask("beside.gallery", selection=selection, size=10, order="random")["rows"]
    assert other != pages[0]["rows"]


def test_without_a_selection_all_open_rows_are_shown(session):
    open_rows = session.workspace.samples.n_rows
    page = session.ask("beside.gallery", size=500)
    assert page["n"] == open_rows == session.workspace.study.counts()["open"]
    assert sorted(one["row"] for one in page["rows"]) == list(range(open_rows))


def test_the_table_is_sorted_over_all_its_pages(session):
    samples = session.workspace.samples
    area = samples.features[:, samples.feature_names.index("area")]
    told = session.ask("beside.table", sort="area", descending=True)
    rows = [one["row"] for one in told["rows"]]
    assert rows == np.argsort(-area, kind="stable")[:100].tolist() and told["n"] == len(area)
    np.testing.assert_array_equal(told["arrays"][0], samples.features[rows].astype(np.float32))
    names = [one["name"] for one in session.ask("beside.table", sort="name")["rows"]]
    assert names == sorted(names)
    assert names[::-1] == [
        one["name"] for one in session.ask("beside.table", sort="name", descending=True)["rows"]
    ]
    assert session.ask("beside.table", page=1)["rows"] == []


def test_a_row_says_how_many_runs_agree_with_its_group(session):
    told = session.ask("beside.row", row=5)
    _, look = session.workspace.look()
    assert told["runs"] == len(look.clustering.labels) and 0 <= told["agree"] <= told["runs"]
    assert told["groups"] == ["round", "elongated"] and told["source"] == "blobs.tif"
    assert len(told["values"]) == session.workspace.samples.n_features and told["window"] is None


def test_a_histogram_counts_the_selection_among_all(session):
    selection = choose(session, [0, 1, 2])
    told = session.ask("beside.histogram", feature="solidity", selection=selection)
    assert sum(told["chosen"]) == told["n"] == 3
    assert sum(told["all"]) == sum(map(sum, told["groups"])) == session.workspace.samples.n_rows
    assert session.ask("beside.histogram", feature="solidity")["n"] == 0


def test_outlines_of_sealed_objects_carry_no_row_and_no_group(session):
    samples = session.workspace.samples
    told = session.ask("beside.image", row=2)
    points, starts, rows, groups = told["arrays"]
    sealed = session.workspace.study.counts()["sealed"]
    assert (told["width"], told["height"], told["channels"]) == (512, 512, ["gray"])
    assert len(starts) == len(rows) + 1 == len(groups) + 1 == 101 and starts[-1] == len(points)
    assert (rows == -1).sum() == (groups[rows == -1] == -1).sum() == sealed > 0
    assert sorted(rows[rows >= 0]) == list(range(samples.n_rows))
    for piece in np.flatnonzero(rows >= 0)[:20]:  # each outline lies in the box of its row
        box = samples.origin.iloc[rows[piece]][["min_col", "min_row", "max_col", "max_row"]].to_numpy(float)
        own = points[starts[piece] : starts[piece + 1]]
        assert (own.min(axis=0) >= box[:2]).all() and (own.max(axis=0) <= box[2:]).all()


def test_nothing_that_is_sent_names_a_sealed_row(session):
    opened = set(session.workspace.samples.sample.tolist())
    told = session.ask("beside.told", rows=list(range(len(opened))))["rows"]
    assert {one["name"] for one in told} == opened
    assert not opened & (set(session.workspace.study.sample_names()) - opened)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("beside.told", {"rows": [80]}),
        ("beside.told", {"rows": [-1]}),
        ("beside.told", {"rows": [0] * 501}),
        ("beside.gallery", {"size": 0}),
        ("beside.gallery", {"order": "best"}),
        ("beside.gallery", {"selection": 99}),
        ("beside.row", {"row": 10**6}),
        ("beside.row", {"row": 0, "step": 99}),
        ("beside.table", {"sort": "no such feature"}),
        ("beside.histogram", {"feature": "no such feature"}),
        ("beside.image", {"row": -1}),
        ("beside.trace", {"row": 0, "points": 10**9}),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence(session, name, given):
    with pytest.raises((SettingError, DataError)) as refused:
        session.ask(name, **given)
    assert isinstance(refused.value, ClewError) and " Got " in str(refused.value)


def test_objects_have_no_trace(session):
    with pytest.raises(DataError, match="about recordings"):
        session.ask("beside.trace", row=0)


def test_a_trace_comes_with_the_windows_that_are_marked_in_it(made):  # noqa: F811
    session = fake_session(made / "sensor.study")
    told = session.ask("beside.trace", row=4, start=-2.0, lasts=6.0, points=100)
    values, rows, groups, begins, ends = told["arrays"]
    assert values.shape == (2, 200) and told["n"] == 100 and told["lasts"] == 6.0
    assert told["rate"] == 50 and not told["dated"] and told["components"] == ["1", "2"]
    here = rows.tolist().index(4)
    assert (begins[here], ends[here]) == (2.0, 4.0) and set(groups.tolist()) == {-1}
    assert session.ask("beside.row", row=4)["window"] == 2.0
    with pytest.raises(DataError, match="objects in images"):
        session.ask("beside.image", row=4)
