"""When a study is over, judged on the ordered prefix of its trials and nothing else.

A rule looks at the scores of trials 0..m-1 in trial order (None for a failed trial) and holds or does not. The
study stops at the smallest m for which a rule holds, so the stopping point is the same for any number of workers.
Only the time limit depends on the clock; it is judged by the scheduler and journalled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tenfold_common.domain.words import Direction, StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Plateau:
    """Stop when the last ``trials`` trials improved the best score by no more than ``min_delta``."""

    trials: int
    min_delta: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingRules:
    """The study's stopping rules. None means that there is no such rule.

    Attributes:
        trials: Number of trials in all.
        time_s: Seconds the study may be worked on (time in which no scheduler ran does not count).
        target: Score at which the study is good enough.
        plateau: Stop for lack of improvement.
    """

    trials: int | None = None
    time_s: float | None = None
    target: float | None = None
    plateau: Plateau | None = None


@dataclass(frozen=True, slots=True)
class BestSoFar:
    """The running best over an ordered prefix: what the rules need to know of it, updated trial by trial.

    Attributes:
        history: ``history[m]`` is the best score among trials 0..m, or None while all have failed.
    """

    history: tuple[float | None, ...] = ()

    def then(self, score: float | None, direction: Direction) -> "BestSoFar":
        """The running best after one more trial of the prefix."""
        best = self.history[-1] if self.history else None
        if score is not None and (best is None or direction.better(score, best)):
            best = score
        return BestSoFar((*self.history, best))


def reason_to_stop(rules: StoppingRules, direction: Direction, best: Sequence[float | None]) -> StopReason | None:
    """The reason to stop after exactly the prefix whose running best is ``best``, or None.

    Args:
        rules: The study's rules; the time limit is not judged here.
        direction: Which scores are better.
        best: Running best score after each trial of the prefix, in trial order.
    """
    if rules.target is not None and best and _reaches(best[-1], rules.target, direction):
        return StopReason.TARGET
    if rules.trials is not None and len(best) >= rules.trials:
        return StopReason.TRIALS
    if rules.plateau is not None and _flat(best, rules.plateau, direction):
        return StopReason.PLATEAU
    return None


def _reaches(best: float | None, target: float, direction: Direction) -> bool:
    return best is not None and not direction.better(target, best)


def _flat(best: Sequence[float | None], plateau: Plateau, direction: Direction) -> bool:
    if len(best) <= plateau.trials:
        return False
    before, now = best[-1 - plateau.trials], best[-1]
    if before is None or now is None:
        return False
    gain = now - before if direction is Direction.MAXIMIZE else before - now
    return gain <= plateau.min_delta
