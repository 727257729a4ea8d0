"""Another process that uses the store, for the tests of several at once: ``python -m tests.contract.store_process``.

Arguments: what to do, the database's URL, the study's id, a name for the process. It prints ``ready`` first.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tenfold_common.clock import SystemClock
from tenfold_common.domain.words import StudyId
from tenfold_common.store.applying import apply_change
from tenfold_common.store.open import open_store
from tests.contract.store_facts import suggested, won

ROOT = Path(__file__).parents[2]
BATCH = 5


@contextmanager
def another_process(what: str, url: str, study: StudyId, name: str = "other") -> Iterator[subprocess.Popen[str]]:
    """Start one; it is ready when this returns, and killed afterwards."""
    command = [sys.executable, "-m", "tests.contract.store_process", what, url, study, name]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def race(url: str, study: StudyId, name: str) -> None:
    """When told, try to win a suggestion, an outcome and the lock; say which were won."""
    store = open_store(url, clock=SystemClock())
    say("ready")
    sys.stdin.readline()
    said = store.apply(study, [suggested(0, c=float(name))], epoch=1)
    ended = store.apply(study, [won(0, score=float(name))], epoch=1)
    lock = store.lock_scheduler(name, ttl_s=60)
    say(f"{int(said[0])} {int(ended[0])} {int(lock is not None)}")
    store.close()


def write(url: str, study: StudyId, name: str) -> None:
    """Write trials for ever, so many in each transaction; say after each how many there are."""
    del name
    store = open_store(url, clock=SystemClock())
    say("ready")
    number = 0
    while True:
        store.apply(study, [suggested(number + more) for more in range(BATCH)], epoch=1)
        number += BATCH
        say(str(number))


def hang(url: str, study: StudyId, name: str) -> None:
    """Write a trial and never commit it."""
    del name
    store = open_store(url, clock=SystemClock())
    with store._database.writing() as connection:
        assert apply_change(connection, study, suggested(0), datetime.now(UTC))
        say("ready")
        time.sleep(600)


def opened(url: str, study: StudyId, name: str) -> None:
    """When told, open the store, which may not be there yet."""
    del study, name
    say("ready")
    sys.stdin.readline()
    store = open_store(url, clock=SystemClock())
    say(str(len(store.studies())))
    store.close()


def say(text: str) -> None:
    """Tell the test."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    {"race": race, "write": write, "hang": hang, "opened": opened}[sys.argv[1]](
        sys.argv[2], StudyId(sys.argv[3]), sys.argv[4]
    )
