"""Why the model answers as it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clew.steps.learning import whose_labels
from clew.steps.outcome import OnProgress, Outcome, sentences

if TYPE_CHECKING:
    from clew.study.study import Study


def explain(study: Study, *, on_progress: OnProgress | None = None, **settings: Any) -> Outcome:
    """Say what the latest model goes by: SHAP and permutation, by feature and by correlated group."""
    from clew.learn.explaining import explain as step

    trained = study.need("train", purpose="a model can be explained")
    model = next(one["name"] for one in study.models() if one["step"] == trained.id)
    settings.setdefault("target", trained.settings["target"])
    recorded, result = study.run(step, trained, on_progress=on_progress, **settings)
    whose = whose_labels(study, trained.settings)
    warnings = [*whose, result.cause(), *result.warnings]
    lines = [
        result.verdict(),
        *sentences(whose),
        f"What {model} goes by, over {result.shown_of()} rows, correlated features as one:",
        *(f"  {line}" for line in result.ranked()),
        *sentences(result.caveats()),
        f"Next: clew report {study.folder}",
    ]
    return Outcome(lines, {**result.summary(), "model": model}, recorded, result, warnings)
