"""The formulas around the Gaussian process agree with their references: transform, noise, acquisition."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.integrate import quad

from tenfold_common.domain.trial import Observation
from tenfold_common.domain.words import Direction
from tenfold_scheduler.strategies.acquisition import log_expected_improvement, log_h
from tenfold_scheduler.strategies.evidence import (
    FAILURE_DOUBT,
    FAILURE_GAP,
    evidence_of,
    hyperparameters_for,
    last_fit,
    telling,
)
from tenfold_scheduler.strategies.gaussian_process import MOST_FITTED
from tenfold_scheduler.strategies.noise import PSEUDO_DEGREES, mean_variances
from tenfold_scheduler.strategies.transform import (
    TAIL,
    best_power,
    standardised,
    transformed,
    winsorised,
    yeo_johnson,
    yeo_johnson_likelihood,
    yeo_johnson_slope,
)

RANDOM = np.random.default_rng(0)
SKEWED = RANDOM.gamma(1.5, size=60) - 1.0


@pytest.mark.parametrize("power", [-1.5, -0.1, 0.0, 0.5, 1.0, 2.0, 3.3])
def test_yeo_johnson_is_scipys(power: float) -> None:
    """The transform, and its likelihood up to SciPy's own constant, equal SciPy's."""
    np.testing.assert_allclose(yeo_johnson(SKEWED, power), stats.yeojohnson(SKEWED, power), rtol=1e-12)
    assert yeo_johnson_likelihood(SKEWED, power) == pytest.approx(stats.yeojohnson_llf(power, SKEWED))


@pytest.mark.parametrize("power", [-1.5, 0.0, 1.0, 2.0, 3.3])
def test_yeo_johnsons_slope_is_its_derivative(power: float) -> None:
    """The slope equals finite differences on both sides of zero."""
    step = 1e-6
    differences = (yeo_johnson(SKEWED + step, power) - yeo_johnson(SKEWED - step, power)) / (2 * step)
    np.testing.assert_allclose(yeo_johnson_slope(SKEWED, power), differences, rtol=1e-6)


def test_the_best_power_is_scipys_to_a_tenth() -> None:
    """The coarse grid finds SciPy's maximum likelihood power to within half a step."""
    _, reference = stats.yeojohnson(SKEWED)
    assert best_power(SKEWED) == pytest.approx(reference, abs=0.051)


def test_transformed_scores_keep_their_order() -> None:
    """Better stays better, apart from ties in the part of the bad tail that is cut."""
    told = transformed(SKEWED)
    assert np.all(np.diff(told.z[np.argsort(SKEWED)]) >= 0.0)
    assert told.z.mean() == pytest.approx(0.0, abs=1e-12)
    assert told.z.std() == pytest.approx(1.0)


def test_only_the_bad_tail_is_cut() -> None:
    """A disaster is moved up to the bound; an extraordinarily good score stays what it is."""
    losses = np.array([*np.linspace(0.0, 1.0, 21), 1e6, -50.0])
    cut, inside = winsorised(losses)
    median, good = np.quantile(losses, [0.5, 0.1])
    assert cut[-2] == median + TAIL * (median - good)
    assert cut[-1] == -50.0
    assert inside.tolist() == [1.0] * 21 + [0.0, 1.0]


def test_the_transforms_slope_carries_noise_over() -> None:
    """A small change of one score, all else fixed, changes z by about the slope."""
    losses = np.sort(SKEWED)
    told = transformed(losses)
    gaps = np.diff(told.z) / np.diff(losses)
    between = 0.5 * (told.slope[1:] + told.slope[:-1])
    steady = (told.slope[1:] > 0) & (told.slope[:-1] > 0)
    np.testing.assert_allclose(gaps[steady], between[steady], rtol=0.05)


@pytest.mark.parametrize("losses", [[0.3], [0.3, 0.3, 0.3], [1e9, 1e9 + 1e-6]])
def test_equal_scores_tell_nothing(losses: list[float]) -> None:
    """Constant scores become zeros, and say so."""
    told = transformed(np.array(losses))
    assert told.flat
    assert not told.z.any()


@pytest.mark.parametrize("losses", [[0.0, 1.0], [0.0] * 40 + [1.0], [-1e300, 0.0, 1e300], [0.0, 1e-300]])
def test_odd_scores_stay_finite(losses: list[float]) -> None:
    """Huge, tiny and nearly constant scores leave no infinity, no NaN and no warning."""
    told = transformed(np.array(losses))
    assert np.all(np.isfinite(told.z))
    assert np.all(np.isfinite(told.slope))


def test_the_unit_of_the_scores_does_not_matter() -> None:
    """Scores a million million times as large or small are told the same."""
    for factor in (1e-12, 1e12):
        np.testing.assert_allclose(transformed(SKEWED * factor).z, transformed(SKEWED).z, rtol=1e-9)
        np.testing.assert_allclose(transformed(SKEWED * factor).slope * factor, transformed(SKEWED).slope, rtol=1e-9)


def test_standardised_tells_the_deviation() -> None:
    """Standardising gives back the deviation it divided by."""
    values, spread = standardised(np.array([1.0, 3.0]))
    assert values.tolist() == [-1.0, 1.0]
    assert spread == 1.0


def folds_of(n: int, k: int, sigma: float) -> NDArray[np.float64]:
    """Scores of n trials on k shared folds that differ a lot, with noise of standard deviation sigma."""
    random = np.random.default_rng(1)
    trials, folds = random.normal(0.0, 1.0, (n, 1)), random.normal(0.0, 5.0, (1, k))
    return trials + folds + random.normal(0.0, sigma, (n, k))


def test_what_the_folds_share_is_no_noise() -> None:
    """Hard and easy folds do not count: the estimate is sigma^2 / k, the naive one over fifty times as large."""
    folds = folds_of(400, 5, 0.5)
    assert mean_variances(folds).mean() == pytest.approx(0.25 / 5, rel=0.05)
    assert (folds.var(axis=1, ddof=1) / 5).mean() > 50 * mean_variances(folds).mean()


def test_the_noise_is_that_of_a_least_squares_fit() -> None:
    """Residuals equal those of an ordinary least squares fit with a term per trial and a term per fold."""
    folds = folds_of(7, 4, 0.5)
    n, k = folds.shape
    design = np.hstack([np.repeat(np.eye(n), k, axis=0), np.tile(np.eye(k), (n, 1))])
    coefficients, *_ = np.linalg.lstsq(design, folds.ravel(), rcond=None)
    squares = ((folds.ravel() - design @ coefficients) ** 2).reshape(n, k).sum(axis=1)
    pooled = squares.sum() / ((n - 1) * (k - 1))
    own = squares * n / ((n - 1) * (k - 1))
    expected = ((k - 1) * own + PSEUDO_DEGREES * pooled) / (k - 1 + PSEUDO_DEGREES) / k
    np.testing.assert_allclose(mean_variances(folds), expected)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (0, 5)])
def test_too_few_trials_or_folds_have_no_noise(shape: tuple[int, int]) -> None:
    """Where nothing can be estimated the answer is zero."""
    assert mean_variances(np.ones(shape)).tolist() == [0.0] * shape[0]


def reference_log_h(z: float) -> float:
    """Log of phi(z) + z Phi(z) = phi(z) * integral of t exp(-t^2/2 + z t) over t > 0, which is stable for z < 0."""
    integral, _ = quad(lambda t: t * math.exp(-0.5 * t * t + z * t), 0.0, math.inf)
    return -0.5 * z * z - 0.5 * math.log(2 * math.pi) + math.log(integral)


@pytest.mark.parametrize("z", [-40.0, -12.0, -5.0, -1.001, -1.0, -0.999, -0.3, 0.0, 0.7, 3.0])
def test_log_h_is_the_integral(z: float) -> None:
    """log_h equals numerical integration from z = -40, where the plain formula gives log(0), up to 3."""
    assert log_h(np.array([z]))[0] == pytest.approx(reference_log_h(z), rel=1e-9)


def test_log_h_has_no_seams() -> None:
    """The three formulas meet: log_h grows with z everywhere, far beyond where EI underflows."""
    z = np.concatenate([-np.geomspace(1e9, 1e-3, 4001), np.linspace(0.0, 10.0, 101)])
    assert np.all(np.isfinite(log_h(z)))
    assert np.all(np.diff(log_h(z)) > 0.0)


def test_expected_improvement_is_that_of_a_sample() -> None:
    """Log EI equals the logarithm of the mean improvement over many draws."""
    draws = np.random.default_rng(0).normal(0.3, 0.5, 400_000)
    sampled = math.log(np.maximum(0.1 - draws, 0.0).mean())
    computed = log_expected_improvement(np.array([0.3]), np.array([0.5]), 0.1)[0]
    assert computed == pytest.approx(sampled, abs=0.01)


def observation(number: int, score: float | None, folds: tuple[float, ...] = ()) -> Observation:
    """A trial with this outcome."""
    return Observation(number=number, params={"x": number / 100}, score=score, fold_scores=folds)


def evidence_rows(n: int) -> NDArray[np.float64]:
    """The rows of the first n observations."""
    return np.arange(n, dtype=np.float64)[:, None] / 100


def test_failures_are_told_worse_than_the_worst() -> None:
    """A failed trial, or one whose score is no number, gets the worst score plus a gap, with doubt."""
    observations = [observation(0, 1.0), observation(1, None), observation(2, 3.0), observation(3, math.nan)]
    evidence = evidence_of(evidence_rows(4), observations, Direction.MAXIMIZE)
    assert evidence.scored.tolist() == [True, False, True, False]
    assert evidence.data.z[0] > evidence.data.z[2]
    assert evidence.data.z[1] == evidence.data.z[3] == evidence.data.z[0] + FAILURE_GAP
    assert evidence.data.doubt.tolist() == [0.0, FAILURE_DOUBT, 0.0, FAILURE_DOUBT]


def test_the_direction_is_only_a_sign() -> None:
    """Maximising a score is minimising its negative."""
    scores = [0.3, 0.1, 0.7, 0.65, 0.2]
    up = evidence_of(evidence_rows(5), [observation(i, s) for i, s in enumerate(scores)], Direction.MAXIMIZE)
    down = evidence_of(evidence_rows(5), [observation(i, -s) for i, s in enumerate(scores)], Direction.MINIMIZE)
    np.testing.assert_array_equal(up.data.z, down.data.z)
    assert int(np.argmin(up.data.z)) == 2


def test_folds_become_noise_only_if_all_trials_have_the_same() -> None:
    """Trials with different numbers of folds cannot be compared fold by fold: no noise is read from them."""
    folds = folds_of(6, 5, 0.5)
    same = [observation(i, float(row.mean()), tuple(row.tolist())) for i, row in enumerate(folds)]
    mixed = [*same[:5], observation(5, same[5].score, same[5].fold_scores[:3])]
    assert np.all(evidence_of(evidence_rows(6), same, Direction.MAXIMIZE).data.fold_variance > 0.0)
    assert not evidence_of(evidence_rows(6), mixed, Direction.MAXIMIZE).data.fold_variance.any()


def test_fits_happen_at_fixed_numbers_of_observations() -> None:
    """Hyperparameters change at 12, 14, 16, 19 ... observations, growing by 15 %."""
    assert [last_fit(n) for n in (0, 11, 12, 13, 14, 16, 18, 19)] == [None, None, 12, 12, 14, 16, 16, 19]
    changes = sorted({last_fit(n) or 0 for n in range(12, 1000)})
    assert changes == [math.ceil(round(12 * 1.15**e, 6)) for e in range(len(changes))]


def test_hyperparameters_know_their_prefix_only() -> None:
    """What is observed between two fits changes no hyperparameter."""
    random = np.random.default_rng(2)
    rows = random.random((15, 2))
    scores = [float(row[0] ** 2) for row in rows]
    observations = [observation(i, score) for i, score in enumerate(scores)]
    ordered = np.zeros(2, dtype=bool)
    at_14 = hyperparameters_for(rows[:14], observations[:14], Direction.MINIMIZE, ordered)
    other = [*observations[:14], observation(14, 99.0)]
    at_15 = hyperparameters_for(rows, other, Direction.MINIMIZE, ordered)
    np.testing.assert_array_equal(at_14.lengths, at_15.lengths)
    assert (at_14.signal, at_14.noise, at_14.fold_factor) == (at_15.signal, at_15.noise, at_15.fold_factor)


def test_a_long_prefix_is_fitted_by_its_best_and_an_even_sample() -> None:
    """Of 1,000 observations the fit sees the best hundred and others from everywhere, each once, in trial order."""
    z = np.random.default_rng(3).normal(size=1000)
    chosen = telling(z)
    assert len(chosen) == len(set(chosen.tolist())) == MOST_FITTED
    assert np.all(np.diff(chosen) > 0)
    assert set(np.argsort(z)[: MOST_FITTED // 2].tolist()) <= set(chosen.tolist())
    assert telling(z[:50]).tolist() == list(range(50))
