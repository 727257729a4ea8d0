"""Messages survive the trip, and a message that is not ours is refused in words."""

import json
from typing import Any

import pytest

from tenfold_common.domain.assignment import (
    Assignment,
    Bell,
    Ended,
    News,
    Started,
    assignment_from_json,
    assignment_to_json,
    news_from_json,
    news_to_json,
)
from tenfold_common.domain.canonical import canonical_json, hash_of
from tenfold_common.domain.trial import AttemptKey, Failure, FoldResult
from tenfold_common.domain.words import ContentHash, FailureKind, StudyId

KEY = AttemptKey(StudyId("abc"), 3, 0, 2)
HASH = ContentHash("f" * 64)
FOLD = FoldResult(
    fold=0,
    scores={"accuracy": 0.1 + 0.2},
    fit_s=0.5,
    score_s=0.25,
    train_rows=80,
    validation_rows=20,
    warnings=("ConvergenceWarning: so",),
)
ASSIGNMENT = Assignment(
    key=KEY,
    queue="cpu",
    spec_hash=HASH,
    study_name="digits",
    study_seed=42,
    params={"svc.kernel": "rbf", "svc.C": 0.1, "svc.layers": [1, 2]},
    folds=(0, 1, 2),
)
NEWS: list[News] = [
    Bell(),
    Started(key=KEY, worker="host:1", fingerprint=HASH),
    Ended(key=KEY, worker="host:1", fingerprint=HASH, folds=(FOLD,), failure=None, seconds=1.5),
    Ended(
        key=KEY,
        worker="host:1",
        fingerprint=HASH,
        folds=(),
        failure=Failure(kind=FailureKind.TIMEOUT, message="fold 0 took too long", fold=0, traceback="…"),
        seconds=1.5,
        machine_trouble=True,
    ),
]


def test_an_assignment_survives_json_exactly() -> None:
    """Floats, order of parameters, fold numbers."""
    back = assignment_from_json(json.loads(json.dumps(assignment_to_json(ASSIGNMENT))))
    assert back == ASSIGNMENT
    assert list(back.params) == list(ASSIGNMENT.params)


@pytest.mark.parametrize("news", NEWS, ids=lambda news: type(news).__name__)
def test_news_survives_json_exactly(news: News) -> None:
    """Scores come back bit for bit."""
    assert news_from_json(json.loads(json.dumps(news_to_json(news), allow_nan=False))) == news


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({}, "schema None is not 1"),
        ({"schema": 2}, "upgrade the older one"),
        ({"schema": 1, "kind": "party"}, "unknown kind of news: 'party'"),
        ({"schema": 1, "kind": "started", "key": {}}, "malformed"),
        ({"schema": 1, "kind": "started", "key": None}, "malformed"),
        ([], "must be an object"),
        ("x", "must be an object"),
    ],
)
def test_a_message_that_is_not_ours_is_refused_in_words(message: Any, expected: str) -> None:  # Any: hostile input
    """Never a KeyError from deep inside."""
    with pytest.raises(ValueError, match=expected):
        news_from_json(message)


@pytest.mark.parametrize("missing", ["key", "params", "folds", "spec_hash", "study_seed"])
def test_an_assignment_that_lacks_something_is_refused(missing: str) -> None:
    """A worker must never guess."""
    message = assignment_to_json(ASSIGNMENT)
    del message[missing]
    with pytest.raises(ValueError, match="malformed assignment"):
        assignment_from_json(message)


def test_one_value_has_one_spelling() -> None:
    """Order of keys does not matter to a hash; values and types do."""
    assert canonical_json({"b": [1, 2.5], "a": None}) == '{"a":null,"b":[1,2.5]}'
    assert hash_of({"a": 1, "b": 2}) == hash_of({"b": 2, "a": 1})
    assert hash_of({"a": 1}) != hash_of({"a": True})
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))
