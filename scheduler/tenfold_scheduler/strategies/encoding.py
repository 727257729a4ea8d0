"""A search space as columns of numbers: thousands of candidates are snapped and compared without a loop over them.

A *row* holds one coordinate per parameter, in the space's order, each in [0, 1]: the quantile of its value under the
parameter's distribution, the middle of its cell for discrete values. Inactive parameters rest at 0.5 if ordered and
at -1, a category of its own, if not. A row is therefore also a point of the unit cube, which ``Space.from_units``
turns into exactly the point that was scored: no model ever sees a point that cannot be evaluated.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold_common.domain.canonical import canonical_json
from tenfold_common.domain.distributions import Distribution, FloatRange, IntRange, Normal, Options
from tenfold_common.domain.space import Parameter, Space
from tenfold_common.domain.words import Json, Params
from tenfold_scheduler.strategies.memo import SpaceKey, remembered

Rows = NDArray[np.float64]
Mask = NDArray[np.bool_]

RESTING = 0.5
NO_CATEGORY = -1.0
_KEY_DIGITS = 7  # coordinates nearer than this are the same point: values carry nine digits


@dataclass(frozen=True, slots=True)
class _Column:
    """One parameter: how quantiles become coordinates, and for which parent coordinates it is active."""

    parameter: Parameter
    coordinates: Callable[[Sequence[Json]], Rows]
    snap: Callable[[Rows], Rows]
    rest: float
    parents: tuple[tuple[int, Rows], ...]


@remembered(8)
def encoding_of(key: SpaceKey) -> "Encoding":
    """The encoding of a space."""
    return Encoding(key.space)


class Encoding:
    """The columns of one space.

    Attributes:
        space: The space.
        categorical: Which columns have no order, shape (d,).
        cells: Width of a discrete column's cell, 0 for a continuum, shape (d,).
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        distributions = [parameter.distribution for parameter in space.parameters]
        self.categorical: Mask = np.array([not one.ordered for one in distributions], dtype=bool)
        self.cells: Rows = np.array([0.0 if one.size is None else 1.0 / one.size for one in distributions])
        position = {parameter.name: index for index, parameter in enumerate(space.parameters)}
        self._columns = [_column(parameter, space, position) for parameter in space.parameters]

    def rows(self, points: Sequence[Mapping[str, Json]]) -> Rows:
        """The rows of given points, shape (n, d).

        Raises:
            ValueError: If a value is not one of its parameter's.
        """
        rows = np.empty((len(points), len(self._columns)))
        for index, column in enumerate(self._columns):
            name = column.parameter.name
            active = np.array([name in params for params in points], dtype=bool)
            values = [params[name] for params in points if name in params]
            rows[:, index] = column.rest
            rows[active, index] = column.coordinates(values)
        return rows

    def snapped(self, units: Rows) -> Rows:
        """The rows of the points at the given quantiles, shape (n, d)."""
        rows = np.empty(units.shape)
        active = np.ones(units.shape, dtype=bool)
        for index, column in enumerate(self._columns):
            for parent, allowed in column.parents:
                active[:, index] &= active[:, parent] & np.isin(rows[:, parent], allowed)
            rows[:, index] = np.where(active[:, index], column.snap(units[:, index]), column.rest)
        return rows

    def point(self, row: Rows) -> Params:
        """The point of one row, in plain Python values; constraints are not looked at."""
        return self.space.from_units(np.clip(row, 0.0, 1.0).tolist())

    def resting(self, rows: Rows) -> Mask:
        """Which coordinates of conditional parameters stand where inactive ones rest, shape (n, d)."""
        rest = np.array([column.rest for column in self._columns])
        conditional = np.array([bool(column.parents) for column in self._columns], dtype=bool)
        found: Mask = conditional[None, :] & (rows == rest[None, :])
        return found


def row_keys(rows: Rows) -> list[bytes]:
    """One key per row; rows with the same key are the same point."""
    rounded = np.round(rows, _KEY_DIGITS) + 0.0  # -0.0 and 0.0 are the same
    return [row.tobytes() for row in rounded]


def _column(parameter: Parameter, space: Space, position: Mapping[str, int]) -> _Column:
    return _Column(
        parameter=parameter,
        coordinates=_coordinates(parameter.distribution),
        snap=_snapper(parameter.distribution),
        rest=RESTING if parameter.distribution.ordered else NO_CATEGORY,
        parents=tuple(
            (position[parent], _coordinates_of(space[parent].distribution, values))
            for parent, values in parameter.when.items()
        ),
    )


def _coordinates_of(distribution: Distribution, values: Sequence[Json]) -> Rows:
    """The coordinates at which a parent has one of the values, spelled as the space would spell them."""
    found = _coordinates(distribution)([value for value in values if distribution.contains(value)]).tolist()
    spelled = {canonical_json(value) for value in values}
    return np.array([u for u in found if canonical_json(distribution.from_unit(u)) in spelled])


def _snapper(distribution: Distribution) -> Callable[[Rows], Rows]:
    match distribution:
        case FloatRange(step=None) | Normal():
            return np.asarray
        case IntRange(log=True):
            return lambda units: _log_coordinate(distribution, _log_integer(distribution, units))
        case FloatRange() | IntRange() | Options():
            size = distribution.size or 1
            return lambda units: (np.clip(np.floor(units * size), 0, size - 1) + 0.5) / size
    return lambda units: np.array([distribution.to_unit(distribution.from_unit(u)) for u in units.tolist()])


def _coordinates(distribution: Distribution) -> Callable[[Sequence[Json]], Rows]:
    match distribution:
        case IntRange(log=True):
            return lambda values: _log_coordinate(distribution, _numbers(values))
        case IntRange(low=low, step=step, size=size):
            return lambda values: ((_numbers(values) - low) // (step or 1) + 0.5) / size
        case FloatRange(low=low, high=high, step=None, log=False):
            return lambda values: (_numbers(values) - low) / (high - low)
        case FloatRange(low=low, high=high, log=True):
            return lambda values: np.log(_numbers(values) / low) / math.log(high / low)
        case Options():
            return _places(distribution)
    return lambda values: np.array([distribution.to_unit(value) for value in values], dtype=np.float64)


def _places(options: Options) -> Callable[[Sequence[Json]], Rows]:
    # By repr, which is fast and tells 1, 1.0, True and "1" apart; what is spelled otherwise (a mapping with its keys
    # in another order) is looked up the slow way.
    places = {repr(value): options.to_unit(value) for value in options.values}

    def coordinates(values: Sequence[Json]) -> Rows:
        found = [places.get(repr(value), -1.0) for value in values]
        return np.array([options.to_unit(v) if u < 0.0 else u for u, v in zip(found, values, strict=True)])

    return coordinates


def _numbers(values: Sequence[Json]) -> Rows:
    return np.array(values, dtype=np.float64)


def _log_integer(distribution: IntRange, units: Rows) -> Rows:
    low, high = math.log(distribution.low - 0.5), math.log(distribution.high + 0.5)
    return np.clip(np.rint(np.exp(low + units * (high - low))), distribution.low, distribution.high)


def _log_coordinate(distribution: IntRange, integers: Rows) -> Rows:
    low, high = math.log(distribution.low - 0.5), math.log(distribution.high + 0.5)
    return (np.log(integers) - low) / (high - low)
