"""Drawn histories whose diagnosis is known; losses in units of chance, which is 1."""

from __future__ import annotations

import numpy as np

from clew.validate.history import History


def history(train, valid=None, *, start=1.05, chance=1.0, lr=1e-3, **changes) -> History:
    """Return a history of these losses; ``start`` is the loss of its first batch."""
    train = np.asarray(train, float)
    n = len(train)
    valid = np.full(n, np.nan) if valid is None else np.asarray(valid, float)
    facts = {
        "train_loss": train,
        "valid_loss": valid,
        "valid_score": np.full(n, np.nan),
        "lr": np.broadcast_to(lr, n).astype(float),
        "gradient_norm": np.ones(n),
        "updates": np.arange(1, n + 1),
        "batch_loss": np.r_[start, train[1:]],
        "loss": "mse",
        "score": "r2",
        "chance_loss": chance,
        "train_loss_at_best": np.nan,
        "best_epoch": int(np.nanargmin(valid)) + 1 if np.isfinite(valid).any() else n,
        "stopped": "epochs",
        "max_epochs": n,
    }
    return History(**facts | changes)


def decay(n, floor, *, time=None, start=1.05):
    """Return a loss that decays from ``start`` to ``floor`` within a time of epochs (an eighth of all)."""
    return floor + (start - floor) * np.exp(-np.arange(1, n + 1) / (time or n / 8))


def wobble(random, n, sd, correlation=0.0):
    """Return noise of a standard deviation; of epochs that follow each other with a correlation."""
    noise = random.normal(size=n)
    for i in range(1, n):
        noise[i] = correlation * noise[i - 1] + np.sqrt(1 - correlation**2) * noise[i]
    return sd * noise


def drawn(kind: str, n: int = 40, *, noise: float = 0.01, correlation: float = 0.0, seed: int = 0) -> History:
    """Draw a history of a kind; the training loss has a third of the noise of the validation loss."""
    random, after = np.random.default_rng(seed), np.maximum(0, np.arange(1, n + 1) - n / 3) / n
    both = wobble(random, n, noise / 3), wobble(random, n, noise, correlation)
    match kind:
        case "good":
            lines = decay(n, 0.1), decay(n, 0.2)
        case "overfits":
            lines = decay(n, 0.02), decay(n, 0.3) + 0.4 * after
        case "gap":
            lines = decay(n, 0.02), decay(n, 0.6)
        case "diverges":
            lines = decay(n, 0.3) + after, decay(n, 0.3) + after
        case "saw-tooth":
            teeth = 0.25 * (-1.0) ** np.arange(n)
            lines = 0.5 + teeth, 0.5 + teeth
        case "above":
            lines = np.full(n, 1.4) + both[0], np.full(n, 1.4)
        case "creeps":
            lines = np.linspace(1.04, 0.85, n), np.linspace(1.05, 0.87, n)
        case "underfits":
            lines = decay(n, 0.93, start=1.2), decay(n, 0.95, start=1.2)
        case "too short":
            lines = decay(n, 0.1, time=n / 1.5), decay(n, 0.15, time=n / 1.5)
        case "nothing":
            lines = decay(n, 1.0), decay(n, 1.0)
    return history(lines[0] + both[0], lines[1] + both[1], start=1.2 if kind == "underfits" else 1.05)
