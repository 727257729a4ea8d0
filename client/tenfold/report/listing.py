"""The tables of the command line: studies, trials, the queue, workers. Pure: facts in, text out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from tenfold.report.paint import PLAIN, Paint
from tenfold.report.shapes import Shape, best_trial, first_scores
from tenfold.report.tables import Column, text_table
from tenfold.report.wording import (
    FAILURE_WORDS,
    count_text,
    deviation_text,
    params_text,
    score_text,
    seconds_text,
    spread,
)
from tenfold_common.domain.assignment import WorkerRecord
from tenfold_common.domain.records import StudyRecord, TrialRecord
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import TrialState


def studies_table(
    studies: Sequence[tuple[StudyRecord, Sequence[TrialRecord]]],
    *,
    now: datetime,
    paint: Paint = PLAIN,
    width: int | None = None,
) -> str:
    """One line per study: how far, how good, how old."""
    columns = [
        Column("study", style=paint.strong),
        Column("state", style=paint.state),
        Column("trials", right=True),
        Column("failed", right=True),
        Column("best", right=True),
        Column("metric"),
        Column("worked", right=True),
        Column("age", right=True),
    ]
    return text_table(columns, [_study_row(*study, now) for study in studies], width=width, paint=paint)


def trials_table(
    study: StudyRecord, trials: Sequence[TrialRecord], *, paint: Paint = PLAIN, width: int | None = None
) -> str:
    """One line per trial, parameters last; the best one is marked with a star."""
    best = best_trial(study, trials)
    columns = [
        Column("trial", right=True),
        Column("state", style=paint.state),
        Column(study.facts.metrics[0], right=True),
        Column("sd", right=True),
        Column("time", right=True),
        Column("parameters"),
    ]
    rows = [_trial_row(study, trial, best=best is not None and trial.number == best.number) for trial in trials]
    return text_table(columns, rows, width=width, paint=paint)


def queue_table(shape: Shape, *, paint: Paint = PLAIN) -> str:
    """The backlog by queue, then what is running and how fast."""
    queues, workers = shape["queues"], shape["workers"]
    assert isinstance(queues, list), "queue_shape made it"
    assert isinstance(workers, int), "queue_shape made it"
    rows = [[str(one["name"]), str(one["waiting"]), _age(one["oldest_s"])] for one in queues if isinstance(one, dict)]
    columns = [Column("queue"), Column("waiting", right=True), Column("oldest", right=True)]
    table = f"{text_table(columns, rows, paint=paint)}\n\n" if rows else ""
    return (
        f"{table}{shape['running']} running, {count_text(workers, 'worker')}, "
        f"{shape['trials_per_minute']} trials per minute"
    )


def workers_table(
    workers: Sequence[WorkerRecord],
    names: Mapping[str, str],
    *,
    now: datetime,
    paint: Paint = PLAIN,
    width: int | None = None,
) -> str:
    """One line per worker: the machine, what it runs, when it was last heard of.

    Args:
        workers: Workers that are alive.
        names: Study names by id.
        now: The present moment.
        paint: How to make text stand out.
        width: Columns of the reader's terminal; None for a pipe.
    """
    columns = [
        Column("worker", style=paint.strong),
        Column("slots", right=True),
        Column("queues"),
        Column("heard of", right=True),
        Column("up", right=True),
        Column("running"),
    ]
    return text_table(columns, [_worker_row(worker, names, now) for worker in workers], width=width, paint=paint)


def attempt_text(key: AttemptKey, names: Mapping[str, str]) -> str:
    """An attempt for people: ``digits 12`` and, where they matter, its part and attempt."""
    part = f" part {key.part}" if key.part else ""
    again = f" attempt {key.attempt}" if key.attempt > 1 else ""
    return f"{names.get(key.study, key.study)} {key.trial}{part}{again}"


def _study_row(study: StudyRecord, trials: Sequence[TrialRecord], now: datetime) -> list[str]:
    counts = Counter(trial.state for trial in trials)
    done = counts[TrialState.SUCCEEDED] + counts[TrialState.FAILED]
    best = best_trial(study, trials)
    return [
        study.name,
        str(study.state) if study.reason is None else f"{study.state} ({study.reason})",
        str(done) if study.stopping.trials is None else f"{done}/{study.stopping.trials}",
        str(counts[TrialState.FAILED]),
        "-" if best is None else score_text(best.score),
        study.facts.metrics[0],
        seconds_text(study.elapsed_s),
        seconds_text((now - study.created_at).total_seconds()),
    ]


def _trial_row(study: StudyRecord, trial: TrialRecord, *, best: bool) -> list[str]:
    deviation = spread(first_scores(study, trial)) if trial.state is TrialState.SUCCEEDED else None
    state = str(trial.state)
    if trial.failure is not None:
        state = f"{state} ({FAILURE_WORDS[trial.failure.kind]})"
    return [
        f"{'*' if best else ''}{trial.number}",
        state,
        score_text(trial.score),
        "-" if deviation is None else deviation_text(deviation),
        seconds_text(trial.seconds),
        params_text(trial.params),
    ]


def _worker_row(worker: WorkerRecord, names: Mapping[str, str], now: datetime) -> list[str]:
    return [
        worker.id,
        str(worker.slots),
        ",".join(worker.queues),
        f"{seconds_text(max(0.0, (now - worker.seen_at).total_seconds()))} ago",
        seconds_text((now - worker.started_at).total_seconds()),
        ", ".join(attempt_text(key, names) for key in worker.running) or "-",
    ]


def _age(seconds: object) -> str:
    return seconds_text(float(seconds)) if isinstance(seconds, (int, float)) else "-"
