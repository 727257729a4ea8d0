"""Scores made fit for a Gaussian process: small is good, the bad tail is cut, the rest looks normal.

In the published ablation of HEBO (A. I. Cowen-Rivers et al., JAIR 74 (2022)) such a transform of the output is the
largest single gain of the whole engine.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

TAIL: Final = 3.0
"""Scores farther than this many (robust) spreads on the bad side of the median are moved up to that bound."""

_LAMBDAS: Final = np.round(np.arange(-2.0, 4.01, 0.1), 1)
_FEWEST: Final = 5  # below this the shape of the distribution cannot be told
_SMALLEST_SPREAD: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """What was done to the scores, so that noise can follow.

    Attributes:
        z: Transformed scores, smaller is better, mean 0 and standard deviation 1 (all 0 for constant scores).
        slope: Derivative of ``z`` with respect to the score, in absolute value; 0 where the tail was cut.
        flat: Whether the scores tell nothing apart.
    """

    z: Vector
    slope: Vector
    flat: bool


def transformed(losses: Vector) -> Transform:
    """Winsorise the bad tail, bend by Yeo-Johnson, standardise.

    Args:
        losses: Scores with the sign that makes smaller better; finite, shape (n,), n >= 1.
    """
    largest = float(np.max(np.abs(losses))) or 1.0  # so that no unit, however odd, overflows
    cut, inside = winsorised(losses / largest)
    x, scale = standardised(cut)
    if scale == 0.0:
        return Transform(z=np.zeros_like(losses), slope=np.zeros_like(losses), flat=True)
    power = best_power(x) if len(x) >= _FEWEST else 1.0
    z, second = standardised(yeo_johnson(x, power))
    if second == 0.0 or not np.all(np.isfinite(z)):
        z, second, power = x, 1.0, 1.0  # the bent scores degenerate: stay with the straight ones
    slope = inside * yeo_johnson_slope(x, power) / (scale * second) / largest
    return Transform(z=z, slope=slope, flat=False)


def winsorised(losses: Vector) -> tuple[Vector, Vector]:
    """Losses cut at ``median + TAIL * spread``, and 1.0 where nothing was cut, else 0.0.

    The spread is that of the good half, median minus 10 % quantile: the bad half of a search is often a cliff that
    says nothing about how the good values differ.
    """
    median, good = np.quantile(losses, [0.5, 0.1])
    bound = median + TAIL * (median - good)
    if not bound > median:
        return losses, np.ones_like(losses)
    return np.minimum(losses, bound), (losses <= bound).astype(np.float64)


def standardised(values: Vector) -> tuple[Vector, float]:
    """Values with mean 0 and standard deviation 1, and the deviation they had; 0.0 if they are all (nearly) equal."""
    mean, spread = float(np.mean(values)), float(np.std(values))
    if not spread > _SMALLEST_SPREAD * float(np.max(np.abs(values))):
        return np.zeros_like(values), 0.0
    return (values - mean) / spread, spread


def yeo_johnson(x: Vector, power: float) -> Vector:
    """The power transform for values of both signs.

    Source: I.-K. Yeo and R. A. Johnson, Biometrika 87 (2000) 954-959, equation 2.1.
    """
    up, down = np.maximum(x, 0.0), np.minimum(x, 0.0)
    bent_up = np.log1p(up) if power == 0.0 else np.expm1(power * np.log1p(up)) / power
    other = 2.0 - power
    bent_down = -np.log1p(-down) if other == 0.0 else -np.expm1(other * np.log1p(-down)) / other
    return np.where(x >= 0.0, bent_up, bent_down)


def yeo_johnson_slope(x: Vector, power: float) -> Vector:
    """The transform's derivative: (|x| + 1)^((power - 1) sign(x))."""
    return np.exp((power - 1.0) * np.sign(x) * np.log1p(np.abs(x)))


def yeo_johnson_likelihood(x: Vector, power: float) -> float:
    """Log-likelihood of normality after the transform (Yeo and Johnson 2000, section 3), up to a constant."""
    variance = float(np.var(yeo_johnson(x, power)))
    if not variance > 0.0:
        return -np.inf
    return -0.5 * len(x) * float(np.log(variance)) + (power - 1.0) * float(np.sum(np.sign(x) * np.log1p(np.abs(x))))


def best_power(x: Vector) -> float:
    """The most likely power among -2.0, -1.9 ... 4.0; a coarse grid, so that last bits cannot change it easily.

    The same likelihood as :func:`yeo_johnson_likelihood`, for the whole grid at once.
    """
    logarithms, sign = np.log1p(np.abs(x)), np.sign(x)
    exponents = np.where(x >= 0.0, _LAMBDAS[:, None], 2.0 - _LAMBDAS[:, None])
    divisors = np.where(exponents == 0.0, 1.0, exponents)
    bent = sign * np.where(exponents == 0.0, logarithms, np.expm1(exponents * logarithms) / divisors)
    variances = np.maximum(np.var(bent, axis=1), np.finfo(np.float64).tiny)
    likelihoods = -0.5 * len(x) * np.log(variances) + (_LAMBDAS - 1.0) * float(sign @ logarithms)
    return float(_LAMBDAS[int(np.argmax(np.round(likelihoods, 6)))])
