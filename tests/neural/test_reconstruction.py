"""What is said of rows that come back."""

from __future__ import annotations

import dataclasses

import numpy as np

from clew.neural.reconstruction import Reconstructions
from clew.result import Result
from clew.validate.posterior_collapse import PosteriorCollapse


def rebuilt(**given) -> Reconstructions:
    n = 12
    known = {
        "architecture": "vae", "axes": "features", "names": ["a", "b"], "sample": np.array([f"r{i}" for i in range(n)]),
        "held_out": np.arange(n) % 4 == 0, "score": np.linspace(0, 1, n), "share": 0.8, "pca_share": 0.6, "n_latent": 2,
        "collapse": PosteriorCollapse(divergence=np.array([1.0, 0.0]), variance_of_mean=np.array([0.9, 0.0])),
        "plane": np.random.default_rng(0).normal(size=(n, 2)), "plane_share": 1.0, "grid_at": np.zeros((2, 0)),
        "grid": np.zeros((0, 0), np.float32), "shown": np.array([0, 5, 11, 10]), "n_typical": 2,
        "real": np.eye(4, 2, dtype=np.float32), "decoded": np.ones((4, 2), np.float32), "labels": [],
    }  # fmt: skip
    return Reconstructions(**(known | given))


def test_the_verdict_stands_beside_principal_components():
    assert rebuilt().headline() == "From 2 numbers a row, 80% of the variance comes back on the 3 rows held out; from 2 principal components 60%"  # fmt: skip
    assert "row, none of the variance comes back" in rebuilt(share=-2.03).headline()
    assert rebuilt(pca_share=0.9).headline().endswith("90%: less than these")
    assert rebuilt(pca_share=0.8).headline().endswith("80%: no more than these")
    assert "rows that taught it (none were held out)" in rebuilt(held_out=np.zeros(12, bool)).headline()


def test_the_most_anomalous_are_named_the_worst_first():
    assert rebuilt().most_anomalous(3) == ["r11", "r10", "r9"]
    assert "r11, r10, r9, r8 and r7; rows that taught it are flattered" in rebuilt().sentences()[-1]
    assert "flattered" not in rebuilt(held_out=np.ones(12, bool)).sentences()[-1]


def test_idle_latent_numbers_of_a_vae_are_told():
    assert "1 of 2 latent numbers tell rows apart" in rebuilt().sentences()[0]
    assert len(rebuilt(collapse=None).sentences()) == 1


def test_it_comes_back_from_a_file(tmp_path):
    found = rebuilt()
    again = Result.load(found.save(tmp_path / "r.zip"))
    assert again.digest() == found.digest() and again.summary() == found.summary()
    assert dataclasses.replace(found, share=0.7).digest() != found.digest()
