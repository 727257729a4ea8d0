"""The search space: named parameters, which of them are active when, and which points are allowed.

A point is a dict of the *active* parameters only, in the space's order. A parameter whose ``when`` does not hold is
absent from the point.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from tenfold_common.domain.canonical import canonical_json
from tenfold_common.domain.constraints import Constraint
from tenfold_common.domain.distributions import Distribution
from tenfold_common.domain.words import Json, Params


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One named dimension of the space.

    Attributes:
        name: Dotted name such as ``svc.C``.
        distribution: Where its values come from.
        when: Parent name -> values of it (any of them) for which this parameter is active; all parents must agree.
        points: How many values a grid takes from a range.
    """

    name: str
    distribution: Distribution
    when: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    points: int | None = None


class Space:
    """A search space. Immutable; parents come before their children whatever the order given.

    Args:
        parameters: The dimensions. A parent named by ``when`` must be among them.
        constraints: Conditions every point must satisfy. A constraint that mentions an inactive parameter does
            not apply to the point.

    Raises:
        ValueError: For duplicate names, unknown or circular parents, unknown names in a constraint.
    """

    __slots__ = ("_by_name", "constraints", "parameters")

    def __init__(self, parameters: Sequence[Parameter], constraints: Sequence[Constraint] = ()) -> None:
        self.parameters: tuple[Parameter, ...] = _parents_first(parameters)
        self.constraints: tuple[Constraint, ...] = tuple(constraints)
        self._by_name = {parameter.name: parameter for parameter in self.parameters}
        for constraint in self.constraints:
            unknown = sorted(constraint.names - self._by_name.keys())
            if unknown:
                raise ValueError(f"constraint {constraint.text!r} mentions {unknown[0]!r}, which is no parameter")

    def __len__(self) -> int:
        return len(self.parameters)

    def __getitem__(self, name: str) -> Parameter:
        return self._by_name[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, parents first."""
        return tuple(parameter.name for parameter in self.parameters)

    def is_active(self, parameter: Parameter, params: Mapping[str, Json]) -> bool:
        """Whether ``parameter`` takes part in a point whose earlier parameters are ``params``."""
        return all(
            parent in params and any(_same(params[parent], value) for value in values)
            for parent, values in parameter.when.items()
        )

    def from_units(self, units: Sequence[float]) -> Params:
        """The point at the given quantiles, one per parameter in the space's order; inactive ones are left out.

        Constraints are not looked at: see :meth:`allows`.
        """
        params: Params = {}
        for parameter, u in zip(self.parameters, units, strict=True):
            if self.is_active(parameter, params):
                params[parameter.name] = parameter.distribution.from_unit(u)
        return params

    def to_units(self, params: Mapping[str, Json]) -> list[float | None]:
        """The quantile of every parameter, in the space's order; None for inactive ones.

        Raises:
            ValueError: If a value is not one of its parameter's.
        """
        return [
            parameter.distribution.to_unit(params[parameter.name]) if parameter.name in params else None
            for parameter in self.parameters
        ]

    def allows(self, params: Mapping[str, Json]) -> bool:
        """Whether the point satisfies every constraint that applies to it."""
        return all(constraint.holds(params) for constraint in self.constraints)

    def problems(self, params: Mapping[str, Json]) -> list[str]:
        """Everything wrong with a point given by a person: unknown, missing, inactive, out of range, forbidden."""
        found = [f"{name!r} is no parameter of the space" for name in params if name not in self._by_name]
        known = {name: value for name, value in params.items() if name in self._by_name}
        for parameter in self.parameters:
            active = self.is_active(parameter, known)
            if active and parameter.name not in known:
                found.append(f"{parameter.name!r} is missing")
            elif not active and parameter.name in known:
                found.append(f"{parameter.name!r} does not take part here: {_condition(parameter)}")
            elif active and not parameter.distribution.contains(known[parameter.name]):
                found.append(f"{parameter.name!r}: {known[parameter.name]!r} is not {parameter.distribution}")
        if not found:
            found = [f"violates the constraint {c.text!r}" for c in self.constraints if not c.holds(known)]
        return found

    def grid(self) -> Iterator[Params]:
        """Every point of the full grid once, first parameter slowest, without what constraints forbid.

        Raises:
            ValueError: If a range has neither ``points`` nor a step.
        """
        values = [parameter.distribution.grid(parameter.points) for parameter in self.parameters]
        return (params for params in self._branches({}, 0, values) if self.allows(params))

    def grid_size(self, limit: int = 1_000_000) -> int:
        """The number of grid points, counted up to ``limit``."""
        return sum(1 for _ in islice(self.grid(), limit))

    def is_finite(self) -> bool:
        """Whether every parameter has finitely many values."""
        return all(parameter.distribution.size is not None for parameter in self.parameters)

    def _branches(self, params: Params, depth: int, values: Sequence[Sequence[Json]]) -> Iterator[Params]:
        if depth == len(self.parameters):
            yield dict(params)
            return
        parameter = self.parameters[depth]
        if not self.is_active(parameter, params):
            yield from self._branches(params, depth + 1, values)
            return
        for value in values[depth]:
            yield from self._branches({**params, parameter.name: value}, depth + 1, values)


def point_key(params: Mapping[str, Json]) -> str:
    """One spelling per point, for telling duplicates."""
    return canonical_json(params)


def _condition(parameter: Parameter) -> str:
    conditions = (
        f"{parent} is {' or '.join(canonical_json(value) for value in values)}"
        for parent, values in parameter.when.items()
    )
    return f"only when {' and '.join(conditions)}"


def _same(a: Json, b: Json) -> bool:
    return canonical_json(a) == canonical_json(b)


def _parents_first(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    by_name = {parameter.name: parameter for parameter in parameters}
    if len(by_name) != len(parameters):
        names = [parameter.name for parameter in parameters]
        raise ValueError(f"the parameter {next(n for n in names if names.count(n) > 1)!r} is defined twice")
    placed: dict[str, Parameter] = {}
    waiting = list(parameters)
    while waiting:
        ready = next((p for p in waiting if all(parent in placed for parent in p.when)), None)
        if ready is None:
            _explain_parents(waiting, by_name)
        else:
            placed[ready.name] = ready
            waiting.remove(ready)
    return tuple(placed.values())


def _explain_parents(waiting: Sequence[Parameter], by_name: Mapping[str, Parameter]) -> None:
    for parameter in waiting:
        for parent in parameter.when:
            if parent not in by_name:
                raise ValueError(f"{parameter.name!r} is conditional on {parent!r}, which is no parameter")
    raise ValueError(f"the conditions of {', '.join(repr(p.name) for p in waiting)} depend on each other in a circle")
