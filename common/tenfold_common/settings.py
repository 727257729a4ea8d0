"""Everything a process may be told from outside, read once by its composition root.

Order: the environment, then the TOML file named by ``TENFOLD_CONFIG`` (or ``config.toml`` in the home), then the
defaults. With no broker set, ``run`` and ``up`` use the embedded cluster.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from tenfold_common.errors import MisuseError

PREFIX = "TENFOLD_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process; each is the environment variable ``TENFOLD_`` plus its name in capitals.

    Attributes:
        home: Folder for the embedded database, artifacts and logs.
        database_url: SQLAlchemy URL; the default is SQLite in the home.
        broker_url: ``redis://``, ``rediss://`` or ``redis+socket://`` URL; None means the embedded cluster.
        artifacts_url: Path or fsspec URL of the artifact store; the default is a folder in the home.
        key_prefix: Put before every key on the broker, so that clusters can share one.
        lease_s: Seconds after which a silent worker's lease lapses.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
    """

    home: Path
    database_url: str
    artifacts_url: str
    broker_url: str | None = None
    key_prefix: str = "tenfold:"
    lease_s: float = 30.0
    log_level: str = "info"


def read_settings(environment: Mapping[str, str] | None = None, *, home: Path | None = None) -> Settings:
    """Read the settings.

    Args:
        environment: Instead of the process's own.
        home: Instead of ``TENFOLD_HOME``.

    Raises:
        MisuseError: For an unreadable TOML file, an unknown key in it, or a value of the wrong kind.
    """
    env = os.environ if environment is None else environment
    place = home or Path(env.get(f"{PREFIX}HOME") or Path.home() / ".tenfold")
    place = place.expanduser().absolute()
    given = _from_toml(Path(env.get(f"{PREFIX}CONFIG") or place / "config.toml"), required=f"{PREFIX}CONFIG" in env)
    for field in fields(Settings):
        value = env.get(PREFIX + field.name.upper())
        if value:
            given[field.name] = value
    return Settings(
        home=place,
        database_url=given.get("database_url") or f"sqlite:///{place / 'tenfold.db'}",
        artifacts_url=given.get("artifacts_url") or str(place / "artifacts"),
        broker_url=given.get("broker_url") or None,
        key_prefix=given.get("key_prefix", "tenfold:"),
        lease_s=_seconds("lease_s", given.get("lease_s", "30")),
        log_level=given.get("log_level", "info").lower(),
    )


def to_environment(settings: Settings) -> dict[str, str]:
    """The environment variables that give another process the same settings."""
    values = {field.name: getattr(settings, field.name) for field in fields(Settings)}
    return {PREFIX + name.upper(): str(value) for name, value in values.items() if value is not None}


def _from_toml(path: Path, *, required: bool) -> dict[str, str]:
    if not path.is_file():
        if required:
            raise MisuseError(f"{PREFIX}CONFIG names {path}, which is not a file")
        return {}
    try:
        given = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise MisuseError(f"{path} cannot be read: {error}") from error
    known = {field.name for field in fields(Settings)} - {"home"}
    for key in given:
        if key not in known:
            raise MisuseError(f"{path}: unknown key {key!r}; known are: {', '.join(sorted(known))}")
    return {key: str(value) for key, value in given.items()}


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise MisuseError(f"{PREFIX}{name.upper()} must be a positive number of seconds, not {text!r}")
    return seconds
