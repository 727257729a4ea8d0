"""Stopping rules look at the ordered prefix and nothing else."""

import pytest

from tenfold_common.domain.stopping import BestSoFar, Plateau, StoppingRules, reason_to_stop
from tenfold_common.domain.words import Direction, StopReason

MAX, MIN = Direction.MAXIMIZE, Direction.MINIMIZE


def running_best(scores: list[float | None], direction: Direction = MAX) -> tuple[float | None, ...]:
    """The history the rules are judged on."""
    best = BestSoFar()
    for score in scores:
        best = best.then(score, direction)
    return best.history


def test_running_best_skips_failures_and_follows_the_direction() -> None:
    """A failed trial leaves the best as it was."""
    assert running_best([None, 0.5, 0.4, None, 0.7]) == (None, 0.5, 0.5, 0.5, 0.7)
    assert running_best([None, 0.5, 0.4, None, 0.7], MIN) == (None, 0.5, 0.4, 0.4, 0.4)


@pytest.mark.parametrize(
    ("rules", "scores", "direction", "expected"),
    [
        (StoppingRules(trials=2), [0.1], MAX, None),
        (StoppingRules(trials=2), [0.1, None], MAX, StopReason.TRIALS),
        (StoppingRules(target=0.9), [0.89], MAX, None),
        (StoppingRules(target=0.9), [0.9], MAX, StopReason.TARGET),
        (StoppingRules(target=0.9), [0.95, 0.1], MAX, StopReason.TARGET),
        (StoppingRules(target=0.1), [0.2], MIN, None),
        (StoppingRules(target=0.1), [0.1], MIN, StopReason.TARGET),
        (StoppingRules(target=0.9), [None], MAX, None),
        (StoppingRules(trials=1, target=0.5), [0.7], MAX, StopReason.TARGET),
        (StoppingRules(plateau=Plateau(trials=2)), [0.5, 0.4], MAX, None),
        (StoppingRules(plateau=Plateau(trials=2)), [0.5, 0.4, 0.5], MAX, StopReason.PLATEAU),
        (StoppingRules(plateau=Plateau(trials=2)), [0.5, 0.4, 0.6], MAX, None),
        (StoppingRules(plateau=Plateau(trials=2, min_delta=0.1)), [0.5, 0.4, 0.55], MAX, StopReason.PLATEAU),
        (StoppingRules(plateau=Plateau(trials=2, min_delta=0.1)), [0.5, 0.6, 0.45], MIN, StopReason.PLATEAU),
        (StoppingRules(plateau=Plateau(trials=1)), [None, None, None], MAX, None),
        (StoppingRules(), [0.1] * 50, MAX, None),
    ],
)
def test_the_rule_that_holds_is_named(
    rules: StoppingRules, scores: list[float | None], direction: Direction, expected: StopReason | None
) -> None:
    """Target before trials before plateau; equal is reached; a plateau needs a score to compare with."""
    assert reason_to_stop(rules, direction, running_best(scores, direction)) is expected
