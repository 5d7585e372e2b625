"""What a model said of new data goes on the thread of the study that made it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clew.learn.forest import Forest
    from clew.study.study import Step


def record_predictions(
    folder: Path,
    forest: Forest,
    *,
    sha256: dict[str, str],
    samples: Sequence[str] = (),
    n_rows: int,
    out: Path,
) -> tuple[Step | None, list[str]]:
    """Put predictions on the thread of the model's study, if it has one, and say which rows were the study's own.

    Parameters
    ----------
    folder : Path
        Of the model.
    forest : Forest
    sha256 : dict of str to str
        By source name, of what the predictions were made of.
    samples : sequence of str
        The names of the rows; not given where events are found in recordings.
    n_rows : int
    out : Path
        What was written.
    """
    from clew.study.intake import Predicted
    from clew.study.study import Study, file_sha256

    home = folder.resolve().parent.parent
    if not (home / "study.sqlite").is_file():
        return None, []
    study = Study(home)
    known = [one["name"] for one in study.models() if one["sha256"] == forest.sha256]
    if folder.name not in known:
        return None, []
    remarks = []
    own = {source.sha256 for source in study.sources()} & set(sha256.values())
    if own:
        trained, all_names = set(study.samples().sample), set(study.sample_names())
        mine = set(samples) & all_names
        rows = f": {len(mine & trained)} open ones, which may have trained the model, and {len(mine - trained)} sealed ones"
        remarks.append(
            f"These are the study's own {'rows' if mine else 'recordings, which trained the model and hold its sealed rows'}"
            f"{rows if mine else ''}; whoever compares predictions with the truth there has opened the seal by hand."
        )
    if not os.access(home, os.W_OK):
        return None, remarks
    result = Predicted(
        model=folder.name,
        model_sha256=forest.sha256,
        inputs=dict(sha256),
        out=out.name,
        out_sha256=file_sha256(out),
        n_rows=n_rows,
    )
    return study.record(result, verb="predict", function="", sees="nothing", inputs={}, seconds=0.0), remarks
