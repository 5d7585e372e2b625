"""Families of models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clew.steps.learning import learning_settings, whose_labels
from clew.steps.networks import MODELS, chosen_step, is_net, latest_model, model_of, raw_for, taken_over
from clew.steps.outcome import OnProgress, Outcome, sentences

if TYPE_CHECKING:
    from clew.steps.networks import ModelName
    from clew.study.study import Step, Study
    from clew.validate.comparison import Comparison


def compare(study: Study, *, on_progress: OnProgress | None = None, **settings: Any) -> Outcome:
    """Compare families of models on the same folds, each tuned within them, and count what was tried."""
    trained, other = latest_model(study)
    nets = _nets(trained, settings)
    places = ("clew.learn.families:compare", "clew.neural.comparing:compare_nets")
    step = chosen_step(nets[0] if nets else "forest", settings, *places)
    settings.pop("model", None)
    settings = taken_over(trained, nets[0] if len(nets) == 1 else "forest", step) | settings
    learning_settings(study, settings)
    raw = next(filter(None, (raw_for(study, name, settings) for name in nets)), None)
    recorded, result = study.run(step, raw=raw, on_progress=on_progress, **settings)
    warnings = [*other, *result.warnings, *whose_labels(study, settings)]
    times = result.split["repeats"]
    lines = [
        f"How do {len(result.families)} families of models do on the same folds? {result.split['reason']}"
        + (f" Divided anew {times} times." if times > 1 else ""),
        *_table(result),
        *result.verdict(),
        *_on_pair(result),
        *sentences(warnings),
        f"Next: clew report {study.folder}",
    ]
    return Outcome(lines, result.summary(), recorded, result, warnings)


def _nets(trained: Step | None, settings: dict[str, Any]) -> list[ModelName]:
    """Return the nets that are to be compared: those that are named, or the latest model beside what is named."""
    named = settings.get("families", "all")
    wanted = [part.strip() for part in (named.split(",") if isinstance(named, str) else named)]
    nets: list[ModelName] = [name for name in MODELS if name != "forest" and name in wanted]
    if not nets and is_net(trained):
        nets = [model_of(trained)]
        settings["families"] = [*wanted, *nets]
    return nets


def _table(result: Comparison) -> list[str]:
    """Return a line for each family: its figure, and its difference to the reference over folds."""
    from clew.validate.comparison import p_written, spelt_out, written

    to = result.family(result.reference).words
    width = max(len(one.words) for one in result.families)
    lines = [f"  {'':<{width}}  {spelt_out(result.metric):<20}  difference to {to}, p after Holm"]
    for one in result.families:
        other = one.to_reference
        told = "stated beforehand to compare with"
        if other is not None:
            told = f"{other.written(signed=True)}, {p_written(other.p_adjusted)}"
        lines.append(f"  {one.words:<{width}}  {written(result.figure(one)):<20}  {told}")
    return lines


def _on_pair(result: Comparison) -> list[str]:
    """Return a sentence on the two features that the report draws the families on."""
    from clew.validate.comparison import written

    pair = result.boundaries
    if pair is None:
        return []
    each = ", ".join(
        f"{words} {written(figure)}" for words, figure in zip(pair.words, pair.figures, strict=True)
    )
    if pair.chosen:
        both = f"{pair.features[0]} and {pair.features[1]} on all rows"
        return [f"On two features only, chosen anew in each fold ({both}): {each}."]
    return [f"On two features only, {pair.features[0]} and {pair.features[1]}: {each}."]
