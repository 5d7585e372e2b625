"""How sure is this? Evidence, agreement, hypotheses and features of one look, in the words of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app.handling import Bulk, handles
from clew.app.recorded import record_at, record_of, said

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.explain.explanation import Explanation
    from clew.explain.net_features import NetExplanation
    from clew.explore.exploration import Exploration
    from clew.explore.hypotheses import Hypothesis
    from clew.report.gathered import Record
    from clew.samples import Samples
    from clew.validate.claims import Claim

TO_LABEL = 40  # samples that a first sitting labels
GRID = 64  # places at which a density is drawn
DRAWN_FROM = 5_000  # rows at most that a density is estimated from
EDGE = 0.005  # of the rows that a strip leaves out at either end
SPOKEN = 8  # groups of features in "what speaks"
LINES = "Lines: 5 to 95% of refits. Permuted: what is lost on held-out rows."
LINES_OF_NET = (
    "What is lost on held-out rows. Lines: 95% over groups; beside it what a forest loses on the same folds."
)


# ---- the look ----
@handles("cards.look")
def look(session: Session, *, step: int | None = None) -> dict[str, Any]:
    """Return what one look found and how sure that is; ``step`` is None where nobody has looked yet."""
    from clew.report import words

    workspace = session.workspace
    if not workspace.looks():
        return {"step": None, "what": workspace.study.facts()["what"]}
    record = record_at(workspace, step)
    looked = record.exploration
    assert looked is not None and record.look is not None
    return {
        "step": record.look.id,
        "latest": record.look.id == workspace.looks()[-1].id,
        "settings": _otherwise(record),
        "what": record.what,
        "finding": said(words.groups_found(record)),
        "groups": [
            {"group": g, "name": record.names.get(str(g), ""), "rows": int((looked.cut == g).sum())}
            for g in range(looked.k)
        ],
        "evidence": _evidence(looked),
        "agreement": _agreement(looked),
        "modes": _modes(looked),
        "mind": _mind(looked),
    }


def _otherwise(record: Record) -> dict[str, Any]:
    """Return the settings of the look that were not as by default, to start a new one from."""
    from clew.explore.exploration import explore
    from clew.result import settings_of

    usual = {name: one.default for name, one in settings_of(explore).items()}
    assert record.look is not None
    asked = {key: value for key, value in record.look.settings.items() if value != usual.get(key)}
    of_net = [one["name"] for one in record.models if one["step"] in record.look.inputs["steps"]]
    return asked | ({"activations": of_net[0]} if of_net else {})


def _evidence(looked: Exploration) -> dict[str, Any]:
    """Return the projected index over k with what single clouds of either kind gave, as the report draws it."""
    found = looked.evidence
    return {
        "k": found.k,
        "cut": looked.k,
        "best": found.best_k,
        "p": found.p_value,
        "ks": found.ks.tolist(),
        "index": found.index.tolist(),
        "low": found.reference_low.tolist(),
        "high": found.reference_high.tolist(),
        "above": (found.index > found.reference_high.max(axis=0)).tolist(),
        "draws": int(found.draws.min()),
        "headline": found.headline(),
        "caption": f"Grey: 90% of {int(found.draws.min()):,} draws of either kind of single cloud. Filled: above both.",
    }


def _agreement(looked: Exploration) -> dict[str, Any]:
    """Return how far the runs agree, pair by pair; it is no evidence, and its sentence says so."""
    from clew.explore.stability import in_words

    found = looked.clustering.stability
    return {
        "sentence": in_words(looked).replace(" -", " −"),
        "title": f"Agreement of {len(found.ari)} runs",
        "mean": found.ari_mean,
        "lowest": found.ari_min,
        "ari": np.round(found.ari, 4).tolist(),
    }


def _modes(looked: Exploration) -> dict[str, Any]:
    """Return which single features have two modes, and the one to look at by itself where there are no groups."""
    return {
        "features": looked.bimodal,
        "sentence": f"{looked.dip.headline(0.05 - looked.evidence.alpha)}.",
        "try": looked.bimodal[0] if looked.bimodal and not looked.k else None,
    }


def _mind(looked: Exploration) -> list[dict[str, str]]:
    """Return what a reader must mind, the gravest first: bold clause, the rest, and the one way out."""
    from clew.steps.outcome import sentences

    told = []
    for warning, way in (
        (looked.source_warning(), "source"),
        (looked.time_warning() if looked.k else "", ""),
    ):
        if warning:
            first, _, rest = warning.partition(": ")
            told.append({"bold": f"{first}:", "rest": rest, "way": way})
    known = {one for one in (looked.source_warning(), looked.time_warning()) if one}
    told += [{"bold": "", "rest": note, "way": ""} for note in sentences(looked.notes) if note not in known]
    return told


# ---- hypotheses ----
@handles("cards.hypotheses")
def hypotheses(session: Session, *, step: int | None = None) -> dict[str, Any]:
    """Return every hypothesis on record with its verdict; those of the look that is shown, and those stated by hand, first."""
    from clew.steps.exploring import why_stated

    workspace = session.workspace
    record = record_at(workspace, step) if workspace.looks() else record_of(workspace)
    claims = _claims(record)
    shown = [_hypothesis(record, one, claims.get(one["number"])) for one in record.hypotheses]
    first = next((one for one in shown if one["group"] is not None), None)
    if first is not None:
        first["strips"] = _strips(record, first["features"], first["group"])
    verdicts = [one["state"] for one in shown]
    sealed, people = record.counts["sealed"], record.labelled.get("person", 0)
    return {
        "count": f"{len(shown)} stated, {verdicts.count('confirmed')} confirmed",
        "hypotheses": sorted(shown, key=lambda one: one["elsewhere"]),
        "untold": record.exploration.hypotheses.untold
        if record.exploration and record.exploration.hypotheses
        else [],
        "circular": why_stated(record.exploration)
        if shown and not people and not record.confirmations
        else "",
        "confirmation": record.confirmations[0][1].headline() if record.confirmations else "",
        "to_label": f"Label {min(TO_LABEL, record.counts['open'])} {record.what}" if not people else "",
        "can_confirm": bool(sealed) and not record.confirmations,
    }


def _claims(record: Record) -> dict[int, Claim]:
    """Return what sealed rows first said of each hypothesis, by its number: later openings are not independent."""
    found: dict[int, Claim] = {}
    for _, confirmation in record.confirmations:
        for claim in confirmation.claims:
            found.setdefault(claim.number, claim)
    return found


def _hypothesis(record: Record, one: dict[str, Any], claim: Claim | None) -> dict[str, Any]:
    """Return one hypothesis on record: its sentence in pieces, its figure on open rows, and what sealed rows said."""
    from clew.report import words
    from clew.validate.claims import CIRCULAR

    bare = one["statement"].partition(" (cross-validated")[0]
    by_hand = next(step.verb for step in record.steps if step.id == one["step"]) == "state"
    here = record.look is not None and one["step"] == record.look.id
    same = next((each for each in _stated(record) if each.statement == bare), None) if here else None
    state: str = "stated" if claim is None else claim.verdict
    if claim is not None and CIRCULAR in claim.reason:
        state = "refused (circular)"
    told = one["figures"] or {}
    return {
        "number": one["number"],
        "features": one["features"],
        "group": same.group if same is not None else None,
        "said": said(words.statement(record, same)) if same is not None else [["", bare]],
        "figure": f"Balanced accuracy {words.figure(told)}, {_by(same)}"
        if told.get("value") is not None
        else "",
        "by": f"stated by hand, step {one['step']}" if by_hand else "",
        "elsewhere": not here and not by_hand,
        "step": one["step"],
        "state": state,
        "told": claim.headline().partition(f": {claim.verdict}. ")[2] if claim is not None else "",
    }


def _stated(record: Record) -> list[Hypothesis]:
    look = record.exploration
    return look.hypotheses.stated if look is not None and look.hypotheses is not None else []


def _by(stated: Hypothesis | None) -> str:
    """Say in short what was held out together, as the split's reason begins: "by image"."""
    first = stated.split.partition(":")[0].rstrip(".") if stated is not None else ""
    return f"by {first.partition(' by ')[2]}" if " by " in first else "cross-validated"


def _strips(record: Record, features: list[str], group: int) -> list[dict[str, Any]]:
    """Return for each feature where the open rows of a group lie, and all others."""
    from clew.report.words import number

    samples, groups = record.shown
    strips = []
    for name in features:
        column = samples.feature_names.index(name)
        ends = np.quantile(samples.features[:, column], [EDGE, 1 - EDGE])
        found = np.stack(densities(samples, groups == group, column, ends))
        inside, outside = np.round(found / found.max(), 4)
        strips.append(
            {
                "name": name,
                "unit": samples.units[column],
                "from": number(float(ends[0])),
                "to": number(float(ends[1])),
                "inside": inside.tolist(),
                "outside": outside.tolist(),
            }
        )
    return strips


def densities(samples: Samples, inside: np.ndarray, column: int, ends: np.ndarray) -> list[np.ndarray]:
    """Return the density of a feature among some rows, and among all others, at 64 places from end to end.

    Parameters
    ----------
    samples : Samples
    inside : ndarray of bool, shape (n_rows,)
    column : int
    ends : ndarray of float64, shape (2,)
        In the unit of the feature.

    Returns
    -------
    list of two ndarray of float64, shape (64,)
        In 1 / unit.

    Notes
    -----
    Gaussian kernel, bandwidth by Silverman's rule of thumb (Density Estimation, 1986, eq. 3.31), never below one place.
    """
    grid = np.linspace(ends[0], ends[1], GRID)
    found = []
    for rows in (inside, ~inside):
        values = samples.features[rows, column]
        values = values[:: max(1, len(values) // DRAWN_FROM)]
        spread = min(float(values.std()), float(np.subtract(*np.quantile(values, [0.75, 0.25]))) / 1.34)
        width = max(0.9 * spread * len(values) ** -0.2, float(np.ptp(ends)) / GRID, np.finfo(float).tiny)
        bells = np.exp(-0.5 * ((grid[:, None] - values[None]) / width) ** 2)
        found.append(bells.sum(axis=1) / (len(values) * width * np.sqrt(2 * np.pi)))
    return found


# ---- features ----
@handles("cards.correlations")
def correlations(session: Session, *, step: int | None = None) -> Bulk | dict[str, Any]:
    """Return the correlation of the features with each other (n, n) and with the distance to each group's centre (n, groups)."""
    record = record_at(session.workspace, step)
    looked = record.exploration
    if looked is None or looked.hypotheses is None:
        return {"features": []}
    told = looked.hypotheses
    n_groups = told.distance_correlation.shape[1]
    names = [record.names.get(str(g)) or f"group {g}" for g in range(n_groups)]
    strongest = [
        {"group": g, "name": names[g], "feature": told.feature_names[i], "value": float(told.distance_correlation[i, g])}
        for g, i in enumerate(np.abs(told.distance_correlation).argmax(axis=0).tolist())
    ]  # fmt: skip
    meta = {
        "features": told.feature_names,
        "units": told.units,
        "groups": names,
        "strongest": strongest,
        "alike": told.correlated,
    }
    return Bulk(meta, [told.correlation.astype(np.float32), told.distance_correlation.astype(np.float32)])


@handles("cards.speaks")
def speaks(session: Session) -> dict[str, Any]:
    """Return what the explained model goes by, per group of correlated features and per member, if it was asked."""
    from clew.explain.net_features import NetExplanation
    from clew.explain.net_looks import NetLooks
    from clew.report import words

    record = record_of(session.workspace)
    if "explain" not in record.judged:
        return {"explained": False, "trained": record.forest is not None}
    step, result = record.judged["explain"]
    found: Any = result
    told = {
        "explained": True,
        "step": step.id,
        "verdict": found.verdict(),
        "goes_by": said(words.goes_by(record)),
        "outdated": record.trained is not None and record.trained.id not in step.inputs.get("steps", []),
        "cause": found.cause(),
    }
    if isinstance(found, NetLooks):  # what it looks at are places, which the report draws
        return told | {"rows": [], "left_out": 0, "remarks": found.ranked(), "measure": found.method}
    rows: list[dict[str, Any]] = []
    for g in found.ranking[:SPOKEN].tolist():
        columns = sorted(found.correlated.groups[g], key=lambda column: -found.sizes[column, 0])
        rows.append(_bar(found, found.group_names[g], found.group_sizes[g], found.groups[g], member=False))
        if len(columns) > 1:
            rows += [
                _bar(found, name, found.sizes[column], [name], member=True)
                for column, name in ((column, found.feature_names[column]) for column in columns)
            ]
    of_net = isinstance(found, NetExplanation)
    return told | {
        "rows": [] if found.idle else rows,
        "left_out": max(0, len(found.groups) - SPOKEN),
        "remarks": [],
        "measure": f"loss of {found.permutation.lost} where permuted"
        if of_net
        else "mean |SHAP|, over refits",
        "head": ["the net", "a forest"] if of_net else ["SHAP", "permuted"],
        "lines": LINES_OF_NET if of_net else LINES,
    }


def _bar(
    found: Explanation | NetExplanation, name: str, size: np.ndarray, features: list[str], *, member: bool
) -> dict[str, Any]:
    from clew.explain.net_features import NetExplanation
    from clew.report.words import figure

    mean, low, high = (value if np.isfinite(value) else None for value in size.tolist())
    beside = found.beside if isinstance(found, NetExplanation) else found.permutation
    return {
        "name": name,
        "member": member,
        "value": mean,
        "low": low,
        "high": high,
        "said": "not known" if mean is None else f"{mean:.3f}",
        "permuted": figure(beside.loss_of(features)),
    }
