"""What to label next, and whether it is worth it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.errors import DataError, SettingError, check
from clew.learn.active import CONTROL_EVERY, Name
from clew.steps.learning import learning_settings
from clew.steps.networks import is_net, latest_model, name_of, raw_like
from clew.steps.outcome import Outcome, sentences

if TYPE_CHECKING:
    from clew.learn.active import Next
    from clew.samples import Samples
    from clew.study.study import Step, Study

# Where a row is to be seen: columns of its origin that say so, if it has them.
PLACES = (
    "source",
    "line",
    "label",
    "centroid_row",
    "centroid_col",
    "station",
    "start",
    "starttime",
    "endtime",
)


def next_up(
    study: Study,
    *,
    strategy: Name = "hybrid",
    n: int = 20,
    control: int = CONTROL_EVERY,
    wanted: float | None = None,
    out: Path | None = None,
    random_state: int = 0,
) -> Outcome:
    """Say which samples to label next, some of them at random, and whether it is worth going on.

    Parameters
    ----------
    study : Study
    strategy : str
        Uncertain and unlike each other (hybrid), uncertain (margin, entropy, least-confidence), unlike all before
        (k-centre), representatives of clusters (cluster), or random.
    n : int
        The number of samples.
    control : int
        Every so many-th is drawn at random: only these labels judge how good the model is.
    wanted : float
        The balanced accuracy that is wanted.
    out : Path
        A new CSV file with an empty column for the labels, which `clew label` takes back.
    random_state : int
        The same labels and the same number give the same samples.
    """
    from clew.learn.active import next_items
    from clew.learn.stopping import stop_light
    from clew.study.handed import add_handed, control_samples, label_history

    check(control >= 2, SettingError, "The 'control' of next must be at least 2, so that a strategy has its share. Got {}.", control)  # fmt: skip
    _check_out(out)
    study.need_rows()
    began = time.perf_counter()
    given = label_history(study)
    samples, done = _rows(study, dict(given.labels))
    check(not done.all(), DataError, "The study '{}' must have an open row that nobody has labelled. Got {}, all labelled.", study.folder, samples.n_rows)  # fmt: skip
    settings: dict[str, Any] = {"strategy": strategy, "n": n, "control_every": control, "random_state": random_state}  # fmt: skip
    net = _net_says(study, samples)
    probability, activations = net[1:] if net else (_probability(samples, random_state), None)
    found = next_items(samples, done, probability, activations, **settings)
    known = control_samples(study)
    items = [
        (name, control) for name, control in zip(found.sample.tolist(), found.control.tolist(), strict=True)
    ]
    again = [(name, True) for name in samples.sample[found.again].tolist() if name not in known]
    recorded = study.record(
        found,
        verb="next",
        function="",
        sees="open",
        inputs={"samples": samples.digest(), "steps": [net[0].id] if net else [], "labels": given.upto},
        seconds=time.perf_counter() - began,
        also=lambda db, *_: add_handed(db, again + items, strategy=found.strategy),
    )

    place = {name: row for row, name in enumerate(samples.sample.tolist())}
    order = [place[name] for name, label in given.labels if label]
    is_control = [samples.sample[row] in known or (str(samples.sample[row]), True) in again for row in order]
    light = stop_light(samples, order, is_control, strategy=found.strategy, wanted=wanted, random_state=random_state)  # type: ignore[arg-type]  # fmt: skip
    if out is not None:
        _sheet(samples, found).to_csv(out, index=False)
    by = (
        f"{name_of(study, net[0])} says what is uncertain, and what is unlike the rest in its activations."
        if net
        else ""
    )
    return _told(study, samples, found, light, out, recorded, by)


def _rows(study: Study, labels: dict[str, str]) -> tuple[Samples, Any]:
    """Return the open rows with people's labels alone and the features to learn from; and who has had a word said of it."""
    import numpy as np

    samples, settings = study.samples(), dict[str, Any]()
    learning_settings(study, settings)
    if samples.n_features:
        samples = samples.select(settings["features"])
    said = np.array([labels.get(name, "") for name in samples.sample.tolist()], dtype=str)
    return samples.with_labels(said), np.array([name in labels for name in samples.sample.tolist()], bool)


def _probability(samples: Samples, random_state: int) -> Any:
    """Return what a quick forest on people's labels says of each row; None with fewer than 2 classes."""
    from clew.learn.active import quick_forest

    assert samples.labels is not None
    known = samples.labels != ""
    if not samples.n_features or len(set(samples.labels[known].tolist())) < 2:
        return None
    said: Any = quick_forest(random_state)(samples.take(known)).predict(samples)
    return said.probability


def _net_says(study: Study, samples: Samples) -> tuple[Step, Any, Any] | None:
    """Return the training of the latest model, if it is a net for the classes that there are; its probabilities and activations."""
    trained, _ = latest_model(study)
    if trained is None or not is_net(trained):
        return None
    model: Any = study.result(trained)
    classes = set(samples.labels.tolist()) - {""}  # type: ignore[union-attr]
    if not model.classes or not classes <= set(model.classes):
        return None
    raw = raw_like(study, model)
    seen = samples.select(model.feature_names) if raw is None else samples
    rows = (seen,) if raw is None else (seen, raw(seen))
    return trained, model.predict(*rows).probability, model.activations(*rows)


def _check_out(out: Path | None) -> None:
    """Refuse a file that is there: somebody may have written labels into it."""
    if out is not None:
        check(not Path(out).exists(), SettingError, "The 'out' of next must be a new file, since an older one may hold labels. Got '{}', which is there.", out)  # fmt: skip
        check(Path(out).absolute().parent.is_dir(), SettingError, "The 'out' of next must be in a folder that is there. Got '{}'.", out)  # fmt: skip


def _sheet(samples: Samples, found: Next) -> Any:
    """Return the table to write labels into; why a row was chosen is not in it, so that nobody is led by it."""
    import pandas as pd

    origin = samples.origin.iloc[found.rows].reset_index(drop=True)
    shown = [name for name in PLACES if name in origin and name not in ("sample", "label")]
    return pd.concat([pd.DataFrame({"sample": found.sample, "label": ""}), origin[shown]], axis=1)


def _told(study: Study, samples: Samples, found: Next, light: Any, out: Path | None, recorded: Step, by: str) -> Outcome:  # fmt: skip
    width = max(map(len, found.sample.tolist()))
    folder = study.folder
    lines = [
        *sentences([found.note, by]),
        *(f"  {name:<{width}}  {why}" for name, why in zip(found.sample, found.reason, strict=True)),
        f"Is it worth going on? {light.sentence}",
        *(f"  {'+' if met else '-'} {text}: {figure}" for met, text, figure in light.reasons),
        *sentences([light.helps, *light.notes]),
        f"See one: clew show {folder} '{found.sample[0]}'; or label them on the page: clew serve {folder}",
        f"Next: fill in the labels, then clew label {folder} {out}"
        if out is not None
        else f"Next: clew next {folder} --out FILE.csv writes them to a file with an empty column label, for clew label",
    ]  # fmt: skip
    data = {**found.summary(), "out": None if out is None else str(out), "light": light.summary()}
    return Outcome(lines, data, recorded, found, [found.note, *light.notes])
