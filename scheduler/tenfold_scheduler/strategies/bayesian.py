"""Bayesian search: the default strategy, a Gaussian process of our own.

The user's start points come first, then the centre of the space, then evenly spread (scrambled Sobol) points; after
that the model decides, and every twentieth trial is drawn from the space's own distributions, as insurance against a
model that is wrong. No point is tried twice. The model itself is in :mod:`~tenfold_scheduler.strategies.engine`,
imported only when it is first needed, so that a study's first trials go out at once.
"""

from collections.abc import Mapping
from typing import Final

from tenfold_common.domain.space import Space, point_key
from tenfold_common.domain.words import Json, Params
from tenfold_scheduler.strategies import SuggestRequest
from tenfold_scheduler.strategies.drawing import constraint_problems, keys_of, start_point, unknown_options
from tenfold_scheduler.strategies.opening import any_new_point, centre_point, even_point, is_opening

INSURANCE: Final = 20
"""Every so many trials one is drawn without asking the model."""


class BayesianStrategy:
    """Learns from every result where to look next."""

    learns = True

    def problems(self, space: Space, options: Mapping[str, Json]) -> list[str]:
        """See :class:`~tenfold_scheduler.strategies.Strategy`."""
        return unknown_options("bayesian", options) + constraint_problems(space)

    def suggest(self, request: SuggestRequest) -> Params | None:
        """See :class:`~tenfold_scheduler.strategies.Strategy`."""
        start = start_point(request)
        if start is not None:
            return start
        before = _with_centre(request)
        if request.number < len(before):
            return before[request.number]
        if is_opening(request, len(before)):
            return even_point(request, before)
        if request.number % INSURANCE == INSURANCE - 1:
            return any_new_point(request)
        from tenfold_scheduler.strategies.engine import model_suggestion

        suggestion = model_suggestion(request)
        return any_new_point(request) if suggestion is None else suggestion


def _with_centre(request: SuggestRequest) -> tuple[Params, ...]:
    """The start points and, unless it is one of them or forbidden, the centre."""
    centre = centre_point(request.space)
    if centre is None or point_key(centre) in keys_of(request.start):
        return request.start
    return (*request.start, centre)
