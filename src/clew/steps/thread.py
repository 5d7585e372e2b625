"""Reading the thread, and running it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clew.errors import DataError, SettingError
from clew.steps.measuring import measure
from clew.steps.outcome import OnProgress, Outcome

if TYPE_CHECKING:
    from clew.samples import Samples
    from clew.study.study import Step, Study


def log(study: Study) -> Outcome:
    """Show the thread: every step with its settings, versions, hashes and time."""
    steps, openings = study.steps(), study.openings()
    lines = [repr(study)[1:-1]]
    for one in steps:
        lines.append(f"{one.id:>3}  {one.at}  {one.verb:<9} {one.digest[:8]}  {one.headline}")
        told = {key: value for key, value in one.settings.items() if value is not None}
        if told:
            lines.append("     " + ", ".join(f"{key}={_short(value)}" for key, value in told.items()))
    for opening in openings:
        again = "" if opening.independent else " (not independent: the rows had been seen)"
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


def _short(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def verify(study: Study, *, on_progress: OnProgress | None = None) -> Outcome:
    """Run the thread again from the raw files and say what differs."""
    from clew.study.record import versions

    steps = study.steps()
    rows: list[dict[str, Any]] = []
    for done, one in enumerate(steps):
        try:
            same, told = _again(study, one)
        except (DataError, SettingError) as error:
            same, told = False, str(error)
        changed = {k: (v, versions().get(k)) for k, v in one.versions.items() if versions().get(k) != v}
        if not same and changed:
            told += (
                " Made with " + ", ".join(f"{k} {was}, now {now}" for k, (was, now) in changed.items()) + "."
            )
        rows.append({"step": one.id, "verb": one.verb, "same": same, "digest": one.digest, "told": told})
        if on_progress is not None:
            on_progress(done + 1, len(steps))
    differs = [row for row in rows if not row["same"]]
    lines = [
        f"{row['step']:>3}  {row['verb']:<9} {row['digest'][:8]}  {'same' if row['same'] else 'DIFFERS: '}{'' if row['same'] else row['told']}"
        for row in rows
    ]
    lines.append(
        "All steps give the same bits again."
        if not differs
        else f"{len(differs)} of {len(rows)} steps differ."
    )
    return Outcome(lines, {"steps": rows, "same": not differs})


def _again(study: Study, one: Step) -> tuple[bool, str]:
    """Repeat one step; return whether it gives the same, and what is different."""
    from clew.result import differences

    stored = study.result(one)
    if stored.digest() != one.digest:
        return False, f"the stored result has changed: it is {stored.digest()[:8]} now."
    if one.function:
        again = study.rerun(one)
        same = again.digest() == one.digest
        return same, "" if same else f"in {', '.join(differences(stored, again)[:6])}."
    if one.verb == "sources":
        for source in study.sources():
            study.locate(source)
    if one.verb == "measure":
        now = _measured_again(study).with_labels(None).digest()
        return now == stored.samples, f"the measurements are {now[:8]} now."
    if one.verb == "seal":
        from clew.splits import seal

        now = seal(_measured_again(study), **one.settings).digest()
        return now == one.digest, f"the seal is {now[:8]} now."
    return True, ""


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
    return measure(facts["kind"], files, how).samples
