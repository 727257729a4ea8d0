"""A private PostgreSQL server for tests: in a temporary folder, on a Unix socket, gone afterwards."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tenfold_common.clock import SystemClock
from tenfold_common.store.open import open_store
from tenfold_common.store.tables import metadata

PASSWORD = "not-to-be-shown"
_DURABILITY_OFF = ("-c", "fsync=off", "-c", "full_page_writes=off")


class PostgresServer:
    """A server that can be started and stopped. Each test takes an empty database of it."""

    def __init__(self, binaries: Path, folder: Path, owner: str | None) -> None:
        self.folder = folder
        self._binaries = binaries
        self._owner = owner
        self._process: subprocess.Popen[bytes] | None = None
        self._made: set[str] = set()

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = self.folder / "log"
        options = ["-c", "listen_addresses=", "-k", str(self.folder), "-c", "max_connections=60", *_DURABILITY_OFF]
        command = [str(self._binaries / "postgres"), "-D", str(self.folder / "data"), *options]
        with log.open("wb") as output:
            process = subprocess.Popen(command, user=self._owner, cwd=self.folder, stdout=output, stderr=output)
        self._process = process
        deadline = time.monotonic() + 30
        while "ready to accept connections" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it at once, without tidying up; its clients are cut off."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=30)
            self._process = None

    def url(self, database: str, *, user: str = "tenfold", password: str = PASSWORD) -> str:
        """The URL of one of its databases, as a user would write it."""
        return f"postgresql://{user}:{password}@/{database}?host={self.folder}"

    def empty_database(self) -> str:
        """The URL of a database without any table. There is one, emptied each time: making one takes longer."""
        url = self._database("bare")
        self.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'bare'")
        self.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO public", url)
        return url

    def empty_tables(self) -> str:
        """The URL of a database whose tables are there already, but empty. There is one, emptied each time."""
        url = self._database("ready", prepare=lambda url: open_store(url, clock=SystemClock()).close())
        self.execute("; ".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)), url)
        return url

    def execute(self, statement: str, url: str | None = None) -> None:
        """Run one statement as the server's owner."""
        import psycopg

        with psycopg.connect(url or self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _database(self, name: str, prepare: Callable[[str], object] = str) -> str:
        url = self.url(name)
        if name not in self._made:
            self.execute(f"CREATE DATABASE {name}")
            prepare(url)
            self._made.add(name)
        return url


def server_binaries() -> Path | None:
    """Where this machine's newest PostgreSQL server lies; None where there is none."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = installed[-1] if installed else shutil.which("initdb")
    return None if found is None else Path(found).resolve().parent


def postgres_or_skip() -> Path:
    """The server's binaries. Without them a test is skipped at home and fails in CI."""
    binaries = server_binaries()
    if binaries is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have a PostgreSQL server (initdb and postgres)")
        pytest.skip("no PostgreSQL server on this machine (initdb)")
    return binaries


@contextmanager
def running_server(binaries: Path) -> Iterator[PostgresServer]:
    """Start a server, and stop it again."""
    owner = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="tenfold-pg-"))  # short: a socket's path holds 107 characters
    if owner is not None:
        shutil.chown(folder, owner)
    try:
        _initialise(binaries, folder, owner)
        server = PostgresServer(binaries, folder, owner)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> str | None:
    """Who the server runs as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _initialise(binaries: Path, folder: Path, owner: str | None) -> None:
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    options = ["--username=tenfold", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
    command = [str(binaries / "initdb"), f"--pgdata={folder / 'data'}", f"--pwfile={secret}", *options]
    done = subprocess.run(command, user=owner, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
