"""The JSON documents that scripts rely on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tenfold.report.shapes import (
    best_trial,
    queue_shape,
    rate_per_minute,
    status_shape,
    trial_detail_shape,
    trial_shape,
    trials_shape,
    workers_shape,
)
from tenfold_common.domain.assignment import QueueRecord, WorkerRecord
from tenfold_common.domain.records import AttemptRecord
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import (
    AttemptState,
    Direction,
    FailureKind,
    StopReason,
    StudyState,
    TrialState,
)
from tests.unit.report_samples import FINGERPRINT, MACHINE, NOON, TRACEBACK, failed_trial, study_record, trial_record


def _attempt(trial: int, state: AttemptState, *, age_s: float, worker: str | None = None) -> AttemptRecord:
    key = AttemptKey(study_record().id, trial, 0, 1)
    published_at = NOON - timedelta(seconds=age_s)
    return AttemptRecord(key=key, state=state, folds=(0, 1), published_at=published_at, worker=worker)


def test_status_begins_with_the_promised_keys_in_their_order() -> None:
    """Further keys come after them."""
    shape = status_shape(study_record(), [])
    assert list(shape)[:6] == ["study", "state", "reason", "trials", "best", "seconds"]
    assert shape["trials"] == {"total": 0, "succeeded": 0, "failed": 0, "running": 0, "queued": 0}
    assert shape["best"] is None


def test_status_counts_trials_by_state_and_failures_by_kind() -> None:
    """Every trial of the study is counted once."""
    study = study_record(state=StudyState.FINISHED, reason=StopReason.TRIALS, elapsed_s=7.5)
    trials = [
        trial_record(0, (0.9, 0.9)),
        failed_trial(1, FailureKind.CRASHED),
        failed_trial(2),
        failed_trial(3),
        trial_record(4, state=TrialState.RUNNING),
        trial_record(5),
    ]
    shape = status_shape(study, trials)
    assert shape["trials"] == {"total": 6, "succeeded": 1, "failed": 3, "running": 1, "queued": 1}
    assert shape["failures"] == {"exception": 2, "crashed": 1}
    assert (shape["state"], shape["reason"], shape["seconds"]) == ("finished", "trials", 7.5)


def test_status_names_the_best_trial_with_its_point() -> None:
    """The best has exactly a number, a score and parameters."""
    trial = trial_record(3, (0.9, 0.95))
    shape = status_shape(study_record(), [trial_record(0, (0.5, 0.5)), trial])
    assert shape["best"] == {"number": 3, "score": trial.score, "params": dict(trial.params)}


def test_status_names_the_workers_that_run_trials() -> None:
    """Each worker is named once, in order."""
    attempts = [
        _attempt(number, AttemptState.RUNNING, age_s=1, worker=worker)
        for number, worker in enumerate(["b", "a", "b"])
    ]
    shape = status_shape(study_record(), [], attempts=[*attempts, _attempt(9, AttemptState.PUBLISHED, age_s=1)])
    assert shape["running_on"] == ["a", "b"]


def test_the_best_trial_of_a_tie_is_the_earliest() -> None:
    """Ties go to the lowest number, as the winner rule has it."""
    best = best_trial(study_record(), [trial_record(2, (0.9, 0.9)), trial_record(1, (0.9, 0.9))])
    assert best is not None
    assert best.number == 1


def test_the_best_trial_follows_the_direction() -> None:
    """Where less is better, the least score wins."""
    study = study_record()
    study = replace(study, facts=replace(study.facts, direction=Direction.MINIMIZE))
    best = best_trial(study, [trial_record(0, (0.9, 0.9)), trial_record(1, (0.2, 0.2))])
    assert best is not None
    assert best.number == 1


def test_a_trials_row_begins_with_the_promised_keys_in_their_order() -> None:
    """Further keys come after them."""
    row = trial_shape(study_record(), trial_record(5, (0.9, 0.8)))
    promised = "number state params seed score fold_scores attempts seconds fingerprint lag failure"
    assert list(row)[:11] == promised.split()
    assert row["fold_scores"] == [0.9, 0.8]
    assert row["lag"] == 4
    assert row["failure"] is None


def test_a_trials_row_holds_every_metric_fold_by_fold() -> None:
    """Means are those that the trial itself has."""
    trial = trial_record(0, (0.9, 0.8))
    assert trial_shape(study_record(), trial)["metrics"] == {
        "accuracy": {"mean": trial.score, "folds": [0.9, 0.8]},
        "f1_macro": {"mean": pytest.approx(0.84), "folds": [0.9 - 0.01, 0.8 - 0.01]},
    }


def test_a_failed_trial_shows_its_failure_and_no_mean() -> None:
    """The folds before the failing one are shown; their mean would be no score."""
    row = trial_shape(study_record(), failed_trial(1))
    assert row["failure"] == {"kind": "exception", "message": "ValueError: gamma is too large", "fold": 1}
    assert row["score"] is None
    assert row["fold_scores"] == [0.5]
    assert row["metrics"] == {"accuracy": {"mean": None, "folds": [0.5]}, "f1_macro": {"mean": None, "folds": [0.49]}}


def test_a_strategy_that_does_not_learn_has_no_lag() -> None:
    """Its suggestions cannot be behind anything."""
    study = study_record()
    study = replace(study, facts=replace(study.facts, learns=False, lag=None))
    [row] = trials_shape(study, [trial_record(7, (0.9, 0.9), conditioned_on=0)])
    assert isinstance(row, dict)
    assert row["lag"] is None


def test_a_trial_in_full_has_its_traceback_attempts_and_machines() -> None:
    """What a person needs to find a failure's cause is there."""
    attempt = _attempt(1, AttemptState.FAILED, age_s=3, worker="node-1:99")
    shape = trial_detail_shape(study_record(), failed_trial(1), [attempt], {FINGERPRINT: MACHINE})
    assert isinstance(shape["failure"], dict)
    assert shape["failure"]["traceback"] == TRACEBACK
    assert shape["machines"] == {FINGERPRINT: MACHINE}
    assert isinstance(shape["attempt_list"], list)
    assert isinstance(shape["attempt_list"][0], dict)
    assert shape["attempt_list"][0]["worker"] == "node-1:99"


def test_the_queue_counts_published_assignments_and_trials_not_yet_handed_out() -> None:
    """A trial whose assignment runs is not waiting."""
    trials = [
        trial_record(0, state=TrialState.RUNNING),
        trial_record(1),
        trial_record(2, created_at=NOON - timedelta(seconds=20)),
    ]
    attempts = [_attempt(0, AttemptState.RUNNING, age_s=60), _attempt(1, AttemptState.PUBLISHED, age_s=50)]
    shape = queue_shape([(study_record(), trials, attempts)], [], [], NOON)
    assert shape["queues"] == [{"name": "cpu", "waiting": 2, "oldest_s": 50.0}]
    assert shape["running"] == 1


def test_an_empty_queue_that_the_broker_knows_is_listed() -> None:
    """Nothing waits in it, and nothing is oldest."""
    shape = queue_shape([], [QueueRecord(name="gpu", waiting=0)], [], NOON)
    assert shape == {
        "queues": [{"name": "gpu", "waiting": 0, "oldest_s": None}],
        "running": 0,
        "workers": 0,
        "trials_per_minute": 0,
    }


def test_the_rate_is_over_the_last_five_minutes() -> None:
    """Older trials say nothing about now."""
    study = study_record(started_at=NOON - timedelta(hours=1))
    ages_s = [1000, 299, 200, 100, 10, 1]
    trials = [trial_record(n, (0.9, 0.9), ended_at=NOON - timedelta(seconds=age)) for n, age in enumerate(ages_s)]
    assert rate_per_minute(study, trials, NOON) == pytest.approx(1.0)


def test_the_rate_of_a_young_study_is_over_its_own_time() -> None:
    """Three trials in half a minute are six per minute, not three in five."""
    study = study_record(started_at=NOON - timedelta(seconds=30))
    trials = [trial_record(n, (0.9, 0.9), ended_at=NOON, seconds=400.0) for n in range(3)]
    assert rate_per_minute(study, trials, NOON) == pytest.approx(6.0)


def test_the_rate_after_a_pause_forgets_the_pause() -> None:
    """The time before the first recent trial was worked on does not count."""
    study = study_record(started_at=NOON - timedelta(hours=9))
    trials = [
        trial_record(0, (0.9, 0.9), ended_at=NOON - timedelta(hours=8)),
        trial_record(1, (0.9, 0.9), ended_at=NOON - timedelta(seconds=10), seconds=10.0),
        trial_record(2, (0.9, 0.9), ended_at=NOON, seconds=10.0),
    ]
    assert rate_per_minute(study, trials, NOON) == pytest.approx(6.0)


def test_workers_are_shown_with_study_names_and_the_age_of_their_heartbeat() -> None:
    """A study's id, which people do not know, becomes its name."""
    worker = WorkerRecord(
        id="node-1:99",
        host="node-1",
        pid=99,
        slots=2,
        queues=("cpu",),
        fingerprint=FINGERPRINT,
        facts=MACHINE,
        running=(AttemptKey(study_record().id, 4, 0, 1),),
        started_at=NOON - timedelta(minutes=1),
        seen_at=NOON - timedelta(seconds=2),
    )
    [shape] = workers_shape([worker], NOON, {study_record().id: "digits-svc"})
    assert isinstance(shape, dict)
    assert shape["running"] == [{"study": "digits-svc", "trial": 4, "part": 0, "attempt": 1}]
    assert (shape["id"], shape["seen_s"], shape["facts"]) == ("node-1:99", 2.0, MACHINE)
