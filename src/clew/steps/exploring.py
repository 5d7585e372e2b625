"""Looking at unlabelled rows, and naming what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clew.errors import SettingError, check
from clew.steps.outcome import OnProgress, Outcome, sentences

if TYPE_CHECKING:
    from clew.study.study import Study


SHOWN = 8  # groups or hypotheses on a screen; the report and --json have all
STATED = "Stated, not tested: the rows were put into groups by these features, so a test on them would be circular."


def explore(study: Study, *, on_progress: OnProgress | None = None, **settings: Any) -> Outcome:
    """Ask whether there are groups, how sure that is, and which features tell them apart."""
    from clew.explore.exploration import explore as step
    from clew.study.record import add_hypotheses

    settings.setdefault("features", study.facts()["features"])
    recorded, result = study.run(
        step,
        on_progress=on_progress,
        also=lambda db, number, found: add_hypotheses(db, found.summary()["hypotheses"], step=number),
        **settings,
    )
    looks = sum(one.verb == "explore" for one in study.steps())
    on_record = len(study.hypotheses())
    lines = [result.evidence.headline(), result.clustering.stability.headline()]
    if result.k:
        sizes = _few([f"group {number}: {size}" for number, size in result.summary()["groups"].items()])
        groups = "1 group" if result.k == 1 else f"{result.k} groups"
        lines.append(
            f"{groups} of {len(result.sample)} rows ({sizes}), cut by {settings.get('cluster', 'kmeans')}."
        )
    variance = result.embedding.pca_explained_variance
    lines.append(
        f"The map: {result.embedding.headline()}. "
        f"Two principal components explain {variance[:2].sum() / variance.sum():.0%} of the variance."
    )
    if result.bimodal and not result.k:
        lines.append(
            f"But one feature alone has two modes: try --features {result.bimodal[0]}. {result.dip.headline()}."
        )
    elif result.bimodal:
        lines.append(f"{result.dip.headline()}.")
    if result.hypotheses:
        stated = [_with_count(one, on_record) for one in result.hypotheses.stated]
        lines += [
            *stated[:SHOWN],
            *([f"... and {len(stated) - SHOWN} more, in the report."] if len(stated) > SHOWN else []),
        ]
        lines.append(
            STATED if stated else "No hypothesis: no group has the 5 rows that it takes to hold some out."
        )
    lines += sentences(result.notes)
    lines.append(f"This was look {looks} at the open rows; every look is on the record.")
    lines.append(
        f"Next: clew name {study.folder} 0=... 1=..."
        if result.k
        else f"Look at the maps all the same: clew report {study.folder}"
    )
    data = {**result.summary(), "looks": looks, "hypotheses_on_record": on_record}
    return Outcome(lines, data, recorded, result, list(result.notes))


def _few(told: list[str]) -> str:
    """Return the first few with commas, and how many more there are."""
    return ", ".join(told if len(told) <= SHOWN else [*told[:SHOWN], f"and {len(told) - SHOWN} more"])


def _with_count(hypothesis: Any, on_record: int) -> str:
    return f"{hypothesis.headline()[:-1]}, 1 of {on_record} {'hypothesis' if on_record == 1 else 'hypotheses'} on record)"


def name(study: Study, names: list[str]) -> Outcome:
    """Give groups their names, as 0=round 1=elongated; names become labels of the open rows.

    Parameters
    ----------
    study : Study
    names : list of str
        NUMBER=NAME for each group that gets a name.
    """
    from clew.learn.names import name as step
    from clew.study.record import add_labels

    pairs: dict[str, str] = {}
    for item in names:
        number, sign, given = item.partition("=")
        check(
            bool(sign),
            SettingError,
            "The names must be given as NUMBER=NAME, such as 0=round. Got '{}' instead.",
            item,
        )
        pairs[number.strip()] = given
    looked = study.need("explore", purpose="groups can be named")
    recorded, result = study.run(
        step,
        looked,
        also=lambda db, number, named: add_labels(
            db, zip(named.sample.tolist(), named.label.tolist()), how="group", step=number
        ),
        names=pairs,
    )
    kept = sum(how == "person" for _, how in study.labels().values())
    lines = [f"Named: {result.headline()}."]
    warnings = []
    if not study.result(looked).evidence.k:
        warnings.append(
            "There is no evidence of groups: these are names for a cut through what may be one cloud."
        )
    if kept:
        lines.append(f"{kept} labels that people gave row by row stand above the names.")
    lines += [*warnings, f"Next: clew train {study.folder}"]
    return Outcome(lines, result.summary(), recorded, result, warnings)
