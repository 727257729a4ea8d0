"""One suite for every artifact store: what goes in comes out, unchanged, or not at all."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold_common.artifacts.store import LocalArtifacts, MemoryArtifacts, RemoteArtifacts, open_artifacts
from tenfold_common.domain.canonical import content_hash
from tenfold_common.domain.words import ContentHash
from tenfold_common.errors import DataError, NotFoundError
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
    with pytest.raises(DataError, match="'nonsense://x' is not understood"):
        open_artifacts("nonsense://x", cache=tmp_path)
