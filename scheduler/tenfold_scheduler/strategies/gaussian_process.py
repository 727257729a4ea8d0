"""A Gaussian process over rows: Matern-5/2, one length scale per parameter, hyperparameters by maximum a posteriori.

Letters: n observations, m candidates, d parameters; ``X`` rows of shape (n, d); ``z`` transformed scores of shape
(n,); ``K`` the n x n covariance; ``L`` its lower Cholesky factor; ``r`` the scaled distance

    r(a, b)^2 = sum over ordered j of ((a_j - b_j) / l_j)^2 + sum over categories j of [a_j != b_j] / l_j^2

so that a category is one more coordinate of the same radius (a Hamming term), not a relaxed one-hot vector.
Everything here is a function of its arguments: nothing is drawn, nothing is kept.

Sources: C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning" (2006), equations 2.25,
2.26, 4.17, 5.8 and 5.9, algorithm 2.1; prior on length scales that grows with sqrt(d): C. Hvarfner, E. O. Hellsten
and L. Nardi, "Vanilla Bayesian optimization performs great in high dimensions" (2024), arXiv 2402.02229.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

JITTER: Final = 1e-8
"""Added to the diagonal (times the signal variance), so that nearly equal rows leave K positive definite."""

MOST_FITTED: Final = 200
"""Hyperparameters are fitted to no more observations than this: the cost grows with the cube."""

_SQRT5: Final = math.sqrt(5.0)
_DIGITS: Final = 2  # hyperparameters are rounded, because the optimiser's last bits differ between processors
_LENGTH_MEAN, _LENGTH_SPREAD = math.log(0.5), 1.0  # of log l_j - log(d)/2
_SIGNAL_MEAN, _SIGNAL_SPREAD = 0.0, 1.0  # of the log signal variance
_NOISE_MEAN, _NOISE_SPREAD = math.log(1e-3), 2.0  # of the log noise variance
_FOLD_MEAN, _FOLD_SPREAD = 0.0, 1.0  # of the log factor on the folds' variance
_LOW, _HIGH = -4.0, 3.0  # deviations from the prior mean, in prior spreads, that are looked at
_MOST_STEPS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """What the process believes about the function before seeing it, all as natural logarithms.

    Attributes:
        lengths: Length scale per parameter, shape (d,).
        signal: Variance of the function.
        noise: Variance of the noise that the folds do not show.
        fold_factor: What the folds' own variance is multiplied by.
    """

    lengths: Vector
    signal: float
    noise: float
    fold_factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Observations as the process sees them.

    Attributes:
        X: Rows, shape (n, d).
        z: Transformed scores, shape (n,).
        fold_variance: Variance of each z as its folds tell, shape (n,).
        doubt: Variance added to each z whatever is learned, shape (n,).
    """

    X: Matrix
    z: Vector
    fold_variance: Vector
    doubt: Vector


def prior_hyperparameters(d: int) -> Hyperparameters:
    """The prior's centre, used until there is enough to learn from."""
    return _hyperparameters(_prior(d)[0])


def matern52(r_squared: Matrix) -> Matrix:
    """(1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r); Rasmussen and Williams, equation 4.17."""
    s = np.sqrt(5.0 * r_squared)
    covariance: Matrix = s * s
    covariance /= 3.0
    covariance += s
    covariance += 1.0
    covariance *= np.exp(np.negative(s, out=s), out=s)  # in place: these are the largest arrays of a suggestion
    return covariance


def embedded(X: Matrix, cells: Vector, categorical: Mask, lengths: Vector) -> Matrix:
    """Rows as vectors whose squared Euclidean distance is r^2: categories become scaled corners of a simplex."""
    parts = [X[:, ~categorical] / np.exp(lengths[~categorical])]
    for j in np.flatnonzero(categorical):
        size = round(1.0 / cells[j])
        corner = np.clip(np.floor(X[:, j] * size) + 1, 0, size).astype(np.intp)  # -1, "inactive", is corner 0
        parts.append(np.eye(size + 1)[corner] * (math.exp(-lengths[j]) / math.sqrt(2.0)))
    return np.hstack(parts)


def squared_distances(A: Matrix, B: Matrix) -> Matrix:
    """Squared Euclidean distances, shape (len(A), len(B)), by one matrix product; never negative."""
    distances: Matrix = A @ (-2.0 * B.T)
    distances += np.sum(A * A, axis=1)[:, None]
    distances += np.sum(B * B, axis=1)[None, :]
    return np.maximum(distances, 0.0, out=distances)


class Posterior:
    """The process after seeing the data, with pending points taken as seen at their own posterior mean.

    Such a pending point leaves every mean as it was and lowers the variance around it, so that the next suggestion
    goes elsewhere (the "kriging believer" of D. Ginsbourger, R. Le Riche and L. Carraro, 2010).

    Args:
        data: The observations.
        pending: Rows without a score yet, shape (p, d).
        h: Hyperparameters.
        cells: Width of each column's cell.
        categorical: Which columns are categories.
    """

    def __init__(self, data: Data, pending: Matrix, h: Hyperparameters, cells: Vector, categorical: Mask) -> None:
        from scipy.linalg import cho_solve

        n = len(data.X)
        self._h, self._cells, self._categorical = h, cells, categorical
        self._points = self._embedded(np.vstack([data.X, pending]))
        K = math.exp(h.signal) * matern52(squared_distances(self._points, self._points))
        diagonal = np.full(len(K), math.exp(h.noise))
        diagonal[:n] += math.exp(h.fold_factor) * data.fold_variance + data.doubt
        diagonal[n:] += math.exp(h.fold_factor) * _mean(data.fold_variance)
        K[np.diag_indices_from(K)] += diagonal
        self._L = cholesky(K, math.exp(h.signal))
        self._n = n
        # The leading block of L is the factor for the observations alone: one factorisation serves mean and variance.
        self._alpha = cho_solve((self._L[:n, :n], True), data.z, check_finite=False)

    def mean(self, X: Matrix) -> Vector:
        """Posterior mean, shape (m,)."""
        mean: Vector = self._covariance(X)[:, : self._n] @ self._alpha
        return mean

    def predict(self, X: Matrix) -> tuple[Vector, Vector]:
        """Posterior mean and standard deviation of the function (without noise), each of shape (m,)."""
        from scipy.linalg import solve_triangular

        k = self._covariance(X)
        V = solve_triangular(self._L, k.T, lower=True, check_finite=False)
        signal = math.exp(self._h.signal)
        variance = np.maximum(signal - np.einsum("ij,ij->j", V, V), JITTER * signal)
        return k[:, : self._n] @ self._alpha, np.sqrt(variance)

    def _covariance(self, X: Matrix) -> Matrix:
        k = matern52(squared_distances(self._embedded(X), self._points))
        k *= math.exp(self._h.signal)
        return k

    def _embedded(self, X: Matrix) -> Matrix:
        return embedded(X, self._cells, self._categorical, self._h.lengths)


def fitted(data: Data, categorical: Mask) -> Hyperparameters:
    """The most probable hyperparameters given the data, rounded to two digits of the logarithm.

    The search starts from the prior's centre, not from an earlier fit, so that the result depends on the data alone.
    """
    from scipy.optimize import minimize

    mean, spread = _prior(data.X.shape[1])
    squares = squared_differences(data.X, categorical)
    found = minimize(
        lambda theta: negative_log_posterior(theta, data, squares),
        mean,
        jac=True,
        method="L-BFGS-B",
        bounds=np.column_stack([mean + _LOW * spread, mean + _HIGH * spread]),
        options={"maxiter": _MOST_STEPS},
    )
    return _hyperparameters(np.round(found.x, _DIGITS))


def negative_log_posterior(theta: Vector, data: Data, squares: Matrix) -> tuple[float, Vector]:
    """Negative log posterior density of the hyperparameters and its gradient.

    Args:
        theta: Log length scales, log signal, log noise, log fold factor; shape (d + 3,).
        data: The observations.
        squares: See :func:`squared_differences`.

    Rasmussen and Williams, equations 5.8 and 5.9; dK/d log l_j = s (5/3)(1 + sqrt(5) r) exp(-sqrt(5) r) D_j / l_j^2
    where D_j are the squared differences in column j; normal priors on the logarithms.
    """
    from scipy.linalg import cho_solve

    n, d = data.X.shape
    h = _hyperparameters(theta)
    weights = np.exp(-2.0 * h.lengths)
    s = _SQRT5 * np.sqrt((weights @ squares).reshape(n, n))
    decay = math.exp(h.signal) * np.exp(-s)
    K = decay * (1.0 + s + s * s / 3.0)
    folds = math.exp(h.fold_factor) * data.fold_variance
    A = K.copy()
    A[np.diag_indices_from(A)] += math.exp(h.noise) + folds + data.doubt
    L = cholesky(A, math.exp(h.signal))
    inverse = cho_solve((L, True), np.eye(n), check_finite=False)
    alpha = inverse @ data.z
    W = inverse - np.outer(alpha, alpha)  # the gradient of the likelihood is tr(W dK) / 2
    gradient = np.empty(d + 3)
    gradient[:d] = 0.5 * weights * (squares @ (W * decay * (1.0 + s) * (5.0 / 3.0)).ravel())
    gradient[d] = 0.5 * float(np.sum(W * K))
    gradient[d + 1] = 0.5 * math.exp(h.noise) * float(np.trace(W))
    gradient[d + 2] = 0.5 * float(np.diagonal(W) @ folds)
    mean, spread = _prior(d)
    away = (theta - mean) / spread
    value = 0.5 * float(data.z @ alpha) + float(np.sum(np.log(np.diagonal(L)))) + 0.5 * float(away @ away)
    return value, gradient + away / spread


def squared_differences(X: Matrix, categorical: Mask) -> Matrix:
    """D_j for every column: squared differences, or 1 where categories differ; shape (d, n * n)."""
    columns = X.T
    difference = columns[:, :, None] - columns[:, None, :]
    D = np.where(categorical[:, None, None], difference != 0.0, difference * difference)
    return D.reshape(len(columns), -1).astype(np.float64)


def cholesky(K: Matrix, scale: float) -> Matrix:
    """The lower Cholesky factor of K, with as much jitter (times ``scale``) as it takes, from 1e-8 upwards.

    Raises:
        ValueError: If K is not finite.
    """
    jitter = JITTER * scale
    if not np.all(np.isfinite(K)):
        raise ValueError("the covariance of the observations is not finite")
    while True:
        try:
            L = np.linalg.cholesky(K + jitter * np.eye(len(K)))
        except np.linalg.LinAlgError:
            jitter *= 10.0
        else:
            return L.astype(np.float64, copy=False)


def _prior(d: int) -> tuple[Vector, Vector]:
    """Means and spreads of the logarithms' normal priors, in the order of ``theta``."""
    mean = np.full(d + 3, _LENGTH_MEAN + 0.5 * math.log(max(1, d)))
    spread = np.full(d + 3, _LENGTH_SPREAD)
    mean[d:] = _SIGNAL_MEAN, _NOISE_MEAN, _FOLD_MEAN
    spread[d:] = _SIGNAL_SPREAD, _NOISE_SPREAD, _FOLD_SPREAD
    return mean, spread


def _hyperparameters(theta: Vector) -> Hyperparameters:
    signal, noise, fold_factor = (float(one) for one in theta[-3:])
    return Hyperparameters(lengths=theta[:-3], signal=signal, noise=noise, fold_factor=fold_factor)


def _mean(values: Vector) -> float:
    return float(np.mean(values)) if len(values) else 0.0
