"""The notation of one searched parameter, such as ``{float: [0.1, 10], log: true}``, and its distribution."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from pydantic import BeforeValidator, Discriminator, Field, GetJsonSchemaHandler, JsonValue, Tag, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from tenfold_common.domain.distributions import Distribution, FloatRange, IntRange, Normal, Options
from tenfold_common.domain.plain_values import (
    NAME_PATTERN,
    Number,
    ParameterName,
    Section,
    Whole,
    YesNo,
    did_you_mean,
    show,
    unfit,
)
from tenfold_common.domain.space import Parameter


def _as_list(value: object) -> object:
    if isinstance(value, list) and not value:
        raise unfit("the list of values is empty: the parameter would never be active")
    return value if isinstance(value, (list, tuple)) else [value]


class _OneOrMore:
    """Says in the published schema that a single value may stand for a list of one."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{**handler(core), "minItems": 1}, {"not": {"type": "array"}}]}


ParentValues = Annotated[tuple[JsonValue, ...], BeforeValidator(_as_list), _OneOrMore()]

_RANGE_DESCRIPTION: Final = "Lowest and highest value, both included."
_POINTS: Final = "How many values a grid search takes from it, evenly spread; other strategies take no notice."
_LOG: Final = "Whether every factor is as likely as any other: for values that differ by orders of magnitude."


def _pair(value: object) -> object:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise unfit(f"{show(value)} is not a pair of numbers in brackets, such as [1, 10]")
    return value


class ParameterNotation(Section):
    """What all kinds of parameter have in common."""

    kind: ClassVar[str]
    when: dict[ParameterName, ParentValues] = Field(
        default_factory=dict,
        description="Other parameters and those of their values for which this one takes part.",
        examples=[{"svc.kernel": "poly"}],
        json_schema_extra={"propertyNames": {"pattern": NAME_PATTERN}},
    )

    @abstractmethod
    def distribution(self) -> Distribution:
        """The distribution.

        Raises:
            ValueError: If there is none of that kind.
        """

    @model_validator(mode="after")
    def _has_distribution(self) -> "ParameterNotation":
        self.distribution()
        return self

    def parameter(self, name: str) -> Parameter:
        """The dimension of the space."""
        return Parameter(name=name, distribution=self.distribution(), when=self.when, points=self.grid_points)

    @property
    def grid_points(self) -> int | None:
        """How many values a grid takes from a range."""
        return None


class FloatParameter(ParameterNotation):
    """A real number in a range."""

    kind = "float"
    range: Annotated[tuple[Number, Number], BeforeValidator(_pair)] = Field(
        alias="float", description=_RANGE_DESCRIPTION, examples=[[0.001, 1000]]
    )
    log: YesNo = Field(default=False, description=_LOG)
    step: Number | None = Field(default=None, gt=0, description="Only every `step` from the lowest value.")
    points: Whole | None = Field(default=None, ge=1, le=10_000, description=_POINTS)

    def distribution(self) -> Distribution:
        """See :class:`ParameterNotation`."""
        return FloatRange(low=self.range[0], high=self.range[1], log=self.log, step=self.step)

    @property
    def grid_points(self) -> int | None:
        """See :class:`ParameterNotation`."""
        return self.points


class IntParameter(ParameterNotation):
    """A whole number in a range."""

    kind = "int"
    range: Annotated[tuple[Whole, Whole], BeforeValidator(_pair)] = Field(
        alias="int", description=_RANGE_DESCRIPTION, examples=[[2, 5]]
    )
    log: YesNo = Field(default=False, description=_LOG)
    step: Whole | None = Field(default=None, ge=1, description="Only every `step` from the lowest value.")
    points: Whole | None = Field(default=None, ge=1, le=10_000, description=_POINTS)

    def distribution(self) -> Distribution:
        """See :class:`ParameterNotation`."""
        return IntRange(low=self.range[0], high=self.range[1], log=self.log, step=self.step)

    @property
    def grid_points(self) -> int | None:
        """See :class:`ParameterNotation`."""
        return self.points


class NormalParameter(ParameterNotation):
    """A real number around a mean."""

    kind = "normal"
    shape: Annotated[tuple[Number, Number], BeforeValidator(_pair)] = Field(
        alias="normal", description="Mean and standard deviation.", examples=[[0, 1]]
    )
    points: Whole | None = Field(default=None, ge=1, le=10_000, description=_POINTS)

    def distribution(self) -> Distribution:
        """See :class:`ParameterNotation`."""
        return Normal(mu=self.shape[0], sigma=self.shape[1])

    @property
    def grid_points(self) -> int | None:
        """See :class:`ParameterNotation`."""
        return self.points


class LognormalParameter(ParameterNotation):
    """A positive number whose logarithm is around a mean."""

    kind = "lognormal"
    shape: Annotated[tuple[Number, Number], BeforeValidator(_pair)] = Field(
        alias="lognormal", description="Mean and standard deviation of the natural logarithm.", examples=[[0, 1]]
    )
    points: Whole | None = Field(default=None, ge=1, le=10_000, description=_POINTS)

    def distribution(self) -> Distribution:
        """See :class:`ParameterNotation`."""
        return Normal(mu=self.shape[0], sigma=self.shape[1], log=True)

    @property
    def grid_points(self) -> int | None:
        """See :class:`ParameterNotation`."""
        return self.points


def _value_list(value: object) -> object:
    if not isinstance(value, (list, tuple)):
        raise unfit(f"{show(value)} is not a list; write the values in brackets: [{show(value)}, ...]")
    return value


class ChoiceParameter(ParameterNotation):
    """One of some values that have no order."""

    kind = "choice"
    values: Annotated[tuple[JsonValue, ...], BeforeValidator(_value_list)] = Field(
        alias="choice",
        description="The values: anything that can be written here, estimators (`{class: ...}`) included.",
        examples=[["rbf", "poly"], [None, "balanced"]],
        json_schema_extra={"minItems": 1},
    )

    def distribution(self) -> Distribution:
        """See :class:`ParameterNotation`."""
        return Options(values=self.values)


class OrdinalParameter(ParameterNotation):
    """One of some values, listed from less to more."""

    kind = "ordinal"
    values: Annotated[tuple[JsonValue, ...], BeforeValidator(_value_list)] = Field(
        alias="ordinal",
        description="The values in order; neighbours are taken to be alike.",
        examples=[["small", "medium", "large"]],
        json_schema_extra={"minItems": 1},
    )

    def distribution(self) -> Distribution:
        """See :class:`ParameterNotation`."""
        return Options(values=self.values, ordered=True)


NOTATIONS: Final[Mapping[str, type[ParameterNotation]]] = {
    notation.kind: notation
    for notation in (
        FloatParameter,
        IntParameter,
        NormalParameter,
        LognormalParameter,
        ChoiceParameter,
        OrdinalParameter,
    )
}


def _one_kind(value: object) -> object:
    if isinstance(value, ParameterNotation):
        return value
    if not isinstance(value, dict):
        hint = "; to try several values write {choice: [...]}" if isinstance(value, list) else _to_fix(value)
        raise unfit(f"{show(value)} is no distribution{hint}")
    kinds = [key for key in value if key in NOTATIONS]
    if len(kinds) > 1:
        raise unfit(f"two distributions, {kinds[0]!r} and {kinds[1]!r}; keep one")
    if not kinds:
        first = next((str(key) for key in value if key not in FloatParameter.model_fields), "")
        raise unfit(f"names no distribution; {did_you_mean(first, NOTATIONS)}")
    return value


def _to_fix(value: object) -> str:
    return f"; a fixed value ({show(value)}) belongs under model, in `params`"


def _kind_of(value: object) -> str | None:
    if isinstance(value, ParameterNotation):
        return f"<{value.kind}>"
    return next((f"<{key}>" for key in value if key in NOTATIONS), None) if isinstance(value, dict) else None


AnyParameter = Annotated[
    Annotated[FloatParameter, Tag("<float>")]
    | Annotated[IntParameter, Tag("<int>")]
    | Annotated[NormalParameter, Tag("<normal>")]
    | Annotated[LognormalParameter, Tag("<lognormal>")]
    | Annotated[ChoiceParameter, Tag("<choice>")]
    | Annotated[OrdinalParameter, Tag("<ordinal>")],
    Discriminator(_kind_of),
    BeforeValidator(_one_kind),
]
"""The value of one key of ``search.space``."""
