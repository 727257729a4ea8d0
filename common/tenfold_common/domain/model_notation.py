"""The ``model`` section: a single estimator or a pipeline, column transformers included, as plain data.

Nothing is imported here: whether a class exists and takes a parameter is found out where the model can be built.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    RootModel,
    Tag,
    model_validator,
)
from pydantic.config import ConfigDict, JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from tenfold_common.domain.notation import Path
from tenfold_common.domain.plain_values import (
    STEP_PATTERN,
    ClassPath,
    Finding,
    Misfit,
    Section,
    Text,
    class_path,
    did_you_mean,
    show,
    step_name,
    unfit,
)

PASSTHROUGH: Final = "passthrough"

_ONE_STEP: Final[JsonDict] = {"minProperties": 1, "maxProperties": 1, "propertyNames": {"pattern": STEP_PATTERN}}


class Remainder(StrEnum):
    """What becomes of columns that no group selects."""

    DROP = "drop"
    PASSTHROUGH = "passthrough"


class Estimator(Section):
    """A class with fixed parameters; a bare class path stands for one without."""

    class_: ClassPath = Field(
        alias="class",
        description="`package.module.Name`, or `python:package.module:Name` for a class of your own.",
        examples=["sklearn.svm.SVC"],
    )
    params: dict[Text, JsonValue] = Field(
        default_factory=dict,
        description="Fixed parameters. `{class: ..., params: ...}` as a value makes an estimator, "
        "`python:module:name` hands over an object.",
        examples=[{"cache_size": 200}],
    )

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: object) -> object:
        return {"class": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _nested_estimators(self) -> "Estimator":
        findings = list(nested_estimator_findings(self.params, ("params",)))
        if findings:
            raise Misfit(findings)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A bare class path will do."""
        full = handler.resolve_ref_schema(handler(core))
        return {"anyOf": [dict(full["properties"]["class"]), full], "description": full.get("description", "")}


def nested_estimator_findings(value: JsonValue, path: Path) -> Iterator[Finding]:
    """What is wrong with the estimators inside a parameter's value."""
    if isinstance(value, list):
        for position, item in enumerate(value):
            yield from nested_estimator_findings(item, (*path, position))
    elif isinstance(value, dict):
        if "class" in value:
            yield from _estimator_findings(value, path)
        for key, item in value.items():
            yield from nested_estimator_findings(item, (*path, key))


def _estimator_findings(value: Mapping[str, JsonValue], path: Path) -> Iterator[Finding]:
    try:
        class_path(value["class"])
    except ValueError as error:
        yield Finding(path=(*path, "class"), message=str(error))
    for key in value:
        if key not in {"class", "params"}:
            yield Finding(path=(*path, key), message=f"unknown key; {did_you_mean(key, ('class', 'params'))}")
    if not isinstance(value.get("params", {}), dict):
        yield Finding(path=(*path, "params"), message=f"{show(value['params'])} does not map names to values")


def _one_step(value: object) -> object:
    if isinstance(value, RootModel):
        return value.root
    if isinstance(value, dict) and len(value) == 1:
        step_name(str(next(iter(value))))
        return value
    hint = "write `- name: class.path`"
    if isinstance(value, dict) and value:
        if "class" in value:
            raise unfit("a step needs a name of its own: write `- name: {class: ..., params: {...}}`")
        raise unfit(f"one step has {len(value)} names ({', '.join(map(str, value))}); begin each with a dash")
    raise unfit(f"{show(value)} is no step: {hint}")


def _content(value: object) -> object:
    if isinstance(value, dict) and "class" not in value and "columns" not in value:
        first = next((str(key) for key in value), "")
        raise unfit(f"has neither `class` nor `columns`; {did_you_mean(first, ('class', 'columns'))}")
    if not isinstance(value, (str, dict, Section)):
        raise unfit(f"{show(value)} is neither a class path nor {{class: ..., params: {{...}}}}")
    return value


def _content_kind(value: object) -> str:
    if value == PASSTHROUGH:
        return "<word>"
    columns = isinstance(value, Columns) or (isinstance(value, dict) and "columns" in value)
    return "<columns>" if columns else "<estimator>"


_Estimator = Annotated[Estimator, Tag("<estimator>")]
_Word = Annotated[Literal["passthrough"], Tag("<word>")]


_ColumnContent = Annotated[_Estimator | _Word, Discriminator(_content_kind), BeforeValidator(_content)]


class ColumnStep(RootModel[dict[str, _ColumnContent]]):
    """One step of a column group: a name and what it is."""

    model_config = ConfigDict(frozen=True, json_schema_extra=_ONE_STEP)

    @model_validator(mode="before")
    @classmethod
    def _single(cls, value: object) -> object:
        return _one_step(value)

    @property
    def name(self) -> str:
        """The step's name."""
        return next(iter(self.root))

    @property
    def content(self) -> Estimator | str:
        """An estimator, or the word ``passthrough``."""
        return self.root[self.name]


def _select(value: object) -> object:
    if isinstance(value, str) and value not in {"numeric", "categorical"}:
        near = did_you_mean(value, ("numeric", "categorical"))
        raise unfit(f"{value!r} is neither numeric nor categorical; {near} (one column is written [{value}])")
    if not isinstance(value, (str, list, tuple)) or not value:
        raise unfit(f"{show(value)} selects nothing; write numeric, categorical or a list of columns")
    wrong = [name for name in value if not isinstance(name, str) or not name]
    if wrong:
        raise unfit(f"{show(wrong[0])} is not the name of a column; put it in quotes if it is meant")
    return value


def _steps(value: object) -> object:
    if not isinstance(value, (list, tuple)) or not value:
        raise unfit(f"{show(value)} is not a list of steps; write `- name: class.path` for each")
    return value


class ColumnGroup(Section):
    """Some columns and the steps that they go through."""

    select: Annotated[Literal["numeric", "categorical"] | tuple[Text, ...], BeforeValidator(_select)] = Field(
        description="Which columns: `numeric` (numbers and true/false), `categorical` (everything else but dates), "
        "or a list of names.",
        examples=["numeric", ["age", "weight"]],
    )
    steps: Annotated[tuple[ColumnStep, ...], BeforeValidator(_steps)] = Field(
        description="Steps in order, as in `model.pipeline`; the word `passthrough` is a step that changes nothing.",
        examples=[[{"scale": "sklearn.preprocessing.StandardScaler"}]],
        json_schema_extra={"minItems": 1},
    )

    @model_validator(mode="after")
    def _names(self) -> "ColumnGroup":
        _refuse_twice(self.steps, "steps")
        return self


def _groups(value: object) -> object:
    if not isinstance(value, dict) or not value:
        raise unfit(f"{show(value)} names no groups of columns; write name: {{select: ..., steps: [...]}}")
    for name in value:
        step_name(str(name))
    return value


class Columns(Section):
    """A column transformer: each group of columns goes its own way, side by side."""

    columns: Annotated[dict[str, ColumnGroup], BeforeValidator(_groups)] = Field(
        description="Groups of columns by name. `group.step.parameter`, after the step's own name, is how the space "
        "refers to them.",
        json_schema_extra={"minProperties": 1, "propertyNames": {"pattern": STEP_PATTERN}},
    )
    remainder: Remainder = Field(default=Remainder.DROP, description="What becomes of the other columns.")


_Columns = Annotated[Columns, Tag("<columns>")]
_Content = Annotated[_Estimator | _Word | _Columns, Discriminator(_content_kind), BeforeValidator(_content)]


class Step(RootModel[dict[str, _Content]]):
    """One step of a pipeline: a name and what it is."""

    model_config = ConfigDict(frozen=True, json_schema_extra=_ONE_STEP)

    @model_validator(mode="before")
    @classmethod
    def _single(cls, value: object) -> object:
        return _one_step(value)

    @property
    def name(self) -> str:
        """The step's name."""
        return next(iter(self.root))

    @property
    def content(self) -> Estimator | Columns | str:
        """An estimator, a column transformer, or the word ``passthrough``."""
        return self.root[self.name]


class Model(Section):
    """What is tuned: a `pipeline`, or a single `estimator`."""

    pipeline: Annotated[tuple[Step, ...], BeforeValidator(_steps)] | None = Field(
        default=None,
        description="Steps in order, each a name and a class path, `{class: ..., params: ...}`, "
        "`{columns: ..., remainder: ...}` or the word `passthrough`. Parameters are then called `step.parameter`.",
        examples=[[{"scale": "sklearn.preprocessing.StandardScaler"}, {"svc": "sklearn.svm.SVC"}]],
    )
    estimator: Estimator | None = Field(
        default=None,
        description="A class path or `{class: ..., params: ...}`. Parameters are then called by their plain names.",
        examples=["sklearn.svm.SVC"],
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "Model":
        if (self.pipeline is None) == (self.estimator is None):
            has = "neither `pipeline` nor" if self.pipeline is None else "both `pipeline` and"
            raise unfit(f"has {has} `estimator`; write one of them")
        _refuse_twice(self.pipeline or (), "pipeline")
        if self.pipeline and not isinstance(self.pipeline[-1].content, Estimator):
            last = self.pipeline[-1].name
            at = ("pipeline", len(self.pipeline) - 1, last)
            raise Misfit([Finding(path=at, message="the last step must be an estimator: it makes the predictions")])
        return self


def _refuse_twice(steps: tuple[Step, ...] | tuple[ColumnStep, ...], key: str) -> None:
    names = [step.name for step in steps]
    findings = [
        Finding(path=(key, position, name), message=f"two steps are called {name!r}; rename one")
        for position, name in enumerate(names)
        if name in names[:position]
    ]
    if findings:
        raise Misfit(findings)


def misplaced(model: Model, name: str) -> str | None:
    """Why a parameter of that name cannot belong to the model, as far as step names tell; None if it can."""
    if model.pipeline is None:
        return None
    steps: Mapping[str, Step] = {step.name: step for step in model.pipeline}
    first, *rest = name.split(".")
    if first not in steps:
        if not rest:
            return f"{name!r} does not say of which step; did you mean {f'{model.pipeline[-1].name}.{name}'!r}?"
        return f"the pipeline has no step {first!r}; {did_you_mean(first, steps)}"
    content = steps[first].content
    return _misplaced_in_columns(content, first, rest) if isinstance(content, Columns) and rest else None


def _misplaced_in_columns(columns: Columns, step: str, rest: list[str]) -> str | None:
    group, *inner = rest
    if group not in columns.columns:
        return f"{step!r} has no group of columns {group!r}; {did_you_mean(group, columns.columns)}"
    names = [one.name for one in columns.columns[group].steps]
    if inner and inner[0] not in names:
        return f"{step}.{group} has no step {inner[0]!r}; {did_you_mean(inner[0], names)}"
    return None


def fixed_value(model: Model, name: str) -> tuple[JsonValue] | None:
    """The value that the model fixes for a parameter, in a tuple; None if it fixes none."""
    owner: object = model.estimator
    rest = name.split(".")
    if model.pipeline is not None:
        owner, rest = _owner(model.pipeline, rest)
    while isinstance(owner, Estimator) and rest:
        parameter, *rest = rest
        if parameter not in owner.params:
            return None
        value = owner.params[parameter]
        if not rest:
            return (value,)
        owner = Estimator.model_validate(value) if isinstance(value, dict) and "class" in value else None
    return None


def _owner(steps: tuple[Step, ...] | tuple[ColumnStep, ...], rest: list[str]) -> tuple[object, list[str]]:
    content: object = next((step.content for step in steps if step.name == rest[0]), None)
    rest = rest[1:]
    if isinstance(content, Columns) and len(rest) > 1 and rest[0] in content.columns:
        return _owner(content.columns[rest[0]].steps, rest[1:])
    return content, rest
