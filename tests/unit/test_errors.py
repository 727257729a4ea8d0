"""Errors cross processes and still read the same."""

import pickle

import pytest

from tenfold_common.errors import FencedError, NotFoundError, Problem, StudyFileError, TenfoldError

PROBLEM = Problem(key="search.space.svc.C", message="must be positive, not -1", line=7)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (NotFoundError("study", "digit", ["digits", "wine"]), "no study named 'digit'; did you mean 'digits'?"),
        (NotFoundError("study", "zzz", ["digits"]), "there are: digits"),
        (NotFoundError("study", "zzz"), "there are none yet"),
        (StudyFileError("s.yaml", [PROBLEM]), "s.yaml:7: search.space.svc.C: must be positive, not -1"),
        (StudyFileError("s.yaml", [Problem(key="", message="is empty")]), "s.yaml: is empty"),
        (FencedError(1, 2), "another scheduler (epoch 2) has taken over from this one (epoch 1)"),
    ],
)
def test_an_error_reads_the_same_after_crossing_a_process(error: TenfoldError, text: str) -> None:
    """Pickle calls the constructor with ``args``: the text must not double."""
    assert text in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
