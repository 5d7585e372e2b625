"""Small studies for the tests of the study's rooms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from clew.learn.names import Names
from clew.measure.cutouts import Cutouts
from clew.result import step
from clew.samples import Samples
from clew.study.study import Source, Study


def table(n_rows: int = 12) -> Samples:
    names = [f"t.csv#{i + 1}" for i in range(n_rows)]
    return Samples(
        features=np.column_stack([np.arange(n_rows, dtype=float), np.arange(n_rows) % 3 * 1.5]),
        feature_names=("length", "width"),
        units=("mm", "mm"),
        sample=names,
        origin=pd.DataFrame({"source": ["t.csv"] * n_rows, "line": np.arange(n_rows) + 2}),
        group=names,
        sets={"size": ("length",)},
    )


def make(folder: Path, *, n_rows: int = 12, sealed: int = 3) -> Study:
    """A study of a table whose last rows are sealed."""
    data = folder.parent / "t.csv"
    if not data.exists():
        data.write_text("length,width\n1,2\n")
    with Study.create(folder) as draft:
        draft.put_rows(table(n_rows), np.arange(n_rows) >= n_rows - sealed)
        draft.put_sources([Source.of(data, name="t.csv", kind="table", role="data", study=folder)])
        draft.put_facts(kind="table", features="all")
    return Study(folder)


def seen(samples: Samples, what: str) -> Names:
    """What a step was handed, as a result of clew that holds rows and labels."""
    return Names(sample=samples.sample, label=samples.labels, names={"0": what}, unnamed=[])


@step(sees="open")
def look(samples: Samples, *, times: int = 1) -> Names:
    """Look at open rows."""
    return seen(samples, f"sum {samples.features.sum() * times}")


@step(sees="sealed")
def peek(samples: Samples) -> Names:
    """Look at sealed rows."""
    return seen(samples, "sealed")


def lines_of(samples: Samples) -> Cutouts:
    """Cut the raw data behind rows: the line of each, as a window of one sample."""
    line = samples.origin["line"].to_numpy(dtype=float).reshape(-1, 1, 1)
    return Cutouts(values=line, sample=samples.sample, axes="ct", channels=["line"])


@step(sees="open")
def watch(samples: Samples, cutouts: Cutouts, before: Names | None = None, *, times: int = 1) -> Names:
    """Look at the raw data behind open rows, and at a result."""
    return seen(samples, f"{cutouts.values.sum() * times} {before and before.names['0']}")


@step(sees="sealed")
def unveil(samples: Samples, cutouts: Cutouts) -> Names:
    """Look at the raw data behind sealed rows."""
    return seen(samples, str(cutouts.values.sum()))


@step(sees="all")
def compare(samples: Samples) -> Names:
    """Look at all rows, and at what is said of their part and of who labelled them."""
    told = samples.origin["part"] + " " + samples.origin["labelled"]
    return Names(sample=samples.sample, label=told.to_numpy(dtype=str), names={}, unnamed=[])
