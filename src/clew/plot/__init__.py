"""Figures of results, matplotlib's one door: ``figure(result)`` draws what a step returned."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from clew.errors import SettingError, did_you_mean
from clew.result import Result

if TYPE_CHECKING:
    from clew.plot.style import Drawing

# The class of a result, and the function that draws it.
DRAWN = {
    "Exploration": "clew.plot.explore:exploration",
    "NetExploration": "clew.plot.explore:exploration",
    "Embedding": "clew.plot.explore:runs",
    "Clustering": "clew.plot.explore:clustering",
    "Reconstructions": "clew.plot.coding:reconstructions",
    "Generated": "clew.plot.coding:generated",
    "PosteriorCollapse": "clew.plot.coding:latent_use",
    "DenoisedRecordings": "clew.plot.denoised_signals:denoised_signals",
    "KMeansSteps": "clew.plot.kmeans_steps:kmeans_steps",
    "Stability": "clew.plot.explore:consensus",
    "Evidence": "clew.plot.evidence:evidence",
    "Hypotheses": "clew.plot.explore:correlations",
    "Hypothesis": "clew.plot.learn:hypothesis",
    "Forest": "clew.plot.learn:forest",
    "Confirmation": "clew.plot.confirm:confirmation",
    "Replication": "clew.plot.confirm:replication",
    "Explanation": "clew.plot.explain:bars",
    "NetExplanation": "clew.plot.net_explained:features",
    "NetLooks": "clew.plot.net_explained:looks",
    "LearningCurve": "clew.plot.curves:learning",
    "ValidationCurve": "clew.plot.curves:validation",
    "History": "clew.plot.losses:losses",
    "LossReading": "clew.plot.losses:losses",
    "RateSuggestion": "clew.plot.losses:rates",
    "Comparison": "clew.plot.comparison:comparison",
    "Boundaries": "clew.plot.comparison:boundaries",
    "Repeats": "clew.plot.repeats:repeats",
    "SensorComparison": "clew.plot.sensors:sensors",
    "Representative": "clew.plot.labels:representative",
    "LabelErrors": "clew.plot.labels:label_errors",
    "Validation": "clew.plot.validate:validation",
    "ValidationBeside": "clew.plot.validate:validation",
    "Scores": "clew.plot.validate:metrics",
    "StrokeValidation": "clew.plot.strokes:strokes",
    "SegmentationScores": "clew.plot.segmentation:pixels",
    "ObjectScores": "clew.plot.segmentation:objects",
    "ActiveCurves": "clew.plot.active:curves",
    "StopLight": "clew.plot.active:stop_light",
    "PickScores": "clew.plot.picks:scores",
    "ThresholdCurve": "clew.plot.picks:thresholds",
    "BackpropTrace": "clew.plot.backprop:backprop",
    "ActivationCurves": "clew.plot.neural:activation_curves",
    "FeatureMaps": "clew.plot.neural:feature_maps",
    "Filters": "clew.plot.neural:filters",
    "HiddenStates": "clew.plot.neural:hidden_states",
    "DecisionGrid": "clew.plot.neural:decision_regions",
    "Saliency": "clew.plot.saliency:saliency",
    "Sanity": "clew.plot.saliency:sanity",
}
# Figures that take more than a result: ``clew.plot.two_runs(result, 0, 7)``.
NAMED = {
    "agreement": "clew.plot.segmentation:agreement",
    "at_home": "clew.plot.stability:at_home",
    "beeswarm": "clew.plot.explain:beeswarm",
    "dependence": "clew.plot.explain:dependence",
    "waterfall": "clew.plot.explain:waterfall",
    "events": "clew.plot.events:events_figure",
    "timeline": "clew.plot.events:timeline",
    "triggers": "clew.plot.events:triggers_figure",
    "window": "clew.plot.signals:window_figure",
    "shap_along": "clew.plot.explain:along",
    "shap_painted": "clew.plot.explain:painted",
    "pick_curves": "clew.plot.picks:draw_curves",
    "pick_outliers": "clew.plot.picks:outliers",
    "pixel_maps": "clew.plot.pixel_maps:pixel_maps",
    "calibration": "clew.plot.validate:calibration",
    "choice_of_k": "clew.plot.evidence:choice_of_k",
    "two_runs": "clew.plot.stability:two_runs",
}


def __getattr__(name: str) -> Any:
    if name not in NAMED:
        raise AttributeError(f"module 'clew.plot' has no attribute '{name}'.{did_you_mean(name, NAMED)}")
    return _drawer(NAMED[name])


def figure(result: Result, **settings: Any) -> Drawing:
    """Draw a result.

    Parameters
    ----------
    result : Result
        What a step returned: Exploration, Embedding, Clustering, Stability, Evidence, Hypotheses, Forest, ...
    **settings
        The settings of the function that draws this kind (``names`` of groups, for instance).

    Returns
    -------
    Drawing
        A `matplotlib.figure.Figure` that shows itself in a notebook; ``savefig`` writes it to a file.

    Raises
    ------
    SettingError
        If there is no figure of this kind of result.
    """
    kind = type(result).__name__
    if kind not in DRAWN:
        raise SettingError(f"The result to draw must be one of: {', '.join(DRAWN)}. Got {kind} instead.")
    return _drawer(DRAWN[kind])(result, **settings)


def _drawer(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
