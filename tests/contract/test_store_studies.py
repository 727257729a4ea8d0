"""What every store promises about studies. The fake, SQLite and PostgreSQL pass the same suite."""

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from tenfold_common.domain.changes import AddElapsed, MoveStudy
from tenfold_common.domain.records import StudyRecord
from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.words import (
    ContentHash,
    StopReason,
    StudyId,
    StudyState,
)
from tenfold_common.errors import MisuseError, NotFoundError
from tenfold_common.ports import Store
from tests.contract.store_facts import (
    NOON,
    SOME_HASH,
    TurnedClock,
    a_study,
    apply,
    lost,
    published,
    started,
    suggested,
)


@pytest.fixture
def study(store: Store) -> StudyRecord:
    """A study in the store."""
    added = a_study()
    store.add_study(added)
    return added


class TestStudies:
    """Studies are written once, found by name or id, and moved by compare-and-set."""

    def test_a_study_comes_back_exactly_as_it_was_written(self, store: Store) -> None:
        """Every field, to the last bit, the document's keys in their order."""
        written = replace(a_study("größe"), seed=2**200 + 1, elapsed_s=0.1 + 0.2, started_at=NOON)
        store.add_study(written)
        read = store.study("größe")
        assert read == written
        assert list(read.document["search"]["space"]) == ["z", "a"]  # type: ignore[index,call-overload,arg-type]  # Json

    def test_a_study_is_found_by_its_id_too(self, store: Store, study: StudyRecord) -> None:
        """Machines know the id, people the name."""
        assert store.study(study.id) == study

    def test_an_unknown_study_is_an_error_that_names_the_known_ones(self, store: Store, study: StudyRecord) -> None:
        """The nearest name is suggested; far from all, the names are listed."""
        with pytest.raises(NotFoundError, match="did you mean 'digits'"):
            store.study("digit")
        with pytest.raises(NotFoundError, match="there are: digits"):
            store.study("wine")

    def test_a_taken_name_is_refused_and_the_first_study_stays(self, store: Store, study: StudyRecord) -> None:
        """The message names the next step."""
        with pytest.raises(MisuseError, match=r"'digits' already.*another name.*--new"):
            store.add_study(replace(a_study("digits"), seed=1))
        assert store.studies() == [study]

    def test_studies_come_oldest_first_and_by_state(self, store: Store) -> None:
        """No state given means all of them."""
        young, old = a_study("a", state=StudyState.RUNNING), a_study("b", age_s=60)
        store.add_study(young)
        store.add_study(old)
        assert store.studies() == [old, young]
        assert store.studies([StudyState.RUNNING, StudyState.PAUSED]) == [young]
        assert store.studies([StudyState.FAILED]) == []

    def test_the_newest_study_of_a_document_is_found(self, store: Store) -> None:
        """Running the same file again resumes that one."""
        old, young = a_study("a", age_s=60), a_study("b")
        for study in (young, old):
            store.add_study(replace(study, document_hash=SOME_HASH))
        found = store.study_by_document(SOME_HASH)
        assert found is not None
        assert found.name == "b"
        assert store.study_by_document(ContentHash("0" * 64)) is None

    def test_moments_come_back_in_utc(self, store: Store) -> None:
        """Whatever zone they were written in, to the microsecond."""
        store.add_study(replace(a_study(), created_at=NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))))
        read = store.study("digits").created_at
        assert read == NOON
        assert read.utcoffset() == timedelta(0)

    def test_text_no_database_can_hold_is_replaced(self, store: Store, study: StudyRecord) -> None:
        """A worker may send anything; it never makes the scheduler fail."""
        apply(store, study, suggested(), published(store.study("digits")))
        apply(store, study, started(study, worker="a\0b\ud800"), lost(message="c\0d\ud800"))
        assert store.attempts(study.id)[0].worker == "a\ufffdb?"
        failure = store.trial(study.id, 0).failure
        assert failure is not None
        assert failure.message == "c\0d\ud800"


class TestMovingAStudy:
    """A person's changes are compare-and-set on the revision, the scheduler's on the state."""

    def test_the_first_of_two_movers_wins(self, store: Store, study: StudyRecord) -> None:
        """The second is told so, and nothing of its change is kept."""
        assert store.move_study(study.id, revision=1, to=StudyState.PAUSED)
        assert not store.move_study(study.id, revision=1, to=StudyState.CANCELLED, reason=StopReason.MANUAL)
        assert store.study("digits") == replace(study, state=StudyState.PAUSED, revision=2)

    def test_an_unknown_study_cannot_be_moved(self, store: Store) -> None:
        """It is an error, not a lost race."""
        with pytest.raises(NotFoundError, match="no study named 'nope'"):
            store.move_study(StudyId("nope"), revision=1, to=StudyState.PAUSED)

    def test_a_study_starts_once(self, store: Store, study: StudyRecord, store_clock: TurnedClock) -> None:
        """Pausing and going on leaves the moment of the first start."""
        apply(store, study, MoveStudy(to=StudyState.RUNNING, allowed_from=(StudyState.SUBMITTED,)))
        store_clock.turn(60)
        store.move_study(study.id, revision=2, to=StudyState.PAUSED)
        store.move_study(study.id, revision=3, to=StudyState.RUNNING)
        assert store.study("digits") == replace(study, state=StudyState.RUNNING, revision=4, started_at=NOON)

    def test_the_scheduler_moves_a_study_only_from_the_allowed_states(self, store: Store, study: StudyRecord) -> None:
        """Elsewhere the change is dropped, so that a person's cancel is not overwritten."""
        finish = MoveStudy(to=StudyState.FINISHED, allowed_from=(StudyState.RUNNING,), stopped_at=3)
        assert apply(store, study, finish) == (False,)
        assert store.study("digits") == study

    def test_ending_a_study_records_why_when_and_after_how_many_trials(
        self, store: Store, study: StudyRecord, store_clock: TurnedClock
    ) -> None:
        """The reason, the message, the moment and the length of the prefix."""
        end = MoveStudy(
            to=StudyState.FINISHED,
            allowed_from=(StudyState.SUBMITTED,),
            reason=StopReason.TARGET,
            message="reached",
            stopped_at=7,
        )
        assert apply(store, study, end) == (True,)
        assert store.study("digits") == replace(
            study,
            state=StudyState.FINISHED,
            reason=StopReason.TARGET,
            message="reached",
            revision=2,
            stopped_at=7,
            ended_at=store_clock.now(),
        )

    def test_the_scheduler_completes_a_persons_cancel(
        self, store: Store, study: StudyRecord, store_clock: TurnedClock
    ) -> None:
        """The moment of the cancel stays; the number of trials is added."""
        store.move_study(study.id, revision=1, to=StudyState.CANCELLED, reason=StopReason.MANUAL)
        store_clock.turn(5)
        complete = MoveStudy(to=StudyState.CANCELLED, allowed_from=(StudyState.CANCELLED,), stopped_at=4)
        assert apply(store, study, complete) == (True,)
        read = store.study("digits")
        assert (read.ended_at, read.stopped_at, read.revision) == (NOON, 4, 3)

    def test_an_extended_study_is_as_if_it_had_not_ended(self, store: Store, study: StudyRecord) -> None:
        """New rules are in force, the end is forgotten, the document stays."""
        apply(store, study, MoveStudy(to=StudyState.FINISHED, allowed_from=tuple(StudyState), stopped_at=60))
        rules = StoppingRules(trials=90)
        assert store.move_study(study.id, revision=2, to=StudyState.RUNNING, stopping=rules)
        read = store.study("digits")
        assert (read.stopped_at, read.ended_at, read.reason, read.message) == (None, None, None, "")
        assert (read.stopping, read.document) == (rules, study.document)

    def test_elapsed_seconds_add_up(self, store: Store, study: StudyRecord) -> None:
        """And do not count as a change of state."""
        assert apply(store, study, AddElapsed(seconds=0.1), AddElapsed(seconds=0.2)) == (True, True)
        assert store.study("digits") == replace(study, elapsed_s=0.1 + 0.2)
