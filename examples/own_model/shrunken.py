"""A small classifier of one's own, and a metric: anything that follows scikit-learn's conventions can be tuned.

Nearest shrunken centroids: each class is its mean, pulled towards the overall mean by ``shrink`` standard errors, so
that columns which do not tell classes apart drop out.
Source: Tibshirani, Hastie, Narasimhan, Chu, "Diagnosis of multiple cancer types by shrunken centroids", PNAS 2002.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import recall_score
from sklearn.utils.validation import check_is_fitted, validate_data


class ShrunkenCentroids(ClassifierMixin, BaseEstimator):
    """Classify by the nearest of the shrunken class means.

    Args:
        shrink: How many standard errors the means are pulled towards each other.
        prior: ``empirical`` prefers frequent classes, ``uniform`` does not.
    """

    def __init__(self, shrink: float = 0.5, prior: str = "empirical") -> None:
        self.shrink = shrink
        self.prior = prior

    def fit(self, X: ArrayLike, y: ArrayLike) -> "ShrunkenCentroids":
        """Fit to rows X (n, p) and their classes y (n,)."""
        X, y = validate_data(self, X, y)
        self.classes_, counts = np.unique(y, return_counts=True)
        means = np.array([X[y == label].mean(axis=0) for label in self.classes_])
        overall = X.mean(axis=0)
        within = np.concatenate([X[y == label] - mean for label, mean in zip(self.classes_, means, strict=True)])
        self.scale_ = np.sqrt((within**2).sum(axis=0) / max(1, len(X) - len(counts))) + 1e-12
        errors = np.sqrt(1 / counts - 1 / len(X))[:, None] * self.scale_
        distance = (means - overall) / errors
        kept = np.sign(distance) * np.maximum(np.abs(distance) - self.shrink, 0.0)
        self.centroids_ = overall + errors * kept
        share = counts / len(X) if self.prior == "empirical" else np.full(len(counts), 1 / len(counts))
        self.log_prior_ = np.log(share)
        return self

    def decision_scores(self, X: ArrayLike) -> NDArray[np.float64]:
        """The discriminant score (n, classes) of each row for each class; larger is nearer."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        squared = (((X[:, None, :] - self.centroids_) / self.scale_) ** 2).sum(axis=2)
        return self.log_prior_ - squared / 2

    def predict(self, X: ArrayLike) -> NDArray[np.generic]:
        """The nearest class of each row."""
        return self.classes_[self.decision_scores(X).argmax(axis=1)]


def worst_recall(estimator: BaseEstimator, X: ArrayLike, y: ArrayLike) -> float:
    """The recall of the class that fares worst: no class may be sacrificed for the others."""
    return float(min(recall_score(y, estimator.predict(X), average=None)))
