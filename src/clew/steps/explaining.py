"""Why the model answers as it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clew.errors import SettingError, check
from clew.result import settings_of
from clew.steps.learning import whose_labels
from clew.steps.networks import is_net, name_of, need_model, need_torch, raw_like
from clew.steps.outcome import OnProgress, Outcome, sentences

if TYPE_CHECKING:
    from clew.study.study import Study


def explain(study: Study, *, on_progress: OnProgress | None = None, **settings: Any) -> Outcome:
    """Say what the latest model goes by: which features, or where a net looks on images and windows."""
    trained, other = need_model(study, purpose="a model can be explained")
    if is_net(trained):
        need_torch()
    model = name_of(study, trained)
    raw = raw_like(study, study.result(trained)) if is_net(trained) else None
    _check_settings(settings, net=is_net(trained), looks=raw is not None, model=model)
    settings.setdefault("target", trained.settings["target"])
    step = _step(net=is_net(trained), looks=raw is not None)
    recorded, result = study.run(step, trained, raw=raw, on_progress=on_progress, **settings)
    whose = whose_labels(study, trained.settings)
    warnings = [*other, *whose, result.cause(), *result.warnings]
    together = "" if raw is not None else ", correlated features as one"
    lines = [
        result.verdict(),
        *sentences([*other, *whose]),
        f"What {model} goes by, over {result.shown_of()} rows{together}:",
        *(f"  {line}" for line in result.ranked()),
        *sentences(result.caveats()),
        f"Next: clew report {study.folder}",
    ]
    return Outcome(lines, {**result.summary(), "model": model}, recorded, result, warnings)


def _check_settings(settings: dict[str, Any], *, net: bool, looks: bool, model: str) -> None:
    """Refuse what only another kind of model can be asked."""
    own = settings_of(_step(net=net, looks=looks))
    strange = [name for name in settings if name not in own]
    if not strange:  # what is not asked for is not imported
        return
    others = {
        "the forest": _step(net=False, looks=False),
        "a net on measurements": _step(net=True, looks=False),
        "a net on images or windows": _step(net=True, looks=True),
    }
    for name in strange:
        meant = [words for words, step in others.items() if name in settings_of(step)]
        check(not meant, SettingError, "The setting --{} must go with {}. Got the model '{}'.", name.replace("_", "-"), " or ".join(meant), model)  # fmt: skip


def _step(*, net: bool, looks: bool) -> Callable[..., Any]:
    """Return the step that explains a model of this kind."""
    if looks:
        from clew.neural.explaining_looks import explain_looks

        return explain_looks
    if net:
        from clew.neural.explaining import explain_net

        return explain_net
    from clew.learn.explaining import explain as of_forest

    return of_forest
