"""How true and how precise repeated runs of the classifier are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clew.intervals import spell
from clew.result import settings_of
from clew.steps.learning import learning_settings, whose_labels
from clew.steps.networks import latest_forest
from clew.steps.outcome import OnProgress, Outcome, sentences

if TYPE_CHECKING:
    from clew.study.study import Study
    from clew.validate.repeats import Repeats

WORDS = {"balanced_accuracy": "balanced accuracy", "kappa": "Cohen's kappa", "mae": "mean absolute error", "repeatability_sd": "repeatability SD"}  # fmt: skip


def repeat(study: Study, *, on_progress: OnProgress | None = None, **settings: Any) -> Outcome:
    """Repeat the cross-validation with other seeds and folds: how true the answers are, how alike the runs."""
    from clew.learn.repeats import repeat as step

    trained, other = latest_forest(study, of="repeat")
    if trained is not None:
        for name in settings_of(step).keys() & trained.settings.keys() - {"random_state"}:
            settings.setdefault(name, trained.settings[name])
    learning_settings(study, settings)
    recorded, result = study.run(step, on_progress=on_progress, **settings)
    warnings = [*other, *result.warnings, *whose_labels(study, settings)]
    lines = [
        result.verdict(),
        "Trueness, the mean of the runs against the truth:",
        *(f"  {WORDS.get(name, name):<20} {spell(one.summary())}" for name, one in result.trueness.items()),
        "Precision, the runs against one another:",
        *(f"  {WORDS.get(name, name):<20} {spell(one.summary())}" for name, one in result.precision.items()),
        *_between(result),
        f"{_runs(result)}; the first: {result.split['reason']}",
        *sentences(warnings),
        f"Next: clew report {study.folder}",
    ]
    return Outcome(lines, result.summary(), recorded, result, warnings)


def _runs(result: Repeats) -> str:
    """Say how many runs there were, and in how many different ways they divided the rows."""
    same = f"{result.n_runs} runs, each with other seeds"
    if result.n_divisions == result.n_runs:
        return f"{same} and other folds"
    return (
        f"{same} but the same folds"
        if result.n_divisions == 1
        else f"{same}, on {result.n_divisions} different divisions"
    )


def _between(result: Repeats) -> list[str]:
    """Say how far a figure wanders between runs and, for classes, how many rows change their answer."""
    found = result.summary()
    name = "balanced_accuracy" if result.classes else "mae"
    one = found["between_runs"][name]
    lines = [f"From run to run {WORDS[name]} goes from {one['least']:.3g} to {one['most']:.3g}."]
    if result.classes:
        lines.append(
            f"Of {found['rows']} rows {found['rows_same_and_right']} are right in every run, {found['rows_same_and_wrong']} are "
            f"wrong in the same way in every run, and {found['rows_that_change']} change their answer."
        )
    return lines
