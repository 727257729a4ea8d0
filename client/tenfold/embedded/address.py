"""Where the embedded cluster of a home is, and who may start one: at most one per home.

``cluster.json`` in the home is both: whoever holds its lock owns the home's cluster, and its content says how to
reach it. The lock is the operating system's, so it goes with the processes that hold it, however they die. The file
never outlives its cluster; a leftover of a machine that lost power is recognised by its missing lock.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FILE_NAME: Final = "cluster.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAddress:
    """How to reach a running embedded cluster.

    Attributes:
        pid: The keeper, the process that started the others.
        broker_url: Its private broker.
        workers: How many assignments it runs at once.
        started_at: When it was started, ISO 8601.
    """

    pid: int
    broker_url: str
    workers: int
    started_at: str


def running_cluster(home: Path) -> ClusterAddress | None:
    """The embedded cluster of this home; None if there is none, or if it is still starting or already stopping."""
    path = home / FILE_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _try_lock(descriptor) else read_address(path)
    finally:
        os.close(descriptor)


def claim_home(home: Path) -> int | None:
    """Become the owner of the home's cluster: the locked file's descriptor, or None if there is an owner.

    The lock lives as long as any copy of the descriptor, so a child that inherits it keeps the claim.
    """
    home.mkdir(parents=True, exist_ok=True)
    path = home / FILE_NAME
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _try_lock(descriptor):
            os.close(descriptor)
            return None
        if _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)  # the last owner removed the file between our open and our lock


def read_address(path: Path) -> ClusterAddress | None:
    """What the file says; None while nothing (or half of something) is written."""
    try:
        return ClusterAddress(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_address(home: Path, address: ClusterAddress) -> None:
    """Tell others how to reach the cluster. Only for the owner."""
    (home / FILE_NAME).write_text(json.dumps(asdict(address)))


def leave_home(home: Path) -> None:
    """Remove the file. Only for the owner, as its last act before it lets go of the lock."""
    (home / FILE_NAME).unlink(missing_ok=True)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
