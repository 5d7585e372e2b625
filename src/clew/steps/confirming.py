"""Stating hypotheses, and asking the sealed rows whether they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, check, check_choice, check_seed
from clew.steps.networks import at_net, latest_model
from clew.steps.outcome import OnProgress, Outcome, sentences

if TYPE_CHECKING:
    from clew.study.study import Step, Study


LATE = "It came after the sealed rows were seen, so confirm can test it but cannot call it confirmed."
SHOWN = 12  # claims on a screen; the report and --json have all


def state(study: Study, features: str, *, about: str = "", target: str | None = None) -> Outcome:
    """State a hypothesis of your own: these features tell people's labels, or a target.

    Parameters
    ----------
    study : Study
    features : str
        Names of features, with commas.
    about : str
        The class that they tell from the rest; all labels, or the target, by default.
    target : str, optional
        A feature that they tell instead of labels; that of the latest model by default.
    """
    from clew.study.record import add_hypotheses
    from clew.validate.claims import state as step

    late = _first_seen(study) is not None
    classes = {label for label, how in study.labels().values() if label and how == "person"}
    about = about.strip()
    if about and classes and target is None:
        check_choice(about, sorted(classes), what="'about' setting", of="state")
    elif target is None:
        trained, _ = latest_model(study)
        target = trained.settings.get("target") if trained else None
    recorded, result = study.run(
        step,
        features=features,
        about=about,
        target=target,
        also=lambda db, number, stated: add_hypotheses(db, [stated.summary()], step=number),
    )
    on_record = len(study.hypotheses())
    warnings = [LATE] if late else []
    if result.about and result.about not in classes:
        warnings.append(f"No open row has the label '{result.about}' from a person yet.")
    lines = [
        f"Stated: {result.headline()}. It is 1 of {on_record} {'hypothesis' if on_record == 1 else 'hypotheses'} on record.",
        *sentences(warnings),
        f"Next: clew confirm {study.folder} --reason TEXT, which breaks the seal",
    ]
    data = {**result.summary(), "hypotheses_on_record": on_record, "late": late}
    return Outcome(lines, data, recorded, result, warnings)


def confirm(
    study: Study, *, reason: str | None = None, on_progress: OnProgress | None = None, **settings: Any
) -> Outcome:
    """Break the seal: say whether groups replicate and stated hypotheses hold on rows nobody has seen.

    Parameters
    ----------
    study : Study
    reason : str
        Why the seal is opened; it stands on record for ever.
    """
    from clew.validate.confirm import confirm as step
    from clew.validate.replication import check_enough

    study.need_rows()
    check(
        study.counts()["sealed"],
        DataError,
        "The study '{}' must have sealed rows for confirm. Got none: it was made with --sealed 0.",
        study.folder,
    )
    first_seen = _first_seen(study)
    look = _look(study)
    hypotheses = _on_record(study, first_seen)
    _check_testable(study, look, hypotheses)
    if hypotheses and not settings.get("labels_by_eye", False):
        _check_not_copied(study, look)
    for setting in settings.keys() & {"references", "permutations"}:
        check_enough(setting, settings[setting])
    check_seed(settings.get("random_state", 0), of="confirm")
    recorded, result = study.run(
        step,
        *([look] if look else []),
        reason=reason,
        on_progress=on_progress,
        hypotheses=hypotheses,
        opening=1 + _times_shown(study),
        late_look=look is not None and first_seen is not None and look.id > first_seen,
        **settings,
    )
    warnings = list(result.notes)
    if result.opening > 1:
        warnings.insert(
            0,
            f"The seal has been opened {result.opening} times; these rows had been looked at before, so the figures are not "
            "independent.",
        )
    lines = [
        result.replication.headline(),
        *_about_replication(result.replication),
        result.verdicts(),
        *_claim_lines(result.claims),
        *sentences(warnings),
        f"Next: clew report {study.folder}",
    ]
    data = {**result.summary(), "openings": _times_shown(study)}
    return Outcome(lines, data, recorded, result, warnings)


def _about_replication(replication: Any) -> list[str]:
    """Return the description beside the test, which is no evidence."""
    if replication.prediction_strength != replication.prediction_strength:  # not defined
        return []
    return [
        f"  Projected index {replication.index:.2f}; prediction strength {replication.prediction_strength:.2f}, a "
        "description and no evidence."
    ]


def _claim_lines(claims: list[Any]) -> list[str]:
    """Say every claim with its verdict, then once what goes for all of them."""
    from clew.validate.claims import CAUTION

    lines = [f"  H{claim.number} {claim.headline()}" for claim in claims[:SHOWN]]
    if len(claims) > SHOWN:
        lines.append(f"  ... and {len(claims) - SHOWN} more, in the report.")
    tested = [claim for claim in claims[:SHOWN] if claim.verdict != "not tested"]
    instead = dict.fromkeys(one for claim in tested for one in claim.instead())
    return [*lines, *instead, *([CAUTION] if tested else [])]


def _times_shown(study: Study) -> int:
    return sum(one.shown for one in study.openings())


def _first_seen(study: Study) -> int | None:
    """Return the first step that was handed sealed rows; what comes after it was said by people who may have seen them."""
    return next((one.id for one in study.steps() if one.sees in ("sealed", "all")), None)


def _look(study: Study) -> Step | None:
    """Return the look whose groups were named last, else the latest; one at a net only where there is no other."""
    steps = {one.id: one for one in study.steps()}
    named = [steps[one.inputs["steps"][0]] for one in steps.values() if one.verb == "name"]
    looks = [*(one for one in steps.values() if one.verb == "explore"), *named]
    found = [one for one in looks if not at_net(one)] or looks
    return found[-1] if found else None


def _on_record(study: Study, first_seen: int | None) -> list[dict[str, Any]]:
    """Return every hypothesis as `clew.validate.claims.judge` takes it: who stated it, about which class, and how late."""
    steps = {one.id: one for one in study.steps()}
    by_person = _by_person(study)
    names: dict[int, dict[str, str]] = {}  # of the groups of each look that was named
    for one in steps.values():
        if one.verb == "name":
            names[one.inputs["steps"][0]] = study.result(one).names
    said: dict[int, list[dict[str, Any]]] = {}  # by each step: its hypotheses without figures, in their order
    for number in {one["step"] for one in study.hypotheses()}:
        result = study.result(steps[number])
        if steps[number].verb == "state":
            target = result.settings.get("target")
            what = {"statement": result.statement, "about": result.about, "by": "person"}
            said[number] = [{**what, "target": target} if target else what]
        else:
            of_group = names.get(number, {})
            by = "net" if at_net(steps[number]) else "look"
            said[number] = [
                {
                    "statement": one.statement,
                    "by": by,
                    **_class_of(one.group, of_group, result, by_person),
                }
                for one in result.hypotheses.stated
            ]
    return [
        {
            "number": one["number"],
            "features": one["features"],
            "late": first_seen is not None and one["step"] > first_seen,
            **said[one["step"]].pop(0),
        }
        for one in study.hypotheses()
    ]


def _by_person(study: Study) -> dict[str, str]:
    """Return the labels that people gave to open rows, by sample."""
    return {name: label for name, (label, how) in study.labels().items() if label and how == "person"}


def _class_of(group: int, names: dict[str, str], look: Any, by_person: dict[str, str]) -> dict[str, str]:
    """Return the class that a group of a look is named after or stands for, or why there is none."""
    from clew.validate.claims import stands_for

    name = names.get(str(group), "")
    if name in by_person.values() or not by_person:
        return {"about": name}
    placed = [(place, by_person[row]) for place, row in zip(look.groups, look.sample) if row in by_person]
    groups, labels = (np.array(one) for one in zip(*placed)) if placed else (np.empty(0), np.empty(0, str))
    about, why_not = stands_for(f"group {group}" + (f" ({name})" if name else ""), groups == group, labels)
    return {"about": about, "why_not": why_not}


def _check_testable(study: Study, look: Step | None, hypotheses: list[dict[str, Any]]) -> None:
    """Raise DataError where the sealed rows could answer nothing, before the seal is broken."""
    from clew.validate.replication import why_not

    no_groups = why_not(study.result(look) if look else None, study.counts()["sealed"])
    if not no_groups:
        return
    if not hypotheses:
        no_hypothesis = f"No hypothesis is on record (clew state {study.folder} FEATURES)."
    else:
        target_of = {one.get("target", "") for one in hypotheses}
        reasons = [
            _why_none(study, name, [one for one in hypotheses if one.get("target", "") == name])
            for name in sorted(target_of)
        ]
        no_hypothesis = (
            f"No hypothesis can be tested. {' '.join(dict.fromkeys(reasons))}" if all(reasons) else ""
        )
    check(
        not no_hypothesis,
        DataError,
        "The study '{}' must have something that sealed rows can answer. {} {} The seal was not broken.",
        study.folder,
        no_groups,
        no_hypothesis,
    )


def _why_none(study: Study, target: str, hypotheses: list[dict[str, Any]]) -> str:
    """Say why none of the hypotheses about labels, or about a target, can be tested, by open rows and counts of sealed ones."""
    from clew.validate.claims import OF_NET, untestable, with_target

    rows, hypotheses = study.samples(), [one for one in hypotheses if one["by"] != "net"]
    if not hypotheses:
        return OF_NET
    if target:
        rows = with_target(rows, target)
    by_person = {} if target else _by_person(study)
    labelled = bool(by_person)
    if labelled and study.has_sealed_labels():
        known = np.isin(rows.sample, list(by_person))
    elif rows.target is not None and (target or not (labelled or study.has_sealed_labels())):
        known, labelled = np.isfinite(rows.target), False
    else:
        return "People must label some open and some sealed rows (clew label)."
    n_rows, n_groups = study.count_sealed(labelled=labelled)
    return untestable(hypotheses, rows.take(known), numbers=not labelled, n_rows=n_rows, n_groups=n_groups)


def _check_not_copied(study: Study, look: Step | None) -> None:
    """Raise DataError where people's labels are the groups over again, before the seal is broken."""
    from clew.validate.confirm import same_as_groups

    by_person = _by_person(study)
    names, labels = np.array(list(by_person), str), np.array(list(by_person.values()), str)
    same = same_as_groups(names, labels, study.result(look) if look and study.has_sealed_labels() else None)
    check(
        not same,
        DataError,
        "The labels must say more than the groups for confirm. {} If they were copied, take them back: clew label {} --undo. "
        "The seal was not broken.",
        same,
        study.folder,
    )
