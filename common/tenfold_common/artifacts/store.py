"""Blobs by content hash on a local folder or any fsspec URL: written once, verified when read.

A local store hands out its own files; a remote one is copied to this machine's cache once, whoever asks. What does
not match its hash is never handed out.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from tenfold_common.domain.canonical import content_hash
from tenfold_common.domain.words import ContentHash
from tenfold_common.errors import DataError, MisuseError, NotFoundError, TransientError
from tenfold_common.filesystems import filesystem_of, own_folder


def open_artifacts(url: str, *, cache: Path | None = None) -> "LocalArtifacts | RemoteArtifacts":
    """The artifact store at a path or fsspec URL.

    Args:
        url: ``/a/path``, ``file:///a/path`` or any URL fsspec understands.
        cache: Folder for local copies of a remote store; one in the system's temporary folder by default.
    """
    path = _local_path(url)
    if path is not None:
        return LocalArtifacts(path)
    return RemoteArtifacts(url, cache or own_folder("tenfold-artifacts"))


class LocalArtifacts:
    """A folder of read-only files.

    Args:
        root: The folder; made on the first write, for its owner only.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._verified: set[ContentHash] = set()

    def put(self, data: bytes) -> ContentHash:
        """Store bytes; storing the same bytes again changes nothing."""
        artifact = content_hash(data)
        if not self._is_whole(artifact, len(data)):
            with self.new_file(artifact) as path:
                path.write_bytes(data)
        return artifact

    def put_file(self, path: Path) -> ContentHash:
        """Store a file's content."""
        artifact = _hash_of_file(path)
        if not self._is_whole(artifact, path.stat().st_size):
            with self.new_file(artifact) as new:
                shutil.copyfile(path, new)
        return artifact

    def has(self, artifact: ContentHash) -> bool:
        """Whether the artifact is there."""
        return self._place(artifact).is_file()

    def local(self, artifact: ContentHash) -> Path:
        """The stored file itself; its content is checked once per process.

        Raises:
            NotFoundError: If no such artifact exists.
            DataError: If its content does not match its hash.
        """
        path = self._place(artifact)
        if not path.is_file():
            raise NotFoundError("artifact", artifact, None)
        if artifact not in self._verified:
            _verify(path, artifact)
            self._verified.add(artifact)
        return path

    def forget(self, artifact: ContentHash) -> None:
        """Remove an artifact, if it is there."""
        self._place(artifact).unlink(missing_ok=True)
        self._verified.discard(artifact)

    @contextmanager
    def new_file(self, artifact: ContentHash) -> Iterator[Path]:
        """A temporary file that takes an artifact's place in one step, so that nobody ever sees half of it.

        Raises:
            MisuseError: If the folder may not be written to.
            TransientError: If there is no room, or the disk fails.
        """
        place = self._place(artifact)
        with _writing(self._root):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.parent.mkdir(exist_ok=True)
            handle, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")
            os.close(handle)
            path = Path(name)
            try:
                yield path
                _to_disk(path)
                path.chmod(0o400)
                path.replace(place)
            finally:
                path.unlink(missing_ok=True)

    @contextmanager
    def alone(self, artifact: ContentHash) -> Iterator[None]:
        """Within this block no other process or thread of this machine is in one for the same artifact.

        Where files cannot be locked nobody waits; then work may be done twice, which is only slower.
        """
        place = self._place(artifact)
        with _writing(self._root):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.parent.mkdir(exist_ok=True)
            with place.with_name(f".lock-{artifact}").open("ab") as lock:
                _lock(lock.fileno())
                yield

    def _place(self, artifact: ContentHash) -> Path:
        return self._root / _name(artifact)

    def _is_whole(self, artifact: ContentHash, size_bytes: int) -> bool:
        """Whether it is there with all its bytes; a disk that lost power may have kept the name only."""
        try:
            return self._place(artifact).stat().st_size == size_bytes
        except (FileNotFoundError, NotADirectoryError):
            return False


class RemoteArtifacts:
    """A store behind an fsspec URL, with a cache on this machine.

    Args:
        url: The URL of the store's folder.
        cache: Where copies are kept.

    Raises:
        MisuseError: If no installed package understands the URL.
    """

    def __init__(self, url: str, cache: Path) -> None:
        self._cache = LocalArtifacts(cache)
        self._fs, root = filesystem_of(url)
        self._root = root.rstrip("/")

    def put(self, data: bytes) -> ContentHash:
        """Store bytes; storing the same bytes again changes nothing."""
        artifact = self._cache.put(data)
        self._upload(artifact)
        return artifact

    def put_file(self, path: Path) -> ContentHash:
        """Store a file's content."""
        artifact = self._cache.put_file(path)
        self._upload(artifact)
        return artifact

    def has(self, artifact: ContentHash) -> bool:
        """Whether the artifact is there."""
        with _speaking(self._root):
            return bool(self._fs.exists(self._place(artifact)))

    def local(self, artifact: ContentHash) -> Path:
        """A verified copy on this machine, fetched once.

        Raises:
            NotFoundError: If no such artifact exists.
            DataError: If its content does not match its hash.
        """
        with self._cache.alone(artifact):
            if self._cache.has(artifact):
                try:
                    return self._cache.local(artifact)
                except DataError:  # the copy is damaged, which says nothing about the original
                    self._cache.forget(artifact)
            self._download(artifact)
            return self._cache.local(artifact)

    def _place(self, artifact: ContentHash) -> str:
        return f"{self._root}/{_name(artifact)}"

    def _upload(self, artifact: ContentHash) -> None:
        if self.has(artifact):
            return
        place = self._place(artifact)
        with _speaking(self._root):
            self._fs.makedirs(place.rpartition("/")[0], exist_ok=True)
            part = f"{place}.{uuid4().hex}.new"  # several processes and threads may store the same bytes at once
            self._fs.put_file(str(self._cache.local(artifact)), part)
            self._fs.cp_file(part, place)  # mv would take brackets in a path for a pattern
            self._fs.rm_file(part)

    def _download(self, artifact: ContentHash) -> None:
        if not self.has(artifact):
            raise NotFoundError("artifact", artifact, None)
        with self._cache.new_file(artifact) as copy:
            with _speaking(self._root):
                self._fs.get_file(self._place(artifact), str(copy))
            _verify(copy, artifact)


class MemoryArtifacts(LocalArtifacts):
    """A store that ends with the process: a fake for tests, held to the same contract suite."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tenfold-artifacts-")
        super().__init__(Path(self._folder.name))

    def close(self) -> None:
        """Remove everything."""
        self._folder.cleanup()


def _name(artifact: ContentHash) -> str:
    if len(artifact) != 64 or not set(artifact) <= set("0123456789abcdef"):
        raise NotFoundError("artifact", artifact, None)  # never a path made of what a message says
    return f"{artifact[:2]}/{artifact}"


def _verify(path: Path, artifact: ContentHash) -> None:
    found = _hash_of_file(path)
    if found != artifact:
        raise DataError(
            f"the artifact {artifact[:12]} was changed after it was stored (its content hashes to {found[:12]}): "
            f"remove {path} and submit the study again"
        )


def _hash_of_file(path: Path) -> ContentHash:
    with path.open("rb") as file:
        return ContentHash(hashlib.file_digest(file, "sha256").hexdigest())


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    with suppress(OSError):  # a network file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _local_path(url: str) -> Path | None:
    if url.startswith("file://"):
        return Path(url.removeprefix("file://"))
    return None if "://" in url else Path(url).expanduser().absolute()


@contextmanager
def _writing(root: Path) -> Iterator[None]:
    """Within this block, trouble with the disk is told in words; what this module raises itself passes."""
    try:
        yield
    except PermissionError as error:
        raise MisuseError(
            f"the artifact store {root} cannot be written to ({error.strerror}); "
            f"set TENFOLD_ARTIFACTS_URL to a place that can"
        ) from error
    except OSError as error:
        raise TransientError(f"the artifact store {root} cannot be written to: {error}") from error


@contextmanager
def _speaking(where: str) -> Iterator[None]:
    """Within this block, trouble with the other side is a ``TransientError``."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise TransientError(f"the artifact store {where} does not answer: {error}") from error


__all__ = ["LocalArtifacts", "MemoryArtifacts", "RemoteArtifacts", "open_artifacts"]
