"""What every store promises: trials, attempts, transactions. The fake, SQLite and PostgreSQL pass the same suite."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tenfold_common.domain.changes import AddElapsed, AddTrial, Change, DiscardTrials
from tenfold_common.domain.records import StudyRecord
from tenfold_common.domain.words import (
    AttemptState,
    StudyId,
    TrialState,
)
from tenfold_common.errors import NotFoundError
from tenfold_common.ports import Store
from tests.contract.store_facts import (
    NOON,
    SOME_HASH,
    TurnedClock,
    a_failure,
    a_study,
    apply,
    gone,
    key,
    lost,
    published,
    some_folds,
    started,
    succeeded,
    suggested,
    whole_life,
    won,
)

NAN = float("nan")


@pytest.fixture
def study(store: Store) -> StudyRecord:
    """A study in the store."""
    added = a_study()
    store.add_study(added)
    return added


class TestTrials:
    """A suggestion and an outcome are each recorded once."""

    def test_a_trial_comes_back_exactly_as_it_was_written(
        self, store: Store, study: StudyRecord, store_clock: TurnedClock
    ) -> None:
        """Parameters in their order, scores to the last bit, warnings and all."""
        apply(store, study, suggested(3))
        ended_at = store_clock.turn(1.5)
        apply(store, study, published(study, 3), won(3))
        trial = store.trial(study.id, 3)
        assert list(trial.params.items()) == [("svc.C", 0.1), ("a", "rbf")]
        assert (trial.state, trial.score, trial.folds) == (TrialState.SUCCEEDED, 0.1, some_folds(0.1))
        assert (trial.seed, trial.conditioned_on, trial.attempts) == (2**32 - 1, 1, 1)
        assert (trial.seconds, trial.fingerprint, trial.failure) == (1.5, SOME_HASH, None)
        assert (trial.created_at, trial.ended_at) == (NOON, ended_at)
        assert [trial] == store.trials(study.id)

    def test_a_failed_trial_keeps_its_evidence(self, store: Store, study: StudyRecord) -> None:
        """The folds before the failing one and the failure."""
        apply(store, study, suggested(), lost())
        trial = store.trial(study.id, 0)
        assert (trial.state, trial.score) == (TrialState.FAILED, None)
        assert (trial.folds, trial.failure) == (some_folds()[:1], a_failure())

    def test_the_first_suggestion_wins(self, store: Store, study: StudyRecord) -> None:
        """A trial of that number is left alone."""
        assert apply(store, study, suggested(c=1.0), suggested(c=2.0)) == (True, False)
        assert store.trial(study.id, 0).params["svc.C"] == 1.0

    def test_the_first_outcome_wins(self, store: Store, study: StudyRecord) -> None:
        """Fold results are written only with it."""
        assert apply(store, study, suggested(), won(score=0.5), won(score=0.6), lost()) == (True, True, False, False)
        assert store.trial(study.id, 0).folds == some_folds(0.5)

    def test_there_is_no_outcome_without_a_trial(self, store: Store, study: StudyRecord) -> None:
        """Ending a trial nobody suggested changes nothing."""
        assert apply(store, study, won(5)) == (False,)
        assert store.trials(study.id) == []

    def test_trials_come_in_trial_order(self, store: Store, study: StudyRecord) -> None:
        """Whatever order they were written in."""
        apply(store, study, *(suggested(number) for number in (10, 2, 0)))
        assert [trial.number for trial in store.trials(study.id)] == [0, 2, 10]

    def test_a_missing_trial_is_an_error_that_names_the_range(self, store: Store, study: StudyRecord) -> None:
        """And says so where there are none."""
        with pytest.raises(NotFoundError, match="none yet"):
            store.trial(study.id, 0)
        apply(store, study, suggested(0), suggested(1))
        with pytest.raises(NotFoundError, match="no trial named '7'; there are: 0 to 1"):
            store.trial(study.id, 7)

    def test_trials_beyond_the_stop_are_hidden_unless_asked_for(
        self, store: Store, study: StudyRecord, store_clock: TurnedClock
    ) -> None:
        """Finished or not, they are not part of the study."""
        apply(store, study, *(suggested(number) for number in range(4)), won(0), won(2))
        store_clock.turn(9)
        assert apply(store, study, DiscardTrials(from_number=2), DiscardTrials(from_number=2)) == (True, False)
        assert [trial.number for trial in store.trials(study.id)] == [0, 1]
        assert store.trial(study.id, 2).state is TrialState.DISCARDED
        everything = store.trials(study.id, discarded=True)
        assert [trial.ended_at for trial in everything] == [NOON, None, NOON, store_clock.now()]

    def test_a_discarded_trials_number_is_free_again(self, store: Store, study: StudyRecord) -> None:
        """An extended study suggests it anew; what was discarded leaves no attempt behind."""
        apply(store, study, *whole_life(study, 0), DiscardTrials(from_number=0))
        assert apply(store, study, won(0), suggested(0, c=3.0), published(study)) == (False, True, False)
        assert apply(store, study, published(study, attempt=2)) == (True,)
        trial = store.trial(study.id, 0)
        assert (trial.state, trial.params["svc.C"], trial.score) == (TrialState.QUEUED, 3.0, None)
        assert (trial.folds, trial.attempts, trial.ended_at) == ((), 2, None)

    def test_two_studies_do_not_mix(self, store: Store, study: StudyRecord) -> None:
        """The same numbers in another study are other trials."""
        other = a_study("wine")
        store.add_study(other)
        apply(store, study, *whole_life(study, 0))
        assert store.trials(other.id) == []
        assert apply(store, other, suggested(0), DiscardTrials(from_number=0)) == (True, True)
        assert store.trial(study.id, 0).state is TrialState.SUCCEEDED

    @pytest.mark.parametrize("what", ["trials", "trial", "attempts", "apply"])
    def test_an_unknown_study_is_an_error(self, store: Store, study: StudyRecord, what: str) -> None:
        """Not an empty table."""
        ask: dict[str, Callable[[StudyId], object]] = {
            "trials": store.trials,
            "trial": lambda study: store.trial(study, 0),
            "attempts": store.attempts,
            "apply": lambda study: store.apply(study, [], epoch=1),
        }
        with pytest.raises(NotFoundError, match="no study named 'nope'"):
            ask[what](StudyId("nope"))


class TestAttempts:
    """An attempt goes forward only: published, running, and one end."""

    def test_an_attempt_comes_back_exactly_as_it_was_written(
        self, store: Store, study: StudyRecord, store_clock: TurnedClock
    ) -> None:
        """Who ran it, where, when, and what came of it."""
        apply(store, study, suggested(), published(study))
        started_at = store_clock.turn(1)
        apply(store, study, started(study))
        ended_at = store_clock.turn(1)
        apply(store, study, succeeded(study))
        (attempt,) = store.attempts(study.id)
        assert (attempt.key, attempt.state, attempt.folds) == (key(study), AttemptState.SUCCEEDED, (0, 1))
        assert (attempt.worker, attempt.fingerprint) == ("host:2", "b" * 64)
        assert (attempt.results, attempt.failure, attempt.seconds) == (some_folds(), None, 1.5)
        assert (attempt.published_at, attempt.started_at, attempt.ended_at) == (NOON, started_at, ended_at)
        assert attempt.counts

    def test_publishing_again_changes_nothing(self, store: Store, study: StudyRecord) -> None:
        """The next attempt has the next number."""
        apply(store, study, suggested(), published(study), started(study))
        assert apply(store, study, published(study), published(study, attempt=2)) == (False, True)
        states = [attempt.state for attempt in store.attempts(study.id)]
        assert states == [AttemptState.RUNNING, AttemptState.PUBLISHED]
        assert store.trial(study.id, 0).attempts == 2

    def test_only_an_open_trial_has_new_attempts(self, store: Store, study: StudyRecord) -> None:
        """Neither an ended nor a missing one."""
        apply(store, study, suggested(0), won(0))
        assert apply(store, study, published(study, 0), published(study, 1)) == (False, False)
        assert store.attempts(study.id) == []

    def test_a_claim_makes_the_trial_run(self, store: Store, study: StudyRecord) -> None:
        """Only a published attempt can be claimed, and only once."""
        apply(store, study, suggested(), published(study))
        assert apply(store, study, started(study), started(study, worker="late")) == (True, False)
        assert store.trial(study.id, 0).state is TrialState.RUNNING
        assert store.attempts(study.id)[0].worker == "host:1"

    def test_a_claim_does_not_wake_an_ended_trial(self, store: Store, study: StudyRecord) -> None:
        """The outcome stays."""
        apply(store, study, suggested(), published(study), won(), started(study))
        assert store.trial(study.id, 0).state is TrialState.SUCCEEDED

    def test_a_result_may_come_before_the_claim(self, store: Store, study: StudyRecord) -> None:
        """News may be late; a late claim is then ignored."""
        apply(store, study, suggested(), published(study))
        assert apply(store, study, succeeded(study), started(study)) == (True, False)
        (attempt,) = store.attempts(study.id)
        assert (attempt.state, attempt.started_at) == (AttemptState.SUCCEEDED, None)

    def test_losing_an_attempt_keeps_who_ran_it(self, store: Store, study: StudyRecord) -> None:
        """The scheduler does not repeat what it does not know."""
        apply(store, study, suggested(), published(study), started(study))
        uncounted = replace(gone(study), counts=False, failure=a_failure())
        assert apply(store, study, uncounted) == (True,)
        (attempt,) = store.attempts(study.id)
        assert (attempt.worker, attempt.fingerprint) == ("host:1", SOME_HASH)
        assert (attempt.counts, attempt.failure) == (False, a_failure())

    @pytest.mark.parametrize(
        ("first", "then", "accepted"),
        [
            (AttemptState.LOST, AttemptState.SUCCEEDED, True),
            (AttemptState.LOST, AttemptState.FAILED, False),
            (AttemptState.LOST, AttemptState.REVOKED, False),
            (AttemptState.REVOKED, AttemptState.SUCCEEDED, False),
            (AttemptState.FAILED, AttemptState.SUCCEEDED, False),
            (AttemptState.SUCCEEDED, AttemptState.SUCCEEDED, False),
            (AttemptState.SUCCEEDED, AttemptState.LOST, False),
        ],
    )
    def test_an_attempt_ends_once_but_a_lost_one_may_still_succeed(
        self, store: Store, study: StudyRecord, first: AttemptState, then: AttemptState, *, accepted: bool
    ) -> None:
        """A late success of a superseded attempt is the same number; a late failure is not worth having."""
        apply(store, study, suggested(), published(study), gone(study, state=first))
        assert apply(store, study, replace(succeeded(study), state=then)) == (accepted,)
        assert store.attempts(study.id)[0].state is (then if accepted else first)

    def test_attempts_come_by_trial_part_and_number(self, store: Store, study: StudyRecord) -> None:
        """All of them, those of one trial, or only the open ones."""
        apply(store, study, suggested(0), suggested(1), published(study, 1), published(study, 0, attempt=2))
        apply(store, study, published(study, 0, part=1), published(study, 0), gone(study, 0))
        everything = [key(study, 0, 1), key(study, 0, 2), key(study, 0, 1, part=1), key(study, 1, 1)]
        assert [attempt.key for attempt in store.attempts(study.id)] == everything
        assert [attempt.key for attempt in store.attempts(study.id, open_only=True)] == everything[1:]
        assert [attempt.key for attempt in store.attempts(study.id, 1)] == everything[3:]
        assert store.attempts(study.id, 9) == []


class TestTransactions:
    """A list of changes is applied whole or not at all."""

    @pytest.mark.parametrize(
        "poison",
        [
            (AddTrial(number=9, params={"c": NAN}, seed=1, conditioned_on=0),),
            (suggested(9), won(9, score=NAN)),
            (AddElapsed(seconds=float("inf")),),
        ],
        ids=["params", "score", "elapsed"],
    )
    def test_numbers_that_are_not_finite_are_refused_and_nothing_is_kept(
        self, store: Store, study: StudyRecord, poison: Sequence[Change]
    ) -> None:
        """The changes before the bad one are undone too."""
        with pytest.raises(ValueError, match=r"not JSON compliant|finite"):
            apply(store, study, suggested(0), AddElapsed(seconds=1.0), *poison)
        assert store.trials(study.id) == []
        assert store.study("digits") == study

    def test_each_change_is_answered_in_order(self, store: Store, study: StudyRecord) -> None:
        """And a list of none is fine."""
        assert apply(store, study) == ()
        assert apply(store, study, *whole_life(study, 0)) == (True,) * 5
        assert apply(store, study, *whole_life(study, 0)) == (False,) * 5

    def test_what_was_handed_in_or_out_can_be_changed_without_changing_the_record(
        self, store: Store, study: StudyRecord
    ) -> None:
        """Records are the store's, copies are everybody's."""
        suggestion = suggested()
        apply(store, study, suggestion)
        suggestion.params["svc.C"] = "changed"
        store.trial(study.id, 0).params["svc.C"] = "changed"
        assert store.trial(study.id, 0).params["svc.C"] == 0.1


class TestFingerprints:
    """What a machine is, remembered once by its hash."""

    def test_a_fingerprint_is_kept_as_it_was_first_given(self, store: Store) -> None:
        """Later facts under the same hash are ignored."""
        store.add_fingerprint(SOME_HASH, {"cores": 2, "blas": {"openblas": "0.3"}})
        store.add_fingerprint(SOME_HASH, {"cores": 64})
        assert store.fingerprint(SOME_HASH) == {"cores": 2, "blas": {"openblas": "0.3"}}

    def test_an_unknown_fingerprint_is_none(self, store: Store) -> None:
        """It may be an old worker's."""
        assert store.fingerprint(SOME_HASH) is None
