"""How good encoders and decoders are on real data, beside what is simpler: digits, and earthquakes in noise."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from clew.measure.cutouts import Cutouts
    from clew.neural.coders import NetVae
    from clew.samples import Samples

LEARNT = 5000  # digits of 6,000; the others are asked about
DRAWS = 50  # from the posterior, for the importance-weighted bound
NEIGHBOURS, FOLDS = 5, 5
PIECE = 64  # samples of a spectrogram's column
HOW: dict[str, Any] = {"scale": "none", "schedule": "one-cycle", "batch_size": 64, "threads": 1}
BLOCKS: dict[str, Any] = {"channels": (16, 32), "hidden": (256,)}


@dataclass(frozen=True)
class VaeQuality:
    """A VAE on digits that it has not seen, binarised by one draw each.

    Parameters
    ----------
    conditional : bool
        Whether it is told the digit.
    elbo, bound : float
        The mean evidence lower bound and the importance-weighted one by 50 draws, in nats.
    confidence : float
        The mean of the largest probability that a CNN gives 1,000 samples.
    as_asked : float
        The share of samples that the CNN takes for the digit that was asked for; NaN where none was.
    active : int
        Latent numbers that tell digits apart.
    """

    conditional: bool
    elbo: float
    bound: float
    confidence: float
    as_asked: float
    active: int


@dataclass(frozen=True)
class JudgeQuality:
    """The CNN that judges samples: what it says of what are digits for sure, and of what are none.

    Parameters
    ----------
    accuracy, on_digits : float
        On digits that it has not seen: the share of right answers, and the mean of the largest probability.
    on_noise, on_shuffled : float
        The same mean on uniform noise, and on digits whose pixels were exchanged.
    """

    accuracy: float
    on_digits: float
    on_noise: float
    on_shuffled: float


@dataclass(frozen=True)
class MapQuality:
    """How many unseen digits their 5 nearest neighbours tell, among so many numbers of each.

    Parameters
    ----------
    latent : int
    autoencoder, pca : float
        The share of right answers.
    """

    latent: int
    autoencoder: float
    pca: float


@dataclass(frozen=True)
class QuakeQuality:
    """Event or noise in windows of stations that were not heard, by a logistic regression: areas under the ROC curve.

    Parameters
    ----------
    waves, pictures : float
        On the latent numbers of an autoencoder, which learns without labels: from the waves of windows, or from their
        spectrograms (the logarithm of the power). Each window has a scale of its own, so amplitudes are not seen.
    components : float
        On as many principal components of the spectrograms.
    measured : float
        On the features that were measured, amplitudes among them.
    permuted : float
        On the latent numbers of the spectrograms, with the labels exchanged.
    """

    waves: float
    pictures: float
    components: float
    measured: float
    permuted: float


# ---- digits ----
@dataclass(frozen=True, eq=False)
class Digits:
    """Digits to learn from and others to ask about: grey values from 0 to 1, float32 (n, 1, 28, 28)."""

    X: np.ndarray
    y: np.ndarray
    unseen: np.ndarray
    asked: np.ndarray

    @staticmethod
    def of(images: np.ndarray, labels: np.ndarray) -> Digits:
        """Divide images of uint8, shape (n, 28, 28), and their labels."""
        order = np.random.default_rng(0).permutation(len(images))
        X, n = (images[order, None] / 255).astype(np.float32), min(LEARNT, len(images) * 5 // 6)
        return Digits(X[:n], labels[order[:n]], X[n:], labels[order[n:]])


def judge_quality(digits: Digits, *, epochs: int = 8) -> tuple[Any, JudgeQuality]:
    """Train the CNN that judges samples; return it with what it says of digits and of none."""
    from clew.neural.estimators import NetClassifier

    random = np.random.default_rng(1)
    cnn = NetClassifier("cnn", max_epochs=epochs, lr=3e-3, **HOW).fit(digits.X, digits.y)
    flat = digits.unseen.reshape(len(digits.unseen), -1)
    shuffled = random.permuted(flat, axis=1).reshape(digits.unseen.shape)
    sure = [_sure(cnn, one) for one in (digits.unseen, random.random(digits.unseen.shape), shuffled)]
    return cnn, JudgeQuality(cnn.score(digits.unseen, digits.asked), *sure)


def vae_quality(
    digits: Digits, cnn: Any, *, conditional: bool, epochs: int = 40, latent: int = 12
) -> VaeQuality:
    """Train a convolutional VAE on digits that are binarised anew in each epoch, and judge it on others and by its samples."""
    vae = digits_vae(digits, conditional=conditional, epochs=epochs, latent=latent)
    bits = (np.random.default_rng(2).random(digits.unseen.shape) < digits.unseen).astype(np.float32)
    known = digits.asked if conditional else None
    wanted = np.resize(np.unique(digits.y), 1000)
    samples = vae.sample(len(wanted), wanted if conditional else None)
    return VaeQuality(
        conditional=conditional,
        elbo=float(vae.elbo(bits, known, draws=5).mean()),
        bound=float(vae.bound(bits, known, k=DRAWS).mean()),
        confidence=_sure(cnn, samples),
        as_asked=float((cnn.predict(samples) == wanted).mean()) if conditional else float("nan"),
        active=int(vae.collapse(bits, known).active.sum()),
    )


def digits_vae(digits: Digits, *, conditional: bool, epochs: int, latent: int) -> NetVae:
    """Train the VAE of `vae_quality`."""
    import torch

    from clew.neural.coders import NetVae

    settings = BLOCKS | {"latent": latent, "likelihood": "bernoulli", "conditional": conditional}
    binarised = lambda rows, random: dataclasses.replace(rows, x=torch.bernoulli(rows.x, generator=random))  # noqa: E731
    made = NetVae(net_settings=settings, augment=binarised, max_epochs=epochs, lr=3e-3, **HOW)
    return made.fit(digits.X, digits.y)


def map_quality(digits: Digits, *, latent: int, epochs: int = 25) -> MapQuality:
    """Compare the latent numbers of a convolutional autoencoder with as many principal components."""
    from sklearn.decomposition import PCA

    from clew.neural.coders import NetAutoencoder

    coder = NetAutoencoder(net_settings=BLOCKS | {"latent": latent}, max_epochs=epochs, lr=3e-3, **HOW).fit(
        digits.X
    )
    flat = [one.reshape(len(one), -1) for one in (digits.X, digits.unseen)]
    pca = PCA(latent, random_state=0).fit(flat[0])
    maps = [[coder.embed(one) for one in (digits.X, digits.unseen)], [pca.transform(one) for one in flat]]
    return MapQuality(latent, *(_neighbours(digits, *two) for two in maps))


def _sure(cnn: Any, images: np.ndarray) -> float:
    return float(cnn.predict_proba(images).max(axis=1).mean())


def _neighbours(digits: Digits, known: np.ndarray, unseen: np.ndarray) -> float:
    from sklearn.neighbors import KNeighborsClassifier

    return float(KNeighborsClassifier(NEIGHBOURS).fit(known, digits.y).score(unseen, digits.asked))


# ---- earthquakes ----
def quake_quality(samples: Samples, cutouts: Cutouts, *, epochs: int = 40, latent: int = 8) -> QuakeQuality:
    """Tell event from noise at stations that were not heard: by latent numbers, and by what was measured.

    Parameters
    ----------
    samples : Samples
        Windows of two classes, grouped by station, with measured features.
    cutouts : Cutouts
        The waves of these windows.
    """
    from sklearn.decomposition import PCA
    from sklearn.model_selection import StratifiedGroupKFold

    from clew.neural.coders import NetAutoencoder

    labels = samples.labels
    assert labels is not None
    dealt = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    parts = list(dealt.split(samples.features, labels, samples.group))
    waves = cutouts.of(samples).values
    seen = _spectrograms(waves, cutouts.rate or 1.0)
    how: dict[str, Any] = HOW | {"scale": "each", "batch_size": 32, "max_epochs": epochs, "lr": 3e-3}

    def latent_of(rows: np.ndarray) -> list[np.ndarray]:
        coder = NetAutoencoder(net_settings={"latent": latent}, **how)
        return [coder.fit(rows[train]).embed(rows) for train, _ in parts]

    flat = seen.reshape(len(seen), -1)
    flat = (flat - flat.mean(axis=1, keepdims=True)) / flat.std(axis=1, keepdims=True)
    components = [PCA(latent, random_state=0).fit(flat[train]).transform(flat) for train, _ in parts]
    mixed, pictures = np.random.default_rng(0).permutation(labels), latent_of(seen)
    return QuakeQuality(
        waves=_told(latent_of(waves), labels, parts),
        pictures=_told(pictures, labels, parts),
        components=_told(components, labels, parts),
        measured=_told([samples.features] * FOLDS, labels, parts),
        permuted=_told(pictures, mixed, parts),
    )


def _spectrograms(waves: np.ndarray, rate: float) -> np.ndarray:
    """Return the logarithm of the power, (n, C, frequencies, times), of half overlapping pieces of 64 samples."""
    from scipy.signal import spectrogram

    _, _, power = spectrogram(waves.astype(np.float64), fs=rate, nperseg=PIECE, noverlap=PIECE // 2)
    return np.log10(power + 1e-12 * power.max(axis=(1, 2, 3), keepdims=True))


def _told(tables: list[np.ndarray], labels: np.ndarray, parts: list[Any]) -> float:
    """Return the mean area under the ROC curve over folds, each with a table of its own."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = []
    for table, (train, test) in zip(tables, parts, strict=True):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(
            table[train], labels[train]
        )
        found.append(roc_auc_score(labels[test], model.predict_proba(table[test])[:, 1]))
    return float(np.mean(found))
