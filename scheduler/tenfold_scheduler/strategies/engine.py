"""The model-based part of the Bayesian strategy: one suggestion from what has been observed.

Pure: everything random comes from the (study seed, trial number) generator, everything kept between calls is a
function of its arguments (see :mod:`~tenfold_scheduler.strategies.memo`). The design and its measurements are in
docs/engine.md.
"""

from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tenfold_common.domain.seeds import Stream, generator
from tenfold_common.domain.words import Params
from tenfold_scheduler.strategies import SuggestRequest
from tenfold_scheduler.strategies.acquisition import log_expected_improvement
from tenfold_scheduler.strategies.candidates import PARENTS, Pool, fill, first_unknown
from tenfold_scheduler.strategies.encoding import Encoding, Rows, encoding_of, row_keys
from tenfold_scheduler.strategies.evidence import Evidence, evidence_of, hyperparameters_for
from tenfold_scheduler.strategies.gaussian_process import Hyperparameters, Posterior, embedded, squared_distances
from tenfold_scheduler.strategies.memo import SpaceKey

if TYPE_CHECKING:
    from numpy.random import Generator

LARGE: Final = 500
"""With more observations than this the model looks at an active set of them."""

ACTIVE: Final = 320
"""Size of the active set."""


def model_suggestion(request: SuggestRequest) -> Params | None:
    """The candidate with the highest expected improvement; None if no candidate is allowed and new.

    At least one observation must have a score.
    """
    encoding = encoding_of(SpaceKey(request.space))
    rows = encoding.rows([observation.params for observation in request.observations])
    pending = encoding.rows(request.pending)
    h = hyperparameters_for(rows, request.observations, request.direction, encoding.categorical)
    random = generator(request.seed, Stream.STRATEGY, request.number)
    evidence = evidence_of(rows, request.observations, request.direction)
    if len(rows) > LARGE:
        evidence = evidence.only(active_set(evidence, encoding, h, request.number, random))
    posterior = Posterior(evidence.data, pending, h, encoding.cells, encoding.categorical)
    seen = evidence.data.X[evidence.scored]
    means = posterior.mean(seen)
    # Pending points count as seen: a promising one must not keep drawing others to its own neighbourhood.
    best = float(np.min(np.concatenate([means, posterior.mean(pending)])))

    def score(candidates: Rows) -> NDArray[np.float64]:
        mean, deviation = posterior.predict(candidates)
        return log_expected_improvement(mean, deviation, best)

    pool = Pool(encoding, score, frozenset(row_keys(np.vstack([rows, pending]))))
    fill(pool, encoding, seen[np.argsort(np.round(means, 6), kind="stable")[:PARENTS]], random)
    return first_unknown(pool, encoding, request)


def active_set(
    evidence: Evidence, encoding: Encoding, h: Hyperparameters, number: int, random: "Generator"
) -> NDArray[np.intp]:
    """Which observations a large study's model looks at, in trial order.

    A quarter are the best, half the nearest (in the model's own metric) to the centre, which rotates through the best
    five with the trial number, and the rest are drawn from what is left, so that the model keeps the whole in view.
    """
    z = evidence.data.z
    order = np.argsort(z, kind="stable")
    points = embedded(evidence.data.X, encoding.cells, encoding.categorical, h.lengths)
    centre = points[order[number % PARENTS]]
    distances = np.round(squared_distances(points, centre[None, :])[:, 0], 9)
    chosen = dict.fromkeys(order[: ACTIVE // 4].tolist())
    near = (index for index in np.argsort(distances, kind="stable").tolist() if index not in chosen)
    chosen.update(dict.fromkeys(list(islice(near, ACTIVE // 2))))
    left = np.setdiff1d(np.arange(len(z)), np.fromiter(chosen, dtype=np.intp))
    anchors = random.permutation(left)[: ACTIVE - len(chosen)]
    return np.sort(np.concatenate([np.fromiter(chosen, dtype=np.intp), anchors]))
