"""Names of metrics become functions that score, with the direction in which scores are better."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any  # estimators ship no types

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import get_scorer_names

from tenfold_common.domain.words import Direction
from tenfold_common.errors import MisuseError
from tenfold_common.modelling.loading import importing_from
from tenfold_common.modelling.scoring import (
    Task,
    default_metric,
    metric_problem,
    metric_warning,
    resolve_metric,
    score_all,
)

OWN = """
import numpy as np
from sklearn.metrics import make_scorer

def cost(y_true, y_pred):
    return float(np.sum(y_true != y_pred))
cost.greater_is_better = False

def hits(y_true, y_pred, *, weight=1.0):
    return weight * float(np.sum(y_true == y_pred))

def size(estimator, X, y):
    return float(len(X))

made = make_scorer(cost, greater_is_better=False)

def alone(x):
    return 0.0

class Callable:
    def __call__(self, y_true, y_pred):
        return 0.5

instance = Callable()
number = 3
"""


@pytest.fixture
def own_metrics(tmp_path: Path) -> Iterator[None]:
    """A module ``own_metrics`` that can be imported."""
    (tmp_path / "own_metrics.py").write_text(OWN)
    with importing_from(tmp_path):
        yield


class CountingClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Always predicts class 0, and counts how often it is asked."""

    def fit(self, X: Any, y: Any) -> "CountingClassifier":
        """Remember the classes."""
        self.classes_ = np.unique(y)
        self.asked_ = 0
        return self

    def predict(self, X: Any) -> Any:
        """Count and answer."""
        self.asked_ += 1
        return np.zeros(len(X), dtype=int)


class TestScikitLearn:
    """Scikit-learn's scorers."""

    def test_every_scorer_of_scikit_learn_is_maximised(self) -> None:
        """Losses carry the prefix neg_ there, so that greater is better."""
        assert {resolve_metric(name).direction for name in get_scorer_names()} == {Direction.MAXIMIZE}

    @pytest.mark.parametrize(("typo", "meant"), [("acuracy", "accuracy"), ("f1_makro", "f1_macro"), ("R2", "r2")])
    def test_a_typo_names_the_nearest_scorer(self, typo: str, meant: str) -> None:
        """Value, rule and next step."""
        with pytest.raises(MisuseError, match=f"there is no metric '{typo}'; did you mean '{meant}'"):
            resolve_metric(typo)

    def test_a_name_like_no_other_says_what_a_metric_may_be(self) -> None:
        """Nothing is near, so the rule is told."""
        with pytest.raises(MisuseError, match="python:module:attribute"):
            resolve_metric("wellbeing_of_all")

    def test_scores_are_the_textbook_numbers(self) -> None:
        """Four of six right; class 0: precision 2/3, recall 1, F1 4/5; class 1: precision 1 ... computed by hand."""
        X, y = np.zeros((6, 1)), np.array([0, 0, 0, 0, 1, 1])
        fitted = DummyClassifier(strategy="constant", constant=0).fit(X, y)
        metrics = [resolve_metric(name) for name in ("accuracy", "balanced_accuracy", "recall_macro")]
        scores = score_all(metrics, fitted, X, y)
        assert scores == {"accuracy": pytest.approx(4 / 6), "balanced_accuracy": 0.5, "recall_macro": 0.5}

    def test_regression_scores_are_the_textbook_numbers(self) -> None:
        """A line through (0, 0) and (1, 2) misses (2, 5) by one."""
        fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
        metrics = [resolve_metric(name) for name in ("neg_mean_absolute_error", "neg_mean_squared_error", "r2")]
        scores = score_all(metrics, fitted, [[0.0], [1.0], [2.0]], [0.0, 2.0, 5.0])
        mean = 7 / 3
        total = mean**2 + (2 - mean) ** 2 + (5 - mean) ** 2
        assert scores["neg_mean_absolute_error"] == pytest.approx(-1 / 3)
        assert scores["neg_mean_squared_error"] == pytest.approx(-1 / 3)
        assert scores["r2"] == pytest.approx(1 - 1 / total)

    def test_predictions_are_made_once_for_all_metrics(self) -> None:
        """Scoring with three metrics costs one predict."""
        X, y = np.zeros((4, 1)), np.array([0, 0, 1, 1])
        fitted = CountingClassifier().fit(X, y)
        score_all([resolve_metric(name) for name in ("accuracy", "balanced_accuracy", "recall_macro")], fitted, X, y)
        assert fitted.asked_ == 1


@pytest.mark.usefixtures("own_metrics")
class TestOwnMetrics:
    """The user's own scorers and metrics."""

    @pytest.mark.parametrize(
        ("attribute", "score", "direction"),
        [
            ("cost", 2.0, Direction.MINIMIZE),
            ("hits", 4.0, Direction.MAXIMIZE),
            ("size", 6.0, Direction.MAXIMIZE),
            ("made", -2.0, Direction.MAXIMIZE),
            ("instance", 0.5, Direction.MAXIMIZE),
        ],
    )
    def test_metrics_and_scorers_are_told_apart_by_their_arguments(
        self, attribute: str, score: float, direction: Direction
    ) -> None:
        """Two needed arguments: a metric of predictions; three: a scorer; greater_is_better gives the direction."""
        X, y = np.zeros((6, 1)), np.array([0, 0, 0, 0, 1, 1])
        fitted = DummyClassifier(strategy="constant", constant=0).fit(X, y)
        metric = resolve_metric(f"python:own_metrics:{attribute}")
        assert metric.direction is direction
        assert score_all([metric], fitted, X, y) == {metric.name: score}

    @pytest.mark.parametrize(
        ("attribute", "said"),
        [("alone", "needs 1 arguments"), ("number", "must be a function"), ("hit", "did you mean 'hits'")],
    )
    def test_what_is_neither_says_how_to_write_one(self, attribute: str, said: str) -> None:
        """The two forms are shown."""
        with pytest.raises(MisuseError, match=said):
            resolve_metric(f"python:own_metrics:{attribute}")


class TestFit:
    """Metrics that do not fit the task are told before anything runs."""

    @pytest.mark.parametrize(
        ("name", "classes", "said"),
        [
            ("roc_auc", ["a", "b", "c"], "use 'roc_auc_ovr'"),
            ("f1", [0, 1, 2], "use 'f1_macro'"),
            ("f1", ["no", "yes"], "takes 1 for the positive class"),
            ("neg_mean_squared_error", ["a", "b"], "scores numbers"),
        ],
    )
    def test_a_metric_that_cannot_score_these_classes_names_one_that_can(
        self, name: str, classes: list[object], said: str
    ) -> None:
        """Found before anything is queued."""
        problem = metric_problem(name, Task.CLASSIFICATION, classes)
        assert problem is not None
        assert said in problem

    def test_a_metric_of_classes_cannot_score_a_regression(self) -> None:
        """Accuracy of real numbers is an error in every fold."""
        problem = metric_problem("accuracy", Task.REGRESSION, ())
        assert problem is not None
        assert "use r2" in problem

    @pytest.mark.parametrize("name", ["accuracy", "f1_macro", "roc_auc_ovr", "python:a:b"])
    def test_a_metric_that_fits_is_let_through(self, name: str) -> None:
        """Nothing is known of the user's own."""
        assert metric_problem(name, Task.CLASSIFICATION, ["a", "b", "c"]) is None

    @pytest.mark.parametrize(
        "name", ["f1_macro", "neg_log_loss", "roc_auc_ovr", "jaccard_macro", "balanced_accuracy"]
    )
    def test_what_is_advised_for_many_classes_works_for_them(self, name: str) -> None:
        """The advice of the messages, tried out."""
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(60, 2)), np.repeat(["a", "b", "c"], 20)
        assert np.isfinite(score_all([resolve_metric(name)], LogisticRegression().fit(X, y), X, y)[name])

    def test_numbers_for_classes_are_warned_about(self) -> None:
        """An error of ordered classes is a choice; one of names is not."""
        assert metric_problem("neg_mean_absolute_error", Task.CLASSIFICATION, [1, 2, 3]) is None
        assert "in an order" in (metric_warning("neg_mean_absolute_error", Task.CLASSIFICATION) or "")
        assert metric_warning("accuracy", Task.CLASSIFICATION) is None

    def test_the_usual_metric_follows_from_the_task(self) -> None:
        """As documented for evaluation.metrics."""
        assert [default_metric(task) for task in Task] == ["accuracy", "r2"]
