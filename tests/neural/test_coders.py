import numpy as np
import pandas as pd
import pytest
import torch
from scipy.linalg import subspace_angles
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.decomposition import PCA

from clew.errors import DataError, SettingError
from clew.measure.cutouts import Cutouts
from clew.neural.coders import NetAutoencoder, NetVae
from clew.neural.model import NetModel
from clew.neural.nets.vae import LEAST_LOG_SPREAD
from clew.samples import Samples

RANDOM = np.random.default_rng(0)
TABLE = RANDOM.normal(size=(80, 3)) @ RANDOM.normal(size=(3, 6)) * 2 + 0.3 * RANDOM.normal(size=(80, 6)) + 5
IMAGES = RANDOM.random((40, 2, 9, 7)).astype(np.float32)
LABELS = np.tile(["a", "b"], 20)
IMAGES[LABELS == "b"] += 2
LINEAR = {"net_settings": {"hidden": (), "latent": 2}, "precision": "float64", "batch_size": 80, "lr": 0.05}


# ---- autoencoder ----
def apart_from_pca(estimator):
    """Return the largest angle between what a decoder spans and the first principal components, in radians."""
    scaled = (TABLE - TABLE.mean(0)) / TABLE.std(0)
    spanned = estimator.net_.decoder.head.weight.detach().double().numpy()
    return subspace_angles(spanned, PCA(2).fit(scaled).components_.T).max()


def test_a_linear_one_spans_the_first_principal_components():
    fitted = NetAutoencoder(max_epochs=400, schedule="cosine", **LINEAR).fit(TABLE)
    assert apart_from_pca(fitted) < 1e-2
    scaled = (TABLE - TABLE.mean(0)) / TABLE.std(0)
    pca = PCA(2).fit(scaled)
    back = pca.inverse_transform(pca.transform(scaled))
    assert fitted.anomaly(TABLE).mean() == pytest.approx(((scaled - back) ** 2).mean(), rel=0.01)
    untrained = NetAutoencoder(max_epochs=1, **LINEAR).fit(TABLE)
    assert apart_from_pca(untrained) > 0.1  # the mutant


# ---- variational ----
@pytest.fixture(scope="module")
def factors():
    """A linear Gaussian VAE, whose evidence is known, with a posterior that is a little off; and rows."""
    weight = np.linalg.qr(RANDOM.normal(size=(5, 2)))[0] * [
        2.0,
        1.0,
    ]  # columns at right angles: the posterior is diagonal
    bias, spread = RANDOM.normal(size=5), 0.5
    X = RANDOM.normal(size=(40, 2)) @ weight.T + bias + spread * RANDOM.normal(size=(40, 5))
    settings = {"hidden": (), "latent": 2}
    vae = NetVae(net_settings=settings, scale="none", precision="float64", max_epochs=1).fit(X)
    within = (weight**2).sum(0) + spread**2
    back = weight / within
    state = {
        "decoder.head.weight": weight,
        "decoder.head.bias": bias,
        "encoder.bottleneck.weight": np.concatenate([back.T, 0 * back.T]),
        "encoder.bottleneck.bias": np.concatenate([-bias @ back, np.log(spread**2 / within)]),
        "spread": LEAST_LOG_SPREAD + np.log(np.expm1(np.log(spread) - LEAST_LOG_SPREAD)),
    }
    vae.net_.load_state_dict({name: torch.as_tensor(one) for name, one in state.items()})
    evidence = multivariate_normal(bias, weight @ weight.T + spread**2 * np.eye(5)).logpdf(X)
    return vae, X, evidence


def test_with_the_true_posterior_every_bound_is_the_evidence(factors):
    vae, X, evidence = factors
    np.testing.assert_allclose(vae.bound(X, k=1), evidence, atol=1e-9)
    assert vae.elbo(X, draws=2000).mean() == pytest.approx(evidence.mean(), abs=0.05)


def test_bounds_lie_below_the_evidence_and_rise_with_the_draws(factors):
    vae, X, evidence = factors
    off = clone(vae).fit(X)
    off.net_.load_state_dict(vae.net_.state_dict())
    with torch.no_grad():
        off.net_.encoder.bottleneck.bias += torch.tensor([0.3, -0.3, 0.8, -0.5])
    rows = np.repeat(X, 100, axis=0)  # means over 4,000 draws
    elbo = off.elbo(rows).mean()
    found = [off.bound(rows, k=k, random_state=k).mean() for k in (1, 5, 50)]
    assert found[0] == pytest.approx(elbo, abs=0.1)
    assert elbo < found[1] - 0.1 and found[1] < found[2] < evidence.mean() + 0.02
    assert found[2] + np.log(50) > evidence.mean() + 1  # the mutant: a sum in place of the mean


def test_a_huge_beta_collapses_the_posterior_and_a_usual_one_does_not():
    settings = {"hidden": (16,), "latent": 2}
    how = {"max_epochs": 60, "lr": 0.01}
    active = NetVae(net_settings=settings, **how).fit(TABLE).collapse(TABLE)
    dead = NetVae(net_settings=settings | {"beta": 300.0}, **how).fit(TABLE).collapse(TABLE)
    assert active.active.all() and "none has collapsed" in active.headline()
    assert not dead.active.any() and "lower beta" in dead.headline()


def test_samples_are_of_the_rows_it_learnt_and_of_the_label_that_is_asked_for():
    how = {"net_settings": {"conditional": True, "latent": 2}, "max_epochs": 30, "lr": 0.01}
    fitted = NetVae(**how).fit(IMAGES, LABELS)
    a, b = (fitted.sample(50, label) for label in "ab")
    assert a.shape == (50, *IMAGES.shape[1:])
    assert a.mean() == pytest.approx(0.5, abs=0.5) and b.mean() == pytest.approx(2.5, abs=0.5)
    np.testing.assert_array_equal(fitted.sample(4, "a"), fitted.sample(4, np.full(4, "a")))
    assert not np.array_equal(fitted.sample(4, "a"), fitted.sample(4, "a", random_state=1))
    assert (fitted.likeliest(IMAGES) == LABELS).all()
    np.testing.assert_array_equal(fitted.transform(IMAGES), fitted.embed(IMAGES, LABELS))
    way = fitted.interpolate(IMAGES[0], IMAGES[1], 5)
    np.testing.assert_allclose(way[[0, -1]], fitted.reconstruct(IMAGES[:2]), rtol=1e-4)
    for wrong, says in ((None, "Got none"), ("c", "among: a, b. Got 'c'")):
        with pytest.raises(DataError, match=says):
            fitted.sample(1, wrong)


def test_a_bernoulli_decoder_takes_shares():
    how = {"net_settings": {"likelihood": "bernoulli", "latent": 2}, "max_epochs": 1}
    shares = IMAGES / IMAGES.max()
    assert NetVae(scale="none", **how).fit(shares).sample(3).min() >= 0
    with pytest.raises(SettingError, match="must be 'none'"):
        NetVae(**how).fit(shares)
    with pytest.raises(DataError, match="divide them by their largest"):
        NetVae(scale="none", **how).fit(IMAGES)


# ---- as a model ----
@pytest.mark.parametrize("conditional", [False, True])
def test_a_saved_model_answers_as_before(conditional, tmp_path):
    names = np.array([f"cell {i}" for i in range(40)])
    origin = pd.DataFrame({"source": names})
    samples = Samples(features=TABLE[:40], feature_names=tuple("uvwxyz"), units=("",) * 6, sample=names, origin=origin, group=names, labels=LABELS)  # fmt: skip
    cutouts = Cutouts(values=IMAGES, sample=names, axes="cyx", channels=["red", "green"])
    how = {"net_settings": {"latent": 3, "conditional": conditional}, "max_epochs": 2}
    validation = (IMAGES[:10], LABELS[:10])
    members = [NetVae(random_state=i, **how).fit(IMAGES, LABELS, validation=validation) for i in (0, 1)]
    model = NetModel.of(members, samples, cutouts)
    assert model.kind == "coding" and model.target_name == "reconstruction error"
    assert model.classes == (["a", "b"] if conditional else [])
    again = NetModel.load_model(model.save_model(tmp_path / "vae"))
    assert again.sha256 == model.sha256 and "3 latent numbers" in again.headline()
    said = again.predict(samples, cutouts)
    np.testing.assert_allclose(said.value, np.mean([one.anomaly(IMAGES) for one in members], axis=0))
    assert said.label is None and again.spread(samples, cutouts).shape == (40,)
    np.testing.assert_array_equal(again.activations(samples, cutouts), members[0].transform(IMAGES))
    np.testing.assert_allclose(again.rarity(samples, cutouts), np.mean([one.rarity(IMAGES) for one in members], axis=0))  # fmt: skip
    assert "reconstruction error" in (tmp_path / "vae" / "README.md").read_text()
