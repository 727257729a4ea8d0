"""The user's own modules as a bundle: packed at submit, named by content hash, unpacked once per machine.

The same files give the same bytes, whenever and wherever they are packed.
"""

import io
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from tenfold_common.errors import DataError
from tenfold_common.filesystems import own_folder

LIMIT_BYTES: Final = 32 << 20
"""Largest sum of file sizes a bundle may have."""

_MOST_FILES: Final = 10_000
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip file can say
_NEVER: Final = {"__pycache__", "node_modules", "venv", "env", "dist", "build", "site-packages"}


def pack_code(folder: Path) -> bytes:
    """A deterministic zip archive of a source tree.

    In a git checkout these are the files git knows or would take, so ``.gitignore`` is respected; elsewhere
    everything but hidden folders, caches and virtual environments.

    Raises:
        DataError: If the folder is missing or empty, or its files are larger than the limit.
    """
    if not folder.is_dir():
        raise DataError(f"code: {folder} is not a folder")
    names = sorted(name for name in set(_files_of_git(folder) or _files_of_folder(folder)) if _lies_in(folder, name))
    if not any(name.endswith(".py") for name in names):
        raise DataError(f"code: {folder} holds no Python file")
    _check_size(folder, names)
    buffer = io.BytesIO()
    # Stored, not compressed: the same bytes deflated by another zlib are other bytes, and another hash.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as bundle:
        for name in names:
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # as made on Unix, wherever it is made
            bundle.writestr(entry, (folder / name).read_bytes())
    return buffer.getvalue()


def unpack_code(bundle: Path, cache: Path | None = None) -> Path:
    """The folder with a bundle's files, unpacked at most once per machine.

    Args:
        bundle: A verified local copy of the bundle, named by its hash.
        cache: Where folders are kept; by default one in the system's temporary folder that only this user can enter.

    Raises:
        DataError: If it is no bundle, or a file of it would land outside its folder.
        MisuseError: If others may write to the folder in the system's temporary folder.
    """
    place = (cache or own_folder("tenfold-code")) / bundle.name
    if place.is_dir():
        return place
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=place.parent, prefix=".new-"))
    try:
        with zipfile.ZipFile(bundle) as files:
            for name in files.namelist():
                _check_inside(name)
            files.extractall(new)
        new.rename(place)
    except zipfile.BadZipFile as error:
        raise DataError(f"{bundle} is not a code bundle ({error}); submit the study again") from error
    except OSError:
        if not place.is_dir():  # else another process was faster, with the same files
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return place


def git_state(folder: Path) -> dict[str, str | bool] | None:
    """Commit and whether files differ from it; None where there is no git checkout."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit.strip(), "dirty": bool(_git(folder, "status", "--porcelain", "--", "."))}


def _files_of_git(folder: Path) -> list[str]:
    listed = _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".")
    names = [name for name in (listed or "").split("\0") if name]
    return [name for name in names if (folder / name).is_file() and not _is_hidden(name)]


def _files_of_folder(folder: Path) -> list[str]:
    names = [path.relative_to(folder).as_posix() for path in islice(_walk(folder), _MOST_FILES + 1)]
    if len(names) > _MOST_FILES:
        raise DataError(
            f"code: {folder} holds more than {_MOST_FILES} files, such as {names[-1]}; "
            f"name a folder with nothing but the study's own modules"
        )
    return names


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        yield from (Path(root) / name for name in files if not _is_hidden(name) and not name.endswith(".pyc"))


def _lies_in(folder: Path, name: str) -> bool:
    """Whether a file is really in the folder; a link to somewhere else must not carry that along."""
    path = folder / name
    return path.is_file() and path.resolve().is_relative_to(folder.resolve())


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part in _NEVER for part in name.split("/"))


def _check_size(folder: Path, names: Sequence[str]) -> None:
    sizes = {name: (folder / name).stat().st_size for name in names}
    total = sum(sizes.values())
    if total > LIMIT_BYTES:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        told = ", ".join(f"{name} ({sizes[name] / 2**20:.1f} MiB)" for name in largest)
        raise DataError(
            f"code: {folder} holds {total / 2**20:.1f} MiB, the limit is {LIMIT_BYTES >> 20} MiB; "
            f"the largest files are {told}: move data out of the folder or list it in .gitignore"
        )


def _check_inside(name: str) -> None:
    if name.startswith(("/", "\\")) or ".." in Path(name).parts or ":" in name:
        raise DataError(f"the code bundle holds {name!r}, which would land outside its folder")


def _git(folder: Path, *arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run(
        [git, "-c", "core.fsmonitor=false", "-C", str(folder), *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",  # file names are bytes
        check=False,
        env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},  # looking must not change the checkout
    )
    return done.stdout if done.returncode == 0 else None
