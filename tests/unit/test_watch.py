"""The reconciler's judgement, with a clock that is only a number."""

from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import StudyId
from tenfold_scheduler.progress import PartState
from tenfold_scheduler.watch import FIRST_RING_S, LeaseWatch

A = AttemptKey(StudyId("s"), 0, 0, 1)
B = AttemptKey(StudyId("s"), 1, 0, 1)


def watching(*out: tuple[AttemptKey, PartState], now_s: float = 0.0) -> LeaseWatch:
    """A watch that follows some attempts of one study."""
    watch = LeaseWatch(lease_s=30.0)
    watch.follow(out, ["s"], now_s)
    return watch


def test_a_running_attempt_is_lost_after_one_and_a_half_lease_times_of_silence() -> None:
    """Not earlier; and seeing its lease starts the count anew."""
    watch = watching((A, PartState.RUNNING))
    assert watch.lost(44.9) == []
    assert watch.lost(45.0) == [A]
    watch.see({A: "w"}, 40.0)
    assert watch.lost(84.9) == []
    assert watch.lost(85.0) == [A]


def test_an_absent_lease_is_not_a_sign_of_life() -> None:
    """Only a holder counts."""
    watch = watching((A, PartState.RUNNING))
    watch.see({A: None}, 40.0)
    assert watch.lost(45.0) == [A]


def test_an_unclaimed_attempt_is_rung_for_again_at_doubling_intervals() -> None:
    """T, 2T, 4T: a lost message is mended soon, a full queue is not flooded."""
    watch = watching((A, PartState.PUBLISHED))
    rings = [second for second in range(200) if watch.due_to_ring(float(second))]
    assert rings == [FIRST_RING_S, 3 * FIRST_RING_S, 7 * FIRST_RING_S, 15 * FIRST_RING_S]


def test_claiming_ends_the_ringing_and_starts_the_lease_watch() -> None:
    """The count starts when the state changes."""
    watch = watching((A, PartState.PUBLISHED))
    watch.follow([(A, PartState.RUNNING)], ["s"], 100.0)
    assert watch.due_to_ring(500.0) == []
    assert watch.lost(144.0) == []
    assert watch.lost(145.0) == [A]


def test_following_again_keeps_the_count() -> None:
    """The loop calls this after every event; it must not reset anything."""
    watch = watching((A, PartState.RUNNING))
    watch.follow([(A, PartState.RUNNING), (B, PartState.RUNNING)], ["s"], 40.0)
    assert watch.lost(45.0) == [A]


def test_attempts_that_are_over_are_forgotten_and_other_studies_left_alone() -> None:
    """Memory does not grow with the study."""
    watch = watching((A, PartState.RUNNING))
    other = AttemptKey(StudyId("t"), 0, 0, 1)
    watch.follow([(other, PartState.PUBLISHED)], ["t"], 0.0)
    watch.follow([], ["s"], 1.0)
    assert list(watch.watched) == [other]


def test_a_restarted_broker_gives_everybody_a_grace() -> None:
    """Workers need time to assert their leases again."""
    watch = watching((A, PartState.RUNNING))
    watch.restart(44.0)
    assert watch.lost(80.0) == []
