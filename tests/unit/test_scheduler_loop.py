"""The scheduler's shell, stepped by hand over fakes: what it writes, publishes and discards."""

from dataclasses import replace

import pytest

from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.words import AttemptState, FailureKind, StopReason, StudyState, TrialState
from tenfold_common.errors import FencedError, TransientError
from tests.unit.scheduling import BOOM, CRASH, Cluster, Counting, a_study, table


def test_a_study_runs_to_its_end_and_leaves_nothing_on_the_bus() -> None:
    """Every trial recorded once, the stop in the store, no news and no lease left."""
    cluster = Cluster()
    study = cluster.submit(a_study())
    cluster.run(study)
    record = cluster.store.study(study)
    assert (record.state, record.reason, record.stopped_at) == (StudyState.FINISHED, StopReason.TRIALS, 5)
    assert [row[1] for row in table(cluster, study)] == [TrialState.SUCCEEDED] * 5
    assert cluster.bus.receive(block_s=0) == []
    assert cluster.bus.take() is None
    assert cluster.store.fingerprint(cluster.store.trials(study)[0].fingerprint or "") == {"cpu": "x"}  # type: ignore[arg-type]  # a hash


def test_a_suggestion_knows_exactly_what_the_lag_allows() -> None:
    """Lag 2: suggestion n sees observations 0..n-2 and has n-1 pending, finished or not."""
    cluster = Cluster()
    study = cluster.submit(a_study(lag=2))
    cluster.run(study)
    known = [(r.number, [o.number for o in r.observations], len(r.pending)) for r in cluster.strategy.requests]
    assert known == [(0, [], 0), (1, [], 1), (2, [0], 1), (3, [0, 1], 1), (4, [0, 1, 2], 1)]


def test_a_strategy_that_does_not_learn_is_told_nothing() -> None:
    """No lag, no observations, nothing to wait for."""
    cluster = Cluster(Counting(learns=False))
    study = cluster.submit(a_study(lag=None))
    cluster.turn()
    assert [(r.number, r.observations, r.pending) for r in cluster.strategy.requests] == [
        (number, (), ()) for number in range(5)
    ]
    cluster.run(study)


def test_no_more_is_published_than_keeps_the_slots_busy() -> None:
    """One and a half times the slots, and at least four, so that a cancel stays effective."""
    cluster = Cluster(Counting(learns=False), slots=4)
    cluster.submit(a_study(lag=None, stopping=StoppingRules(trials=50)))
    cluster.turn()
    assert sum(queue.waiting for queue in cluster.bus.queues()) == 6


def test_a_result_that_could_not_be_committed_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is away for a moment: the news stays on the stream and counts once."""
    cluster = Cluster()
    study = cluster.submit(a_study())
    cluster.turn()
    cluster.finish(cluster.take())
    with monkeypatch.context() as patch:
        patch.setattr(cluster.store, "apply", _away)
        cluster.turn(times=2)
    assert cluster.bus.receive(block_s=0) != []
    cluster.run(study)
    assert [trial.attempts for trial in cluster.store.trials(study)] == [1] * 5


def test_a_restarted_scheduler_goes_on_from_the_store() -> None:
    """The table is that of an undisturbed study; nothing that was finished runs again."""
    calm = Cluster()
    calm.run(calm.submit(a_study()))
    cluster = Cluster()
    study = cluster.submit(a_study())
    for number in range(30):
        cluster.turn(times=2)
        cluster.work(1)
        cluster.clock.seconds += 20.0  # the old lock lapses
        cluster.scheduler = cluster.another(f"scheduler-{number}")
        if cluster.store.study(study).state.ended:
            break
    cluster.run(study)
    assert table(cluster, study) == table(calm, study)
    assert [trial.attempts for trial in cluster.store.trials(study)] == [1] * 5


def test_a_fresh_broker_means_that_nothing_is_out() -> None:
    """After Ctrl-C the embedded broker is gone: what was out is published anew at once, and counts for nothing."""
    cluster = Cluster()
    study = cluster.submit(a_study())
    cluster.turn()
    cluster.take()
    cluster.turn()
    cluster.bus.restart()
    cluster.clock.seconds += 20.0
    cluster.scheduler = cluster.another("second", fresh_broker=True)
    cluster.turn()
    lost = [one for one in cluster.store.attempts(study) if one.state is AttemptState.LOST]
    assert [(one.key.trial, one.counts) for one in lost] == [(0, False), (1, False)]
    cluster.run(study)
    assert {trial.state for trial in cluster.store.trials(study)} == {TrialState.SUCCEEDED}


def test_an_attempt_nobody_holds_is_given_out_again_and_a_late_result_still_counts() -> None:
    """One and a half lease times of silence, then a second attempt; whichever result comes first is the trial's."""
    cluster = Cluster()
    study = cluster.submit(a_study(lag=1))
    cluster.turn()
    silent = cluster.take()
    cluster.turn()
    cluster.clock.seconds += 46.0
    cluster.turn()
    again = cluster.take()
    assert (again.key.trial, again.key.attempt) == (0, 2)
    cluster.finish(silent)
    cluster.turn()
    assert cluster.store.trials(study)[0].state is TrialState.SUCCEEDED
    assert not cluster.bus.renew(again.key, worker="w"), "the second attempt is told to stop"


def test_a_message_the_broker_lost_is_sent_again() -> None:
    """Published, never claimed, not in the queue either: ring again."""
    cluster = Cluster()
    study = cluster.submit(a_study(lag=1))
    cluster.turn()
    assert cluster.bus.take("cpu") is not None  # the reply was dropped: nobody has it
    cluster.clock.seconds += 11.0
    cluster.turn()
    again = cluster.take()
    assert (again.key.trial, again.key.attempt) == (0, 1)
    cluster.finish(again)
    cluster.run(study)


def test_a_model_that_keeps_crashing_fails_its_own_trial_only() -> None:
    """Three attempts, then the evidence becomes the trial's failure."""
    cluster = Cluster()
    study = cluster.submit(a_study(lag=1))
    for _ in range(3):
        cluster.turn()
        cluster.finish(cluster.take(), failure=CRASH, trouble=True)
    cluster.run(study)
    first, *others = cluster.store.trials(study)
    assert first.failure is not None
    assert (first.failure.kind, first.attempts) == (FailureKind.CRASHED, 3)
    assert "SIGSEGV" in first.failure.message
    assert {trial.state for trial in others} == {TrialState.SUCCEEDED}


def test_a_failure_of_the_model_is_its_outcome_at_once() -> None:
    """No second attempt: it would raise again."""
    cluster = Cluster()
    study = cluster.submit(a_study(lag=1))
    cluster.turn()
    cluster.finish(cluster.take(), failure=BOOM)
    cluster.run(study)
    first = cluster.store.trials(study)[0]
    assert (first.state, first.attempts, first.failure) == (TrialState.FAILED, 1, BOOM)


def test_a_worker_that_hands_back_costs_the_trial_nothing() -> None:
    """Machine trouble without evidence against the model does not count."""
    cluster = Cluster()
    study = cluster.submit(a_study(lag=1))
    for _ in range(5):
        cluster.turn()
        cluster.finish(cluster.take(), trouble=True)
    cluster.run(study)
    assert {trial.state for trial in cluster.store.trials(study)} == {TrialState.SUCCEEDED}


def test_the_time_limit_stops_at_the_prefix_of_that_moment() -> None:
    """What was finished in order stays; what was running is discarded and revoked."""
    cluster = Cluster()
    study = cluster.submit(a_study(stopping=StoppingRules(trials=50, time_s=60.0)))
    cluster.turn()
    cluster.work(1)
    cluster.turn()
    running = cluster.take()
    cluster.turn()
    cluster.clock.seconds += 61.0
    cluster.turn()
    record = cluster.store.study(study)
    assert (record.state, record.reason, record.stopped_at) == (StudyState.FINISHED, StopReason.TIME, 1)
    assert record.elapsed_s == pytest.approx(61.0)
    assert not cluster.bus.renew(running.key, worker="w")


def test_time_during_which_a_study_is_paused_does_not_count() -> None:
    """Neither does time in which no scheduler runs."""
    cluster = Cluster()
    study = cluster.submit(a_study(stopping=StoppingRules(trials=50, time_s=60.0)))
    cluster.turn()
    _move(cluster, study, StudyState.PAUSED)
    cluster.clock.seconds += 600.0
    cluster.turn()
    _move(cluster, study, StudyState.RUNNING)
    cluster.turn()
    assert cluster.store.study(study).state is StudyState.RUNNING


def test_cancelling_revokes_what_runs_and_settles_where_the_study_ends() -> None:
    """The client only moves the state; the scheduler draws the line."""
    cluster = Cluster()
    study = cluster.submit(a_study(stopping=StoppingRules(trials=50)))
    cluster.turn()
    cluster.work(1)
    cluster.turn()
    running = cluster.take()
    cluster.turn()
    _move(cluster, study, StudyState.CANCELLED)
    cluster.turn()
    record = cluster.store.study(study)
    assert (record.state, record.stopped_at) == (StudyState.CANCELLED, 1)
    assert not cluster.bus.renew(running.key, worker="w")
    assert len(table(cluster, study)) == 1


def test_an_extended_study_equals_the_longer_one_from_the_start() -> None:
    """Discarded numbers are suggested again, with the same parameters, and claimed anew."""
    long = Cluster()
    long.run(long.submit(a_study(lag=2, stopping=StoppingRules(trials=9))))
    cluster = Cluster()
    study = cluster.submit(a_study(lag=2, stopping=StoppingRules(trials=4)))
    cluster.run(study)
    _move(cluster, study, StudyState.RUNNING, StoppingRules(trials=9))
    cluster.run(study)
    assert table(cluster, study) == table(long, long.store.studies()[0].id)


def test_a_study_that_stopped_early_can_be_extended_past_what_was_discarded() -> None:
    """Numbers beyond the stop were published and revoked once; they must be claimable again."""
    cluster = Cluster(Counting(learns=False))
    study = cluster.submit(a_study(lag=None, stopping=StoppingRules(trials=9, target=0.0)))
    cluster.turn()
    started = cluster.take(), cluster.take(), cluster.take()
    cluster.turn()
    cluster.finish(started[0])
    cluster.turn()
    assert cluster.store.study(study).stopped_at == 1
    _move(cluster, study, StudyState.RUNNING, StoppingRules(trials=6))
    cluster.run(study)
    assert [row[1] for row in table(cluster, study)] == [TrialState.SUCCEEDED] * 6


def test_a_strategy_that_raises_fails_the_study_in_words() -> None:
    """The scheduler goes on with the others."""
    cluster = Cluster(Counting(broken=True))
    study = cluster.submit(a_study())
    cluster.turn()
    record = cluster.store.study(study)
    assert (record.state, record.reason) == (StudyState.FAILED, StopReason.ERROR)
    assert "RuntimeError: no idea" in record.message


def test_an_exhausted_strategy_ends_the_study() -> None:
    """A grid of three points is a study of three trials."""
    cluster = Cluster(Counting(stop_at=3))
    study = cluster.submit(a_study())
    cluster.run(study)
    record = cluster.store.study(study)
    assert (record.reason, record.stopped_at) == (StopReason.EXHAUSTED, 3)


def test_a_second_scheduler_stands_by_and_takes_over_when_the_first_falls_silent() -> None:
    """One writer at a time; the old one finds out that it was replaced."""
    cluster = Cluster()
    study = cluster.submit(a_study())
    cluster.turn()
    second = cluster.another("second")
    cluster.turn(second, times=1)
    assert second._live == {}
    cluster.clock.seconds += 20.0
    cluster.turn(second)
    assert list(second._live) == [study]
    with pytest.raises(FencedError):
        cluster.store.apply(study, [], epoch=cluster.scheduler._epoch)


def test_two_studies_share_the_slots() -> None:
    """Neither waits for the other to end."""
    cluster = Cluster(Counting(learns=False))
    for name in ("one", "two"):
        cluster.submit(replace(a_study(name, lag=None, stopping=StoppingRules(trials=40))))
    cluster.turn()
    out = {name: len(cluster.store.attempts(cluster.store.study(name).id)) for name in ("one", "two")}
    assert out == {"one": 2, "two": 2}


def _away(*_: object, **__: object) -> tuple[bool, ...]:
    raise TransientError("the database is locked")


def _move(cluster: Cluster, study: str, to: StudyState, stopping: StoppingRules | None = None) -> None:
    record = cluster.store.study(study)
    assert cluster.store.move_study(record.id, revision=record.revision, to=to, stopping=stopping)
    cluster.bus.ring()
