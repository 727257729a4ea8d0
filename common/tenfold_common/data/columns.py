"""What the columns of a dataset look like, and why somebody would think so.

Conclusions are suggestions for people (``tenfold init``, ``tenfold check``): cautious rules over values and names,
each with its reason in a sentence. Nothing here changes data or decides a study.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from tenfold_common.data.dataset import Dataset, no_column
from tenfold_common.data.values import Array, Column, ColumnKind
from tenfold_common.errors import DataError

FEW_CLASSES: Final = 20
"""Whole numbers with at most this many distinct values are taken for classes when they are the target."""

_MOST_FEATURES: Final = 256
_GROUP_WORDS: Final = frozenset(
    {
        *("account", "animal", "batch", "client", "customer", "device", "donor", "family", "group", "hospital"),
        *("household", "id", "participant", "patient", "person", "plot", "school", "session", "site", "store"),
        *("subject", "uid", "user"),
    }
)
_TIME_WORDS: Final = frozenset(
    {"date", "datetime", "day", "epoch", "hour", "month", "period", "quarter", "time", "timestamp", "week", "year"}
)
_ROW_WORDS: Final = frozenset(
    {"guid", "id", "idx", "index", "key", "no", "nr", "number", "row", "rowid", "unnamed", "uuid"}
)
_LEAST_GROUPS: Final = 5
_SPARSE: Final = 20


class Form(StrEnum):
    """What a column is, for somebody who prepares it for a model."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    IDENTIFIER = "identifier"
    CONSTANT = "constant"


class TaskGuess(StrEnum):
    """What predicting a column would be."""

    BINARY = "binary classification"
    MULTICLASS = "multiclass classification"
    REGRESSION = "regression"

    @property
    def classification(self) -> bool:
        """Whether classes are predicted."""
        return self is not TaskGuess.REGRESSION


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """What the target looks like.

    Attributes:
        task: What predicting it would be; None if it cannot be predicted as it is (times, one value only).
        classes: For a classification: every class and its number of rows, the most frequent first.
        why: The reason, one sentence.
    """

    task: TaskGuess | None
    classes: tuple[tuple[str, int], ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """What one column looks like.

    Attributes:
        name: Its name.
        form: What it is.
        missing_share: Share of rows without a value, 0 to 1.
        distinct: Number of distinct values, missing ones not counted.
        why: Why it has this form, one sentence.
        group_why: Why rows with the same value may belong together; None if nothing says so.
        time_why: Why it may order the rows in time; None if nothing says so.
        target: If it is the target, what that looks like.
    """

    name: str
    form: Form
    missing_share: float
    distinct: int
    why: str
    group_why: str | None = None
    time_why: str | None = None
    target: TargetFacts | None = None

    @property
    def group_like(self) -> bool:
        """Whether rows with the same value may have to stay on one side of every split."""
        return self.group_why is not None

    @property
    def time_like(self) -> bool:
        """Whether it may order the rows in time."""
        return self.time_why is not None


def describe_columns(dataset: Dataset, target: str | None) -> list[ColumnFacts]:
    """What each column looks like, in the order of the columns.

    Beside a feature array of more than 256 columns only the named arrays are described.

    Raises:
        DataError: If there is no such target.
    """
    if target is not None and target not in dataset.column_names:
        raise DataError(no_column(target, dataset.column_names))
    names = [column.name for column in dataset.columns]
    if len(dataset.feature_names) <= _MOST_FEATURES or target in dataset.feature_names:
        names.extend(dataset.feature_names)
    return [_describe(_look_at(dataset.find(name)), is_target=name == target) for name in names]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """A column with what every rule asks of it: known values, distinct ones in order, and how often each occurs."""

    column: Column
    rows: int
    known: Array
    values: Array
    counts: Array

    @property
    def words(self) -> frozenset[str]:
        """The words of the column's name, in lower case: ``patientId`` has patient and id."""
        spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", self.column.name)
        return frozenset(re.findall(r"[a-z]+", spaced.lower()))

    @property
    def whole(self) -> bool:
        """Whether these are whole numbers, whatever type holds them."""
        return self.column.kind is ColumnKind.NUMBER and bool(
            np.isfinite(self.known).all() and np.array_equal(self.known, np.round(self.known))
        )

    @property
    def distinct(self) -> int:
        return len(self.values)

    def texts(self) -> list[str]:
        """The distinct values as texts."""
        labels = self.column.labels
        found = self.values if labels is None else labels.texts()[self.values]
        if self.column.kind is ColumnKind.BOOLEAN:
            found = found.astype(bool)
        elif self.whole:
            found = np.array([int(value) for value in found.tolist()], dtype=object)
        return [str(value) for value in found.tolist()]


def _look_at(column: Column) -> _Look:
    known = column.values[~column.missing()]
    values, counts = np.unique(known, return_counts=True)
    return _Look(column=column, rows=len(column.values), known=known, values=values, counts=counts)


def _describe(look: _Look, *, is_target: bool) -> ColumnFacts:
    form, why = _form(look)
    return ColumnFacts(
        name=look.column.name,
        form=form,
        missing_share=1 - len(look.known) / look.rows,
        distinct=look.distinct,
        why=why,
        group_why=None if is_target else _group_reason(look, form),
        time_why=None if is_target else _time_reason(look, form),
        target=_target(look) if is_target else None,
    )


def _form(look: _Look) -> tuple[Form, str]:
    if look.distinct == 0:
        return Form.CONSTANT, "it has no value in any row"
    if look.distinct == 1:
        return Form.CONSTANT, f"its only value is {look.texts()[0]!r}"
    by_kind: dict[ColumnKind, Callable[[_Look], tuple[Form, str]]] = {
        ColumnKind.BOOLEAN: lambda _: (Form.BOOLEAN, "its values are true and false"),
        ColumnKind.DATETIME: lambda _: (Form.DATETIME, "its values are dates or times"),
        ColumnKind.TEXT: _text_form,
        ColumnKind.NUMBER: _number_form,
    }
    return by_kind[look.column.kind](look)


def _text_form(look: _Look) -> tuple[Form, str]:
    texts = look.texts()
    words = sum(len(text.split()) for text in texts) / len(texts)
    if words >= 4:
        return Form.TEXT, f"its values are texts of {words:.0f} words on average"
    if look.distinct == len(look.known) and look.distinct > FEW_CLASSES:
        return Form.IDENTIFIER, f"each of its {look.distinct} values occurs once"
    if look.distinct > max(FEW_CLASSES, len(look.known) // 2):
        return Form.TEXT, f"it has {look.distinct} distinct values in {len(look.known)} rows, too many for categories"
    return Form.CATEGORICAL, f"it has {look.distinct} distinct texts"


def _number_form(look: _Look) -> tuple[Form, str]:
    if look.whole and look.distinct == len(look.known) > FEW_CLASSES:
        if int(look.values[-1]) - int(look.values[0]) + 1 == look.distinct and _never_falls(look.known):
            return Form.IDENTIFIER, f"it counts the rows from {int(look.values[0])} to {int(look.values[-1])}"
        if look.words & _ROW_WORDS:
            return Form.IDENTIFIER, f"each of its {look.distinct} values occurs once, and its name says so"
    if look.distinct == 2 and look.values.tolist() == [0, 1]:
        return Form.BOOLEAN, "its values are 0 and 1"
    kind = "whole numbers" if look.whole else "numbers"
    return Form.NUMERIC, f"its values are {kind} from {look.values[0]} to {look.values[-1]}"


def _group_reason(look: _Look, form: Form) -> str | None:
    """Why the rows of one value belong together: a name that says so, or values that look like repeated codes."""
    could_be = look.column.kind is ColumnKind.TEXT or look.whole
    if not could_be or form in {Form.CONSTANT, Form.TEXT, Form.BOOLEAN} or look.distinct * 2 > len(look.known):
        return None
    each = f"{look.distinct} distinct values in {len(look.known)} rows"
    named = sorted(look.words & _GROUP_WORDS)
    if named:
        return f"its name says {named[0]!r} and it has {each}"
    if look.distinct < _LEAST_GROUPS or int(look.counts.min()) < 2:
        return None
    if look.column.kind is ColumnKind.TEXT:
        codes = sum(any(char.isdigit() for char in text) for text in look.texts())
        return f"its values look like codes, {each}, each at least twice" if codes == look.distinct else None
    spread = int(look.values[-1]) - int(look.values[0])
    if look.distinct >= 2 * _LEAST_GROUPS and spread >= _SPARSE * look.distinct:
        return f"its values are few among many possible ones, as identifiers are: {each}, each at least twice"
    return None


def _time_reason(look: _Look, form: Form) -> str | None:
    if form is Form.DATETIME:
        return "its values are dates or times"
    if look.column.kind is not ColumnKind.NUMBER or form in {Form.CONSTANT, Form.BOOLEAN, Form.IDENTIFIER}:
        return None
    named = sorted(look.words & _TIME_WORDS)
    grows = _never_falls(look.known) and len(look.known) == look.rows and look.distinct > FEW_CLASSES
    years = look.whole and look.values[0] >= 1900 and look.values[-1] <= 2100
    if named and grows:
        return f"its name says {named[0]!r} and its values never fall from row to row"
    if named and years:
        return f"its name says {named[0]!r} and its values are years from {int(look.values[0])} on"
    if grows and look.distinct * 2 > look.rows:
        return "its values never fall from row to row"
    return None


def _never_falls(values: Array) -> bool:
    return bool((values[1:] >= values[:-1]).all())


def _target(look: _Look) -> TargetFacts:
    if look.column.kind is ColumnKind.DATETIME:
        return TargetFacts(task=None, classes=(), why="it holds times; predict a number made of them")
    if look.distinct < 2:
        return TargetFacts(task=None, classes=_classes(look), why="it has less than two values: nothing to learn")
    if look.column.kind is ColumnKind.NUMBER and not (look.whole and look.distinct <= FEW_CLASSES):
        kind = "whole numbers" if look.whole else "numbers with fractions"
        return TargetFacts(
            task=TaskGuess.REGRESSION, classes=(), why=f"its {look.distinct} distinct values are {kind}"
        )
    task = TaskGuess.BINARY if look.distinct == 2 else TaskGuess.MULTICLASS
    kind = "whole numbers" if look.column.kind is ColumnKind.NUMBER else f"{look.column.kind}s"
    return TargetFacts(task=task, classes=_classes(look), why=f"its values are {look.distinct} distinct {kind}")


def _classes(look: _Look) -> tuple[tuple[str, int], ...]:
    pairs: Sequence[tuple[str, int]] = list(zip(look.texts(), look.counts.tolist(), strict=True))
    return tuple(sorted(pairs, key=lambda pair: -pair[1]))
