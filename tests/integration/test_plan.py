"""The plan that ``tenfold check`` prints, for real studies: what will be done, in JSON and in words."""

from pathlib import Path

import pytest

from tenfold.plan import Plan, plan_shape, plan_text
from tenfold.submission import environment_of, lag_for, strategy_for
from tenfold_common.data.dataset import dataset_hash
from tenfold_common.domain.study_file import read_study
from tenfold_common.modelling.inspect import inspect_study

TEXT = """
name: plan
seed: 3
data: {{source: "sklearn:{data}"}}
model: {{estimator: {model}}}
search:
  strategy: {strategy}
  space:
    max_depth: {{int: [1, 6]}}
stopping: {stopping}
"""


def _plan(
    *,
    strategy: str = "random",
    stopping: str = "{trials: 10}",
    data: str = "iris",
    model: str = "sklearn.tree.DecisionTreeClassifier",
) -> Plan:
    text = TEXT.format(strategy=strategy, stopping=stopping, data=data, model=model)
    read = read_study(text, source="plan.yaml")
    strategy_object = strategy_for(read)
    inspection = inspect_study(read, base=Path())
    return Plan(
        read=read,
        inspection=inspection,
        learns=strategy_object.learns,
        lag=lag_for(strategy_object, read.study.execution.lag, read.study.stopping_rules()),
        data_hash=dataset_hash(inspection.dataset),
        environment=environment_of(read.study.document()),
    )


@pytest.mark.parametrize(
    ("strategy", "stopping", "trials"),
    [
        ("random", "{trials: 10}", 10),
        ("grid", "{}", 6),
        ("grid", "{trials: 4}", 4),
        ("grid", "{trials: 40}", 6),
        ("random", "{time: 1m}", None),
    ],
)
def test_the_number_of_trials_is_known_where_it_can_be(strategy: str, stopping: str, trials: int | None) -> None:
    """By the grid, by the rule, by whichever is smaller; not where only time bounds the study."""
    shape = plan_shape(_plan(strategy=strategy, stopping=stopping))
    assert shape["trials"] == trials
    assert shape["fits"] == (None if trials is None else 5 * trials)


def test_the_words_say_what_bounds_the_study() -> None:
    """Every stopping rule, the folds that were chosen, and the classes."""
    text = plan_text(_plan(stopping="{trials: 10, time: 90s, target: 0.9, plateau: {trials: 5}}"))
    for words in (
        "10 trials, 50 fits; at most 1m 30s",
        "until accuracy reaches 0.9",
        "until 5 trials bring no improvement",
        "5 stratified, each 120 rows to train, 30 to validate",
        "3 classes: 0 33.3%",
        "accuracy, maximized",
    ):
        assert words in text


def test_a_regression_has_no_classes() -> None:
    """Its target is a number."""
    plan = _plan(data="diabetes", model="sklearn.tree.DecisionTreeRegressor")
    assert "target, a number" in plan_text(plan)
    assert plan_shape(plan)["data"]["classes"] == {}  # type: ignore[index,call-overload]  # JSON, known to be a mapping


def test_a_learning_strategy_says_how_far_behind_it_may_be() -> None:
    """The lag is part of the plan, because it is part of what the trials are."""
    assert "each suggestion up to 4 trials behind" in plan_text(_plan(strategy="bayesian"))
