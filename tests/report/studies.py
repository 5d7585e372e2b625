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


def read(study: Study) -> str:
    return write_report(study, study.folder / "report.html").read_text()
