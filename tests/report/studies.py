"""Small studies, and a strict reader of pages, that the tests of the report share."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd

from clew import steps
from clew.report import write_report
from clew.simulate import blobs
from clew.study.study import Study

VOID = {"meta", "br", "img", "link", "hr", "input"}


class Page(HTMLParser):
    """Reads a page strictly: every tag that opens must close, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data


def two_clouds(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    kind = np.arange(n) % 2
    table = pd.DataFrame(
        rng.normal(size=(n, 3)) + 4.0 * kind[:, None], columns=["length_mm", "width_mm", "mass"]
    )
    table["secret"] = 1e6 + np.arange(n) + rng.uniform(0.1, 0.9, n)  # a value that is known again anywhere
    return table


def table_study(folder: Path, frame: pd.DataFrame, **settings) -> Study:
    path = folder / "rows.csv"
    frame.to_csv(path, index=False)
    steps.new(folder / "a.study", [path], **settings)
    return Study(folder / "a.study")


def image_study(folder: Path, *, name: str = "blobs.tif") -> Study:
    import tifffile

    simulated = blobs(n_round=24, n_elongated=16, size=320)
    tifffile.imwrite(folder / name, simulated.pixels)
    steps.new(folder / "b.study", [folder / name], features="shape")
    return Study(folder / "b.study")


EVIL = '<img src=x onerror=alert(1)>&"$x^2$'
QUICK = {"trees": 6, "folds": 3}


def labelled_table(*, numbers: bool = False) -> pd.DataFrame:
    """Return 120 rows of 12 groups: two features and a copy tell the class, or the number; a third is not labelled."""
    rng = np.random.default_rng(5)
    n = 120
    kind = rng.integers(0, 2, n)
    table = pd.DataFrame({f"{EVIL} len": rng.normal(size=n) + 3.0 * kind, "width": rng.normal(size=n)})
    table["copy"] = table.iloc[:, 0] + 0.05 * rng.normal(size=n)
    table["secret"] = 1e6 + np.arange(n) + rng.uniform(0.1, 0.9, n)  # a value that is known again anywhere
    table["plate"] = [f"{EVIL} {i % 12}" for i in range(n)]
    table["row"] = [f"row-{i}-known" for i in range(n)]
    wrong = np.isin(np.arange(n), [7, 31, 64])
    classes = np.array([f"{EVIL} big", "small"])[np.where(wrong, 1 - kind, kind)]
    table["answer"] = (
        10.0 * kind + rng.normal(size=n) if numbers else np.where(rng.random(n) < 1 / 3, "", classes)
    )
    return table


def ask_everything(study: Study) -> None:
    """Ask of a study with a model all that can be asked before the seal is broken, quickly."""
    steps.validate(study, folds=3)
    steps.explain(study, refits=3, permutations=3, folds=3)
    steps.curve(study, repeats=1, values=[10, 20, 30], **QUICK)
    steps.curve(study, over="depth", values=[1, 2, 4], **QUICK)
    steps.compare(study, families="dummy,linear,tree", repeats=1, folds=3)
    steps.repeat(study, runs=3, **QUICK)
    steps.state(study, "width")


def judged_study(folder: Path, *, numbers: bool = False) -> Study:
    """Return a study of labelled rows, or of numbers, through all verbs: nothing is left to ask."""
    roles = {"target": "answer"} if numbers else {"label": "answer"}
    study = table_study(
        folder, labelled_table(numbers=numbers), group="plate", identifier="row", sealed=0.3, **roles
    )
    steps.explore(study, k=2, runs=2, references=99, embed="pca", k_max=3)
    steps.train(study, trees=6)
    ask_everything(study)
    steps.confirm(study, reason="do they hold?", references=19, permutations=19)
    steps.test(study, reason="the final figures")
    return study


def read(study: Study) -> str:
    return write_report(study, study.folder / "report.html").read_text()
