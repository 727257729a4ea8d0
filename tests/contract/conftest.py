"""Stores for the contract tests: one of each kind, each test with its own empty one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold_common.ports import Store
from tenfold_common.store.memory import MemoryStore
from tenfold_common.store.open import open_store
from tests.contract.postgres import PostgresServer, postgres_or_skip, running_server
from tests.contract.store_facts import TurnedClock


@pytest.fixture(scope="session")
def store_postgres() -> Iterator[PostgresServer]:
    """A private PostgreSQL server."""
    with running_server(postgres_or_skip()) as server:
        yield server


@pytest.fixture
def store_clock() -> TurnedClock:
    """The clock of the stores."""
    return TurnedClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'tenfold.db'}"
    server: PostgresServer = request.getfixturevalue("store_postgres")
    return server.empty_database()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path, store_clock: TurnedClock) -> Iterator[Store]:
    """An empty store of each kind."""
    opened: Store
    if request.param == "memory":
        opened = MemoryStore(clock=store_clock)
    elif request.param == "sqlite":
        opened = open_store(f"sqlite:///{tmp_path / 'tenfold.db'}", clock=store_clock)
    else:
        server: PostgresServer = request.getfixturevalue("store_postgres")
        opened = open_store(server.empty_tables(), clock=store_clock)
    yield opened
    opened.close()
