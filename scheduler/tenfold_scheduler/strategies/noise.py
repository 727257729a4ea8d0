"""How uncertain a trial's mean score is, as far as its folds can tell.

All trials share the same folds, so a hard fold is hard for everyone and says nothing about which trial is better: the
naive standard error sd/sqrt(k) counts it all the same. Here the folds' own effect is taken out first.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

PSEUDO_DEGREES: Final = 6.0
"""How many degrees of freedom the pooled variance counts for beside a trial's own."""


def mean_variances(folds: NDArray[np.float64]) -> Vector:
    """The variance of each trial's mean over its folds, without what the folds have in common.

    Fits ``score(i, f) = m_i + b_f + e`` by two-way means; the residual variance of each trial, divided by k, is
    shrunk towards the pooled one.

    Args:
        folds: Fold scores, shape (n trials, k folds).

    Returns:
        Shape (n,); zeros if fewer than two trials or folds leave nothing to estimate.

    Source: two-way analysis of variance without replication; shrinkage as in G. K. Smyth, Stat. Appl. Genet. Mol.
    Biol. 3 (2004) art. 3, equation for the moderated variance with prior degrees of freedom :data:`PSEUDO_DEGREES`.
    Y. Bengio and Y. Grandvalet (JMLR 5, 2004): no unbiased estimator exists, so the model learns a factor on this.
    """
    n, k = folds.shape
    if n < 2 or k < 2:
        return np.zeros(n)
    rows, columns = folds.mean(axis=1, keepdims=True), folds.mean(axis=0, keepdims=True)
    squares = np.sum((folds - rows - columns + folds.mean()) ** 2, axis=1)
    pooled = float(np.sum(squares)) / ((n - 1) * (k - 1))
    own = squares * (n / ((n - 1) * (k - 1)))  # the expectation of a row's sum is sigma^2 (n - 1)(k - 1) / n
    shrunk: Vector = ((k - 1) * own + PSEUDO_DEGREES * pooled) / (k - 1 + PSEUDO_DEGREES)
    variances: Vector = shrunk / k
    return variances
