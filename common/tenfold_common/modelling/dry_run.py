"""Fits and scores the model once on a few rows, so that wiring mistakes are found before anything is queued.

A sample proves nothing about the model's scores, and a failure on it need not be one on all rows: only what cannot
be otherwise is called an error.
"""

import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any, Final

from tenfold_common.data.dataset import Dataset, DatasetKind
from tenfold_common.domain.distributions import Options
from tenfold_common.domain.space import Space
from tenfold_common.domain.words import Json, Params
from tenfold_common.modelling.estimators import PASSTHROUGH
from tenfold_common.modelling.scoring import Metric, score_all

_MOST_ROWS: Final = 200
_TRIES: Final = 64
_LONGEST_LINE: Final = 300

# Any in this module: estimators and data of any library.


def sample_rows(dataset: Dataset, target: Any, features: Sequence[str], *, classes: bool) -> Any:
    """Row numbers for a dry run: evenly spread, some of every class, and one with a gap per column that has gaps.

    Args:
        dataset: The data.
        target: The target's values.
        features: Names of the feature columns.
        classes: Whether the target holds classes.
    """
    import numpy as np
    import pandas as pd

    chosen = [np.linspace(0, dataset.rows - 1, min(dataset.rows, _MOST_ROWS), dtype=np.int64)]
    if classes:
        codes, labels = pd.factorize(target)
        each = max(2, _MOST_ROWS // max(1, len(labels)))
        members = [np.flatnonzero(codes == code) for code in range(min(len(labels), _MOST_ROWS))]
        chosen = [rows[np.linspace(0, len(rows) - 1, min(len(rows), each), dtype=np.int64)] for rows in members]
    if dataset.kind is DatasetKind.TABLE:
        gaps = (dataset.missing(name) for name in features[:_MOST_ROWS])
        chosen += [np.flatnonzero(gap)[:1] for gap in gaps]
    return np.unique(np.concatenate(chosen))


def middle_point(space: Space, start: Sequence[Params]) -> Params | None:
    """A point to try: the first start point, or else one near the middle of the space; None if none is allowed."""
    if start:
        return dict(start[0])
    import numpy as np

    tries = np.random.default_rng(0).random((_TRIES, len(space)))
    for units in [[0.5] * len(space), *tries.tolist()]:
        params = space.from_units(units)
        if space.allows(params):
            return params
    return None


def point_where_active(space: Space, name: str) -> Params:
    """A point in which the parameter takes part, whatever the constraints: for asking what it means to the model."""
    wanted: dict[str, Json] = {}
    waiting = [name]
    while waiting:
        for parent, values in space[waiting.pop()].when.items():
            wanted.setdefault(parent, values[0])
            waiting.append(parent)
    params: Params = {}
    for parameter in space.parameters:
        if parameter.name in wanted:
            params[parameter.name] = wanted[parameter.name]
        elif space.is_active(parameter, params):
            params[parameter.name] = parameter.distribution.from_unit(0.5)
    return params


def fit_and_score(estimator: Any, metrics: Sequence[Metric], X: Any, y: Any) -> "Iterator[Fault]":
    """Fit, then score with each metric; what went wrong, with the name of the metric (None for ``fit``)."""
    with quiet():
        try:
            estimator.fit(X, y)
        except Exception as error:  # noqa: BLE001  # the model is any code there is; whatever it raises is told
            yield None, error
            return
        for metric in metrics:
            try:
                score_all([metric], estimator, X, y)
            except Exception as error:  # noqa: BLE001  # so is a metric
                yield metric.name, error


Fault = tuple[str | None, Exception]
"""The metric that failed (None for ``fit``), and what was raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """What was tried.

    Attributes:
        point: The parameters.
        rows: Rows of the sample.
        text: Feature columns that hold text.
        gaps: Feature columns that lack values.
    """

    point: Params
    rows: int
    text: tuple[str, ...]
    gaps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What a failure means: a problem of the key, or, where that is None, something to be warned about."""

    key: str | None
    message: str


def explain(
    metric: str | None, error: Exception, tried: Attempted, space: Space, metrics: Sequence[str]
) -> Explained:
    """What a failure on the sample means for the study.

    Args:
        metric: Name of the metric that failed; None for ``fit``.
        error: What was raised.
        tried: What was tried.
        space: The search space, for what other points could change.
        metrics: Names of all metrics.
    """
    said = _one_line(error)
    if metric is not None:
        sure = _ANSWERS_MISSING.search(said) is not None and not _has_choices(space)
        key = f"evaluation.metrics[{metrics.index(metric)}]" if sure else None
        return Explained(key=key, message=f"{metric!r} cannot score this model: {said}")
    refused = _REFUSED_VALUE.search(said)
    if refused is not None:
        return Explained(key=_key_of(refused[1], tried.point), message=f"the model refuses a value: {said}")
    sure_key = None if _may_replace_steps(space) else "model"
    if tried.text and _NO_TEXT.search(said):
        return Explained(key=sure_key, message=_about_text(tried.text))
    if tried.gaps and _NO_GAPS.search(said):
        return Explained(key=sure_key, message=_about_gaps(tried.gaps))
    message = f"the model failed on a sample of {tried.rows} rows with {tried.point}: {said}"
    return Explained(key=None, message=message)


# What scikit-learn says in these cases; other libraries say something like it or end up in the general warning.
_ANSWERS_MISSING: Final = re.compile(r"has (none of the following attributes|no attribute '(predict|decision)\w*')")
_REFUSED_VALUE: Final = re.compile(r"The '(\w+)' parameter of \w+ must be")
_NO_TEXT: Final = re.compile(r"could not convert string to float|[Uu]nable to convert|invalid literal|dtype object")
_NO_GAPS: Final = re.compile(r"contains NaN|missing values|[Ii]nput contains (NaN|infinity)")


def _about_text(columns: Sequence[str]) -> str:
    return (
        f"the feature columns {_some(columns)} hold text, and this model takes numbers only; encode them in a step "
        "with `columns:` (such as sklearn.preprocessing.OneHotEncoder on `select: categorical`), or list them in "
        "data.drop"
    )


def _about_gaps(columns: Sequence[str]) -> str:
    return (
        f"the feature columns {_some(columns)} have missing values, and this model takes none; add a step such as "
        "sklearn.impute.SimpleImputer, or use a model that takes them (HistGradientBoosting...)"
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _key_of(parameter: str, point: Params) -> str:
    """The key of a parameter's value: the space if it was taken from there, else the model."""
    searched = [name for name in point if name.rpartition(".")[2] == parameter]
    return f"search.space.{searched[0]}" if searched else "model"


def _has_choices(space: Space) -> bool:
    return any(isinstance(parameter.distribution, Options) for parameter in space.parameters)


def _may_replace_steps(space: Space) -> bool:
    """Whether some choice may put another class (or none) at a step, so that one point says little of others."""
    return any(
        isinstance(value, dict) or value in {PASSTHROUGH, "drop"}
        for parameter in space.parameters
        if isinstance(parameter.distribution, Options)
        for value in parameter.distribution.values
        if not isinstance(value, list)
    )


def _one_line(error: Exception) -> str:
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001  # str is the user's code here
        text = "(its text cannot be shown)"
    return f"{type(error).__name__}: {text}"[:_LONGEST_LINE]


def take(data: Any, rows: Any) -> Any:
    """The given rows of a table or an array."""
    return data.iloc[rows] if hasattr(data, "iloc") else data[rows]


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings, and nothing on standard output, which belongs to the command's own result."""
    with warnings.catch_warnings(), redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        yield
