"""The composition root of a command-line process: settings to store, bus and artifacts, each built on first use.

Only this module decides which adapters a verb gets. A verb asks for what it needs and never reads the environment;
tests hand in a context with fakes.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold_common.bus.app import masked_url
from tenfold_common.clock import SystemClock
from tenfold_common.errors import MisuseError
from tenfold_common.ports import Artifacts, Clock, SchedulerBus, Store
from tenfold_common.settings import PREFIX, Settings, read_settings

if TYPE_CHECKING:
    from tenfold.embedded.address import ClusterAddress

_SQLITE = "sqlite:///"


class Context:
    """What one command has at hand. Nothing is opened before it is asked for.

    Args:
        home: Instead of ``TENFOLD_HOME``.
        environment: Instead of the process's own.
        clock: Instead of the machine's.
        store: Instead of the database that the settings name.
        bus: Instead of the broker that the settings, or a running embedded cluster, name.
        program: How a person types the command line here, for messages that say what to type next.
    """

    def __init__(
        self,
        *,
        home: Path | None = None,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        store: Store | None = None,
        bus: SchedulerBus | None = None,
        program: str = "tenfold",
    ) -> None:
        self._home = home
        self._program = program
        self._environment = os.environ if environment is None else environment
        self.clock: Clock = clock or SystemClock()
        self._store = store
        self._bus = bus
        self._opened: list[Store | SchedulerBus] = []

    def use_home(self, home: Path) -> None:
        """Take another home; it must be said before anything is opened."""
        self._home = home
        self.__dict__.pop("settings", None)

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment the settings are read from."""
        return self._environment

    @cached_property
    def settings(self) -> Settings:
        """The settings of this process."""
        return read_settings(self._environment, home=self._home)

    @property
    def command(self) -> str:
        """How to type the next command so that it meets the same home."""
        return self._program if self._home is None else f"{self._program} --home {_quoted(str(self._home))}"

    @property
    def has_database(self) -> bool:
        """Whether there is a database to read; a server's is taken to be there."""
        url = self.settings.database_url
        return self._store is not None or not url.startswith(_SQLITE) or Path(url.removeprefix(_SQLITE)).exists()

    @property
    def store(self) -> Store:
        """The store, created where there is none yet."""
        if self._store is None:
            from tenfold_common.store.open import open_store

            self._store = open_store(self.settings.database_url, clock=self.clock)
            self._opened.append(self._store)
        return self._store

    def existing_store(self) -> Store:
        """The store, for verbs that only look: they create nothing.

        Raises:
            MisuseError: If there is no database yet.
        """
        if not self.has_database:
            raise MisuseError(
                f"there are no studies in {self.settings.home} yet: `{self.command} run FILE` starts one; "
                f"--home or {PREFIX}HOME names another home"
            )
        return self.store

    @property
    def record_place(self) -> str:
        """Where the record is, for people: the database's path, or its URL without the password."""
        url = self.settings.database_url
        return url.removeprefix(_SQLITE) if url.startswith(_SQLITE) else masked_url(url)

    def no_scheduler(self, goes_on: str) -> str:
        """What to tell a person when nobody works on the studies: who would, and how to start it.

        Args:
            goes_on: What would go on, for example a study's name.
        """
        if self.settings.broker_url is not None:
            return f"no scheduler is running: `{self.command} scheduler` continues {goes_on}"
        return f"no scheduler is running: `{self.command} run FILE` or `{self.command} up` continues {goes_on}"

    def cluster(self) -> "ClusterAddress | None":
        """The embedded cluster that runs in this home now, if one does."""
        from tenfold.embedded.address import running_cluster

        return running_cluster(self.settings.home)

    def bus(self) -> SchedulerBus | None:
        """The bus of the configured broker, else of this home's running embedded cluster; None without either."""
        if self._bus is None:
            url = self.settings.broker_url or self._embedded_broker()
            if url is None:
                return None
            from tenfold_common.bus.redis_bus import RedisSchedulerBus

            self._bus = RedisSchedulerBus(replace(self.settings, broker_url=url))
            self._opened.append(self._bus)
        return self._bus

    @cached_property
    def artifacts(self) -> Artifacts:
        """The artifact store."""
        from tenfold_common.artifacts.store import open_artifacts

        return open_artifacts(self.settings.artifacts_url)

    def elsewhere(self, home: Path) -> "Context":
        """A context for another home, untouched by settings that were meant for this one."""
        environment = {name: value for name, value in self._environment.items() if not name.startswith(PREFIX)}
        return Context(home=home, environment=environment, clock=self.clock, program=self._program)

    def close(self) -> None:
        """Let go of what was opened here; what was handed in belongs to whoever did."""
        while self._opened:
            self._opened.pop().close()

    def _embedded_broker(self) -> str | None:
        cluster = self.cluster()
        return None if cluster is None else cluster.broker_url


def _quoted(text: str) -> str:
    from shlex import quote

    return quote(text)
