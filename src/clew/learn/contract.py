"""scikit-learn's contract, as all our classifiers of images and recordings keep it: settings to get and to set, and what a fit leaves."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from clew.errors import check_choice
from clew.learn.forest import Forest
from clew.result import settings_of


class Learner:
    """Holds its settings as attributes of their names and, once fitted, a forest.

    Attributes
    ----------
    forest_ : Forest
    classes_ : ndarray of str
        The classes, in the order of probabilities.
    feature_names_ : tuple of str
    feature_importances_ : ndarray of float64
        Mean decrease in impurity; correlated features divide it among themselves.
    """

    forest_: Forest
    _estimator_type = "classifier"

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that this is a classifier, which needs labels: for `cross_val_score`, `GridSearchCV` and `Pipeline`."""
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
        )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings."""
        return {name: getattr(self, name) for name in settings_of(type(self).__init__)}

    def set_params(self, **settings: Any) -> Self:
        """Change settings."""
        for name, value in settings.items():
            check_choice(name, self.get_params(), what="name of a setting", of=type(self).__name__)
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        fitted = f": {self.forest_.headline()}" if hasattr(self, "forest_") else ""
        return f"<{type(self).__name__}{fitted}>"

    def _take(self, forest: Forest) -> None:
        self.forest_ = forest
        self.classes_ = np.array(forest.classes)
        self.feature_names_ = tuple(forest.feature_names)
        self.feature_importances_ = forest.importance
