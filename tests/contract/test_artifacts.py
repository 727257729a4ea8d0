"""One suite for every artifact store: what goes in comes out, unchanged, or not at all."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold_common.artifacts.store import LocalArtifacts, MemoryArtifacts, RemoteArtifacts, open_artifacts
from tenfold_common.domain.canonical import content_hash
from tenfold_common.domain.words import ContentHash
from tenfold_common.errors import DataError, MisuseError, NotFoundError, TransientError
from tenfold_common.filesystems import own_folder
from tenfold_common.ports import Artifacts


@pytest.fixture(params=["local", "remote", "memory"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Artifacts]:
    """Every adapter; the remote one over fsspec's in-process file system, in a folder of its own."""
    if request.param == "local":
        yield LocalArtifacts(tmp_path / "artifacts")
    elif request.param == "remote":
        yield RemoteArtifacts(f"memory://{tmp_path.name}-{request.node.name}", tmp_path / "cache")
    else:
        memory = MemoryArtifacts()
        yield memory
        memory.close()


def test_bytes_come_back_unchanged_under_their_hash(artifacts: Artifacts) -> None:
    """The address is the content's SHA-256."""
    artifact = artifacts.put(b"some bytes")
    assert artifact == content_hash(b"some bytes")
    assert artifacts.has(artifact)
    assert artifacts.local(artifact).read_bytes() == b"some bytes"


def test_a_file_and_its_bytes_are_the_same_artifact(artifacts: Artifacts, tmp_path: Path) -> None:
    """However it was stored."""
    file = tmp_path / "file"
    file.write_bytes(b"x" * 3_000_000)
    assert artifacts.put_file(file) == artifacts.put(b"x" * 3_000_000)


def test_storing_twice_changes_nothing(artifacts: Artifacts) -> None:
    """Studies on the same data share it."""
    assert artifacts.put(b"twice") == artifacts.put(b"twice")


def test_a_local_file_cannot_be_written_to_by_accident(artifacts: Artifacts) -> None:
    """It is mapped into memory by every worker."""
    assert artifacts.local(artifacts.put(b"precious")).stat().st_mode & 0o222 == 0


@pytest.mark.parametrize("name", ["0" * 64, "../../etc/passwd", "", "A" * 64])
def test_what_is_not_there_is_named(artifacts: Artifacts, name: str) -> None:
    """A name that is no hash is never made into a path."""
    with pytest.raises(NotFoundError, match="artifact"):
        artifacts.local(ContentHash(name))


def test_many_writers_of_the_same_bytes_do_not_disturb_each_other(artifacts: Artifacts) -> None:
    """All slots of a machine may ask at once."""
    data = b"y" * 200_000
    errors: list[BaseException] = []

    def write_and_read() -> None:
        try:
            assert artifacts.local(artifacts.put(data)).stat().st_size == len(data)
        except BaseException as error:  # noqa: BLE001  # collected for the assertion below
            errors.append(error)

    threads = [threading.Thread(target=write_and_read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_file_changed_on_disk_is_found_and_never_handed_out(tmp_path: Path) -> None:
    """By the next process that asks for it."""
    artifact = LocalArtifacts(tmp_path).put(b"honest")
    place = LocalArtifacts(tmp_path).local(artifact)
    place.chmod(0o600)
    place.write_bytes(b"forged")
    with pytest.raises(DataError, match="was changed after it was stored"):
        LocalArtifacts(tmp_path).local(artifact)


def test_a_download_that_does_not_match_its_hash_is_not_kept(tmp_path: Path) -> None:
    """A remote store may be changed by others."""
    import fsspec

    url = f"memory://changed-{tmp_path.name}"
    artifact = RemoteArtifacts(url, tmp_path / "one").put(b"honest")
    fsspec.filesystem("memory").pipe(f"/changed-{tmp_path.name}/{artifact[:2]}/{artifact}", b"forged")
    other = RemoteArtifacts(url, tmp_path / "two")
    with pytest.raises(DataError, match="was changed after it was stored"):
        other.local(artifact)
    with pytest.raises(DataError):
        other.local(artifact)


def test_a_path_is_local_and_a_url_is_not(tmp_path: Path) -> None:
    """The store says by its address what it is; an unknown kind is refused in words."""
    assert isinstance(open_artifacts(str(tmp_path)), LocalArtifacts)
    assert isinstance(open_artifacts(f"file://{tmp_path}"), LocalArtifacts)
    assert isinstance(open_artifacts("memory://x", cache=tmp_path), RemoteArtifacts)
    with pytest.raises(MisuseError, match="nonsense://x cannot be used as a location"):
        open_artifacts("nonsense://x", cache=tmp_path)


def test_what_a_power_cut_left_empty_is_stored_again(tmp_path: Path) -> None:
    """A name without its bytes is not an artifact that exists."""
    artifact = LocalArtifacts(tmp_path).put(b"precious")
    place = LocalArtifacts(tmp_path).local(artifact)
    place.chmod(0o600)
    place.write_bytes(b"")
    assert LocalArtifacts(tmp_path).put(b"precious") == artifact
    assert LocalArtifacts(tmp_path).local(artifact).read_bytes() == b"precious"


def test_nothing_but_artifacts_is_left_in_a_store(tmp_path: Path) -> None:
    """Temporary files go, whether writing succeeds or not."""
    artifacts = LocalArtifacts(tmp_path)
    artifact = artifacts.put(b"one")
    with pytest.raises(RuntimeError), artifacts.new_file(content_hash(b"two")):
        raise RuntimeError
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [artifacts.local(artifact)]


def test_a_damaged_copy_of_a_remote_artifact_is_fetched_again(tmp_path: Path) -> None:
    """The copy is at fault, not the original."""
    url = f"memory://again-{tmp_path.name}"
    artifact = RemoteArtifacts(url, tmp_path).put(b"honest")
    copy = RemoteArtifacts(url, tmp_path).local(artifact)
    copy.chmod(0o600)
    copy.write_bytes(b"forged")
    assert RemoteArtifacts(url, tmp_path).local(artifact).read_bytes() == b"honest"


def test_a_remote_artifact_is_downloaded_once_whoever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All slots of a machine share the copy, and wait for the one that fetches it."""
    from fsspec.implementations.memory import MemoryFileSystem

    url = f"memory://once-{tmp_path.name}"
    artifact = RemoteArtifacts(url, tmp_path / "there").put(b"z" * 100_000)
    fetched: list[str] = []
    original = MemoryFileSystem.get_file

    def counting(self: object, path: str, *rest: object, **options: object) -> object:
        fetched.append(path)
        return original(self, path, *rest, **options)

    monkeypatch.setattr(MemoryFileSystem, "get_file", counting)
    readers = [
        threading.Thread(target=RemoteArtifacts(url, tmp_path / "here").local, args=(artifact,)) for _ in range(8)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(fetched) == 1


def test_a_store_that_cannot_be_written_to_says_so(tmp_path: Path) -> None:
    """In a sentence with its place."""
    (tmp_path / "file").touch()
    with pytest.raises(TransientError, match="file cannot be written to"):
        LocalArtifacts(tmp_path / "file").put(b"x")


def test_a_temporary_folder_that_others_may_write_to_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name can be guessed; who makes it first could plant a file."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = own_folder("mine")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert own_folder("mine") == folder
    folder.chmod(0o777)
    with pytest.raises(MisuseError, match="cannot be trusted"):
        own_folder("mine")
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.rmdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MisuseError, match="cannot be trusted"):
        own_folder("mine")


def test_a_store_in_a_folder_does_not_import_fsspec(tmp_path: Path) -> None:
    """It would cost every command a tenth of a second."""
    program = f"""
import sys
from tenfold_common.artifacts.store import open_artifacts
store = open_artifacts({str(tmp_path)!r})
store.local(store.put(b"x"))
assert not {{"fsspec", "numpy", "pandas"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
