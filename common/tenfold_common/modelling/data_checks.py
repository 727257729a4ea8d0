"""Holds the data of a study against its study file: columns that exist, a target that can be learned, honest rows.

Each check yields findings: the key they belong to, and value, rule and next step in words. Nothing is changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tenfold_common.data.dataset import Dataset, DatasetKind, no_column
from tenfold_common.data.values import ColumnKind
from tenfold_common.domain.splitters import Splitter, SplitterKind
from tenfold_common.domain.study_sections import Data
from tenfold_common.domain.words import Json
from tenfold_common.errors import DataError
from tenfold_common.modelling.scoring import Task
from tenfold_common.modelling.split_columns import comparable_times

_FEW_VALUES: Final = 20
_MANY_CELLS: Final = 2_000_000
_NOTABLE_SHARE: Final = 0.01
_UNEVEN: Final = 0.8

Finding = tuple[str, str]

# Any in this module: estimators and columns of any type.


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Which column plays which part.

    Attributes:
        target: What is predicted.
        groups: What is never split.
        time: What orders the rows.
        fold: Each row's fold, for a predefined splitter.
        dropped: Further columns that the model must not see.
    """

    target: str
    groups: str | None = None
    time: str | None = None
    fold: str | None = None
    dropped: tuple[str, ...] = ()

    @property
    def unseen(self) -> tuple[str, ...]:
        """Every column besides the target that the model does not see, each once."""
        named = (self.groups, self.time, self.fold, *self.dropped)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    def keys(self) -> Iterator[tuple[str, str]]:
        """Key in the study file and column, for every column that is named there."""
        yield "data.target", self.target
        single = {"data.groups": self.groups, "data.time": self.time, "evaluation.folds": self.fold}
        yield from ((key, name) for key, name in single.items() if name is not None)
        yield from ((f"data.drop[{position}]", name) for position, name in enumerate(self.dropped))


def roles_of(data: Data, splitter: Splitter | None, default_target: str) -> Roles:
    """The part that each column plays, by the study file."""
    return Roles(
        target=data.target or default_target,
        groups=data.groups,
        time=data.time,
        fold=splitter.column if splitter is not None and splitter.kind is SplitterKind.PREDEFINED else None,
        dropped=data.drop,
    )


def column_findings(dataset: Dataset, roles: Roles) -> Iterator[Finding]:
    """Columns that do not exist, or lack values that they must have."""
    known = [name for name in dataset.column_names if name != roles.target]
    for key, name in roles.keys():  # noqa: SIM118  # not a mapping
        if name not in dataset.column_names:
            yield key, no_column(name, dataset.column_names if key == "data.target" else known)
        elif key in {"data.target", "data.groups", "data.time"}:
            yield from ((key, said) for said in _gaps(dataset, name))
    time = roles.time
    if time is not None and time in dataset.column_names and not dataset.missing(time).any():
        try:
            comparable_times(dataset.column(time))
        except DataError as error:
            yield "data.time", f"column {time!r}: {error}"
    if not set(dataset.column_names) - {roles.target, *roles.unseen} and dataset.kind is DatasetKind.TABLE:
        yield "data.drop", "no feature column is left; the model needs at least one"


def _gaps(dataset: Dataset, name: str) -> Iterator[str]:
    missing = dataset.missing(name)
    count = int(missing.sum())
    if count == dataset.rows:
        yield f"column {name!r} has no value in any of its {count} rows; name another column"
    elif count:
        first = int(missing.argmax())
        yield (
            f"column {name!r} has no value in {count} of {dataset.rows} rows (the first is row {first}, counted from "
            "0); leave such rows out of the data"
        )


def task_of(estimator: Any, dataset: Dataset, target: str) -> Task:
    """What the model predicts: as the model says, or, if it does not say, as the target looks."""
    from sklearn.base import is_classifier, is_regressor

    try:
        if is_classifier(estimator):
            return Task.CLASSIFICATION
        if is_regressor(estimator):
            return Task.REGRESSION
    except (AttributeError, TypeError):  # not made after scikit-learn's conventions: it does not say
        pass
    return Task.CLASSIFICATION if _looks_like_classes(dataset, target) else Task.REGRESSION


def _looks_like_classes(dataset: Dataset, target: str) -> bool:
    import numpy as np

    column = dataset.find(target)
    if column.kind in {ColumnKind.TEXT, ColumnKind.BOOLEAN}:
        return True
    values = column.materialised()
    whole = values.dtype.kind in "iu" or (values.dtype.kind == "f" and np.array_equal(values, np.round(values)))
    return bool(whole) and len(np.unique(values)) <= _FEW_VALUES


def target_problem(dataset: Dataset, target: str, task: Task) -> str | None:
    """Why this task cannot learn this target; None if it can."""
    column = dataset.find(target)
    values = column.materialised()
    classes = classes_of(values)
    if column.kind is ColumnKind.DATETIME:
        return f"column {target!r} holds times; predict a number made of them, or name another column"
    if task is Task.REGRESSION and column.kind is ColumnKind.TEXT:
        return (
            f"column {target!r} holds text such as {values[0]!r}, and the model predicts numbers; use a classifier, "
            "or name a column of numbers"
        )
    fraction = next((value for value in classes if isinstance(value, float) and not value.is_integer()), None)
    if task is Task.CLASSIFICATION and fraction is not None:
        return (
            f"column {target!r} holds numbers such as {fraction!r}, and the model predicts classes; use a regressor, "
            "or name a column of classes"
        )
    if len(classes) < 2:
        what = "class" if task is Task.CLASSIFICATION else "value"
        only = next(iter(classes))
        return f"column {target!r} has only one {what}, {only!r}: there is nothing to learn; name another column"
    return None


def classes_of(values: Any) -> dict[object, int]:
    """How many rows each class has, as Python values, in sorted order."""
    import pandas as pd

    counts = pd.Series(values).value_counts().sort_index()
    return {label.item() if hasattr(label, "item") else label: int(count) for label, count in counts.items()}


def balance_warnings(classes: Mapping[object, int], metrics: Sequence[str]) -> Iterator[str]:
    """Scores that look better than they are."""
    rows = sum(classes.values())
    label, most = max(classes.items(), key=lambda item: item[1])
    if metrics[0] == "accuracy" and most / rows > _UNEVEN:
        yield (
            f"{most / rows:.0%} of the rows are of the class {label!r}: always answering that has an accuracy of "
            f"{most / rows:.3f}; balanced_accuracy or f1_macro tell more"
        )
    if len(classes) > rows / 2:
        yield f"the target has {len(classes)} classes in {rows} rows; is it a classification?"


def duplicate_warnings(features: Any, dataset: Dataset) -> Iterator[str]:
    """Rows that are the same: copies on both sides of a fold make scores too good."""
    cells = dataset.rows * len(dataset.column_names)
    if cells > _MANY_CELLS:
        return
    if hasattr(features, "duplicated"):
        copies = int(features.duplicated().sum())
    else:
        copies = dataset.rows - len({row.tobytes() for row in features})
    if copies > dataset.rows * _NOTABLE_SHARE:
        yield (
            f"{copies} of {dataset.rows} rows have the same features as another row; copies on both sides of a fold "
            "make scores too good (name what they have in common as data.groups, or leave copies out)"
        )


def model_findings(model: Mapping[str, Json], dataset: Dataset, features: Sequence[str]) -> Iterator[Finding]:
    """Column transformers that ask for columns which are not there."""
    steps = model.get("pipeline")
    for position, step in enumerate(steps if isinstance(steps, list) else []):
        for name, content in step.items() if isinstance(step, dict) else ():
            columns = content.get("columns") if isinstance(content, dict) else None
            if isinstance(columns, dict):
                yield from _columns_findings(columns, f"model.pipeline[{position}].{name}.columns", dataset, features)


def _columns_findings(
    columns: Mapping[str, Json], key: str, dataset: Dataset, features: Sequence[str]
) -> Iterator[Finding]:
    if dataset.kind is DatasetKind.ARRAY:
        yield (
            key,
            "the data is one array of numbers, and only a table has columns to select; leave the step out",
        )
        return
    for name, group in columns.items():
        select = group.get("select") if isinstance(group, dict) else None
        for position, column in enumerate(select if isinstance(select, list) else []):
            if column not in features:
                yield f"{key}.{name}.select[{position}]", no_column(str(column), list(features))


def text_features(dataset: Dataset, features: Sequence[str]) -> list[str]:
    """Names of the feature columns that hold text."""
    return [one.name for one in dataset.columns if one.name in features and one.kind is ColumnKind.TEXT]


def gap_features(dataset: Dataset, features: Sequence[str]) -> list[str]:
    """Names of the feature columns that lack values; of a matrix, the numbers of its columns."""
    import numpy as np

    if dataset.matrix is None:
        return [name for name in features if dataset.missing(name).any()]
    if dataset.matrix.dtype.kind != "f" or dataset.matrix.ndim != 2:
        return []
    return [str(position) for position in np.flatnonzero(np.isnan(dataset.matrix).any(axis=0))]
