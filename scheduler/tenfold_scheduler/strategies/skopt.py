"""scikit-optimize's surrogates for those who know them: a Gaussian process, a random forest, extra trees.

What ``skopt.Optimizer`` does at one step, without its memory: its estimator is built anew from the observations for
every suggestion and seeded by the trial, so that the answer does not depend on the history of calls. What differs
from ``Optimizer``, and why:

* Parameters go in as their coordinates in the unit cube (quantiles under their distributions; categories as skopt's
  own one-hot columns), so that every distribution works and only points that can be evaluated are scored.
* An inactive conditional parameter stands at the middle of its range or at its first category.
* The acquisition is expected improvement with skopt's ``xi`` over seeded candidates; ``gp_hedge`` needs a memory.
* Pending trials are told with the mean of the scores (skopt's ``cl_mean`` liar), failed ones with the worst score.
* No point is suggested twice.

It costs tenths of seconds to seconds where our own ``bayesian`` costs milliseconds (``make bench``).
"""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tenfold_common.domain.seeds import Stream, generator, integer_seed
from tenfold_common.domain.space import Space
from tenfold_common.domain.words import Direction, Json, Params
from tenfold_scheduler.strategies import SuggestRequest
from tenfold_scheduler.strategies.drawing import constraint_problems, start_point, unknown_options
from tenfold_scheduler.strategies.memo import SpaceKey
from tenfold_scheduler.strategies.opening import any_new_point, even_point, is_opening, is_scored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tenfold_scheduler.strategies.encoding import Encoding, Rows

_XI: Final = 0.01
_NOTHING: Final = 1e-300


class _Skopt:
    """One of scikit-optimize's estimators as a strategy."""

    learns = True
    _name: str
    _estimator: str

    def problems(self, space: Space, options: Mapping[str, Json]) -> list[str]:
        """See :class:`~tenfold_scheduler.strategies.Strategy`."""
        return unknown_options(self._name, options) + constraint_problems(space)

    def suggest(self, request: SuggestRequest) -> Params | None:
        """See :class:`~tenfold_scheduler.strategies.Strategy`."""
        start = start_point(request)
        if start is not None:
            return start
        if is_opening(request, len(request.start)):
            return even_point(request, request.start)
        suggestion = _model_suggestion(request, self._estimator) if len(request.space) else None
        return any_new_point(request) if suggestion is None else suggestion


class SkoptGaussianProcess(_Skopt):
    """scikit-optimize's Gaussian process."""

    _name, _estimator = "skopt-gp", "GP"


class SkoptForest(_Skopt):
    """scikit-optimize's random forest."""

    _name, _estimator = "skopt-forest", "RF"


class SkoptExtraTrees(_Skopt):
    """scikit-optimize's extra trees."""

    _name, _estimator = "skopt-extra-trees", "ET"


def _model_suggestion(request: SuggestRequest, estimator: str) -> Params | None:
    import numpy as np

    from tenfold_scheduler.strategies.candidates import PARENTS, Pool, fill, first_unknown
    from tenfold_scheduler.strategies.encoding import encoding_of, row_keys

    encoding = encoding_of(SpaceKey(request.space))
    rows = encoding.rows([observation.params for observation in request.observations])
    losses, scored = _losses(request)
    pending = encoding.rows(request.pending)
    X, y = np.vstack([rows, pending]), np.concatenate([losses, np.full(len(pending), np.mean(losses[scored]))])
    score = _Surrogate(request, estimator, encoding, X, y).log_expected_improvement
    pool = Pool(encoding, score, frozenset(row_keys(X)))
    parents = rows[scored][np.argsort(losses[scored], kind="stable")[:PARENTS]]
    fill(pool, encoding, parents, generator(request.seed, Stream.STRATEGY, request.number))
    return first_unknown(pool, encoding, request)


def _losses(request: SuggestRequest) -> "tuple[NDArray[np.float64], NDArray[np.bool_]]":
    """Scores with the sign that makes smaller better, failures at the worst of them; and which have a score."""
    import numpy as np

    sign = 1.0 if request.direction is Direction.MINIMIZE else -1.0
    scored = np.array([is_scored(observation) for observation in request.observations], dtype=bool)
    losses = np.array([sign * (one.score or 0.0) if is_scored(one) else 0.0 for one in request.observations])
    losses[~scored] = np.max(losses[scored])
    return losses, scored


class _Surrogate:
    """A fitted scikit-optimize estimator."""

    def __init__(
        self, request: SuggestRequest, estimator: str, encoding: "Encoding", X: "Rows", y: "NDArray[np.float64]"
    ) -> None:
        from skopt.utils import cook_estimator

        self._encoding, self._best = encoding, float(y.min())
        self._space = _skopt_space(encoding)
        seed = integer_seed(request.seed, Stream.STRATEGY, request.number)
        self._model: Any = cook_estimator(estimator, space=self._space, random_state=seed)  # Any: skopt has no types
        with warnings.catch_warnings():
            # A length scale at its bound, or a likelihood that would not converge, is skopt's every-day life and
            # nothing a user of the strategy could act on.
            warnings.simplefilter("ignore")
            self._model.fit(self._transformed(X), y)

    def log_expected_improvement(self, rows: "Rows") -> "NDArray[np.float64]":
        """Log of the expected improvement on the best value told, shape (m,): the scores' unit drops out."""
        import numpy as np
        from skopt.acquisition import gaussian_ei

        promised = gaussian_ei(self._transformed(rows), self._model, y_opt=self._best, xi=_XI)
        logarithms: NDArray[np.float64] = np.log(np.maximum(promised, _NOTHING))
        return logarithms

    def _transformed(self, rows: "Rows") -> Any:  # Any: skopt has no types
        return self._space.transform(_values(self._encoding, rows))


def _skopt_space(encoding: "Encoding") -> Any:  # Any: skopt has no types
    from skopt.space import Categorical, Real
    from skopt.space import Space as SkoptSpace
    from skopt.utils import normalize_dimensions

    return SkoptSpace(
        normalize_dimensions(
            [
                Categorical(list(range(round(1.0 / cell)))) if is_category else Real(0.0, 1.0)
                for is_category, cell in zip(encoding.categorical.tolist(), encoding.cells.tolist(), strict=True)
            ]
        )
    )


def _values(encoding: "Encoding", rows: "Rows") -> list[list[float | int]]:
    """Rows as skopt's dimensions want them: numbers in [0, 1], categories by their position."""
    columns: list[list[float | int]] = []
    for j, is_category in enumerate(encoding.categorical.tolist()):
        if is_category:
            size = round(1.0 / encoding.cells[j])
            columns.append([max(0, int(u * size)) for u in rows[:, j].tolist()])
        else:
            columns.append([min(1.0, max(0.0, u)) for u in rows[:, j].tolist()])
    return [list(values) for values in zip(*columns, strict=True)]
