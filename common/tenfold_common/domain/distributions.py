"""The distributions a parameter can have, each seen through its cumulative distribution function.

Every distribution maps the unit interval to its values (``from_unit``, the inverse CDF, snapped to feasible values)
and back (``to_unit``). Strategies work in the unit cube and never meet a value that cannot be evaluated.
Floats are rounded to about nine digits of the range, because the last bits of ``exp`` and ``log`` differ between
processors and the table of trials must not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

from tenfold_common.domain.canonical import canonical_json
from tenfold_common.domain.words import Json

_EDGE = 1e-9  # quantiles nearer to 0 or 1 than this are cut off for unbounded distributions
_DIGITS = 9
_LARGEST_INT = 2**53  # beyond it floats, which quantiles are, skip whole numbers
_MOST_STEPS = 1_000_000
_LARGEST_LOG = 700.0  # exp() of more (or of less than its negative) is no ordinary float


class Distribution(Protocol):
    """What a strategy may ask of a parameter's distribution."""

    @property
    def size(self) -> int | None:
        """How many distinct values there are; None for a continuum."""

    @property
    def ordered(self) -> bool:
        """Whether nearby points of the unit interval are similar values."""

    def from_unit(self, u: float) -> Json:
        """The value at quantile ``u`` in [0, 1], feasible and rounded."""

    def to_unit(self, value: Json) -> float:
        """The quantile of ``value``; the middle of its cell for discrete values.

        Raises:
            ValueError: If the value is not one of the distribution's.
        """

    def contains(self, value: Json) -> bool:
        """Whether ``value`` can be evaluated for this parameter."""

    def grid(self, points: int | None) -> Sequence[Json]:
        """The values an exhaustive search tries, each once.

        Raises:
            ValueError: If there is no natural grid and ``points`` is None.
        """


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _cell(u: float, n: int) -> int:
    return min(n - 1, max(0, math.floor(u * n)))


def _even_units(points: int) -> list[float]:
    return [0.5] if points == 1 else [index / (points - 1) for index in range(points)]


def _even_cells(size: int, points: int | None) -> Sequence[int]:
    """Up to ``points`` of the numbers 0..size-1, evenly spread, both ends included; all of them by default."""
    if points is None or points >= size:
        return range(size)
    return sorted({round(u * (size - 1)) for u in _even_units(points)})


def _every(step: float | None) -> str:
    return "" if step is None else f" in steps of {step!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatRange:
    """Real numbers from ``low`` to ``high``, uniform or log-uniform, or every ``step`` from ``low``."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        _check_range(self.low, self.high, self.step, log=self.log)
        if not math.isfinite(self.high - self.low):
            raise ValueError(f"the range from {self.low!r} to {self.high!r} is too long for floats")
        if self.step is not None and self.step < 1_000 * self._resolution:
            raise ValueError(f"step {self.step!r} is too small for floats near {self.high!r}")
        if self.size is not None and self.size > _MOST_STEPS:
            raise ValueError(f"step {self.step!r} makes {self.size} values; at most {_MOST_STEPS} are taken")

    def __str__(self) -> str:
        return f"a number from {self.low!r} to {self.high!r}{_every(self.step)}"

    @property
    def size(self) -> int | None:
        """The number of steps; None without a step."""
        return None if self.step is None else math.floor((self.high - self.low) / self.step + 1e-9) + 1

    @property
    def ordered(self) -> bool:
        """Always: a range is ordered."""
        return True

    def from_unit(self, u: float) -> Json:
        """See :class:`Distribution`."""
        if self.size is not None and self.step is not None:
            return self._rounded(self.low + _cell(u, self.size) * self.step)
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return self._rounded(math.exp(low + u * (high - low)))
        return self._rounded(self.low + u * (self.high - self.low))

    def to_unit(self, value: Json) -> float:
        """See :class:`Distribution`."""
        _require(self.contains(value), value, self)
        x = float(value)  # type: ignore[arg-type]  # contains() has made sure that it is a number
        if self.size is not None and self.step is not None:
            return (round((x - self.low) / self.step) + 0.5) / self.size
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return min(1.0, max(0.0, (math.log(x) - low) / (high - low)))
        return (x - self.low) / (self.high - self.low)

    def contains(self, value: Json) -> bool:
        """See :class:`Distribution`."""
        if not _is_number(value) or not self.low <= float(value) <= self.high:  # type: ignore[arg-type]  # a number
            return False
        if self.step is None:
            return True
        x = float(value)  # type: ignore[arg-type]  # a number
        nearest = self.low + round((x - self.low) / self.step) * self.step
        return abs(x - nearest) <= 1e-6 * self.step + 4 * self._resolution

    def grid(self, points: int | None) -> Sequence[Json]:
        """See :class:`Distribution`."""
        if self.size is not None:
            return [self.from_unit((index + 0.5) / self.size) for index in _even_cells(self.size, points)]
        if points is None:
            raise ValueError("a float range has no natural grid: add `points: N` (or `step:`) to it")
        return _distinct([self.from_unit(u) for u in _even_units(points)])

    @property
    def _resolution(self) -> float:
        """The distance between neighbouring floats, where it is largest in the range."""
        return math.ulp(max(abs(self.low), abs(self.high)))

    def _rounded(self, x: float) -> float:
        if self.log:
            x = float(f"{x:.{_DIGITS}g}")
        else:
            x = round(x, _DIGITS - math.floor(math.log10(self.step or self.high - self.low)))
        return min(self.high, max(self.low, x))


@dataclass(frozen=True, slots=True, kw_only=True)
class IntRange:
    """Whole numbers from ``low`` to ``high``, both included, every ``step``; uniform or log-uniform."""

    low: int
    high: int
    log: bool = False
    step: int | None = None

    def __post_init__(self) -> None:
        if max(abs(self.low), abs(self.high)) > _LARGEST_INT:
            raise ValueError(f"[{self.low!r}, {self.high!r}]: whole numbers may go to {_LARGEST_INT} (2**53)")
        _check_range(self.low, self.high, self.step, log=self.log)

    def __str__(self) -> str:
        return f"a whole number from {self.low!r} to {self.high!r}{_every(self.step)}"

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return (self.high - self.low) // (self.step or 1) + 1

    @property
    def ordered(self) -> bool:
        """Always: a range is ordered."""
        return True

    def from_unit(self, u: float) -> Json:
        """See :class:`Distribution`."""
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return min(self.high, max(self.low, round(math.exp(low + u * (high - low)))))
        return self.low + _cell(u, self.size) * (self.step or 1)

    def to_unit(self, value: Json) -> float:
        """See :class:`Distribution`."""
        _require(self.contains(value), value, self)
        k = int(value)  # type: ignore[arg-type]  # contains() has made sure that it is a number
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return (math.log(k) - low) / (high - low)
        return ((k - self.low) // (self.step or 1) + 0.5) / self.size

    def contains(self, value: Json) -> bool:
        """See :class:`Distribution`."""
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % (self.step or 1) == 0

    def grid(self, points: int | None) -> Sequence[Json]:
        """See :class:`Distribution`."""
        everything = range(self.low, self.high + 1, self.step or 1)
        if points is None or points >= self.size:
            return everything
        if self.log:
            return _distinct([self._log_point(u) for u in _even_units(points)])
        return [everything[index] for index in _even_cells(self.size, points)]

    def _log_point(self, u: float) -> int:
        low, high = math.log(self.low), math.log(self.high)
        return min(self.high, max(self.low, round(math.exp(low + u * (high - low)))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """Real numbers, normal with mean ``mu`` and standard deviation ``sigma``; of their logarithm when ``log``."""

    mu: float
    sigma: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mu) and math.isfinite(self.sigma) and self.sigma > 0):
            raise ValueError(f"sigma must be a positive number, not {self.sigma!r}")
        reach = abs(self.mu) + 7 * self.sigma
        if reach > (_LARGEST_LOG if self.log else 1e300):
            raise ValueError(f"mu {self.mu!r} and sigma {self.sigma!r} reach beyond what floats can hold")

    def __str__(self) -> str:
        return "a number above 0" if self.log else "a number"

    @property
    def size(self) -> int | None:
        """None: a continuum."""
        return None

    @property
    def ordered(self) -> bool:
        """Always: numbers are ordered."""
        return True

    def from_unit(self, u: float) -> Json:
        """See :class:`Distribution`. Quantiles within 1e-9 of 0 and 1 are cut off."""
        x = NormalDist(self.mu, self.sigma).inv_cdf(min(1 - _EDGE, max(_EDGE, u)))
        return float(f"{math.exp(x) if self.log else x:.{_DIGITS}g}")

    def to_unit(self, value: Json) -> float:
        """See :class:`Distribution`."""
        _require(self.contains(value), value, self)
        x = float(value)  # type: ignore[arg-type]  # contains() has made sure that it is a number
        return NormalDist(self.mu, self.sigma).cdf(math.log(x) if self.log else x)

    def contains(self, value: Json) -> bool:
        """See :class:`Distribution`."""
        return _is_number(value) and (not self.log or float(value) > 0)  # type: ignore[arg-type]  # a number

    def grid(self, points: int | None) -> Sequence[Json]:
        """See :class:`Distribution`. The middles of ``points`` equally likely cells."""
        if points is None:
            raise ValueError("a normal distribution has no natural grid: add `points: N` to it")
        return _distinct([self.from_unit((index + 0.5) / points) for index in range(points)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Any JSON values, all equally likely; ``ordered`` when the list goes from less to more."""

    values: tuple[Json, ...]
    ordered: bool = False

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("the list of values is empty: name at least one")
        spellings = [canonical_json(value) for value in self.values]
        twice = sorted({text for text in spellings if spellings.count(text) > 1})
        if twice:
            raise ValueError(f"the value {twice[0]} is listed twice")

    def __str__(self) -> str:
        return f"one of {', '.join(canonical_json(value) for value in self.values)}"

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)

    def from_unit(self, u: float) -> Json:
        """See :class:`Distribution`."""
        return self.values[_cell(u, self.size)]

    def to_unit(self, value: Json) -> float:
        """See :class:`Distribution`."""
        return (self.index(value) + 0.5) / self.size

    def index(self, value: Json) -> int:
        """The position of ``value`` in the list.

        Raises:
            ValueError: If it is not listed.
        """
        text = canonical_json(value)
        for position, own in enumerate(self.values):
            if canonical_json(own) == text:
                return position
        raise ValueError(f"{value!r} is not {self}")

    def contains(self, value: Json) -> bool:
        """See :class:`Distribution`."""
        text = canonical_json(value)
        return any(canonical_json(own) == text for own in self.values)

    def grid(self, points: int | None) -> Sequence[Json]:
        """See :class:`Distribution`."""
        if points is not None:
            raise ValueError("`points` is for ranges; a list of values is tried whole")
        return self.values


def _check_range(low: float, high: float, step: float | None, *, log: bool) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"the ends of a range must be finite, not [{low!r}, {high!r}]")
    if low >= high:
        raise ValueError(f"the low end {low!r} must be below the high end {high!r}")
    if log and low <= 0:
        raise ValueError(f"a log range must start above 0, not at {low!r}")
    if step is not None and not 0 < step <= high - low:
        raise ValueError(f"step {step!r} must be positive and no longer than the range {high - low!r}")
    if step is not None and log:
        raise ValueError("a range has either log: true or a step, not both")


def _require(ok: bool, value: Json, distribution: object) -> None:  # noqa: FBT001  # a condition reads best bare
    if not ok:
        raise ValueError(f"{value!r} is not {distribution}")


def _distinct(values: Sequence[Json]) -> list[Json]:
    seen: dict[str, Json] = {canonical_json(value): value for value in values}
    return list(seen.values())
