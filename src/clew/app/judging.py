"""How good is the model? What validate, test and confirm found, in the figures and words of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app.handling import handles
from clew.app.recorded import record_of, said
from clew.errors import DataError, check, check_choice

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.report.gathered import Record
    from clew.validate.confirm import Confirmation
    from clew.validate.metrics import Validation
    from clew.validate.replication import Replication

BINS = 24  # of the histogram of single clouds
LEADING = ("balanced_accuracy", "mae")  # what sentences begin with
PER_CLASS = ("recall", "precision", "f1", "jaccard")
ASKS = {
    "explain": "What does it go by?",
    "curve": "Would more labels help?",
    "compare": "Would another model do better?",
    "repeat": "True, and the same again?",
    "sensors": "Which sensor tells most?",
}


@handles("judging.model")
def model(session: Session) -> dict[str, Any]:
    """Return how good the model on record is, as far as that was asked, and what was not asked yet."""
    from clew.report import words

    record = record_of(session.workspace)
    open_, tested = record.validation, record.sealed_test
    asked = {kind.split()[0] for kind in record.judged}
    return {
        "what": record.what,
        "labels": {"person": record.labelled.get("person", 0), "group": record.labelled.get("group", 0)},
        "target": record.samples.target is not None,
        "model": _model(record),
        "sentence": said(words.classifier_reaches(record)),
        "circular": "" if record.by_people or not record.labelled.get("group") else words.circular(record),
        "metrics": _metrics(open_, tested.validation if tested else None),
        "open": None if open_ is None else _told(record, open_, "open rows, held out", record.validated.id),  # type: ignore[union-attr]
        "sealed": None if tested is None else _told(record, tested.validation, "sealed rows", tested.step.id),
        "again": [
            {"step": one.step.id, "headline": one.validation.headline(), "reason": one.opening.reason}
            for one in record.tests[1:]
        ],
        "confirmation": _confirmation(record.confirmations[0][1]) if record.confirmations else None,
        "judged": sorted(asked),
        "asks": {
            verb: title
            for verb, title in ASKS.items()
            if record.forest is not None
            and not (record.is_net and verb in ("repeat", "sensors"))
            and (verb != "sensors" or record.facts["kind"] == "signal")
        },
        "sealed_rows": record.counts["sealed"],
        "openings": len([one for one in record.openings if one.shown]),
    }


def _model(record: Record) -> dict[str, Any] | None:
    last = record.model
    if last is None:
        return None
    return {
        "name": last["name"],
        "headline": record.forest.headline(),
        "sha256": last["sha256"],
        "classes": list(record.forest.classes or []),
    }


# ---- figures ----
def _metrics(open_: Validation | None, sealed: Validation | None) -> dict[str, Any] | None:
    """Return every figure that is shown first, of open and of sealed rows, with what chance gives of open ones."""
    first = open_ or sealed
    if first is None:
        return None
    rows = [_metric(name, open_, sealed) for name in first.scores.shown]
    lowest = min((end for row in rows if row["drawn"] for end in _ends(row)), default=0.0)
    return {
        "rows": rows,
        "from": float(np.clip(np.floor(lowest * 10) / 10, -0.3, 0.0)),
        "to": 1.0,
        "caption": _caption(open_, sealed),
    }


def _metric(name: str, open_: Validation | None, sealed: Validation | None) -> dict[str, Any]:
    """Return one figure with its intervals; what chance gives: labels exchanged, no look, rows dealt at random."""
    from clew.plot.validate import UNBOUNDED, WORDS, spelt

    drawn = name not in UNBOUNDED
    row: dict[str, Any] = {"name": WORDS.get(name, name), "drawn": drawn, "strong": name in LEADING}
    for who, one in (("open", open_), ("sealed", sealed)):
        found = one.scores.metrics.get(name) if one is not None else None
        row[who] = None if found is None else found.summary()
        row[f"said_{who}"] = "" if found is None else spelt(found)
    row |= {"blind": None, "band": None, "shuffled": None}
    if open_ is not None and drawn:
        mean, spread = open_.baselines.get("permuted", {}).get(name), open_.permuted_spread.get(name) or 0.0
        blind = next((given for who, given in open_.baselines.items() if who != "permuted"), {})
        row["blind"], row["shuffled"] = blind.get(name), open_.shuffled.get(name)
        row["band"] = None if mean is None else [mean - 2 * spread, mean + 2 * spread]
    return row


def _ends(row: dict[str, Any]) -> list[float]:
    """Return everything that is drawn of a figure, so that the scale can hold it."""
    figures = [one[end] for one in (row["open"], row["sealed"]) if one for end in ("value", "low", "high")]
    return [end for end in (*figures, *(row["band"] or []), row["blind"], row["shuffled"]) if end is not None]


def _caption(open_: Validation | None, sealed: Validation | None) -> str:
    """Say what is hollow, filled and grey."""
    told = []
    if open_ is not None:
        told.append(f"{'Hollow' if sealed else 'Dots'}: {len(open_.truth):,} open rows, held out by {open_.split['by']}.")  # fmt: skip
    if sealed is not None:
        told.append(f"Filled: {len(sealed.truth):,} sealed rows.")
    told.append("Lines and brackets: 95%.")
    if open_ is not None and open_.baselines:
        always = "the commonest class" if open_.scores.classes else "the mean"
        told.append(f"Grey bar: labels exchanged; grey stroke: always {always}.")
    if open_ is not None and open_.shuffled:
        told.append(
            "Grey ring: rows dealt at random, whatever belongs together, which flatters; only the gap counts."
        )
    return " ".join(told)


def _told(record: Record, one: Validation, where: str, step: int) -> dict[str, Any]:
    """Return what is said of one set of predictions: by class, what was taken for what, calibration, and what to mind."""
    from clew.report.words import figure
    from clew.steps.outcome import sentences

    scores = one.scores
    sign = {name: i for i, name in enumerate(record.classes)}
    return {
        "step": step,
        "where": where,
        "headline": one.headline(),
        "split": one.split["reason"],
        "classes": list(scores.classes),
        "signs": [sign.get(name, -1) for name in scores.classes],
        "confusion": scores.confusion.tolist(),
        "shares": scores.summary()["confusion_shares"]["rows"],
        "recalls": [figure(scores.per_class[name]["recall"]) for name in scores.classes],
        "per_class": [
            {
                "name": name,
                "rows": scores.per_class[name]["rows"],
                **{key: figure(scores.per_class[name][key]) for key in PER_CLASS},
            }
            for name in scores.classes
        ],
        "calibration": _calibration(one),
        "warnings": sentences(one.warnings),
    }


def _calibration(one: Validation) -> list[dict[str, Any]]:
    """Return the curve of each class; of two classes the second says it all."""
    curves = one.scores.calibration
    shown = list(curves)[-1:] if len(one.scores.classes) == 2 else list(curves)
    return [
        {
            "name": name,
            "headline": curves[name].headline(),
            "points": [
                {"x": x, "value": value, "low": low, "high": high}
                for x, value, low, high in zip(
                    *(curves[name].summary()[key] for key in ("predicted", "observed", "low", "high")),
                    strict=True,
                )
            ],
        }
        for name in shown
    ]


# ---- sealed rows ----
def _confirmation(one: Confirmation) -> dict[str, Any]:
    """Return what the first opening of the seal said of the grouping; of hypotheses the report's section tells."""
    return {
        "headline": one.replication.headline(),
        "verdicts": one.verdicts(),
        "histogram": _histogram(one.replication),
        "notes": list(one.notes),
    }


def _histogram(found: Replication) -> dict[str, Any] | None:
    """Return how often single clouds of either kind gave which projected index, and that of the sealed rows."""
    if found.verdict == "not tested" or not len(found.draws):
        return None
    edges = np.histogram_bin_edges(found.draws, BINS)
    return {
        "edges": edges.tolist(),
        "counts": [np.histogram(kind, edges)[0].tolist() for kind in found.draws.T],
        "value": found.index,
    }


@handles("judging.cell")
def cell(session: Session, *, truth: str, predicted: str) -> dict[str, Any]:
    """Return the numbers of the open rows of one class that cross-validation took for another, or for itself.

    Raises
    ------
    DataError
        If nothing was validated yet, or one of the rows has gone.
    SettingError
        If one is no class of the validation.
    """
    workspace = session.workspace
    validation = record_of(workspace).validation
    check(
        validation is not None and validation.scores.classes,
        DataError,
        "The study must have a validation of classes on record: run validate first. Got none.",
    )
    assert validation is not None
    for what, name in (("truth", truth), ("predicted", predicted)):
        check_choice(name, validation.scores.classes, what=f"'{what}' setting", of="judging.cell")
    here = (validation.truth == truth) & (validation.predicted == predicted)
    return {"rows": [workspace.row_of(str(name)) for name in validation.sample[here]]}
