"""clew: from raw, unlabelled measurements to a model that can be trusted, and the thread that leads back.

Names are loaded when they are first used, so that ``import clew`` costs next to nothing.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Any

_WHERE = {
    "ClewError": "errors",
    "DataError": "errors",
    "SealedError": "errors",
    "SettingError": "errors",
    "StudyError": "errors",
    "Result": "result",
    "step": "result",
    "Samples": "samples",
    "Study": "study.study",
    "read_image": "read.images",
    "read_table": "read.tables",
    "open_stack": "read.stacks",
    "measure_objects": "measure.objects",
    "read_distances": "read.distances",
    "neighbors": "explore.neighbors",
    "embed": "explore.embed",
    "transform": "explore.transform",
    "cluster": "explore.cluster",
    "watch_kmeans": "explore.kmeans_steps",
    "stability": "explore.stability",
    "evidence": "explore.evidence",
    "hypotheses": "explore.hypotheses",
    "cross_validate": "validate.metrics",
    "compare_segmentations": "validate.segmentation",
    "train": "learn.training",
    "Forest": "learn.forest",
    "PixelClassifier": "learn.pixels",
    "ObjectClassifier": "learn.objects",
    "SignalClassifier": "learn.signals",
}
__all__ = ["__version__", *sorted(_WHERE)]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.metadata.version("clew")
    if name in _WHERE:
        return getattr(importlib.import_module(f"clew.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'clew' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
