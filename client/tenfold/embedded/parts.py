"""The parts of an embedded cluster: command line, environment and log of each, and when to start it again.

Only describes; starting and stopping is the keeper's.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tenfold.embedded import broker
from tenfold_common.settings import Settings, to_environment

BROKER: Final = "broker"
SCHEDULER: Final = "scheduler"
WORKER: Final = "worker"

_DEATHS_ALLOWED: Final = 3
_WITHIN_S: Final = 60.0
_LARGEST_LOG_BYTES: Final = 10_000_000
_ONE_THREAD: Final = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process of the cluster.

    Attributes:
        only_first: Arguments for its first start only.
        grace_s: How long it may take to end after SIGTERM before it is killed.
    """

    name: str
    command: tuple[str, ...]
    only_first: tuple[str, ...] = ()
    environment: Mapping[str, str]
    log: Path
    grace_s: float


def cluster_parts(settings: Settings, *, slots: int, server: Path, directory: Path) -> tuple[Part, Part, Part]:
    """Worker, scheduler and broker, in the order in which they are to be *stopped*.

    A worker says goodbye to the broker, and the scheduler records what came in last, so the broker goes last.
    """
    logs = log_directory(settings.home)
    environment = {
        **os.environ,
        **to_environment(replace(settings, broker_url=broker.broker_url(directory))),
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(directory),  # goes with the cluster, even if a part is killed and cannot clean up
    }
    return (
        Part(
            name=WORKER,
            command=_python("tenfold_worker", "--slots", str(slots)),
            environment=environment,
            log=logs / "worker.log",
            grace_s=0.7,
        ),
        Part(
            name=SCHEDULER,
            # A name of its own lets a second start renew the first one's lock instead of waiting for it to lapse.
            command=_python("tenfold_scheduler", "--holder", f"embedded:{directory.name}"),
            only_first=("--fresh-broker",),
            environment={**environment, **_ONE_THREAD},  # its linear algebra is small: threads would only cost
            log=logs / "scheduler.log",
            grace_s=0.5,
        ),
        Part(
            name=BROKER,
            command=tuple(broker.command(server, directory, logs / "broker.log")),
            environment=environment,
            log=logs / "broker.log",
            grace_s=0.3,
        ),
    )


def may_start_again(deaths: Sequence[float], now_s: float) -> bool:
    """Whether a part that died at these (monotonic) seconds, the last just now, deserves another start."""
    return sum(1 for death in deaths if now_s - death <= _WITHIN_S) <= _DEATHS_ALLOWED


def log_directory(home: Path) -> Path:
    """Where the parts of the home's cluster write their logs."""
    return home / "logs"


def make_room(log: Path) -> None:
    """Put a log that has grown large aside, so that the home never holds more than twice the limit of it."""
    if log.exists() and log.stat().st_size > _LARGEST_LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8_192))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-count:])


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    # -P: the folder the user happens to be in must not shadow the standard library (their queue.py, say).
    return (sys.executable, "-P", "-m", module, *arguments)
