"""Small studies for the tests of the verbs."""

from __future__ import annotations

import numpy as np
import pandas as pd

QUICK = {"embed": "pca", "references": 99, "k_max": 3, "runs": 4}


def write_table(folder, n=90, seed=0, name="cells.csv"):
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 2
    X = rng.normal(size=(n, 4)) + 5 * kind[:, None]
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    frame["e"] = X[:, 0] * 2 + rng.normal(size=n) * 0.1
    path = folder / name
    frame.to_csv(path, index=False)
    return path, kind
