"""How far a study is, as plain facts made from its records. Pure: the clock comes in as an argument."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tenfold.report.shapes import best_trial, failures_by_kind, first_scores, rate_per_minute
from tenfold_common.domain.records import StudyRecord, TrialRecord
from tenfold_common.domain.words import Direction, StudyState, TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a study is.

    Attributes:
        name: The study.
        state: Its state.
        strategy: Its search strategy.
        metric: The optimised metric.
        direction: Which of its scores are better.
        finished: Trials with an outcome, the failed ones included, in the order in which they ended.
        budget: Trials in all; None where no rule limits them.
        running: Trials that a worker is evaluating.
        queued: Trials that wait.
        failures: Number of failed trials by kind, the most frequent first.
        best: The best trial so far.
        best_scores: Its fold scores.
        rate: Trials that ended per minute.
        eta_s: Seconds until the budget is used up at this rate; None while that cannot be said.
        elapsed_s: Seconds the study was worked on.
    """

    name: str
    state: StudyState
    strategy: str
    metric: str
    direction: Direction
    finished: tuple[TrialRecord, ...]
    budget: int | None
    running: int
    queued: int
    failures: dict[str, int]
    best: TrialRecord | None
    best_scores: tuple[float, ...]
    rate: float
    eta_s: float | None
    elapsed_s: float

    @property
    def done(self) -> int:
        """Number of trials with an outcome."""
        return len(self.finished)


def progress_of(study: StudyRecord, trials: Sequence[TrialRecord], *, now: datetime) -> Progress:
    """How far the study is.

    Args:
        study: The study.
        trials: Its trials, without discarded ones.
        now: The present moment.
    """
    finished = sorted(
        (trial for trial in trials if trial.state.ended), key=lambda trial: (trial.ended_at or now, trial.number)
    )
    best = best_trial(study, trials)
    rate = rate_per_minute(study, trials, now)
    return Progress(
        name=study.name,
        state=study.state,
        strategy=study.facts.strategy,
        metric=study.facts.metrics[0],
        direction=study.facts.direction,
        finished=tuple(finished),
        budget=study.stopping.trials,
        running=sum(trial.state is TrialState.RUNNING for trial in trials),
        queued=sum(trial.state is TrialState.QUEUED for trial in trials),
        failures=failures_by_kind(trials),
        best=best,
        best_scores=() if best is None else tuple(first_scores(study, best)),
        rate=rate,
        eta_s=_eta_s(study, done=len(finished), rate=rate),
        elapsed_s=study.elapsed_s,
    )


def _eta_s(study: StudyRecord, *, done: int, rate: float) -> float | None:
    by_trials = None
    if study.stopping.trials is not None and rate > 0:
        by_trials = 60.0 * max(0, study.stopping.trials - done) / rate
    by_time = None if study.stopping.time_s is None else max(0.0, study.stopping.time_s - study.elapsed_s)
    known = [seconds for seconds in (by_trials, by_time) if seconds is not None]
    return min(known, default=None) if study.state is StudyState.RUNNING else None
