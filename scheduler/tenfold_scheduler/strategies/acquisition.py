"""How much a candidate promises: the logarithm of its expected improvement, exact where plain EI is zero."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_HALF_LOG_2PI: Final = 0.5 * math.log(2.0 * math.pi)
_HALF_LOG_HALF_PI: Final = 0.5 * math.log(0.5 * math.pi)
_FAR: Final = -1e4  # from here on the asymptote (relative error 3/z^2) is the more accurate one


def log_expected_improvement(mean: Vector, deviation: Vector, best: float) -> Vector:
    """Log of E[max(best - f, 0)] for f normal with this mean and standard deviation; smaller f is better.

    Formula: log_h((best - mean) / deviation) + log(deviation).
    Source: S. Ament et al., "Unexpected improvements to expected improvement" (2023), arXiv 2310.20708, equation 8.

    Args:
        mean: Shape (m,).
        deviation: Shape (m,), positive.
        best: The value to improve on.
    """
    return log_h((best - mean) / deviation) + np.log(deviation)


def log_h(z: Vector) -> Vector:
    """log(phi(z) + z Phi(z)), without cancellation for negative z.

    Source: Ament et al. (2023), equations 9 and 14: below -1 by the scaled complementary error function, very far
    below by its asymptote -z^2/2 - log(2 pi)/2 - 2 log|z|.
    """
    from scipy.special import erfcx, ndtr

    near = np.maximum(z, -1.0)
    phi = np.exp(-0.5 * near**2 - _HALF_LOG_2PI)
    direct = np.log(phi + near * ndtr(near))
    below = np.minimum(z, -1.0)
    ratio = np.log(erfcx(-np.maximum(below, _FAR) / math.sqrt(2.0)) * -np.maximum(below, _FAR)) + _HALF_LOG_HALF_PI
    tail = -0.5 * below**2 - _HALF_LOG_2PI
    middle = tail + np.log(-np.expm1(np.minimum(ratio, -np.finfo(np.float64).tiny)))
    far = tail - 2.0 * np.log(-below)
    return np.where(z > -1.0, direct, np.where(z > _FAR, middle, far))
