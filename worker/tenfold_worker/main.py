"""The worker's entry point and composition root: ``python -m tenfold_worker --slots 2``.

The order matters: the nursery is started before anything is imported that takes time.
"""

import argparse
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tenfold_common.bus.app import DEFAULT_QUEUE, broker_url, check_queue_name
from tenfold_common.errors import MisuseError
from tenfold_common.settings import Settings, read_settings
from tenfold_worker.lineage import die_with_parent
from tenfold_worker.logs import set_up_logging
from tenfold_worker.supervisor import Supervisor

_LOG = logging.getLogger(__name__)

_LEAVE_S: Final = 0.25
_LONGEST_SOCKET_PATH: Final = 90


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until SIGTERM or SIGINT; the exit code."""
    given = _parser().parse_args(arguments)
    if given.die_with_parent:
        die_with_parent(os.getppid())
    try:
        settings = read_settings()
        set_up_logging(settings.log_level)
        broker_url(settings)
        for queue in given.queues:
            check_queue_name(queue)
    except MisuseError as error:
        _LOG.error("%s", error)  # the text says it all
        return 2
    folder = _private_folder()
    try:
        sound = _work(settings, slots=given.slots, queues=given.queues, folder=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if sound else 1


def _work(settings: Settings, *, slots: int, queues: Sequence[str], folder: Path) -> bool:
    """Run until told to stop; False if the processes cannot be kept running."""
    # Not the process id alone: in containers it is 1 each time.
    worker = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(2).hex()}"
    supervisor = Supervisor(worker=worker, slots=slots, queues=queues, folder=folder)
    supervisor.start()
    from tenfold_worker.presence import Presence

    presence = Presence(settings, worker=worker, slots=slots, queues=queues, folder=folder)
    presence.begin()
    _LOG.info("worker started: worker=%s slots=%s queues=%s", worker, slots, ",".join(queues))
    sound = supervisor.run(presence)
    presence.end(within_s=_LEAVE_S)
    _LOG.info("worker stopped: worker=%s", worker)
    return sound


def _private_folder() -> Path:
    """A new folder, short enough to hold a Unix socket, that only this user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="tenfold-worker-"))
    if len(str(folder)) > _LONGEST_SOCKET_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="tenfold-worker-", dir="/tmp"))  # mkdtemp makes it private
    return folder


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tenfold_worker", description="Runs trials for a Tenfold cluster."
    )
    parser.add_argument("--slots", type=_positive, default=1, help="how many assignments run at once (default: 1)")
    parser.add_argument(
        "--queues", type=_names, default=(DEFAULT_QUEUE,), help="queues to take work from, separated by commas"
    )
    parser.add_argument(
        "--die-with-parent",
        action="store_true",
        help="stop when the parent ends (on Linux: when the thread that started this process does)",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ValueError(text)
    return names
