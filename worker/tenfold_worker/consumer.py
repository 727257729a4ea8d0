"""The Celery process: takes messages from the queues and hands each to a slot, its pool child.

``python -m tenfold_worker.consumer``, started by the supervisor. It must never import NumPy: its children are forked,
and a fork after OpenMP or BLAS has run hangs for ever.
"""

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tenfold_common.bus.app import TASK_NAME, make_celery_app
from tenfold_common.domain.assignment import assignment_from_json
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.errors import TenfoldError
from tenfold_common.settings import Settings, read_settings
from tenfold_worker.lineage import die_with_parent
from tenfold_worker.logs import set_up_logging
from tenfold_worker.slot import Slot

_LOG = logging.getLogger(__name__)

_NEVER_HERE: Final = ("numpy", "scipy", "sklearn", "pandas", "torch")


class Consumer:
    """What pool children need to become slots; filled in before the fork.

    Args:
        settings: The worker's.
        worker: The worker's id.
        folder: Where the worker's processes meet.
        status: Pipe to the supervisor, for what each slot is at.
    """

    def __init__(self, settings: Settings, *, worker: str, folder: Path, status: int) -> None:
        self._settings = settings
        self._worker = worker
        self._folder = folder
        self._status = status
        self._slot: Slot | None = None

    def become_slot(self, **_: object) -> None:
        """Called in each new pool child: connections are made here, because they do not survive a fork."""
        from tenfold_common.bus.redis_bus import RedisWorkerBus
        from tenfold_common.clock import SystemClock
        from tenfold_worker.fingerprint_note import FingerprintNote
        from tenfold_worker.runner_client import RunnerClient

        loaded = [module for module in _NEVER_HERE if module in sys.modules]
        assert not loaded, f"{loaded} must not be imported before the fork of a slot"
        note = FingerprintNote(self._folder)
        self._slot = Slot(
            bus=RedisWorkerBus(self._settings),
            runners=RunnerClient(self._folder / "nursery.sock"),
            worker=self._worker,
            fingerprint=lambda: note.read()[0],
            lease_s=self._settings.lease_s,
            clock=SystemClock(),
            tell=self._tell,
        )
        self._tell(None)

    def evaluate(self, message: Mapping[str, Any]) -> None:  # Any: text from outside, checked here
        """The task: run one assignment. Nothing escapes: what does could end Celery's main process."""
        assert self._slot is not None, "the pool child was prepared"
        try:
            self._slot.run(assignment_from_json(message))
        except ValueError as error:
            _LOG.error("message refused: %s", error)  # the text says it; a traceback is noise
        except TenfoldError as error:
            _LOG.warning("assignment left to the scheduler to publish again: %s", error)
        except BaseException:  # noqa: BLE001  # the process's edge
            _LOG.exception("a slot failed; the scheduler will publish its assignment again")

    def _tell(self, key: AttemptKey | None) -> None:
        """One line, short enough to be written in one piece whoever else writes."""
        named = None if key is None else [key.study, key.trial, key.part, key.attempt]
        os.write(self._status, json.dumps({"pid": os.getpid(), "key": named}).encode() + b"\n")


def run_celery(consumer: Consumer, settings: Settings, *, slots: int, queues: list[str], worker: str) -> int:
    """Consume until told to stop; the exit code."""
    import warnings

    from celery import signals
    from celery.apps.worker import Worker
    from celery.exceptions import CPendingDeprecationWarning
    from celery.platforms import SecurityWarning

    # Root is what containers run as; the warning is about pickle, and nothing but JSON is accepted here.
    warnings.simplefilter("ignore", SecurityWarning)
    # Advice on late acknowledgement, at every lost connection; messages are acknowledged early here.
    warnings.simplefilter("ignore", CPendingDeprecationWarning)
    signals.setup_logging.connect(_leave_logging_alone)
    app = make_celery_app(settings, queues=queues)
    app.task(name=TASK_NAME, ignore_result=True)(consumer.evaluate)
    signals.worker_process_init.connect(consumer.become_slot)
    program = Worker(
        app=app,
        hostname=f"tenfold@{worker}",
        pool_cls="prefork",
        concurrency=slots,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
        loglevel=logging.getLogger().level,
    )
    program.start()
    return int(program.exitcode or 0)


def _leave_logging_alone(**_: object) -> None:
    """Celery configures logging unless somebody says that he has done so."""


def main() -> int:
    """Read what the supervisor says and consume."""
    parser = argparse.ArgumentParser(prog="python -m tenfold_worker.consumer")
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--queues", required=True)
    parser.add_argument("--worker", required=True, help="the worker's id")
    parser.add_argument("--folder", type=Path, required=True, help="where the worker's processes meet")
    parser.add_argument("--status", type=int, required=True, help="the pipe to the supervisor")
    parser.add_argument("--parent", type=int, required=True, help="the supervisor")
    arguments = parser.parse_args()
    die_with_parent(arguments.parent, by=signal.SIGKILL)
    settings = read_settings()
    set_up_logging(settings.log_level)
    consumer = Consumer(settings, worker=arguments.worker, folder=arguments.folder, status=arguments.status)
    queues = arguments.queues.split(",")
    return run_celery(consumer, settings, slots=arguments.slots, queues=queues, worker=arguments.worker)


if __name__ == "__main__":
    raise SystemExit(main())
