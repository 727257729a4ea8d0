"""The kinds of plain value a study file is made of, each with a check that says in words what is wrong.

A check never guesses: text is not turned into a number, nor 1 into true. The one courtesy is that ``1e3`` may stand
where a whole number is wanted.
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from keyword import iskeyword
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from tenfold_common.domain.notation import Path

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_UNITS_S: Final = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_DURATION: Final = "".join(rf"(?:([0-9]+(?:\.[0-9]+)?){unit})?" for unit in _UNITS_S)
NAME_PATTERN: Final = r"^[^\W\d]\w*(\.[^\W\d]\w*)*$"
"""What a parameter name looks like."""

STEP_PATTERN: Final = r"^[^\W\d]\w*$"
"""What the name of a step looks like."""

_DURATION_FORM: Final = rf"^(?=[0-9]){_DURATION}$"
_WORDS_FOR_TRUTH: Final = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_LONGEST_SHOWN: Final = 60
_BOUNDS: Final = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong at ``path`` (counted from wherever the finder started)."""

    path: Path
    message: str


class Misfit(ValueError):  # noqa: N818  # never leaves validation: it carries findings through pydantic
    """Several findings at once, raised inside a validator. Paths are relative to the validated value."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(tuple(findings))
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return "; ".join(finding.message for finding in self.findings)


class Section(BaseModel):
    """A mapping of the study file: no unknown keys, no changes afterwards, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _name_unknown_keys(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Report unknown keys with the nearest known one, together with whatever else is wrong."""
        if not isinstance(value, dict):
            return handler(value)
        known = [field.alias or name for name, field in cls.model_fields.items()]
        unknown = [
            Finding(path=(str(key),), message=f"unknown key; {did_you_mean(str(key), known)}")
            for key in value
            if key not in known
        ]
        try:
            section = handler({key: item for key, item in value.items() if key in known})
        except ValidationError as error:
            if not unknown:
                raise
            raise Misfit([*unknown, *findings_of(error)]) from error
        if unknown:
            raise Misfit(unknown)
        return section


def findings_of(error: ValidationError) -> Iterator[Finding]:
    """Everything pydantic found, in our words."""
    for one in error.errors(include_url=False):
        path = tuple(part for part in one["loc"] if not _is_tag(part))
        cause = one.get("ctx", {}).get("error")
        if isinstance(cause, Misfit):
            yield from (Finding(path=(*path, *inner.path), message=inner.message) for inner in cause.findings)
        else:
            yield Finding(path=path, message=str(cause) if cause is not None else _said(one))


def _is_tag(part: int | str) -> bool:
    """Whether a part of pydantic's location is not the user's: a branch of a union, or the mark of a key."""
    return isinstance(part, str) and ((part.startswith("<") and part.endswith(">")) or part == "[key]")


def _said(one: "ErrorDetails") -> str:
    """One of pydantic's own checks, in a sentence with the value."""
    context = one.get("ctx", {})
    value = show(one["input"])
    kind = one["type"]
    if kind == "missing":
        return "is missing; add it"
    if kind in {"enum", "literal_error"}:
        known = re.findall(r"'([^']*)'", str(context["expected"])) or [str(context["expected"]).lower()]
        return f"{value} is not allowed; {did_you_mean(str(one['input']), known)}"
    for name, word in _BOUNDS.items():
        if name in context:
            return f"{value} is out of range: it must be {word} {context[name]}"
    if kind in {"dict_type", "model_type", "model_attributes_type"}:
        return f"{value} is not a mapping; write `key: value` lines below it, or {{key: value}}"
    if kind == "too_short":
        return f"{value} is empty; name at least one"
    return f"{value}: {one['msg'][:1].lower()}{one['msg'][1:]}"


def unfit(message: str) -> Misfit:
    """One finding about the value itself."""
    return Misfit([Finding(path=(), message=message)])


def show(value: object) -> str:
    """A value as it may stand in a message: recognisable and short."""
    text = repr(str(value)) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def listed(words: Collection[str]) -> str:
    """Words in a row, as they may stand in a message."""
    shown = list(words)[:20]
    return ", ".join(shown) + (", ..." if len(words) > len(shown) else "")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """A question that names the known word nearest to ``word``; otherwise the known words."""
    near = get_close_matches(word.lower(), [*known, *(name.lower() for name in known)], n=1)
    meant = next((name for name in known if near and name.lower() == near[0].lower()), None)
    if meant is not None:
        return f"did you mean {meant!r}?"
    return f"known are: {listed(known)}" if known else "there are none"


def _whole(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise unfit(f"{show(value)} is not a whole number")
    return value


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise unfit(f"{show(value)} is not a number")
    try:
        return float(value)
    except OverflowError:
        raise unfit(f"{show(value)} is too large for a number") from None


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise unfit(f"{show(value)} is not text; put it in quotes if it is meant")
    if not value.strip():
        raise unfit("the text is empty")
    return value


def _yes_no(value: object) -> object:
    if isinstance(value, bool):
        return value
    hint = _WORDS_FOR_TRUTH.get(value.lower()) if isinstance(value, str) else None
    raise unfit(f"{show(value)} is neither true nor false" + (f"; did you mean {hint}?" if hint else ""))


def seconds_of(value: object) -> float:
    """Seconds of a duration such as ``90``, ``10m`` or ``1h30m``.

    Raises:
        ValueError: If it is not a positive duration.
    """
    seconds: float | None = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and (match := re.fullmatch(_DURATION, value.strip())) and any(match.groups()):
        seconds = sum(float(part or 0) * size for part, size in zip(match.groups(), _UNITS_S.values(), strict=True))
    if seconds is None:
        raise unfit(f"{show(value)} is not a duration; write 90s, 10m, 1h30m, 2d or a number of seconds")
    if not 0 < seconds < float("inf"):
        raise unfit(f"a duration must be more than 0 seconds, not {show(value)}")
    return seconds


def parameter_name(value: object) -> object:
    """Check the name of a parameter: identifiers joined by dots, because constraints refer to it."""
    if not isinstance(value, str):
        raise unfit(f"{show(value)} is not a name")
    parts = value.split(".")
    if not all(part.isidentifier() for part in parts):
        raise unfit(f"{value!r} is not a parameter name: words of letters, digits and _ joined by dots")
    if "__" in value.strip("_"):
        raise unfit(f"{value!r}: parts of a name are joined by a dot here; write {value.replace('__', '.')!r}")
    for part in parts:
        if iskeyword(part):
            raise unfit(f"{value!r} contains {part!r}, a word of Python that no parameter can have as its name")
    return value


def step_name(value: str) -> str:
    """Check the name of a pipeline step or column group.

    Raises:
        ValueError: If it is not one plain identifier.
    """
    if not value.isidentifier() or iskeyword(value) or "__" in value:
        raise unfit(f"{value!r} is no name for a step: use letters, digits and single _, beginning with a letter")
    return value


def class_path(value: object) -> object:
    """Check a path to something importable: ``package.module.Name`` or ``python:package.module:Name``."""
    _text(value)
    text = str(value)
    module, colon, name = text.removeprefix("python:").rpartition(":" if text.startswith("python:") else ".")
    if not (colon and all(word.isidentifier() for word in [*module.split("."), *name.split(".")])):
        raise unfit(f"{text!r} is not a path; write package.module.Name or python:package.module:Name")
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number."""

Number = Annotated[float, BeforeValidator(_number)]
"""A finite number."""

Text = Annotated[str, BeforeValidator(_text), Field(json_schema_extra={"minLength": 1})]
"""Text that is not empty."""

YesNo = Annotated[bool, BeforeValidator(_yes_no)]
"""``true`` or ``false``."""

Duration = Annotated[
    float,
    BeforeValidator(seconds_of),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": _DURATION_FORM}]}
    ),
]
"""Seconds, written ``90s``, ``10m``, ``1h30m``, ``2d`` or as a number of seconds."""

ParameterName = Annotated[
    str,
    BeforeValidator(parameter_name),
    Field(json_schema_extra={"pattern": NAME_PATTERN}),
]
"""A dotted name such as ``svc.C``."""

ClassPath = Annotated[
    str,
    BeforeValidator(class_path),
    Field(json_schema_extra={"pattern": r"^(python:[\w.]+:[\w.]+|[^\W\d]\w*(\.[^\W\d]\w*)+)$"}),
]
"""``package.module.Name`` or ``python:package.module:Name``."""
