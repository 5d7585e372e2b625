"""Figures of results, matplotlib's one door: ``figure(result)`` draws what a step returned."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from clew.errors import SettingError
from clew.result import Result

if TYPE_CHECKING:
    from clew.plot.style import Drawing

# The class of a result, and the function that draws it.
DRAWN = {
    "Exploration": "clew.plot.explore:exploration",
    "Embedding": "clew.plot.explore:runs",
    "Clustering": "clew.plot.explore:clustering",
    "Stability": "clew.plot.explore:consensus",
    "Evidence": "clew.plot.explore:evidence",
    "Hypotheses": "clew.plot.explore:correlations",
    "Hypothesis": "clew.plot.learn:hypothesis",
    "Forest": "clew.plot.learn:forest",
    "Validation": "clew.plot.validate:validation",
    "Scores": "clew.plot.validate:metrics",
}


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
    module, _, name = DRAWN[kind].partition(":")
    return getattr(importlib.import_module(module), name)(result, **settings)
