"""The rules of a study file that concern several keys at once, and need nothing but the file.

Every rule looks at whatever parts are valid by themselves, so that all problems are told at once even where some
part is not. Pure functions: parts in, findings out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from tenfold_common.domain.constraints import Constraint
from tenfold_common.domain.model_notation import Model, fixed_value, misplaced
from tenfold_common.domain.plain_values import Finding, did_you_mean, listed, parameter_name, show
from tenfold_common.domain.space import Parameter, Space
from tenfold_common.domain.space_notation import AnyParameter, ParameterNotation
from tenfold_common.domain.splitters import FoldsNotation, Holdout, SplitterKind
from tenfold_common.domain.study_sections import Data, Evaluation, Search, Stopping
from tenfold_common.domain.words import Json

_TABLES: Final = (".csv", ".csv.gz", ".tsv", ".parquet", ".pq")
_GRID: Final = "grid"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a study file that are valid by themselves; None (or left out) where one is not.

    Attributes:
        names: Every parameter name the file has, valid or not.
        parameters: The valid parameters.
        names_sound: Whether every name is well-formed and fits the model. While one is not, nobody can say whether
            it or whoever refers to the name it should have is wrong.
    """

    data: Data | None
    model: Model | None
    evaluation: Evaluation | None
    stopping: Stopping | None
    strategy: str | None
    names: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    start: Sequence[Mapping[str, Json]]
    constraints: Sequence[str]

    @property
    def names_sound(self) -> bool:
        """See above."""
        return all(
            _well_formed(name) and (self.model is None or misplaced(self.model, name) is None) for name in self.names
        )


def salvage(document: Mapping[str, Any]) -> Parts:  # Any: text from outside, validated part by part here
    """The valid parts of a study file that as a whole is not."""

    def section(kind: type[T], key: str, default: object) -> T | None:
        found: T | None = _valid(kind, document.get(key, default))
        return found

    search = document.get("search")
    search = search if isinstance(search, dict) else {}
    space = search.get("space")
    space = space if isinstance(space, dict) else {}
    valid = {str(name): _valid(AnyParameter, notation) for name, notation in space.items()}
    return Parts(
        data=section(Data, "data", None),
        model=section(Model, "model", None),
        evaluation=section(Evaluation, "evaluation", {}),
        stopping=section(Stopping, "stopping", {}),
        strategy=_valid(Search.model_fields["strategy"].annotation, search.get("strategy", "bayesian")),
        names=tuple(valid),
        parameters=_parameters(valid),
        start=_valid(list[dict[str, Any]], search.get("start")) or (),
        constraints=_valid(list[str], search.get("constraints")) or (),
    )


def whole(*, data: Data, model: Model, search: Search, evaluation: Evaluation, stopping: Stopping) -> Parts:
    """All parts of a study file whose every section is valid."""
    return Parts(
        data=data,
        model=model,
        evaluation=evaluation,
        stopping=stopping,
        strategy=search.strategy,
        names=tuple(search.space),
        parameters=_parameters(search.space),
        start=search.start,
        constraints=search.constraints,
    )


def check(parts: Parts) -> list[Finding]:
    """Everything that is wrong between the parts."""
    return [finding for rule in _RULES for finding in rule(parts)]


def _valid(kind: Any, value: object) -> Any:  # Any: whatever TypeAdapter takes and gives
    try:
        return None if value is None else TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return None


def _parameters(notations: Mapping[str, ParameterNotation | None]) -> dict[str, Parameter]:
    return {name: notation.parameter(name) for name, notation in notations.items() if notation is not None}


def _well_formed(name: str) -> bool:
    try:
        parameter_name(name)
    except ValueError:
        return False
    return True


def _columns(parts: Parts) -> Iterator[Finding]:
    data = parts.data
    if data is None:
        return
    roles: dict[str, str] = {}
    for role in ("target", "groups", "time"):
        column = getattr(data, role)
        if column is not None and column in roles:
            yield Finding(path=("data", role), message=f"{column!r} is data.{roles[column]} already; name another")
        elif column is not None:
            roles[column] = role
    for position, column in enumerate(data.drop):
        if column in roles:
            message = f"{column!r} is data.{roles[column]}, which the model does not see anyway; leave it out here"
            yield Finding(path=("data", "drop", position), message=message)
        elif column in data.drop[:position]:
            yield Finding(path=("data", "drop", position), message=f"{column!r} is listed twice")
    if data.ordered and data.time is not None:
        message = f"data.time ({data.time!r}) says the order of the rows already; leave out `ordered`"
        yield Finding(path=("data", "ordered"), message=message)
    if data.target is None and data.source.lower().endswith(_TABLES):
        message = f"is missing; a table ({data.source}) needs the name of the column to predict"
        yield Finding(path=("data", "target"), message=message)


def _protection(parts: Parts) -> Iterator[Finding]:
    """Groups are never split and nothing is trained on its own future."""
    if parts.data is None or parts.evaluation is None:
        return
    data, folds = parts.data, parts.evaluation.folds
    if folds is not None and folds.kind is SplitterKind.PREDEFINED:
        return
    if data.groups is not None and data.in_time_order:
        message = (
            f"no splitter keeps groups ({data.groups!r}) together and time in order at once; give every row its fold "
            f"in a column and write folds: {{predefined: COLUMN}}, or move the column that matters less to data.drop"
        )
        yield Finding(path=("data", "groups"), message=message)
    elif folds is not None:
        yield from (Finding(path=("evaluation", "folds"), message=said) for said in _misuse(data, folds))


def _misuse(data: Data, folds: FoldsNotation) -> Iterator[str]:
    kind = folds.kind
    keeping = listed([one.value for one in SplitterKind if one.keeps_groups])
    if kind.keeps_groups and data.groups is None:
        yield f"{kind} needs data.groups: name the column whose equal values belong together"
    if not kind.keeps_groups and data.groups is not None:
        yield f"{kind} would put rows of one group ({data.groups!r}) on both sides; use one of: {keeping}, predefined"
    if kind is SplitterKind.TIME_SERIES and not data.in_time_order:
        yield "time-series needs the order of the rows: name its column as data.time, or write data.ordered: true"
    if data.in_time_order and not _respects_time(folds):
        said = repr(data.time) if data.time is not None else "data.ordered"
        yield f"{kind} would train on what comes later in time ({said}); use time-series, holdout or predefined"


def _respects_time(folds: FoldsNotation) -> bool:
    if isinstance(folds, Holdout):
        return folds.shuffle is not True
    return folds.kind is SplitterKind.TIME_SERIES


def _metrics(parts: Parts) -> Iterator[Finding]:
    metrics = (parts.evaluation and parts.evaluation.metrics) or ()
    for position, metric in enumerate(metrics):
        if metric in metrics[:position]:
            yield Finding(path=("evaluation", "metrics", position), message=f"{metric!r} is listed twice")


def _bounds(parts: Parts) -> Iterator[Finding]:
    stopping = parts.stopping
    if stopping is None or parts.strategy is None:
        return
    if stopping.trials is None and stopping.time is None and parts.strategy != _GRID:
        message = "nothing bounds the study; add `trials: 60` or `time: 1h` (only a grid ends by itself)"
        yield Finding(path=("stopping",), message=message)
    if stopping.trials is not None and len(parts.start) > stopping.trials:
        message = (
            f"{len(parts.start)} starting points, but only {stopping.trials} trials (stopping.trials); leave some out"
        )
        yield Finding(path=("search", "start"), message=message)


def _names_in_model(parts: Parts) -> Iterator[Finding]:
    if parts.model is None:
        return
    for name in filter(_well_formed, parts.names):
        reason = misplaced(parts.model, name)
        if reason is not None:
            yield Finding(path=("search", "space", name), message=reason)
            continue
        fixed = fixed_value(parts.model, name)
        if fixed is not None and name in parts.parameters and not parts.parameters[name].when:
            message = f"the model fixes it at {show(fixed[0])} already; take it out of one of the two places"
            yield Finding(path=("search", "space", name), message=message)


def _conditions(parts: Parts) -> Iterator[Finding]:
    for name, parameter in parts.parameters.items():
        for parent, values in parameter.when.items():
            path = ("search", "space", name, "when", parent)
            if parent == name:
                yield Finding(path=path, message="a parameter cannot depend on itself")
            elif parent not in parts.names and not parts.names_sound:
                continue
            elif parent not in parts.names:
                others = [other for other in parts.names if other != name]
                yield Finding(path=path, message=f"is no parameter of the space; {did_you_mean(parent, others)}")
            elif parent in parts.parameters:
                distribution = parts.parameters[parent].distribution
                strange = [value for value in values if not distribution.contains(value)]
                if strange:
                    message = f"{show(strange[0])} is not a value of {parent}, which is {distribution}"
                    yield Finding(path=path, message=message)


def _grid(parts: Parts) -> Iterator[Finding]:
    if parts.strategy != _GRID:
        return
    for name, parameter in parts.parameters.items():
        try:
            parameter.distribution.grid(parameter.points)
        except ValueError as error:
            yield Finding(path=("search", "space", name), message=f"strategy grid: {error}")


def _constraints_and_start(parts: Parts) -> Iterator[Finding]:
    constraints: list[Constraint] = []
    for position, text in enumerate(parts.constraints):
        path = ("search", "constraints", position)
        try:
            constraints.append(Constraint(text))
        except ValueError as error:
            yield Finding(path=path, message=str(error))
            continue
        for unknown in sorted(constraints[-1].names - set(parts.names)) if parts.names_sound else ():
            yield Finding(path=path, message=f"{unknown!r} is no parameter; {did_you_mean(unknown, parts.names)}")
    unspoilt = parts.names_sound and len(parts.parameters) == len(parts.names) and not any(_conditions(parts))
    space = _space(parts, [one for one in constraints if one.names <= set(parts.names)]) if unspoilt else None
    if isinstance(space, str):
        yield Finding(path=("search", "space"), message=space)
    for position, point in enumerate(parts.start):
        yield from _start_point(parts, space if isinstance(space, Space) else None, position, point)


def _space(parts: Parts, constraints: Sequence[Constraint]) -> Space | str:
    try:
        return Space(list(parts.parameters.values()), constraints)
    except ValueError as error:
        return str(error)


def _start_point(parts: Parts, space: Space | None, position: int, point: Mapping[str, Json]) -> Iterator[Finding]:
    path = ("search", "start", position)
    for name in point:
        if name not in parts.names and parts.names_sound:
            message = f"is no parameter of the space; {did_you_mean(name, parts.names)}"
            yield Finding(path=(*path, name), message=message)
    if space is not None:
        known = {name: value for name, value in point.items() if name in parts.names}
        yield from (Finding(path=path, message=said) for said in space.problems(known))


_RULES: Final[Sequence[Callable[[Parts], Iterator[Finding]]]] = (
    _columns,
    _names_in_model,
    _conditions,
    _grid,
    _constraints_and_start,
    _protection,
    _metrics,
    _bounds,
)
