"""Reading the thread, and running it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clew.errors import ClewError, DataError, MissingError, check
from clew.steps.measuring import AROUND, measure
from clew.steps.networks import check_torch_for, load_model, raw_again
from clew.steps.outcome import OnProgress, Outcome

if TYPE_CHECKING:
    from clew.samples import Samples
    from clew.study.study import Step, Study


def log(study: Study, *, all_settings: bool = False) -> Outcome:
    """Show the thread: every step with its settings, versions, hashes and time.

    Parameters
    ----------
    study : Study
    all_settings : bool
        Show every setting, and not only those that differ from their defaults; --json always has all.
    """
    steps, openings = study.steps(), study.openings()
    lines = [repr(study)[1:-1]]
    for one in steps:
        first = one.headline if all_settings else one.headline.partition(". ")[0].rstrip(".")
        lines.append(f"{one.id:>3}  {one.at}  {one.verb:<9} {one.digest[:8]}  {first}")
        usual = {} if all_settings else defaults(one)
        told = {
            key: value
            for key, value in one.settings.items()
            if value is not None
            and value != usual.get(key)
            and key != "hypotheses"  # which stand on record themselves
        }
        if told:
            lines.append("     " + ", ".join(f"{key}={_short(value)}" for key, value in told.items()))
    lines += _on_the_page(study)
    for opening in openings:
        again = "" if opening.independent else " (not independent: the rows had been seen)"
        again = again if opening.shown else " (nothing was shown: the step did not end)"
        lines.append(f"Seal opened {opening.at} by {opening.who} for {opening.verb}: {opening.reason}{again}")
    if not openings and study.counts()["sealed"]:
        lines.append(f"Seal: closed, {study.counts()['sealed']} rows never looked at.")
    data = {
        "steps": [vars(one) for one in steps],
        "openings": [{**vars(one), "independent": one.independent} for one in openings],
        "hypotheses": study.hypotheses(),
        "models": study.models(),
        "looks": sum(one.verb == "explore" for one in steps),
    }
    return Outcome(lines, data)


def defaults(one: Step) -> dict[str, Any]:
    """Return the defaults of a step's settings, and what no person set."""
    import importlib

    from clew.result import settings_of

    module, _, name = one.function.partition(":")
    if not module.startswith("clew."):
        return {}
    function = getattr(importlib.import_module(module), name)
    usual = {key: setting.default for key, setting in settings_of(function).items()}
    return {**usual, "measure": one.settings.get("measure")}


def _on_the_page(study: Study) -> list[str]:
    """Say what people have labelled, painted and picked on the page, by person: it is recorded act by act, and no step."""
    from clew.study.acts import told

    said: dict[tuple[str, str], list[str]] = {}
    for one in told(study):
        said.setdefault((one.what["act"], one.who), []).append(one.at)
    words = {
        "give": "labelled",
        "undo": "took labels back",
        "stroke": "painted",
        "undo stroke": "took strokes back",
        "put pick": "picked",
        "reject pick": "rejected picks",
        "undo pick": "took acts on picks back",
    }
    lines = []
    for (act, who), times in said.items():
        if act in words:
            often = "once" if len(times) == 1 else f"{len(times)} times"
            lines.append(f"On the page {who} {words[act]} {often}, {times[0]} to {times[-1]}.")
    return lines


def _short(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def verify(study: Study, *, on_progress: OnProgress | None = None) -> Outcome:
    """Run the thread again from the raw files and say what differs; exit status 1 if anything does."""
    from clew.study.record import versions

    steps, now = study.steps(), versions()
    rows: list[dict[str, Any]] = []
    for done, one in enumerate(steps):
        same: bool | None
        try:
            check_torch_for(one, steps)
            same, told = _again(study, one)
        except MissingError as error:
            same, told = None, str(error)
        except (ClewError, OSError) as error:
            same, told = False, str(error)
        changed = [
            f"{name} {was}, now {now.get(name)}" for name, was in one.versions.items() if now.get(name) != was
        ]
        if same is False and changed:
            told += f" Made with {', '.join(changed)}."
        rows.append({"step": one.id, "verb": one.verb, "same": same, "digest": one.digest, "told": told})
        if on_progress is not None:
            on_progress(done + 1, len(steps))
    differ = [row for row in rows if row["same"] is False]
    missing = [row for row in rows if row["same"] is None]
    words = {True: "same", False: "DIFFERS: ", None: "NOT CHECKED: "}
    lines = [
        f"{r['step']:>3}  {r['verb']:<9} {r['digest'][:8]}  {words[r['same']]}{r['told'] if not r['same'] else ''}"
        for r in rows
    ]
    lines.append(
        "All steps give the same bits again."
        if not differ and not missing
        else f"{len(differ)} of {len(rows)} steps differ, {len(missing)} could not be checked."
    )
    same_all = not differ and not missing
    return Outcome(lines, {"steps": rows, "same": same_all}, status=0 if same_all else 1)


def _again(study: Study, one: Step) -> tuple[bool, str]:
    """Repeat one step; return whether it gives the same, and what is different."""
    from clew.result import differences

    stored: Any = study.result(one)
    if stored.digest() != one.digest:
        return False, f"the stored result has changed: it is {stored.digest()[:8]} now."
    if one.verb == "train":
        _check_model(study, one)
    if one.verb == "pick":
        from clew.steps.picking_studies import picked_again

        now: Any = picked_again(study, one)
        alike = len(now) == len(stored) and all(
            (getattr(now, name) == getattr(stored, name)).all() for name in ("recording", "phase", "time")
        )
        return alike, f"{len(stored)} picks then, {len(now)} now."
    if one.function:
        again = study.rerun(one, raw=raw_again(study, one))
        same = again.digest() == one.digest
        return same, "" if same else f"in {', '.join(differences(stored, again)[:6])}."
    if one.verb == "sources":
        for source in study.sources():
            study.locate(source)
    if one.verb == "measure":
        kept = study.rows_digest()
        if kept != stored.samples:
            return False, f"samples.parquet has changed: its rows are {kept[:8]} now."
        now = _measured_again(study).with_labels(None).digest()
        return now == stored.samples, f"the measurements are {now[:8]} now."
    if one.verb == "seal":
        from clew.splits import seal

        now = seal(_measured_again(study), **one.settings).digest()
        return now == one.digest, f"the seal is {now[:8]} now."
    return True, ""


def _check_model(study: Study, one: Step) -> None:
    """Raise DataError unless the model folder of a training holds what was trained."""
    for model in study.models():
        if model["step"] == one.id:
            there = load_model(study.folder / model["path"]).sha256
            check(
                there == model["sha256"],
                DataError,
                "The model '{}' must be what was trained. Got another one.",
                model["path"],
            )


def _measured_again(study: Study) -> Samples:
    """Measure the raw files as they were measured when the study was made."""
    facts, sources = study.facts(), study.sources()
    masks = {source.role: source for source in sources if source.role != "data"}
    files = []
    for source in sources:
        if source.role == "data":
            mask = masks.get(f"labels of {source.name}")
            files.append((study.locate(source), study.locate(mask) if mask else None))
    how = {
        name: tuple(value) if isinstance(value, list) else value for name, value in facts["measure"].items()
    }
    given = next((study.locate(source) for source in sources if source.role == "distances"), None)
    if facts["kind"] == "distances" and given is not None:
        return measure("distances", [(given, None)], how).samples
    between = None if given is None else (given, facts["distances"])
    around = {source.role: study.locate(source) for source in sources if source.role in AROUND}
    return measure(facts["kind"], files, how, distances=between, around=around).samples
