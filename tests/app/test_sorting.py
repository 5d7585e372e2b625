"""Where thumbnails come from, against slow twins."""

from __future__ import annotations

import numpy as np
import pytest

from clew.app.queueing import queue_of
from clew.errors import DataError
from tests.app.fakes import fake_session


@pytest.fixture
def session(blob_study):
    session = fake_session(blob_study)
    samples = session.workspace.samples
    long = samples.features[:, samples.feature_names.index("eccentricity")] > 0.75
    for name, rows in (("long", np.flatnonzero(long)[:6]), ("round", np.flatnonzero(~long)[:6])):
        names = samples.sample[rows].tolist()
        session.ask("labels.give", client=f"teaches-{name}", samples=names, label=name)
    session.labelled = {*np.flatnonzero(long)[:6].tolist(), *np.flatnonzero(~long)[:6].tolist()}
    return session


def rows(answer):
    return [item["row"] for item in answer["items"]]


def test_every_row_without_a_label_comes_once(session):
    first = session.ask("sort.pool", n=24)
    second = session.ask("sort.pool", n=200, have=rows(first))
    assert first["total"] == second["total"] == 68
    assert sorted(rows(first) + rows(second)) == sorted(set(range(80)) - session.labelled)


def test_what_the_model_takes_for_a_class_comes_surest_first(session):
    answer = session.ask("sort.pool", source="predicted", label="long", n=200)
    learnt = queue_of(session.workspace).refit.latest
    sure = learnt.probability[rows(answer), learnt.classes.index("long")]
    assert answer["total"] == len(rows(answer)) > 5
    assert (np.diff(sure) <= 0).all() and sure.min() >= 0.5
    both = answer["total"] + session.ask("sort.pool", source="predicted", label="round")["total"]
    assert both == 68


def test_the_most_uncertain_come_first(session):
    learnt_rows = rows(session.ask("sort.pool", source="uncertain", n=200))
    p = queue_of(session.workspace).refit.latest.probability[learnt_rows].max(axis=1)
    assert len(p) == 68
    assert (np.diff(p) >= -1e-6).all()  # of two classes, the less sure the more uncertain


def test_the_nearest_to_a_bin_come_first(session):
    found = rows(session.ask("sort.pool", source="near", label="long", n=200))
    samples = session.workspace.samples
    z = (samples.features - samples.features.mean(0)) / samples.features.std(0)
    z = np.clip(z, -3, 3)
    truth = {
        name: label for name, (label, how) in session.workspace.study.labels().items() if how == "person"
    }
    inside = [i for i, name in enumerate(samples.sample) if truth.get(str(name)) == "long"]
    twin = [min(np.linalg.norm(z[i] - z[j]) for j in inside) for i in found]
    assert len(inside) == 6
    assert np.all(np.diff(twin) >= -1e-9)


def test_a_selection_gives_its_rows_without_those_labelled(session):
    chosen = session.ask("select", kind="rows", rows=list(range(20)))["selection"]
    answer = session.ask("sort.pool", source="selection", selection=chosen, n=200)
    assert sorted(rows(answer)) == sorted(set(range(20)) - session.labelled)


def test_rows_of_a_bin_are_told_by_name(session):
    assert [one["row"] for one in session.ask("sort.told", rows=[5, 3])["items"]] == [5, 3]


def test_without_a_model_or_a_bin_it_says_what_to_do(blob_study):
    session = fake_session(blob_study)
    with pytest.raises(DataError, match="put some rows into two bins first"):
        session.ask("sort.pool", source="uncertain")
    with pytest.raises(DataError, match="must hold a row"):
        session.ask("sort.pool", source="near", label="round")
