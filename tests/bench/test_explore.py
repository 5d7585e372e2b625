from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from clew.bench import explore
from clew.bench.explore import clusters, works
from clew.bench.timing import Side, Work, check_installed, measure


def row_of(name: str, prepare=None) -> dict:
    """Measure the row of this name once, on fewer data; no whole run goes before it as a warm-up, as timings would need."""
    work = next(one for one in works() if one.name == name)

    def once():
        sides = (prepare or work.prepare)()
        ours, rival = (
            one and replace(one, warm=one.warm or (lambda: None)) for one in (sides.ours, sides.rival)
        )
        return replace(sides, ours=ours, rival=rival)

    return measure(replace(work, prepare=once, peak=False), repeats=1)


def test_every_figure_of_the_issue_has_its_row():
    names = [one.name for one in works()]
    assert names[:6] == ["umap-10k", "umap-50k", "start-digits", "kmeans", "tsne-10k", "explore-63"]
    assert len(set(names)) == len(names)
    assert [one.name for one in works() if one.on_request] == ["big"]
    check_installed(works())


def test_the_clusters_are_as_said():
    X, groups = clusters(20_000, 30)
    np.testing.assert_array_equal(X, clusters(20_000, 30)[0])
    centers = np.array([X[groups == g].mean(axis=0) for g in range(10)])
    assert (X - centers[groups]).std() == pytest.approx(1, abs=0.01)
    assert centers.std() == pytest.approx(2, abs=0.3)
    assert np.bincount(groups).min() > 1800


def test_kmeans_is_as_good_as_the_rivals():
    row = row_of("kmeans", partial(explore._kmeans, 1500))
    quality = row["quality"]
    assert quality["ours"]["inertia_k2"] == pytest.approx(quality["rival"]["inertia_k2"], rel=0.02)
    assert 0 < quality["ours"]["inertia_k10"] < quality["ours"]["inertia_k2"] < 1
    assert row["how"] == {"ours": "one run", "rival": "50 x the median of 10 runs of one fit at each k"}


def test_neighbours_of_both_are_found():
    row = row_of("neighbors-10k", partial(explore._neighbors, 700))
    assert row["quality"] == {"ours": {"recall": 1.0}, "rival": {"recall": 1.0}}


@pytest.mark.slow
def test_maps_of_both_are_judged(monkeypatch):
    monkeypatch.setattr(explore, "RUNS", 2)
    row = row_of("umap-10k", partial(explore._umap, 250))
    assert set(row["quality"]["rival"]) == {"trustworthiness", "neighbors_kept", "silhouette"}
    assert row["how"]["rival"] == "2 x one run of one seed"
    row = row_of("tsne-10k", partial(explore._tsne, 250))
    assert row["quality"]["ours"]["kl_divergence"] == pytest.approx(
        row["quality"]["rival"]["kl_divergence"], rel=0.1
    )


@pytest.mark.slow
def test_whole_processes_and_whole_looks_run(monkeypatch):
    whole = explore.command

    def here(*words):  # the lines of the rival, in this process, where umap-learn has been compiled before
        ours = "umap" not in words[2]
        return whole(*words) if ours else Side(lambda i: exec(words[2], {}))

    monkeypatch.setattr(explore, "command", here)
    row = row_of("start-digits")
    assert row["quality"]["rival"]["trustworthiness"] > 0.98
    assert row["quality"]["ours"]["trustworthiness"] > 0.98
    assert row_of("explore-63")["quality"] == {"ours": {"groups": 2.0}}
    big: Work = next(one for one in works() if one.name == "big")
    row = measure(replace(big, prepare=partial(explore._big, 120)), repeats=3)
    assert row["how"] == {"ours": "one run"}
    assert row["peak_mb"]["ours"] > 50
