"""What to propose for a table: roles of its columns, folds, metrics, model, and the reason for each. Pure.

Cautious on purpose: a column that might tie rows together or order them in time decides the folds, because folds that
ignore it flatter every score.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tenfold_common.errors import DataError

if TYPE_CHECKING:
    from tenfold_common.data.columns import ColumnFacts, TargetFacts

FOLDS: Final = 5
_SMALL_ROWS: Final = 1_000
_UNEVEN: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A value for the study file and why.

    Attributes:
        value: As the study file spells it.
        why: One sentence.
    """

    value: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the study file will say.

    Attributes:
        target: The column to predict.
        classification: Whether classes are predicted.
        groups: Column whose equal values stay together.
        time: Column that orders the rows.
        drop: Columns that the model shall not see, with the reason.
        numeric: Columns of numbers and of true and false that are left.
        categorical: Columns of categories that are left.
        gaps: Whether one of the numeric columns left has missing values.
        small: Whether the table is small, so that a simple model is the better start.
        table: Whether the data has columns of several kinds, and not one array of numbers.
        folds: The splitter.
        metrics: The metrics, the optimised one first.
        asides: Things a person should think about.
    """

    target: str
    target_why: str
    classification: bool
    groups: Choice | None
    time: Choice | None
    drop: tuple[Choice, ...]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    gaps: bool
    small: bool
    table: bool
    folds: Choice
    metrics: Choice
    asides: tuple[str, ...]


def choose(facts: Sequence["ColumnFacts"], *, rows: int, table: bool) -> Choices:
    """The proposal for described columns, one of which is the target.

    Args:
        facts: The columns.
        rows: Number of rows.
        table: Whether the data is a table; otherwise it is an array of numbers with columns beside it.

    Raises:
        DataError: If the target cannot be predicted as it is, or nothing is left to predict it from.
    """
    column = next(one for one in facts if one.target is not None)
    target = column.target
    assert target is not None, "the line before has seen to it"
    classification = _checked(column, target, rows)
    others = [one for one in facts if one.target is None]
    groups, time = _groups(others), _time(others)
    if groups is not None:
        time = None  # folds keep either groups or time; groups leak more
    dropped = tuple(_dropped(others, {one.value for one in (groups, time) if one is not None}))
    unseen = {one.value for one in (*dropped, groups, time) if one is not None}
    left = [one for one in others if one.name not in unseen]
    if table and not left:
        raise DataError("no column is left to predict from; the table needs a column of numbers or categories")
    return Choices(
        target=column.name,
        target_why=target.why,
        classification=classification,
        groups=groups,
        time=time,
        drop=dropped,
        numeric=tuple(one.name for one in left if one.form in {"numeric", "boolean"}),
        categorical=tuple(one.name for one in left if one.form == "categorical"),
        gaps=any(one.missing_share > 0 for one in left if one.form != "categorical"),
        small=rows < _SMALL_ROWS,
        table=table,
        folds=_folds(target, others, groups, time, rows),
        metrics=_metrics(target),
        asides=tuple(_asides(others, groups)),
    )


def _checked(column: "ColumnFacts", target: "TargetFacts", rows: int) -> bool:
    if target.task is None:
        raise DataError(f"column {column.name!r} cannot be the target: {target.why}")
    if column.missing_share > 0:
        raise DataError(
            f"the target {column.name!r} has no value in {round(column.missing_share * rows)} of {rows} rows; "
            "leave such rows out of the data first"
        )
    return target.task.classification


def _groups(others: Sequence["ColumnFacts"]) -> Choice | None:
    usable = [one for one in others if one.group_why and not one.missing_share and one.distinct > 1]
    usable.sort(key=lambda one: not (one.group_why or "").startswith("its name"))  # a name says more than values do
    return Choice(value=usable[0].name, why=usable[0].group_why or "") if usable else None


def _time(others: Sequence["ColumnFacts"]) -> Choice | None:
    usable = [one for one in others if one.time_why and not one.missing_share]
    return Choice(value=usable[0].name, why=usable[0].time_why or "") if usable else None


def _dropped(others: Sequence["ColumnFacts"], taken: set[str]) -> Iterator[Choice]:
    for one in others:
        if one.name in taken:
            continue
        if one.form in {"identifier", "constant"}:
            yield Choice(value=one.name, why=one.why)
        elif one.form == "text":
            yield Choice(value=one.name, why=f"{one.why}: free text needs a vectoriser of its own")
        elif one.form == "datetime":
            yield Choice(value=one.name, why="dates need to be made into numbers (year, weekday, days since) first")


def _folds(
    target: "TargetFacts", others: Sequence["ColumnFacts"], groups: Choice | None, time: Choice | None, rows: int
) -> Choice:
    classification = bool(target.classes)
    rarest = min((count for _label, count in target.classes), default=0)
    if groups is not None:
        count = min(FOLDS, next(one.distinct for one in others if one.name == groups.value))
        kind = "stratified-group" if classification and rarest >= count else "group"
        return Choice(value=f"{{{kind}: {count}}}", why=f"no {groups.value!r} is on both sides of a fold")
    if time is not None:
        return Choice(
            value=f"{{time-series: {FOLDS}}}", why="every fold trains on the past and scores what comes after"
        )
    if classification and rarest >= 2:  # a class in two folds needs two rows
        return Choice(
            value=f"{{stratified: {min(FOLDS, rarest)}}}", why="every fold holds the classes in the same proportion"
        )
    return Choice(value=f"{{kfold: {min(FOLDS, rows)}}}", why="equal parts of the rows, shuffled by the seed")


def _metrics(target: "TargetFacts") -> Choice:
    if not target.classes:
        return Choice(
            value="[neg_root_mean_squared_error, r2]",
            why="errors are negative in scikit-learn, so that larger is better",
        )
    (label, most), (rare_label, rarest) = target.classes[0], target.classes[-1]
    second = "roc_auc" if len(target.classes) == 2 else "f1_macro"
    if most >= _UNEVEN * rarest:
        why = f"uneven classes ({most} rows {label!r}, {rarest} rows {rare_label!r}): accuracy would favour the first"
        return Choice(value=f"[balanced_accuracy, {second}]", why=why)
    return Choice(value=f"[accuracy, {second}]", why="the classes are about as frequent as each other")


def _asides(others: Sequence["ColumnFacts"], groups: Choice | None) -> Iterator[str]:
    for one in others:
        if one.group_why and (groups is None or one.name != groups.value):
            yield f"{one.name!r} could name groups too: {one.group_why}"
        if one.time_why and groups is not None:
            yield f"to predict the future, write `time: {one.name}` and `folds: {{time-series: {FOLDS}}}` instead"
