"""Which sensor tells most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clew.steps.learning import learning_settings, whose_labels
from clew.steps.networks import latest_forest
from clew.steps.outcome import OnProgress, Outcome, sentences

if TYPE_CHECKING:
    from clew.study.study import Study

# How a forest is trained: taken over from the latest model, where there is one.
OF_THE_MODEL = ("features", "trees", "depth", "min_leaf", "max_features", "class_weight", "grower")


def sensors(study: Study, *, on_progress: OnProgress | None = None, **settings: Any) -> Outcome:
    """Say which station, component or kind of measurement tells most about the classes."""
    from clew.learn.sensors import sensors as step

    trained, other = latest_forest(study, of="sensors")
    if trained is not None:
        settings = {
            name: trained.settings[name] for name in OF_THE_MODEL if name in trained.settings
        } | settings
    learning_settings(study, settings)
    settings.pop("kind", None)
    recorded, result = study.run(step, on_progress=on_progress, **settings)
    whose = [*other, *whose_labels(study, {})]
    singles = result.strongest()
    lines = [
        *result.verdict(),
        *(f"  {line}" for line in result.ranked()),
        *([f"Single measurements that cost most when permuted: {', '.join(singles)}."] if singles else []),
        *sentences([*whose, *result.caveats(), *result.notes, result.permutation.split["reason"]]),
        f"Next: clew report {study.folder}",
    ]
    warnings = [*whose, *result.caveats()]
    return Outcome(lines, result.summary(), recorded, result, warnings)
