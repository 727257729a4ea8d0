"""Connections to SQLite and PostgreSQL: how they are opened, how transactions begin, what their errors mean.

Knows no table. The two databases differ here and nowhere else.

Durability on SQLite: WAL with ``synchronous=NORMAL``. A killed process loses nothing that was committed. A power cut
may undo the last moments, whole transactions at a time, and never damages the file; the undone trials are then run
again with the same outcome, which is cheaper than waiting for the disk at every commit.
"""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tenfold_common.errors import MisuseError, TenfoldError, TransientError

_BUSY_S: Final = 10.0
_RETRY_S: Final = 0.01
_SETTING: Final = "TENFOLD_DATABASE_URL"
_EXAMPLES: Final = "sqlite:////path/to/tenfold.db or postgresql://user:password@host/database"

_POSTGRES_DEFAULTS: Final = {
    "connect_timeout": 10,
    "application_name": "tenfold",
    # A database made in the C locale says SQL_ASCII, and psycopg would hand out bytes for every text.
    "client_encoding": "utf8",
    # A network that swallows packets is noticed in seconds, not after the kernel's two hours.
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# A frozen process must not hold the others up: the server ends its transaction and its locks.
_POSTGRES_SESSION: Final = (
    "SET TIME ZONE 'UTC'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'"
)


class Database:
    """A pool of connections, safe to use from several threads. ``close`` it when done.

    Args:
        url: SQLAlchemy URL; ``postgresql://`` means psycopg 3.
        foreign_keys: False only for migrations that rebuild tables on SQLite.

    Raises:
        MisuseError: For a URL of another kind, a missing driver, or SQLite in memory.
    """

    def __init__(self, url: str, *, foreign_keys: bool = True) -> None:
        self._url = _understood(url)
        self.place = masked(self._url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._engine = create_engine(self._url, connect_args=_sqlite_arguments(self._url))
            self._listen_sqlite(foreign_keys=foreign_keys)
        else:
            arguments = {key: value for key, value in _POSTGRES_DEFAULTS.items() if key not in self._url.query}
            self._engine = create_engine(self._url, connect_args=arguments, pool_pre_ping=True)
            event.listen(self._engine, "connect", _prepare_postgres)
        self._writer = self._engine.execution_options(tenfold_writes=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that only reads; on SQLite it neither waits for writers nor holds them up."""
        with self._explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that may write; on SQLite it queues for the one writer's place at its very beginning."""
        with self._explained(), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def create_folder(self) -> None:
        """Make the folder of a new SQLite file, for its owner only; an existing one is left as it is."""
        if self.is_sqlite and self._url.database and not self._url.database.startswith("file:"):
            folder = Path(self._url.database).parent
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise MisuseError(f"the folder {folder} of the database cannot be made: {error.strerror}") from error

    def _listen_sqlite(self, *, foreign_keys: bool) -> None:
        def prepare(connection: DBAPIConnection, _record: object) -> None:
            connection.isolation_level = None  # the driver begins nothing by itself; `begin` below does
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
            cursor.execute("PRAGMA synchronous = NORMAL")
            cursor.close()
            _switch_to_wal(connection)

        def begin(connection: Connection) -> None:
            # A transaction that reads first and writes later cannot wait for another writer, it fails at once;
            # IMMEDIATE waits where nothing has been read yet.
            writes = connection.get_execution_options().get("tenfold_writes")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        event.listen(self._engine, "connect", prepare)
        event.listen(self._engine, "begin", begin)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeoutError as error:
            raise TransientError(f"the database {self.place} has no free connection; try again") from error
        except DBAPIError as error:
            meaning = _sqlite_meaning(error, self.place) if self.is_sqlite else _postgres_meaning(error, self.place)
            if meaning is None:
                raise
            raise meaning from error


def masked(url: URL) -> str:
    """A database's URL as people may see it: no password, not even one in the query."""
    hidden = {name: "***" for name in url.query if "pass" in name}
    shown = url.set(drivername=url.get_backend_name()).update_query_dict(hidden)
    return unquote(shown.render_as_string(hide_password=True))


def _understood(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: a port that is no number
        raise MisuseError(f"{_SETTING} is not a database URL; it looks like {_EXAMPLES}") from error
    if parsed.drivername in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "postgresql+psycopg":
        _need_psycopg()
    elif parsed.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise MisuseError(
            f"{_SETTING} begins with {parsed.drivername!r}; studies are kept in SQLite or PostgreSQL: {_EXAMPLES}"
        )
    elif not parsed.database or ":memory:" in parsed.database or parsed.query.get("mode") == "memory":
        raise MisuseError(
            f"{_SETTING} is {masked(parsed)!r}: SQLite in memory cannot be shared by the scheduler and the command "
            "line; name a file, like sqlite:////path/to/tenfold.db"
        )
    return parsed


def _need_psycopg() -> None:
    try:
        import psycopg  # noqa: F401  # only to see that it is there
    except ImportError as error:
        raise MisuseError(
            "PostgreSQL needs the driver psycopg, which is not installed here: pip install 'tenfold[postgres]'"
        ) from error


def _sqlite_arguments(url: URL) -> dict[str, float]:
    return {} if "timeout" in url.query else {"timeout": _BUSY_S}


def _switch_to_wal(connection: DBAPIConnection) -> None:
    """Turn on write-ahead logging; it stays on for good.

    SQLite does not wait here when another process is just doing the same, so we do.
    """
    deadline = time.monotonic() + _BUSY_S
    cursor = connection.cursor()
    try:
        while True:
            with _overlook_busy(until=deadline):
                cursor.execute("PRAGMA journal_mode = WAL")
                break
            time.sleep(_RETRY_S)
    finally:
        cursor.close()


@contextmanager
def _overlook_busy(*, until: float) -> Iterator[None]:
    """Overlook that the file is busy, until this moment of the monotonic clock."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname not in {"SQLITE_BUSY", "SQLITE_LOCKED"} or time.monotonic() > until:
            raise


def _prepare_postgres(connection: "_PostgresConnection", _record: object) -> None:
    connection.autocommit = True
    connection.execute(_POSTGRES_SESSION)
    connection.autocommit = False


class _PostgresConnection(Protocol):
    autocommit: bool

    def execute(self, query: str) -> object: ...


_SQLITE_CURABLE: Final = {
    "SQLITE_BUSY": "is locked by another process",
    "SQLITE_LOCKED": "is locked by another process",
    "SQLITE_PROTOCOL": "is locked by another process",
    "SQLITE_FULL": "has no room left on its disk",
    "SQLITE_IOERR": "cannot be read or written just now (disk trouble)",
    "SQLITE_NOMEM": "cannot be read: the machine is out of memory",
}
_SQLITE_WRONG: Final = {
    "SQLITE_CANTOPEN": "cannot be opened; is its folder there, and may you read and write in it?",
    "SQLITE_READONLY": "may not be written by you; check the permissions of the file and its folder",
    "SQLITE_PERM": "may not be opened by you; check the permissions of the file and its folder",
    "SQLITE_NOTADB": f"is not an SQLite database; {_SETTING} must name another file",
    "SQLITE_CORRUPT": "is damaged; restore it from a backup, or name another file",
}
_SQLSTATE_CURABLE: Final = ("08", "40", "53", "55", "57")
"""Connection, conflict between transactions, resources, lock not available, shut down or cancelled."""
_SQLSTATE_WRONG: Final = ("28", "3D", "3F", "42501")
"""Password, no such database, no schema to use, permission."""
_REFUSED: Final = re.compile(
    r"authentication failed|no password supplied|does not exist|no pg_hba\.conf entry|permission denied"
)


def _sqlite_meaning(error: DBAPIError, place: str) -> TenfoldError | None:
    name = getattr(error.orig, "sqlite_errorname", None) or ""
    plain = "_".join(name.split("_")[:2])  # SQLITE_IOERR_WRITE is a kind of SQLITE_IOERR
    if plain in _SQLITE_CURABLE:
        return TransientError(f"the database {place} {_SQLITE_CURABLE[plain]}; it is worth trying again")
    if plain in _SQLITE_WRONG:
        return MisuseError(f"the database {place} {_SQLITE_WRONG[plain]}")
    return None


def _postgres_meaning(error: DBAPIError, place: str) -> TenfoldError | None:
    state = getattr(error.orig, "sqlstate", None) or ""
    said = next(iter(str(error.orig).strip().splitlines()), type(error.orig).__name__)
    # While connecting there is no SQLSTATE, only the server's sentence.
    connecting = not state and type(error.orig).__name__ == "OperationalError"
    if state.startswith(_SQLSTATE_WRONG) or (connecting and _REFUSED.search(said)):
        return MisuseError(f"the database {place} refused: {said}; check {_SETTING}")
    if state.startswith(_SQLSTATE_CURABLE) or connecting or error.connection_invalidated:
        return TransientError(f"the database {place} is away: {said}")
    return None
