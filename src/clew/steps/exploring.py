"""Looking at unlabelled rows, and naming what was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.errors import SettingError, check
from clew.steps.exchanging import Format, export_labels
from clew.steps.networks import name_of, net_named, raw_like
from clew.steps.outcome import OnProgress, Outcome, sentences

if TYPE_CHECKING:
    from clew.explore.exploration import Exploration
    from clew.study.study import Study


SHOWN = 8  # groups or hypotheses on a screen; the report and --json have all
STATED_OF_NET = "Stated, not tested: the groups are those that a net learnt to make from labels, so what tells these labels tells them."
STATED_OF_CODER = "Stated, not tested: the rows were put into groups by what an autoencoder keeps of them, so a test on them would be circular."
STATED = "Stated, not tested: the rows were put into groups by these features, so a test on them would be circular."


def explore(
    study: Study, *, activations: str | None = None, on_progress: OnProgress | None = None, **settings: Any
) -> Outcome:
    """Ask whether there are groups, how sure that is, and which features tell them apart.

    Parameters
    ----------
    study : Study
    activations : str
        Look at what a net says of the rows, or at the codes of an autoencoder, instead of their measurements: its name, such as
        cnn-1, or latest.
    """
    from clew.explore.exploration import NetExploration
    from clew.explore.exploration import explore as step
    from clew.explore.stability import in_words
    from clew.study.record import add_hypotheses

    settings.setdefault("features", study.facts()["features"])
    check(
        not callable(settings.get("metric")),
        SettingError,
        "The 'metric' setting of a study must be one that can be repeated from the record. Got a function instead: make a "
        "square table with it, and give that to clew new --distances.",
    )
    net = [] if activations is None else [net_named(study, activations)]
    recorded, result = study.run(
        step,
        *net,
        raw=raw_like(study, study.result(net[0])) if net else None,
        on_progress=on_progress,
        also=lambda db, number, found: add_hypotheses(db, found.summary()["hypotheses"], step=number),
        **settings,
    )
    looks = sum(one.verb == "explore" for one in study.steps())
    on_record = len(study.hypotheses())
    look = f"Next: look at them (clew report {study.folder}), then give them names: clew name {study.folder} 0=... 1=..."
    following = look if result.k else f"Look at the maps all the same: clew report {study.folder}"
    first = []
    if isinstance(result, NetExploration):
        first = [f"{name_of(study, net[0])}: {result.caution()}"]
    if isinstance(result, NetExploration) and not (result.of_codes and result.k):
        following = f"Next: look at them (clew report {study.folder}); state of people's labels what told them: clew state {study.folder} FEATURES"
    lines = [
        *first,
        result.evidence.headline(),
        in_words(result),
        *_groups(result),
        *_hypotheses(result, on_record),
        *sentences(result.notes[len(first) :]),
        f"This was look {looks} at the open rows; every look is on the record.",
        following,
    ]
    data = {**result.summary(), "looks": looks, "hypotheses_on_record": on_record}
    return Outcome(lines, data, recorded, result, list(result.notes))


def _groups(found: Any) -> list[str]:
    """Say the groups, the map they can be looked at on, and the single features that have two modes."""
    lines = []
    if found.k:
        sizes = [f"group {number}: {size}" for number, size in found.summary()["groups"].items()]
        more = [f"and {len(sizes) - SHOWN} more"] if len(sizes) > SHOWN else []
        listed = ", ".join([*sizes[:SHOWN], *more])
        groups = "1 group" if found.k == 1 else f"{found.k} groups"
        held, method = int((found.cut >= 0).sum()), found.clustering.method
        asked = found.settings["k"] not in ("auto", found.evidence.k)
        says = (
            f"; the evidence is for {found.evidence.k}"
            if found.evidence.k
            else ", though there is no evidence of groups"
        )
        how = f"Cut into {groups} as asked{says}" if asked else f"{groups[0].upper()}{groups[1:]} by {method}"
        lines.append(f"{how}: {held} of {len(found.sample)} rows ({listed}).")
        if found.hypotheses is not None:
            lines += [f"  group {g}: {found.hypotheses.profile(g)}" for g in range(min(found.k, SHOWN))]
    embedding = found.embedding
    share = embedding.pca_explained_variance[:2].sum() / embedding.pca_total_variance
    axes = "components" if len(embedding.pca_loadings) else "coordinates"
    lines.append(
        f"The map, {found.shown_of()} rows: {embedding.headline()}. "
        f"Two principal {axes} explain {share:.0%} of the variance."
    )
    if found.bimodal:
        alone = "" if found.k else f"But one feature alone has two modes: try --features {found.bimodal[0]}. "
        lines.append(f"{alone}{found.dip.headline(0.05 - found.evidence.alpha)}.")
    return lines


def _hypotheses(found: Any, on_record: int) -> list[str]:
    """Say what is stated, how many hypotheses there are on record by now, and that none of this was a test."""
    if found.hypotheses is None:
        return []
    stated = [_with_count(one, on_record) for one in found.hypotheses.stated]
    if not stated and not found.hypotheses.untold:
        return ["No hypothesis: no group has the 5 rows that it takes to hold some out."]
    if not stated:
        return []
    more = [f"... and {len(stated) - SHOWN} more, in the report."] if len(stated) > SHOWN else []
    return [*stated[:SHOWN], *more, f"{why_stated(found)} {_cause(found.hypotheses)}"]


def why_stated(found: Exploration | None) -> str:
    """Say why what a look states of its groups is no test."""
    from clew.explore.exploration import NetExploration

    if isinstance(found, NetExploration):
        return STATED_OF_CODER if found.of_codes else STATED_OF_NET
    return STATED


def _cause(told: Any) -> str:
    """Say that correlation is not causation, and which features could stand in for the named ones."""
    from clew.words import listed

    named = {name for one in told.stated for name in one.features}
    alike = [listed(group) for group in told.correlated if named & set(group)]
    could = f": {'; '.join(alike)} could stand in for each other" if alike else ""
    return f"Correlation is not causation{could}."


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
        check(
            number.strip() not in pairs,
            SettingError,
            "Each group must get one name. Got two for group {}.",
            number.strip(),
        )
        pairs[number.strip()] = given.strip()
    looked = study.need("explore", purpose="groups can be named")
    recorded, result = study.run(
        step,
        looked,
        also=lambda db, number, named: add_labels(
            db, zip(named.sample.tolist(), named.label.tolist()), how="group", step=number
        ),
        names=pairs,
    )
    kept = sum(how == "person" for label, how in study.labels().values() if label)
    warnings = []
    if len(result.summary()["labelled"]) < 2:
        warnings.append("There is one name only: a classifier needs at least two.")
    if not study.result(looked).evidence.k:
        warnings.append(
            "There is no evidence of groups: these are names for a cut through what may be one cloud."
        )
    if kept:
        warnings.append(
            f"People have labelled {kept} of {study.counts()['open']} open rows: there their word stands, and the names do not count."
        )
    following = [f"Next: clew train {study.folder}"] if len(result.summary()["labelled"]) > 1 else []
    lines = [f"Named: {result.headline()}.", *warnings, *following]
    return Outcome(lines, result.summary(), recorded, result, warnings)


def export_picks(study: Study, out: Path) -> Outcome:
    """Write the picks of people."""
    from clew.learn.apply import check_output
    from clew.measure.pick_files import write_picks
    from clew.steps.picking import FORMATS
    from clew.steps.picking_studies import people_picks

    check_output(out, None, inputs=[], formats=FORMATS)
    found = people_picks(study)
    write_picks(found, out)
    return Outcome(
        [*sentences([found.headline()]), f"Written: {out}"],
        {"picks": len(found), "out": str(out)},
        result=found,
    )


def export(
    study: Study,
    *,
    out: Path | None = None,
    labels: Path | None = None,
    picks: Path | None = None,
    format: Format | None = None,
) -> Outcome:
    """Write the open rows as a table, or what people said of them for other tools.

    The table has where each row comes from, its group and label, and all measurements.

    The column ``label`` holds what people said and is empty elsewhere; filled in, it comes back by ``clew label``. The
    names of groups stand in ``name``: they are no labels of people, and do not become such by being sent back.

    Parameters
    ----------
    study : Study
    out : Path
        CSV, Parquet (.parquet) or JSON lines (.jsonl).
    labels : Path
        Labels only: CSV, Parquet; GeoJSON for QuPath (of several images a folder); JSON of COCO or Label Studio; QuakeML
        (.xml). `clew label` reads all of them.
    picks : Path
        The arrivals of waves that people picked: QuakeML (.xml), CSV, Parquet or JSON lines.
    format : {"coco", "label-studio", "qupath"}
        Of the labels, where the ending does not tell.
    """
    from clew.learn.apply import check_output, write_table

    study.need_rows()
    if picks is not None:
        check(
            out is None and labels is None,
            SettingError,
            "The export must be --out, --labels or --picks. Got several.",
        )
        return export_picks(study, picks)
    if labels is not None:
        check(out is None, SettingError, "The export must be --out or --labels. Got both.")
        return export_labels(study, labels, format=format)
    if out is None:
        raise SettingError(
            "The export must go somewhere: --out FILE for a table, --labels FILE for labels. Got none."
        )
    check_output(out, None, inputs=[])
    table, looked = (
        study.samples().to_frame().rename(columns={"group": "from"}).reset_index(),
        study.last("explore"),
    )
    samples = study.samples()
    standing = study.labels()
    people = [
        label if how == "person" else ""
        for label, how in (standing.get(one, ("", "")) for one in samples.sample)
    ]
    table.insert(0, "source", samples.origin["source"].to_numpy())
    table["label"] = people
    found = study.result(looked) if looked is not None else None
    if found is not None and found.k:
        at = {sample: i for i, sample in enumerate(found.sample)}
        rows = [at[sample] for sample in samples.sample]
        table.insert(2, "group", found.groups[rows])
        table.insert(3, "confidence", found.confidence[rows])
        table.insert(
            4,
            "name",
            [standing[one][0] if standing.get(one, ("", ""))[1] == "group" else "" for one in samples.sample],
        )
    write_table(table, out)
    sealed = study.counts()["sealed"]
    stay = "the sealed one stays sealed" if sealed == 1 else f"the {sealed} sealed ones stay sealed"
    lines = [f"{len(table)} open rows in {out}; {stay}."]
    return Outcome(lines, {"rows": len(table), "out": str(out), "columns": list(table.columns)})
