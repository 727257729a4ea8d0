"""Places to read from and write to: file systems by URL, and this user's own corner of the temporary folder.

Imports fsspec only when a URL is really opened: plain paths never need it.
"""

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold_common.errors import MisuseError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def is_url(source: str) -> bool:
    """Whether this names a place by URL rather than by path (``C:/data`` is a path)."""
    return "://" in source or "::" in source


def filesystem_of(url: str) -> "tuple[AbstractFileSystem, str]":
    """The file system of a URL, and the path in it.

    Raises:
        MisuseError: For a protocol that fsspec does not know or whose package is not installed.
    """
    from fsspec.core import url_to_fs
    from fsspec.registry import known_implementations

    protocol = url.split("://", 1)[0].split("::", 1)[0]
    try:
        system, path = url_to_fs(url)
    except ImportError as error:
        advice = known_implementations.get(protocol, {}).get("err") or f"install what it needs ({error})"
        raise MisuseError(f"{url}: {protocol}:// needs a package that is not installed: {advice}") from error
    except ValueError as error:
        raise MisuseError(
            f"{url} cannot be used as a location ({error}); use a path or file://, s3://, gs://, abfs://, http://, …"
        ) from error
    return system, str(path)


def own_folder(name: str) -> Path:
    """A folder of this user in the system's temporary folder, made if need be, which nobody else can write to.

    Its name can be guessed, so whoever else made it first could plant files in it: then it is refused.

    Raises:
        MisuseError: If it belongs to somebody else or others may write to it.
    """
    user = os.getuid() if hasattr(os, "getuid") else None
    folder = Path(tempfile.gettempdir()) / (name if user is None else f"{name}-{user}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if user is not None and (found.st_uid != user or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022):
        raise MisuseError(
            f"{folder} is not a folder that only you can write to, so what lies in it cannot be trusted; "
            f"remove it, or set TMPDIR to a folder of your own"
        )
    return folder
