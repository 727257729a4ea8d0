"""What every store promises about the scheduler's lock: one holder at a time, fenced by an epoch."""

from datetime import timedelta

import pytest

from tenfold_common.errors import FencedError
from tenfold_common.ports import Store
from tests.contract.store_facts import TurnedClock, a_study, suggested


def test_nobody_holds_a_new_stores_lock(store: Store) -> None:
    """Giving it back does no harm then."""
    store.unlock_scheduler("a")
    assert store.scheduler() is None


def test_the_first_takes_the_lock_and_keeps_it_by_renewing(store: Store, store_clock: TurnedClock) -> None:
    """The epoch stays the same, the lock lapses later."""
    first = store.lock_scheduler("a", ttl_s=10)
    store_clock.turn(9)
    assert store.lock_scheduler("a", ttl_s=10) == first
    assert store.scheduler() == ("a", store_clock.now() + timedelta(seconds=10))


def test_a_second_scheduler_stands_by_until_the_lock_lapses(store: Store, store_clock: TurnedClock) -> None:
    """Then it has a larger epoch, and the first cannot come back."""
    first = store.lock_scheduler("a", ttl_s=10)
    assert first is not None
    store_clock.turn(9.999)
    assert store.lock_scheduler("b", ttl_s=10) is None
    store_clock.turn(0.001)
    assert store.scheduler() is None
    second = store.lock_scheduler("b", ttl_s=10)
    assert second is not None
    assert second > first
    assert store.lock_scheduler("a", ttl_s=10) is None


def test_a_late_holder_goes_on_if_nobody_came_between(store: Store, store_clock: TurnedClock) -> None:
    """Nothing was written under another epoch, so its own is still good."""
    first = store.lock_scheduler("a", ttl_s=10)
    store_clock.turn(3600)
    assert store.lock_scheduler("a", ttl_s=10) == first


def test_a_lock_given_back_is_free_at_once(store: Store) -> None:
    """Only its holder can give it back; taking it again is a change of holder."""
    first = store.lock_scheduler("a", ttl_s=10)
    assert first is not None
    store.unlock_scheduler("b")
    assert store.lock_scheduler("b", ttl_s=10) is None
    store.unlock_scheduler("a")
    assert store.scheduler() is None
    assert store.lock_scheduler("a", ttl_s=10) == first + 1


def test_a_fenced_scheduler_writes_nothing(store: Store, store_clock: TurnedClock) -> None:
    """It learns the newest epoch, even before it learns that the study is unknown."""
    study = a_study()
    store.add_study(study)
    old = store.lock_scheduler("a", ttl_s=1)
    assert old is not None
    store_clock.turn(2)
    new = store.lock_scheduler("b", ttl_s=1)
    assert new is not None
    with pytest.raises(FencedError, match=f"epoch {new}.*epoch {old}"):
        store.apply(study.id, [suggested()], epoch=old)
    assert store.trials(study.id) == []
    assert store.apply(study.id, [suggested()], epoch=new) == (True,)


def test_giving_the_lock_back_still_fences_those_before(store: Store, store_clock: TurnedClock) -> None:
    """The epoch outlives its holder."""
    study = a_study()
    store.add_study(study)
    store.lock_scheduler("a", ttl_s=1)
    store_clock.turn(2)
    store.lock_scheduler("b", ttl_s=1)
    store.unlock_scheduler("b")
    with pytest.raises(FencedError):
        store.apply(study.id, [suggested()], epoch=1)
