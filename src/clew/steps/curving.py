"""Would more labels help, or another setting?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clew.steps.learning import learning_settings, whose_labels
from clew.steps.networks import ModelName, chosen_step, latest_model, model_of, raw_for, taken_over
from clew.steps.outcome import OnProgress, Outcome, sentences

if TYPE_CHECKING:
    from clew.study.study import Study


def curve(
    study: Study, *, model: ModelName | None = None, on_progress: OnProgress | None = None, **settings: Any
) -> Outcome:
    """Say whether more labels or another setting would help, with the settings of the latest model.

    Parameters
    ----------
    study : Study
    model : {"forest", "perceptron", "mlp", "cnn", "elman", "lstm", "gru"}
        The kind of model; that of the latest by default. Curves of nets are over labels only.
    """
    trained, other = latest_model(study)
    model = model or model_of(trained)
    step = chosen_step(model, settings, "clew.learn.curves:curve", "clew.neural.comparing:curve_net")
    settings = taken_over(trained, model, step) | settings
    learning_settings(study, settings)
    recorded, result = study.run(
        step, raw=raw_for(study, model, settings), on_progress=on_progress, **settings
    )
    warnings = [*other, *result.warnings, *whose_labels(study, settings)]
    said = _of_rows(result) if settings.get("over", "rows") == "rows" else _of_values(result)
    lines = [*said, *sentences(warnings), f"Next: {_next(study, result, model)}"]
    return Outcome(lines, result.summary(), recorded, result, warnings)


def _of_rows(result: Any) -> list[str]:
    figures = [
        (f"{rows:,.0f}", trained, held)
        for rows, trained, held in zip(result.rows, result.training, result.held_out, strict=True)
    ]
    head = [result.diagnosis.sentence, result.diagnosis.advice, result.outlook, result.split["reason"]]
    return [*sentences(head), *_table("training rows", result.metric, figures)]


def _of_values(result: Any) -> list[str]:
    from clew.validate.validation_curve import value_words

    figures = [
        (value_words(value), trained, held)
        for value, trained, held in zip(result.values, result.training, result.held_out, strict=True)
    ]
    head = [result.sentence, result.split["reason"]]
    return [*sentences(head), *_table(result.name, result.metric, figures)]


def _table(first: str, metric: str, figures: list[tuple[str, Any, Any]]) -> list[str]:
    """Return one line a point: where it is, held-out figure with its interval, training figure."""
    from clew.intervals import number, spell

    def spelt(figure: Any) -> str:
        return spell(dict(zip(("value", "low", "high"), map(number, figure), strict=True)))

    return [
        f"  {first:>14}  {metric} on held-out rows  on training rows",
        *(f"  {where:>14}  {spelt(held):<{len(metric) + 17}}  {spelt(trained)}" for where, trained, held in figures),
    ]  # fmt: skip


def _next(study: Study, result: Any, model: ModelName) -> str:
    verdict = result.diagnosis.verdict if hasattr(result, "diagnosis") else ""
    if model == "forest" and verdict in ("high bias", "bias and variance"):
        return f"clew curve {study.folder} --over depth"
    return f"clew report {study.folder}"
