"""How a verb reaches a cluster: its own embedded one, that of another process in the same home, or a configured one.

All three are used alike: enter, take the settings, wait now and then. Only one's own is stopped when it is left.
"""

import time
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self

from tenfold.embedded.address import ClusterAddress, running_cluster
from tenfold.embedded.cluster import EmbeddedCluster, start_or_find
from tenfold_common.settings import Settings


class Cluster(Protocol):
    """What a verb may ask of a cluster, whoever runs it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def owned(self) -> bool:
        """Whether it ends with this process."""

    @property
    def gone(self) -> bool:
        """Whether it has ended, so that nobody works on the studies any more."""

    @property
    def settings(self) -> Settings:
        """The settings by which to reach it; may wait until it is up."""

    def go(self) -> None:
        """Start it, if it is ours to start. Before that nothing runs that could be in anybody's way."""

    def wait(self, seconds: float) -> list[str]:
        """Let time pass, and say in sentences what has happened to the cluster meanwhile; usually nothing."""

    def kill(self) -> None:
        """Have what this process owns of it killed at once, without waiting: for a signal handler."""


class _Elsewhere:
    """A cluster that others look after."""

    owned = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def go(self) -> None:
        """See :class:`Cluster`."""

    def wait(self, seconds: float) -> list[str]:
        """See :class:`Cluster`."""
        time.sleep(seconds)
        return []

    def kill(self) -> None:
        """See :class:`Cluster`."""


class RemoteCluster(_Elsewhere):
    """The cluster whose broker the settings name."""

    gone = False


class NeighbourCluster(_Elsewhere):
    """The embedded cluster that another process of this user runs in the same home.

    Attributes:
        address: Which one.
    """

    def __init__(self, settings: Settings, address: ClusterAddress) -> None:
        super().__init__(replace(settings, broker_url=address.broker_url))
        self.address = address

    @property
    def gone(self) -> bool:
        """See :class:`Cluster`. Another cluster in its place counts as gone: it has another broker."""
        return running_cluster(self.settings.home) != self.address


def reach_cluster(settings: Settings, *, workers: int) -> EmbeddedCluster | NeighbourCluster | RemoteCluster:
    """The cluster to use, not yet entered: the configured one, else the home's running one, else a new one.

    Args:
        settings: Of this process.
        workers: How many assignments a new one runs at once.
    """
    if settings.broker_url is not None:
        return RemoteCluster(settings)
    found = start_or_find(settings, workers=workers)
    return found if isinstance(found, EmbeddedCluster) else NeighbourCluster(settings, found)
