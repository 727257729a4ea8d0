"""What columns look like, with a reason for every conclusion."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from tenfold_common.data.columns import ColumnFacts, Form, TaskGuess, describe_columns
from tenfold_common.data.dataset import array_dataset
from tenfold_common.data.tables import table_from_frame
from tenfold_common.data.values import numeric_column
from tenfold_common.errors import DataError

ROWS = 120


def described(columns: Mapping[str, object], target: str | None = None) -> dict[str, ColumnFacts]:
    """Facts about a table's columns, by name."""
    return {facts.name: facts for facts in describe_columns(table_from_frame(pd.DataFrame(dict(columns))), target)}


def numbers(seed: int = 0) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Numbers in no order."""
    return np.random.default_rng(seed).normal(size=ROWS)


@pytest.mark.parametrize(
    ("values", "form", "why"),
    [
        (numbers(), Form.NUMERIC, "numbers from"),
        (np.arange(ROWS) % 7, Form.NUMERIC, "whole numbers from 0 to 6"),
        (np.arange(ROWS) % 2, Form.BOOLEAN, "0 and 1"),
        (np.arange(ROWS) % 2 == 0, Form.BOOLEAN, "true and false"),
        (["red", "green", "blue"] * 40, Form.CATEGORICAL, "3 distinct texts"),
        ([f"the patient said number {n} twice" for n in range(ROWS)], Form.TEXT, "6 words on average"),
        ([f"word{n % 100}" for n in range(ROWS)], Form.TEXT, "too many for categories"),
        ([f"P{n:03}" for n in range(ROWS)], Form.IDENTIFIER, "each of its 120 values occurs once"),
        (np.arange(1, ROWS + 1), Form.IDENTIFIER, "counts the rows from 1 to 120"),
        (pd.date_range("2024-01-01", periods=ROWS), Form.DATETIME, "dates or times"),
        ([3.5] * ROWS, Form.CONSTANT, "its only value is '3.5'"),
        ([None] * ROWS, Form.CONSTANT, "no value in any row"),
        ([None] * 60 + ["x"] * 60, Form.CONSTANT, "its only value is 'x'"),
    ],
)
def test_a_columns_form_is_told_with_its_reason(values: object, form: Form, why: str) -> None:
    """By its values alone."""
    facts = described({"c": values})["c"]
    assert facts.form is form
    assert why in facts.why


def test_gaps_and_distinct_values_are_counted() -> None:
    """A gap is not a value."""
    facts = described({"c": [1.0, None, 1.0, 2.5]})["c"]
    assert (facts.missing_share, facts.distinct) == (0.25, 2)


def test_a_named_identifier_need_not_be_in_order() -> None:
    """Whole numbers that occur once each are an identifier if the name says so, and a number otherwise."""
    shuffled = np.random.default_rng(1).permutation(ROWS) * 3
    facts = described({"rowId": shuffled, "amount": shuffled})
    assert facts["rowId"].form is Form.IDENTIFIER
    assert facts["amount"].form is Form.NUMERIC


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("patient", np.arange(ROWS) // 4),
        ("subjectId", [f"s-{n // 6}" for n in range(ROWS)]),
        ("user_id", [None, *(float(n // 4) for n in range(ROWS - 1))]),
        ("code", [f"K{n // 6}" for n in range(ROWS)]),
        ("somebody", (np.arange(ROWS) // 6) * 100_003),
    ],
)
def test_repeated_identifiers_are_group_like(name: str, values: object) -> None:
    """Their rows may have to stay on one side of every split."""
    facts = described({name: values})[name]
    assert facts.group_like
    assert facts.group_why is not None
    assert "distinct values in" in facts.group_why


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("age", 20 + np.arange(ROWS) % 60),
        ("colour", ["red", "green", "blue", "black", "white"] * 24),
        ("patient", np.arange(ROWS)),
        ("patient", numbers()),
        ("user_comment", [f"this is what user {n // 4} has written" for n in range(ROWS)]),
    ],
)
def test_ordinary_features_are_not_group_like(name: str, values: object) -> None:
    """Repeats alone make no group, nor does a name alone."""
    assert not described({name: values})[name].group_like


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("when", pd.date_range("2024-01-01", periods=ROWS)[::-1], "dates or times"),
        ("day", [f"2024-01-{n % 28 + 1:02}" for n in range(ROWS)], "dates or times"),
        ("year", 1990 + np.arange(ROWS) % 30, "years from 1990"),
        ("Time", np.repeat(np.arange(ROWS // 2) * 7, 2), "never fall"),
        ("seconds", np.sort(numbers()), "never fall"),
    ],
)
def test_what_may_order_rows_in_time_is_told(name: str, values: object, why: str) -> None:
    """Dates always; numbers if they only grow or are named and numbered as years."""
    facts = described({name: values})[name]
    assert facts.time_why is not None
    assert why in facts.time_why


@pytest.mark.parametrize(
    ("name", "values"), [("time", numbers()), ("hour", np.arange(ROWS) % 24), ("n", np.arange(ROWS))]
)
def test_a_duration_or_a_row_number_is_not_time_like(name: str, values: object) -> None:
    """A name without an order is not enough, nor is counting rows."""
    assert not described({name: values})[name].time_like


@pytest.mark.parametrize(
    ("values", "task", "first"),
    [
        (["yes"] * 90 + ["no"] * 30, TaskGuess.BINARY, ("yes", 90)),
        ([0, 1, 2, 2] * 30, TaskGuess.MULTICLASS, ("2", 60)),
        ([1.0, 0.0, None, 1.0] * 30, TaskGuess.BINARY, ("1", 60)),
        ([True, False] * 60, TaskGuess.BINARY, ("False", 60)),
        (numbers(), TaskGuess.REGRESSION, None),
        (np.arange(ROWS) * 7 % 50, TaskGuess.REGRESSION, None),
        (["only"] * ROWS, None, ("only", ROWS)),
        (pd.date_range("2024-01-01", periods=ROWS), None, None),
    ],
)
def test_the_target_tells_the_task(values: object, task: TaskGuess | None, first: tuple[str, int] | None) -> None:
    """With the class balance, the most frequent class first."""
    target = described({"y": values}, "y")["y"].target
    assert target is not None
    assert target.task is task
    assert target.why
    assert (target.classes[0] if target.classes else None) == first
    assert task is None or task.classification == bool(target.classes)


def test_only_the_target_has_target_facts_and_it_is_no_group_and_no_time() -> None:
    """Its role is taken."""
    facts = described({"patient": np.arange(ROWS) // 10, "x": numbers()}, "patient")
    assert facts["patient"].target is not None
    assert not facts["patient"].group_like
    assert facts["x"].target is None


def test_an_unknown_target_names_the_nearest() -> None:
    """As everywhere."""
    with pytest.raises(DataError, match="did you mean 'label'"):
        described({"label": [1, 2]}, "lable")


def test_wide_arrays_are_described_by_what_stands_beside_them() -> None:
    """Thousands of pixels tell nothing one by one."""
    y = numeric_column("y", np.array([0, 1]))
    narrow, wide = np.zeros((2, 3)), np.zeros((2, 300))
    assert [facts.name for facts in describe_columns(array_dataset(narrow, [y]), "y")] == ["y", "x0", "x1", "x2"]
    assert [facts.name for facts in describe_columns(array_dataset(wide, [y]), "y")] == ["y"]
