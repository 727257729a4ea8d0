"""Turns the names under ``evaluation.metrics`` into functions that score a fitted model, and says which are better.

A name is one of scikit-learn's scorers, or ``python:module:attribute``. What the path names is told apart by how many
arguments it cannot do without: three is a scorer ``(estimator, X, y)``, two is a metric ``(y_true, y_pred)`` of
predictions. Higher is better (scikit-learn's convention), unless the attribute carries ``greater_is_better = False``.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from tenfold_common.domain.words import Direction
from tenfold_common.errors import MisuseError
from tenfold_common.modelling.loading import PYTHON, load, nearest

# Any in this module: estimators, arrays and scores of any library.
Scorer = Callable[[Any, Any, Any], Any]


class Task(StrEnum):
    """What the model is to predict."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


_REGRESSION: Final = frozenset(
    {
        "explained_variance",
        "r2",
        "d2_absolute_error_score",
        "neg_max_error",
        "neg_mean_absolute_error",
        "neg_mean_absolute_percentage_error",
        "neg_mean_squared_error",
        "neg_mean_squared_log_error",
        "neg_root_mean_squared_error",
        "neg_root_mean_squared_log_error",
        "neg_median_absolute_error",
        "neg_mean_poisson_deviance",
        "neg_mean_gamma_deviance",
    }
)
_CLUSTERING: Final = frozenset(
    {
        "adjusted_mutual_info_score",
        "adjusted_rand_score",
        "completeness_score",
        "fowlkes_mallows_score",
        "homogeneity_score",
        "mutual_info_score",
        "normalized_mutual_info_score",
        "rand_score",
        "v_measure_score",
    }
)
# Scorers of two classes, with what to use for more of them.
_BINARY: Final = {
    "average_precision": "roc_auc_ovr",
    "d2_brier_score": "neg_log_loss",
    "f1": "f1_macro",
    "jaccard": "jaccard_macro",
    "neg_brier_score": "neg_log_loss",
    "neg_negative_likelihood_ratio": "balanced_accuracy",
    "positive_likelihood_ratio": "balanced_accuracy",
    "precision": "precision_macro",
    "recall": "recall_macro",
    "roc_auc": "roc_auc_ovr",
}
# Those of them that take class 1 for the positive one and know no other.
_POSITIVE_IS_ONE: Final = frozenset({"f1", "jaccard", "precision", "recall"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A named way to score a fitted model.

    Attributes:
        name: As the study file has it.
        scorer: ``(estimator, X, y) -> score``.
        direction: Which scores are better.
    """

    name: str
    scorer: Scorer
    direction: Direction


def resolve_metric(name: str, *, beside: Path | None = None) -> Metric:
    """The metric of that name.

    Args:
        name: A scikit-learn scorer's name or ``python:module:attribute``.
        beside: Folder of a study file without a ``code:`` key: modules in it will not be there on a worker.

    Raises:
        MisuseError: If there is no such scorer, or what the path names is neither a scorer nor a metric.
    """
    if name.startswith(PYTHON):
        return _own_metric(name, load(name, beside=beside))
    from sklearn.metrics import get_scorer, get_scorer_names

    known = get_scorer_names()
    if name not in known:
        near = nearest(name, known)
        more = "" if near else "; it must be a scorer of scikit-learn or python:module:attribute"
        raise MisuseError(f"there is no metric {name!r}{near}{more}")
    return Metric(name=name, scorer=get_scorer(name), direction=Direction.MAXIMIZE)


def default_metric(task: Task) -> str:
    """The metric of a study file that names none."""
    return "accuracy" if task is Task.CLASSIFICATION else "r2"


def metric_problem(name: str, task: Task, classes: Sequence[object]) -> str | None:
    """Why this metric cannot score this task, or None where nothing speaks against it.

    Args:
        name: As the study file has it; nothing is known of ``python:`` paths.
        task: What the model predicts.
        classes: The classes in the target; not looked at for regression.
    """
    from sklearn.metrics import get_scorer_names

    if name.startswith(PYTHON):
        return None
    if task is Task.REGRESSION:
        meant_for_classes = name not in _REGRESSION and name in get_scorer_names()
        return f"{name!r} scores classes, and this is a regression; use r2 or neg_..." if meant_for_classes else None
    if name in _REGRESSION and not all(_is_number(value) for value in classes):
        return f"{name!r} scores numbers, and this is a classification of text; use accuracy or f1_macro"
    if name in _BINARY and len(classes) > 2:
        return f"{name!r} is for two classes, and the target has {len(classes)}; use {_BINARY[name]!r}"
    if name in _POSITIVE_IS_ONE and 1 not in classes:
        return (
            f"{name!r} takes 1 for the positive class, and the target has {list(classes)}; "
            f"use {_BINARY[name]!r}, or write the classes as 0 and 1"
        )
    return None


def metric_warning(name: str, task: Task) -> str | None:
    """What speaks against this metric though it can be computed, or None."""
    if task is Task.CLASSIFICATION and name in _REGRESSION:
        return f"the metric {name!r} takes the classes for numbers, which makes sense only if they are in an order"
    if name in _CLUSTERING:
        return f"the metric {name!r} does not care which class is which: it is meant for clusterings"
    return None


def score_all(metrics: Sequence[Metric], estimator: Any, X: Any, y: Any) -> Mapping[str, Any]:
    """The score of every metric, unchecked; predictions that several metrics need are made once.

    Args:
        metrics: At least one.
        estimator: Fitted.
        X: Features, one row per sample.
        y: Targets, one per row of ``X``.
    """
    from sklearn.metrics import check_scoring

    scores: Mapping[str, Any] = check_scoring(estimator, {m.name: m.scorer for m in metrics})(estimator, X, y)
    return scores


def _own_metric(path: str, found: Any) -> Metric:
    direction = Direction.MAXIMIZE if getattr(found, "greater_is_better", True) else Direction.MINIMIZE
    if hasattr(found, "_score_func"):  # made by make_scorer, which has given the score its sign already
        return Metric(name=path, scorer=found, direction=direction)
    if not callable(found):
        raise MisuseError(f"{path!r} is a {type(found).__name__}; a metric must be a function. {_FORMS}")
    required = _required_arguments(path, found)
    if required == 3:
        return Metric(name=path, scorer=found, direction=direction)
    if required == 2:
        return Metric(name=path, scorer=_scorer_of_predictions(found), direction=direction)
    raise MisuseError(f"{path!r} needs {required} arguments. {_FORMS}")


class _AsReturned:
    """Carries a metric's answer unchanged past scikit-learn's ``sign * score``, which None would not survive.

    What the metric answered can then be shown as it was.
    """

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def __rmul__(self, sign: int) -> Any:
        return self._answer


def _scorer_of_predictions(metric: Callable[[Any, Any], Any]) -> Scorer:
    from sklearn.metrics import make_scorer

    def score(y_true: Any, y_pred: Any) -> Any:  # make_scorer wants a function with a name; the user's may have none
        return _AsReturned(metric(y_true, y_pred))

    scorer: Scorer = make_scorer(score)
    return scorer


_FORMS: Final = "Write it as score(y_true, y_pred) or as score(estimator, X, y)"


def _required_arguments(path: str, function: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise MisuseError(f"{path!r} does not tell its arguments; wrap it in a function. {_FORMS}") from error
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(1 for item in parameters if item.kind in positional and item.default is item.empty)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) or (hasattr(value, "dtype") and value.dtype.kind in "biuf")
