"""Scores, merged outcomes and the winner, against values computed by hand."""

from tenfold_common.domain.selection import winner
from tenfold_common.domain.trial import Failure, FoldResult, Observation, Outcome, mean_score, merge_outcomes
from tenfold_common.domain.words import Direction, FailureKind


def fold(number: int, score: float) -> FoldResult:
    """One scored fold."""
    return FoldResult(fold=number, scores={"r2": score}, fit_s=0.1, score_s=0.1, train_rows=8, validation_rows=2)


def failure(number: int | None) -> Failure:
    """A failure in a fold."""
    return Failure(kind=FailureKind.EXCEPTION, message=f"in {number}", fold=number)


def test_the_mean_does_not_depend_on_the_order_of_the_folds() -> None:
    """0.1 + 0.2 + 0.3 differs from 0.3 + 0.2 + 0.1 in floats; the score must not."""
    scores = [0.1, 0.2, 0.3, 1e16, -1e16]
    forward = mean_score([fold(i, s) for i, s in enumerate(scores)], "r2")
    backward = mean_score([fold(i, s) for i, s in enumerate(reversed(scores))], "r2")
    assert forward == backward
    assert abs(forward - 0.6 / 5) < 1e-15


def test_parts_merge_in_fold_order() -> None:
    """Whoever ran which folds, the outcome lists them 0, 1, 2."""
    merged = merge_outcomes([Outcome(folds=(fold(2, 0.3),)), Outcome(folds=(fold(0, 0.1), fold(1, 0.2)))])
    assert [one.fold for one in merged.folds] == [0, 1, 2]
    assert merged.failure is None


def test_the_lowest_failing_fold_decides_and_only_folds_before_it_count() -> None:
    """Two machines may see two failures; the table must show the same one."""
    late = Outcome(folds=(fold(2, 0.3),), failure=failure(3))
    early = Outcome(folds=(fold(0, 0.1),), failure=failure(1))
    merged = merge_outcomes([late, early])
    assert [one.fold for one in merged.folds] == [0]
    assert merged.failure == failure(1)


def test_a_failure_before_any_fold_leaves_no_folds() -> None:
    """A model that cannot be built has no scores."""
    merged = merge_outcomes([Outcome(folds=(fold(0, 0.1),)), Outcome(folds=(), failure=failure(None))])
    assert merged.folds == ()


def test_the_winner_is_the_best_score_and_ties_go_to_the_lowest_number() -> None:
    """Whatever order the observations come in, in both directions."""
    table = [
        Observation(number=2, params={}, score=0.9),
        Observation(number=1, params={}, score=0.9),
        Observation(number=0, params={}, score=None),
        Observation(number=3, params={}, score=0.2),
    ]
    best, worst = winner(table, Direction.MAXIMIZE), winner(table, Direction.MINIMIZE)
    assert best is not None
    assert worst is not None
    assert (best.number, worst.number) == (1, 3)


def test_a_study_without_a_score_has_no_winner() -> None:
    """All failed: nothing to recommend."""
    assert winner([Observation(number=0, params={}, score=None)], Direction.MAXIMIZE) is None
