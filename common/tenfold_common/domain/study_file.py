"""The study file: reading it, every rule that needs only the file, and the one document that is stored.

``read_study`` is for text from people: it finds all problems at once, each with its line. ``read_document`` is for
what was stored. Neither touches the file system, the data or the model's classes.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from tenfold_common.domain.constraints import Constraint
from tenfold_common.domain.distributions import FloatRange, Normal
from tenfold_common.domain.model_notation import Model
from tenfold_common.domain.not_built_yet import not_built
from tenfold_common.domain.notation import as_written, line_of, parse_text, spelled
from tenfold_common.domain.plain_values import Finding, Misfit, Section, Text, Whole, findings_of, show, unfit
from tenfold_common.domain.space import Space
from tenfold_common.domain.splitters import Splitter, SplitterKind
from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.study_checks import check, salvage, whole
from tenfold_common.domain.study_sections import (
    STRATEGIES,
    Data,
    EnvironmentPolicy,
    Evaluation,
    Execution,
    Order,
    Search,
    Select,
    Stopping,
    near_strategy,
)
from tenfold_common.domain.words import Json, Params
from tenfold_common.errors import Problem, StudyFileError

__all__ = [
    "STRATEGIES",
    "EnvironmentPolicy",
    "Order",
    "ReadStudy",
    "Splitter",
    "SplitterKind",
    "StudyFile",
    "json_schema",
    "read_document",
    "read_study",
]

_BOUNDS: Final = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


def _study_name(value: object) -> object:
    if isinstance(value, str) and not re.match(_NAME, value):
        rule = "letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 100"
        raise unfit(f"{show(value)} is no name for a study: {rule}")
    return value


class StudyFile(Section):
    """One tuning job, completely described: everything that decides its trials, besides the data itself."""

    name: Annotated[Text, BeforeValidator(_study_name)] = Field(
        description="What people call the study: letters, digits, `.`, `_` and `-`, at most 100.",
        examples=["digits-svc"],
        json_schema_extra={"pattern": _NAME},
    )
    seed: Whole = Field(
        default=0, ge=0, le=2**63 - 1, description="All randomness of the study derives from it.", examples=[42]
    )
    data: Data = Field(description="What is learned from.")
    model: Model = Field(description="What is tuned.")
    search: Search = Field(description="What is tried, and in which way.")
    evaluation: Evaluation = Field(default_factory=Evaluation, description="How one trial is judged.")
    execution: Execution = Field(default_factory=Execution, description="How trials are carried out.")
    stopping: Stopping = Field(default_factory=Stopping, description="When the study ends.")
    select: Select = Field(default_factory=Select, description="How the winner is chosen.")
    environment: EnvironmentPolicy = Field(
        default=EnvironmentPolicy.RECORD,
        description="What to do about workers whose package versions differ: `record` writes down what they ran on.",
    )
    code: Text | None = Field(
        default=None,
        description="Folder with your own modules (from the study file's folder), stored with the study and taken "
        "along to every worker.",
        examples=["."],
    )

    @model_validator(mode="after")
    def _between_sections(self) -> Self:
        parts = whole(
            data=self.data,
            model=self.model,
            search=self.search,
            evaluation=self.evaluation,
            stopping=self.stopping,
        )
        findings = [*check(parts), *not_built(self.document())]
        if findings:
            raise Misfit(findings)
        return self

    def space(self) -> Space:
        """The search space."""
        parameters = [notation.parameter(name) for name, notation in self.search.space.items()]
        return Space(parameters, [Constraint(text) for text in self.search.constraints])

    def start_points(self) -> tuple[Params, ...]:
        """The points to try first, in the space's order and with values of the type the parameter has."""
        space = self.space()
        return tuple(_as_point(space, point) for point in self.search.start)

    def stopping_rules(self) -> StoppingRules:
        """When the study ends."""
        return self.stopping.rules()

    @property
    def splitter(self) -> Splitter | None:
        """The splitter with every option said; None where the kind follows from the data and the model."""
        folds = self.evaluation.folds
        return None if folds is None else folds.splitter(ordered=self.data.in_time_order)

    @property
    def fold_timeout_s(self) -> float | None:
        """Longest a fold may take; None for no limit."""
        return self.execution.fold_timeout

    @property
    def time_limit_s(self) -> float | None:
        """Longest the study may be worked on; None for no limit."""
        return self.stopping.time

    def document(self) -> dict[str, Json]:
        """The study as JSON data with every default filled in; :func:`read_document` gives an equal study."""
        document: dict[str, Json] = self.model_dump(mode="json", by_alias=True)
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStudy:
    """A study and the text it was read from.

    Attributes:
        study: The study.
        source: Name of the file.
        text: The file.
        positions: Line of every key and list item by its dotted spelling, such as ``search.start[0].svc.C``.
    """

    study: StudyFile
    source: str
    text: str
    positions: Mapping[str, int] = field(default_factory=dict)

    def problem(self, key: str, message: str) -> Problem:
        """A problem found later, with the line of its key (or of the nearest key above it)."""
        return Problem(key=key, message=message, line=line_of(key, self.positions))


def read_study(text: str, *, source: str, strategies: Collection[str] | None = None) -> ReadStudy:
    """Read a study file.

    Args:
        text: The file, YAML or JSON.
        source: Its name, for messages.
        strategies: Names of all strategies there are, plug-ins included. Where they are not given, a name is refused
            only if it looks like a misspelt one of Tenfold's own.

    Raises:
        StudyFileError: With everything that is wrong, each with its line.
    """
    notation = parse_text(text, source=source)
    document = notation.data
    if not isinstance(document, dict):
        said = "is empty" if document is None else f"is not a mapping but {show(document)}"
        message = f"the file {said}; a study file has the keys {', '.join(StudyFile.model_fields)}"
        raise StudyFileError(source, [Problem(key="", message=message, line=1)])
    study, findings = _validated(document)
    findings += _strategy_findings(document, strategies)
    problems = {_problem(finding, notation.positions) for finding in findings} | set(notation.problems)
    if problems or study is None:
        raise StudyFileError(source, sorted(problems, key=_place))
    return ReadStudy(study=study, source=source, text=text, positions=notation.positions)


def read_document(document: Mapping[str, Json]) -> StudyFile:
    """The study of a stored document.

    Raises:
        StudyFileError: If this version cannot read it.
    """
    study, findings = _validated(dict(document))
    if study is None:
        raise StudyFileError("stored study", [_problem(finding, {}) for finding in findings])
    return study


def json_schema() -> dict[str, Any]:  # Any: a JSON Schema is JSON
    """The published JSON Schema (draft 2020-12) of study files, for editors."""
    schema = StudyFile.model_json_schema(by_alias=True, mode="validation")
    top = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Tenfold study file"}
    return top | {key: _standard(item) for key, item in schema.items() if key != "title"}


def _standard(schema: Any) -> Any:  # Any: a JSON Schema is JSON
    """Without pydantic's made-up titles, and with the bounds that it leaves in its own words below ``anyOf``."""
    if isinstance(schema, list):
        return [_standard(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made_up = isinstance(schema.get("title"), str)
    return {
        _BOUNDS.get(key, key): _standard(item) for key, item in schema.items() if not (key == "title" and made_up)
    }


def _validated(document: dict[str, Json]) -> tuple[StudyFile | None, list[Finding]]:
    try:
        return StudyFile.model_validate(document), []
    except ValidationError as error:
        findings = list(findings_of(error))
    known_bad = {finding.path for finding in findings}
    return None, [*findings, *check(salvage(document)), *not_built(document, known_bad=known_bad)]


def _strategy_findings(document: Mapping[str, Json], strategies: Collection[str] | None) -> list[Finding]:
    search = document.get("search")
    name = search.get("strategy") if isinstance(search, dict) else None
    said = near_strategy(name, None if strategies is None else tuple(strategies)) if isinstance(name, str) else None
    return [] if said is None else [Finding(path=("search", "strategy"), message=said)]


def _problem(finding: Finding, positions: Mapping[str, int]) -> Problem:
    key = as_written(finding.path, positions)
    return Problem(key=key or spelled(finding.path), message=finding.message, line=line_of(key, positions))


def _place(problem: Problem) -> tuple[float, str, str]:
    """In the order of the file; what is missing altogether comes last."""
    return (problem.line or float("inf"), problem.key, problem.message)


def _as_point(space: Space, point: Mapping[str, Json]) -> Params:
    params: Params = {}
    for parameter in space.parameters:
        if parameter.name in point:
            value = point[parameter.name]
            real = isinstance(parameter.distribution, (FloatRange, Normal))
            params[parameter.name] = float(value) if real and isinstance(value, int) else value
    return params
