"""What every store promises to several threads and processes: one winner, no half transaction, no lasting damage."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import pytest

from tenfold_common.domain.changes import Change
from tenfold_common.domain.words import StudyId, StudyState, TrialState
from tenfold_common.errors import FencedError, MisuseError, TransientError
from tenfold_common.ports import Store
from tenfold_common.store.open import open_store
from tenfold_common.store.sql import SqlStore
from tests.contract.store_facts import TurnedClock, a_study, published, started, succeeded, suggested, won
from tests.contract.store_process import BATCH, another_process

THREADS = 8
PROCESSES = 3


@pytest.fixture
def real_store(store_url: str) -> Iterator[SqlStore]:
    """A store that processes can share."""
    opened = open_store(store_url, clock=TurnedClock())
    yield opened
    opened.close()


def at_once(act: Callable[[int], bool]) -> list[bool]:
    """Let threads act at the same moment; what each was told."""
    barrier = threading.Barrier(THREADS)

    def one(number: int) -> bool:
        barrier.wait(30)
        return act(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def test_one_of_many_threads_wins_each_change(store: Store) -> None:
    """A suggestion, a publication, a claim, a result, an outcome: each is recorded once."""
    study = a_study()
    store.add_study(study)

    def apply(change: Change, score: int) -> bool:
        del score
        return store.apply(study.id, [change], epoch=1)[0]

    for change in (suggested(), published(study), started(study), succeeded(study), won()):
        assert sum(at_once(partial(apply, change))) == 1


def test_the_outcome_of_a_race_is_one_of_the_racers_whole(store: Store) -> None:
    """Never one's score with another's folds."""
    study = a_study()
    store.add_study(study)
    store.apply(study.id, [suggested()], epoch=1)
    told = at_once(lambda number: store.apply(study.id, [won(score=number / 10)], epoch=1)[0])
    trial = store.trial(study.id, 0)
    assert trial.score == told.index(True) / 10
    assert trial.folds == won(score=trial.score).folds


def test_one_of_many_threads_gets_the_lock(store: Store) -> None:
    """The others stand by."""
    assert sum(at_once(lambda number: store.lock_scheduler(str(number), ttl_s=60) is not None)) == 1


def test_nothing_is_written_under_an_old_epoch_once_somebody_else_has_the_lock(
    store: Store, store_clock: TurnedClock
) -> None:
    """Not even by changes that were on their way when the lock was taken."""
    study = a_study()
    store.add_study(study)
    first = store.lock_scheduler("first", ttl_s=10)
    assert first is not None
    under_way = threading.Event()

    def write_until_fenced() -> int:
        for number in range(10_000):
            try:
                store.apply(study.id, [suggested(number)], epoch=first)
            except FencedError:
                return number
            if number == 5:
                under_way.set()
        raise AssertionError("never fenced")

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write_until_fenced)
        assert under_way.wait(30)
        store_clock.turn(11)
        assert store.lock_scheduler("second", ttl_s=10) == first + 1
        seen = len(store.trials(study.id))
        assert writing.result(30) == seen == len(store.trials(study.id))


def test_one_of_many_people_moves_a_study(store: Store) -> None:
    """The others are told that somebody was faster."""
    study = a_study()
    store.add_study(study)
    assert sum(at_once(lambda _: store.move_study(study.id, revision=1, to=StudyState.PAUSED))) == 1
    assert store.study("digits").revision == 2


def test_one_of_many_threads_takes_a_name(store: Store) -> None:
    """The others get the error that says so."""

    def add(_: int) -> bool:
        try:
            store.add_study(a_study())
        except MisuseError:
            return False
        return True

    assert sum(at_once(add)) == 1


def test_one_of_many_processes_wins(real_store: SqlStore, store_url: str) -> None:
    """The suggestion, the outcome and the lock each have exactly one winner."""
    study = a_study()
    real_store.add_study(study)
    with ExitStack() as stack:
        racers = [stack.enter_context(another_process("race", store_url, study.id, str(n))) for n in range(PROCESSES)]
        told = [line.split() for line in ask_all(racers)]
    assert [sum(int(wins) for wins in column) for column in zip(*told, strict=True)] == [1, 1, 1]


def test_many_processes_may_open_a_new_database_at_once(store_url: str) -> None:
    """One makes the tables, the others wait for it."""
    with ExitStack() as stack:
        openers = [stack.enter_context(another_process("opened", store_url, StudyId("-"))) for _ in range(PROCESSES)]
        assert ask_all(openers) == ["0"] * PROCESSES


def test_a_reader_sees_whole_transactions_while_another_process_writes(real_store: SqlStore, store_url: str) -> None:
    """And is never turned away."""
    study = a_study()
    real_store.add_study(study)
    with another_process("write", store_url, study.id):
        seen = [len(real_store.trials(study.id))]
        while len(seen) < 20 or seen[-1] < 10 * BATCH:
            seen.append(len(real_store.trials(study.id)))
    assert [count % BATCH for count in seen] == [0] * len(seen)
    assert seen == sorted(seen)


def test_two_processes_may_write_at_once(real_store: SqlStore, store_url: str) -> None:
    """A person's change finds its moment between the scheduler's."""
    study = a_study()
    real_store.add_study(study)
    with another_process("write", store_url, study.id):
        for revision in range(1, 30):
            assert real_store.move_study(study.id, revision=revision, to=StudyState.PAUSED)


def test_a_killed_writer_leaves_whole_transactions(real_store: SqlStore, store_url: str) -> None:
    """What it was told is committed is there, and the next writer goes on at once."""
    study = a_study()
    real_store.add_study(study)
    for round_ in range(3):
        with another_process("write", store_url, study.id) as writer:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline()) for _ in range(5 + round_)][-1]
        found = len(real_store.trials(study.id))
        assert found >= told
        assert found % BATCH == 0
        assert real_store.move_study(study.id, revision=round_ + 1, to=StudyState.RUNNING)


def test_a_writer_killed_within_a_transaction_leaves_nothing_of_it(real_store: SqlStore, store_url: str) -> None:
    """Neither its rows nor its locks."""
    study = a_study()
    real_store.add_study(study)
    with another_process("hang", store_url, study.id) as writer:
        assert real_store.trials(study.id) == []
        writer.kill()
        writer.wait()
        assert real_store.apply(study.id, [suggested(0, c=7.0)], epoch=1) == (True,)
    trial = real_store.trial(study.id, 0)
    assert (trial.state, trial.params["svc.C"]) == (TrialState.QUEUED, 7.0)


def test_a_database_that_stays_locked_is_a_passing_trouble(real_store: SqlStore, store_url: str) -> None:
    """It names the database and is worth trying again; afterwards all is well."""
    study = a_study()
    real_store.add_study(study)
    impatient = open_store(impatiently(store_url), clock=TurnedClock())
    with (
        another_process("hang", store_url, study.id),
        pytest.raises(TransientError, match=r"database .*tenfold|lock"),
    ):
        impatient.apply(study.id, [suggested(0)], epoch=1)
    assert impatient.apply(study.id, [suggested(0)], epoch=1) == (True,)
    impatient.close()


def impatiently(url: str) -> str:
    """The same database for somebody who waits a fifth of a second for a lock."""
    return f"{url}?timeout=0.2" if url.startswith("sqlite") else f"{url}&options=-c%20statement_timeout%3D200"


def ask_all(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Tell all to go, then collect what each says."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.stdout.readline().strip() for process in processes if process.stdout is not None]
