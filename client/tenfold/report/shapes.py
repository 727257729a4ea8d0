"""The JSON documents that scripts rely on, made from records. Pure; keys are only ever added, at the end."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from tenfold_common.domain.assignment import QueueRecord, WorkerRecord, fold_to_json
from tenfold_common.domain.records import AttemptRecord, StudyRecord, TrialRecord
from tenfold_common.domain.selection import winner
from tenfold_common.domain.trial import Failure, Observation, mean_score
from tenfold_common.domain.words import AttemptState, Json, TrialState

Shape = dict[str, Json]
RATE_WINDOW_S = 300.0


def best_trial(study: StudyRecord, trials: Sequence[TrialRecord]) -> TrialRecord | None:
    """The trial that wins among those finished so far; None while none has succeeded."""
    succeeded = {trial.number: trial for trial in trials if trial.state is TrialState.SUCCEEDED}
    best = winner(
        (Observation(number=trial.number, params=trial.params, score=trial.score) for trial in succeeded.values()),
        study.facts.direction,
    )
    return None if best is None else succeeded[best.number]


def first_scores(study: StudyRecord, trial: TrialRecord) -> list[float]:
    """The fold scores of the optimised metric, in fold order."""
    return metric_scores(trial, study.facts.metrics[0])


def metric_scores(trial: TrialRecord, metric: str) -> list[float]:
    """The fold scores of one metric, in fold order."""
    return [fold.scores[metric] for fold in trial.folds if metric in fold.scores]


def failures_by_kind(trials: Sequence[TrialRecord]) -> dict[str, int]:
    """How many trials failed of each kind, the most frequent first."""
    kinds = Counter(str(trial.failure.kind) for trial in trials if trial.failure is not None and _failed(trial))
    return dict(kinds.most_common())


def status_shape(
    study: StudyRecord,
    trials: Sequence[TrialRecord],
    *,
    attempts: Sequence[AttemptRecord] = (),
) -> Shape:
    """How a study stands: ``{study, state, reason, trials, best, seconds, ...}``.

    Args:
        study: The study.
        trials: Its trials, without discarded ones.
        attempts: Its open attempts; they fill ``running_on``.
    """
    best = best_trial(study, trials)
    return {
        "study": study.name,
        "state": str(study.state),
        "reason": None if study.reason is None else str(study.reason),
        "trials": _counts(trials),
        "best": None if best is None else {"number": best.number, "score": best.score, "params": dict(best.params)},
        "seconds": study.elapsed_s,
        "message": study.message,
        "metric": study.facts.metrics[0],
        "direction": str(study.facts.direction),
        "budget": study.stopping.trials,
        "failures": {**failures_by_kind(trials)},
        "running_on": [*sorted({attempt.worker for attempt in attempts if attempt.worker is not None})],
        "strategy": study.facts.strategy,
        "seed": study.seed,
        "created_at": _moment(study.created_at),
        "started_at": _moment(study.started_at),
        "ended_at": _moment(study.ended_at),
    }


def trials_shape(study: StudyRecord, trials: Sequence[TrialRecord]) -> list[Json]:
    """The trial table: one object per trial, in trial order."""
    return [trial_shape(study, trial) for trial in trials]


def trial_shape(study: StudyRecord, trial: TrialRecord) -> Shape:
    """One row of the trial table. ``lag`` is null for a strategy that does not learn from results."""
    return {
        "number": trial.number,
        "state": str(trial.state),
        "params": dict(trial.params),
        "seed": trial.seed,
        "score": trial.score,
        "fold_scores": [*first_scores(study, trial)],
        "attempts": trial.attempts,
        "seconds": trial.seconds,
        "fingerprint": trial.fingerprint,
        "lag": trial.number - trial.conditioned_on if study.facts.learns else None,
        "failure": _failure_shape(trial.failure),
        "metrics": {metric: _metric_shape(trial, metric) for metric in study.facts.metrics},
        "conditioned_on": trial.conditioned_on,
    }


def trial_detail_shape(
    study: StudyRecord,
    trial: TrialRecord,
    attempts: Sequence[AttemptRecord],
    machines: Mapping[str, Mapping[str, Json]],
) -> Shape:
    """Everything about one trial: its row, every fold, every attempt, the machines that ran it, the traceback.

    Args:
        study: The study.
        trial: The trial.
        attempts: All its attempts.
        machines: Facts behind the fingerprints that occur.
    """
    row = trial_shape(study, trial)
    if trial.failure is not None:
        row["failure"] = {**(_failure_shape(trial.failure) or {}), "traceback": trial.failure.traceback}
    return {
        "study": study.name,
        **row,
        "folds": [fold_to_json(fold) for fold in trial.folds],
        "attempt_list": [_attempt_shape(attempt) for attempt in attempts],
        "machines": {fingerprint: dict(facts) for fingerprint, facts in machines.items()},
        "created_at": _moment(trial.created_at),
        "ended_at": _moment(trial.ended_at),
    }


def studies_shape(studies: Sequence[tuple[StudyRecord, Sequence[TrialRecord]]]) -> list[Json]:
    """Every study as ``status`` shows it, oldest first."""
    return [status_shape(study, trials) for study, trials in studies]


def queue_shape(
    work: Sequence[tuple[StudyRecord, Sequence[TrialRecord], Sequence[AttemptRecord]]],
    known_queues: Sequence[QueueRecord],
    workers: Sequence[WorkerRecord],
    now: datetime,
) -> Shape:
    """The backlog: ``{queues: [{name, waiting, oldest_s}], running, workers, trials_per_minute}``.

    What waits is counted in the store, which is the truth; the broker only adds the names of queues that are empty.

    Args:
        work: Studies that have not ended, each with its trials and its open attempts.
        known_queues: What the broker knows; empty while there is none.
        workers: Workers that are alive.
        now: The present moment.
    """
    waiting: dict[str, list[datetime | None]] = {queue.name: [] for queue in known_queues}
    running = 0
    for study, trials, attempts in work:
        waiting.setdefault(study.facts.queue, []).extend(_waiting_since(trials, attempts))
        running += sum(attempt.state is AttemptState.RUNNING for attempt in attempts)
    return {
        "queues": [
            {"name": name, "waiting": len(since), "oldest_s": _oldest_s(since, now)}
            for name, since in sorted(waiting.items())
        ],
        "running": running,
        "workers": len(workers),
        "trials_per_minute": round(sum(rate_per_minute(study, trials, now) for study, trials, _ in work), 2),
    }


def workers_shape(workers: Sequence[WorkerRecord], now: datetime, names: Mapping[str, str]) -> list[Json]:
    """The machines: what they are, what they run, when they were last heard of.

    Args:
        workers: Workers that are alive.
        now: The present moment.
        names: Study names by id.
    """
    return [
        {
            "id": worker.id,
            "host": worker.host,
            "pid": worker.pid,
            "slots": worker.slots,
            "queues": list(worker.queues),
            "running": [
                {
                    "study": names.get(key.study, key.study),
                    "trial": key.trial,
                    "part": key.part,
                    "attempt": key.attempt,
                }
                for key in worker.running
            ],
            "started_at": _moment(worker.started_at),
            "seen_s": max(0.0, round((now - worker.seen_at).total_seconds(), 3)),
            "fingerprint": worker.fingerprint,
            "facts": dict(worker.facts),
        }
        for worker in workers
    ]


def rate_per_minute(study: StudyRecord, trials: Sequence[TrialRecord], now: datetime) -> float:
    """Trials that ended per minute in the last five minutes, or since work on the first of those began if later.

    The later start keeps the rate honest when a study is resumed after a night.
    """
    recent = [
        (trial.ended_at, trial.seconds or 0.0)
        for trial in trials
        if trial.ended_at is not None and (now - trial.ended_at).total_seconds() <= RATE_WINDOW_S
    ]
    if not recent:
        return 0.0
    begun_s = max((now - ended_at).total_seconds() + seconds for ended_at, seconds in recent)
    window_s = min(RATE_WINDOW_S, begun_s)
    if study.started_at is not None:
        window_s = min(window_s, (now - study.started_at).total_seconds())
    return 60.0 * len(recent) / max(1.0, window_s)


def _counts(trials: Sequence[TrialRecord]) -> Shape:
    states = Counter(trial.state for trial in trials)
    shown = (TrialState.SUCCEEDED, TrialState.FAILED, TrialState.RUNNING, TrialState.QUEUED)
    return {"total": len(trials), **{str(state): states[state] for state in shown}}


def _waiting_since(trials: Sequence[TrialRecord], attempts: Sequence[AttemptRecord]) -> list[datetime | None]:
    published = [attempt.published_at for attempt in attempts if attempt.state is AttemptState.PUBLISHED]
    handed_out = {attempt.key.trial for attempt in attempts}
    unpublished = [
        trial.created_at for trial in trials if trial.state is TrialState.QUEUED and trial.number not in handed_out
    ]
    return [*published, *unpublished]


def _oldest_s(since: Sequence[datetime | None], now: datetime) -> float | None:
    moments = [moment for moment in since if moment is not None]
    return None if not moments else round(max(0.0, (now - min(moments)).total_seconds()), 3)


def _metric_shape(trial: TrialRecord, metric: str) -> Shape:
    scores = metric_scores(trial, metric)
    complete = trial.state is TrialState.SUCCEEDED and len(scores) == len(trial.folds) > 0
    return {"mean": mean_score(trial.folds, metric) if complete else None, "folds": [*scores]}


def _failure_shape(failure: Failure | None) -> Shape | None:
    if failure is None:
        return None
    return {"kind": str(failure.kind), "message": failure.message, "fold": failure.fold}


def _attempt_shape(attempt: AttemptRecord) -> Shape:
    return {
        "part": attempt.key.part,
        "attempt": attempt.key.attempt,
        "state": str(attempt.state),
        "folds": list(attempt.folds),
        "worker": attempt.worker,
        "fingerprint": attempt.fingerprint,
        "counts": attempt.counts,
        "seconds": attempt.seconds,
        "failure": _failure_shape(attempt.failure),
        "published_at": _moment(attempt.published_at),
        "started_at": _moment(attempt.started_at),
        "ended_at": _moment(attempt.ended_at),
    }


def _failed(trial: TrialRecord) -> bool:
    return trial.state is TrialState.FAILED


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
