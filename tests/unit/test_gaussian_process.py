"""Our Gaussian process agrees with scikit-learn's, and its gradients with finite differences."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from tenfold_scheduler.strategies.gaussian_process import (
    JITTER,
    Data,
    Hyperparameters,
    Posterior,
    cholesky,
    embedded,
    fitted,
    matern52,
    negative_log_posterior,
    prior_hyperparameters,
    squared_differences,
    squared_distances,
)

N, D = 25, 3
ORDERED = np.zeros(D, dtype=bool)
CONTINUOUS = np.zeros(D)
NOTHING_PENDING = np.empty((0, D))
THETA = np.log([0.4, 0.9, 1.7, 1.3, 0.02, 0.8])


def hyperparameters(theta: NDArray[np.float64] = THETA) -> Hyperparameters:
    """From the vector the optimiser works on."""
    return Hyperparameters(
        lengths=theta[:-3], signal=float(theta[-3]), noise=float(theta[-2]), fold_factor=float(theta[-1])
    )


def wave(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """A function in which the third column has no part."""
    z: NDArray[np.float64] = np.sin(5 * X[:, 0]) + X[:, 1] ** 2
    return z


@pytest.fixture(name="data")
def _data() -> Data:
    random = np.random.default_rng(0)
    X = random.random((N, D))
    return Data(X=X, z=wave(X), fold_variance=random.random(N) * 0.01, doubt=np.where(np.arange(N) == 4, 0.25, 0.0))


def sklearns(data: Data) -> Any:  # Any: scikit-learn has no types
    """scikit-learn's process for the same data, kernel and noise."""
    h = hyperparameters()
    signal = math.exp(h.signal)
    kernel = ConstantKernel(signal) * Matern(length_scale=np.exp(h.lengths), nu=2.5)
    noise = math.exp(h.noise) + math.exp(h.fold_factor) * data.fold_variance + data.doubt + JITTER * signal
    return GaussianProcessRegressor(kernel, alpha=noise, optimizer=None).fit(data.X, data.z)


def test_the_posterior_is_scikit_learns(data: Data) -> None:
    """Mean and standard deviation equal scikit-learn's for the same kernel and noise."""
    candidates = np.random.default_rng(1).random((40, D))
    posterior = Posterior(data, NOTHING_PENDING, hyperparameters(), CONTINUOUS, ORDERED)
    mean, deviation = posterior.predict(candidates)
    expected_mean, expected_deviation = sklearns(data).predict(candidates, return_std=True)
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(deviation, expected_deviation, rtol=1e-6)
    np.testing.assert_allclose(posterior.mean(candidates), mean, rtol=1e-12)


def test_the_likelihood_is_scikit_learns(data: Data) -> None:
    """The negative log posterior is scikit-learn's negative log likelihood plus the prior's quadratic terms."""
    value, _ = negative_log_posterior(THETA, data, squared_differences(data.X, ORDERED))
    prior = prior_hyperparameters(D)
    centre = np.array([*prior.lengths, prior.signal, prior.noise, prior.fold_factor])
    spread = np.array([1.0] * D + [1.0, 2.0, 1.0])
    expected = -sklearns(data).log_marginal_likelihood_value_ - 0.5 * N * math.log(2 * math.pi)
    assert value == pytest.approx(expected + 0.5 * float(np.sum(((THETA - centre) / spread) ** 2)), rel=1e-7)


@pytest.mark.parametrize("categories", [[], [1], [0, 1, 2]])
def test_the_gradient_is_that_of_finite_differences(data: Data, categories: list[int]) -> None:
    """Analytic gradients equal central differences, with and without categorical columns."""
    categorical = np.isin(np.arange(D), categories)
    X = np.where(categorical, np.floor(data.X * 3), data.X)
    data = Data(X=X, z=data.z, fold_variance=data.fold_variance, doubt=data.doubt)
    squares = squared_differences(X, categorical)
    _, gradient = negative_log_posterior(THETA, data, squares)
    step = 1e-5
    for index in range(len(THETA)):
        away = np.eye(len(THETA))[index] * step
        above, below = (negative_log_posterior(THETA + sign * away, data, squares)[0] for sign in (1, -1))
        assert gradient[index] == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-5)


def test_the_covariance_is_matern_52() -> None:
    """The kernel equals scikit-learn's Matern with nu = 2.5."""
    X = np.random.default_rng(2).random((10, D))
    lengths = np.array([0.3, 1.0, 2.0])
    own = matern52(squared_distances(X / lengths, X / lengths))
    np.testing.assert_allclose(own, Matern(length_scale=lengths, nu=2.5)(X), atol=1e-7)


def test_categories_are_a_hamming_term_in_the_radius() -> None:
    """Two different categories are 1/l apart whichever they are, equal ones (inactive included) not at all."""
    cells, categorical = np.array([0.0, 1 / 3]), np.array([False, True])
    lengths = np.log([0.5, 2.0])
    X = np.array([[0.1, 1 / 6], [0.1, 5 / 6], [0.6, 0.5], [0.6, -1.0], [0.6, -1.0]])
    distances = squared_distances(*[embedded(X, cells, categorical, lengths)] * 2)
    hamming, ordered = 1 / 2.0**2, (0.5 / 0.5) ** 2
    expected = [
        [0.0, hamming, ordered + hamming, ordered + hamming, ordered + hamming],
        [hamming, 0.0, ordered + hamming, ordered + hamming, ordered + hamming],
        [ordered + hamming, ordered + hamming, 0.0, hamming, hamming],
        [ordered + hamming, ordered + hamming, hamming, 0.0, 0.0],
        [ordered + hamming, ordered + hamming, hamming, 0.0, 0.0],
    ]
    np.testing.assert_allclose(distances, expected, atol=1e-12)
    squares = squared_differences(X, categorical)
    np.testing.assert_allclose(np.exp(-2 * lengths) @ squares, distances.ravel(), atol=1e-12)


def test_pending_points_change_no_mean_and_lower_the_deviation(data: Data) -> None:
    """A point that is on its way counts as seen at its own mean: only the uncertainty around it shrinks."""
    candidates = np.random.default_rng(1).random((40, D))
    pending = candidates[:3]
    h = hyperparameters()
    mean, deviation = Posterior(data, NOTHING_PENDING, h, CONTINUOUS, ORDERED).predict(candidates)
    same, lower = Posterior(data, pending, h, CONTINUOUS, ORDERED).predict(candidates)
    np.testing.assert_allclose(same, mean, atol=1e-10)
    assert np.all(lower <= deviation + 1e-12)
    assert np.all(lower[:3] < 0.7 * deviation[:3])


def test_hallucinated_points_are_observations_at_their_mean(data: Data) -> None:
    """Telling a pending point as an observation at its posterior mean gives the same process."""
    candidates = np.random.default_rng(1).random((20, D))
    h = hyperparameters()
    data = Data(X=data.X, z=data.z, fold_variance=np.zeros(N), doubt=np.zeros(N))
    pending = Posterior(data, candidates[:2], h, CONTINUOUS, ORDERED)
    told = Data(
        X=np.vstack([data.X, candidates[:2]]),
        z=np.concatenate([data.z, pending.mean(candidates[:2])]),
        fold_variance=np.zeros(N + 2),
        doubt=np.zeros(N + 2),
    )
    for own, expected in zip(
        pending.predict(candidates),
        Posterior(told, NOTHING_PENDING, h, CONTINUOUS, ORDERED).predict(candidates),
        strict=True,
    ):
        np.testing.assert_allclose(own, expected, atol=1e-8)


def test_a_fit_finds_which_parameters_matter(data: Data) -> None:
    """The column that does not matter gets a longer length scale than the ones that do."""
    h = fitted(data, ORDERED)
    assert h.lengths[2] > max(h.lengths[0], h.lengths[1]) + 0.5


def test_a_fit_is_at_a_stationary_point(data: Data) -> None:
    """Where the optimiser stops, the gradient is as small as two digits of the hyperparameters allow."""
    h = fitted(data, ORDERED)
    theta = np.array([*h.lengths, h.signal, h.noise, h.fold_factor])
    value, _ = negative_log_posterior(theta, data, squared_differences(data.X, ORDERED))
    start, _ = negative_log_posterior(THETA, data, squared_differences(data.X, ORDERED))
    assert value < start
    for index in range(len(theta)):
        for step in (-0.1, 0.1):
            moved = theta + np.eye(len(theta))[index] * step
            assert negative_log_posterior(moved, data, squared_differences(data.X, ORDERED))[0] > value - 0.02


def test_hyperparameters_carry_two_digits(data: Data) -> None:
    """The optimiser's last bits, which differ between processors, never reach the model."""
    h = fitted(data, ORDERED)
    values = np.array([*h.lengths, h.signal, h.noise, h.fold_factor])
    np.testing.assert_array_equal(values, np.round(values, 2))


def test_noise_is_learned() -> None:
    """A function plus noise of standard deviation 0.5 is fitted with about that noise, not interpolated."""
    random = np.random.default_rng(5)
    X = random.random((80, 1))
    z = np.sin(6 * X[:, 0]) + random.normal(0.0, 0.5, 80)
    h = fitted(Data(X=X, z=z, fold_variance=np.zeros(80), doubt=np.zeros(80)), np.zeros(1, dtype=bool))
    assert 0.3 < math.sqrt(math.exp(h.noise)) < 0.7


def test_length_scales_grow_with_the_dimension() -> None:
    """The prior's length scales grow with the square root of the number of parameters."""
    ratio = np.exp(prior_hyperparameters(36).lengths[0] - prior_hyperparameters(4).lengths[0])
    assert ratio == pytest.approx(3.0)


def test_equal_rows_do_not_break_the_factorisation() -> None:
    """A covariance that is singular in floating point is given just the jitter it needs."""
    L = cholesky(np.ones((6, 6)), 1.0)
    np.testing.assert_allclose(L @ L.T, np.ones((6, 6)), atol=1e-6)


def test_a_covariance_that_is_not_finite_is_refused() -> None:
    """Infinities are an error at once, never an endless search for enough jitter."""
    with pytest.raises(ValueError, match="not finite"):
        cholesky(np.full((2, 2), np.nan), 1.0)
