"""Fingerprints are stable facts; code bundles are the same bytes for the same files."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from tenfold_common.domain.canonical import canonical_json
from tenfold_common.errors import DataError, MisuseError
from tenfold_common.provenance.code import git_state, pack_code, unpack_code
from tenfold_common.provenance.fingerprint import fingerprint
from tenfold_common.provenance.software import distribution_of, software_versions


def test_two_fingerprints_of_one_machine_are_equal_and_plain_json() -> None:
    """Nothing in them changes from minute to minute."""
    assert fingerprint() == fingerprint()
    facts = fingerprint()[1]
    assert canonical_json(facts)
    assert {"cpu", "memory_bytes", "gpus", "os", "python", "packages"} <= facts.keys()


def test_versions_come_from_the_installed_distributions() -> None:
    """An unknown one is left out."""
    from importlib import metadata

    versions = software_versions(["celery", "no-such-thing"])
    assert versions["celery"] == metadata.version("celery")
    assert "no-such-thing" not in versions


@pytest.mark.parametrize(
    ("module", "distribution"),
    [("sklearn.svm", "scikit-learn"), ("numpy", "numpy"), ("skopt", "scikit-optimize"), ("no_such_module", None)],
)
def test_a_modules_distribution_is_found(module: str, distribution: str | None) -> None:
    """The name to install is not the name to import."""
    assert distribution_of(module) == distribution


def a_tree(folder: Path) -> Path:
    """A small project with things that must not travel."""
    (folder / "pkg").mkdir(parents=True)
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "mine.py").write_text("x = 1\n")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "mine.pyc").write_bytes(b"\0")
    (folder / ".secret").write_text("no")
    return folder


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    """Whenever they were written; hidden files and caches stay at home."""
    one, two = a_tree(tmp_path / "one"), a_tree(tmp_path / "two")
    os.utime(two / "mine.py", (1, 1))
    assert pack_code(one) == pack_code(two)
    bundle = tmp_path / "bundle"
    bundle.write_bytes(pack_code(one))
    assert zipfile.ZipFile(bundle).namelist() == ["mine.py", "pkg/__init__.py"]


def test_in_a_git_checkout_ignored_files_stay_at_home(tmp_path: Path) -> None:
    """New files that git would take do travel."""
    folder = a_tree(tmp_path / "one")
    assert git_state(folder) is None
    (folder / ".gitignore").write_text("big.bin\n")
    (folder / "big.bin").write_bytes(b"1" * 100)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    bundle = tmp_path / "bundle"
    bundle.write_bytes(pack_code(folder))
    assert zipfile.ZipFile(bundle).namelist() == ["mine.py", "pkg/__init__.py"]


def test_a_bundle_is_unpacked_once(tmp_path: Path) -> None:
    """Every slot asks; the first one does it."""
    bundle = tmp_path / "hash"
    bundle.write_bytes(pack_code(a_tree(tmp_path / "one")))
    place = unpack_code(bundle, tmp_path / "cache")
    assert (place / "mine.py").read_text() == "x = 1\n"
    (place / "mark").touch()
    assert unpack_code(bundle, tmp_path / "cache") == place
    assert (place / "mark").exists()


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a/../../evil.py"])
def test_a_bundle_cannot_write_outside_its_folder(tmp_path: Path, name: str) -> None:
    """Whoever made it."""
    bundle = tmp_path / "hash"
    with zipfile.ZipFile(bundle, "w") as files:
        files.writestr(name, "")
    with pytest.raises(DataError, match="outside its folder"):
        unpack_code(bundle, tmp_path / "cache")


def test_a_bundle_that_is_too_large_names_the_largest_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says what to do."""
    monkeypatch.setattr("tenfold_common.provenance.code.LIMIT_BYTES", 10)
    (tmp_path / "mine.py").write_text("x = 1\n" * 10)
    with pytest.raises(DataError, match=r"largest files are mine.py .*\.gitignore"):
        pack_code(tmp_path)


def test_a_folder_without_python_is_refused(tmp_path: Path) -> None:
    """A wrong path is found before anything is queued."""
    with pytest.raises(DataError, match="holds no Python file"):
        pack_code(tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        pack_code(tmp_path / "nowhere")


def test_bundles_do_not_depend_on_a_compression_library(tmp_path: Path) -> None:
    """Another zlib would make other bytes of the same files, and so another study."""
    bundle = tmp_path / "bundle"
    bundle.write_bytes(pack_code(a_tree(tmp_path / "one")))
    assert {entry.compress_type for entry in zipfile.ZipFile(bundle).infolist()} == {zipfile.ZIP_STORED}


def test_a_link_out_of_the_folder_carries_nothing_along(tmp_path: Path) -> None:
    """What lies elsewhere was not meant to travel."""
    folder = a_tree(tmp_path / "one")
    (tmp_path / "private.py").write_text("key = 1\n")
    (folder / "link.py").symlink_to(tmp_path / "private.py")
    (folder / "alias.py").symlink_to(folder / "mine.py")
    bundle = tmp_path / "bundle"
    bundle.write_bytes(pack_code(folder))
    assert zipfile.ZipFile(bundle).namelist() == ["alias.py", "mine.py", "pkg/__init__.py"]


def test_a_folder_with_everything_in_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder named by mistake is not walked to its end."""
    monkeypatch.setattr("tenfold_common.provenance.code._MOST_FILES", 1)
    with pytest.raises(DataError, match="holds more than 1 files"):
        pack_code(a_tree(tmp_path / "one"))


def test_what_is_no_bundle_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    """Half a folder would be taken for a whole one later."""
    (tmp_path / "hash").write_bytes(b"not a zip")
    with pytest.raises(DataError, match="is not a code bundle"):
        unpack_code(tmp_path / "hash", tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_code_is_unpacked_where_nobody_else_can_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that another user prepared would be code that another user runs here."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bundle = tmp_path / "hash"
    bundle.write_bytes(pack_code(a_tree(tmp_path / "one")))
    place = unpack_code(bundle)
    assert place.parent.stat().st_mode & 0o777 == 0o700
    place.parent.chmod(0o777)
    with pytest.raises(MisuseError, match="cannot be trusted"):
        unpack_code(bundle)


def test_a_checkout_tells_its_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    """New files count: the study may use them."""
    folder = a_tree(tmp_path / "one")
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    state = git_state(folder)
    assert state is not None
    assert len(str(state["commit"])) == 40
    assert state["dirty"] is False
    (folder / "new.py").touch()
    assert git_state(folder) == state | {"dirty": True}


class FailingDriver(ModuleType):
    """A machine with the library of a device, and a driver that breaks at some point."""

    class NVMLError(Exception):
        """As the library's own."""

    def __init__(self, *, at: str) -> None:
        super().__init__("pynvml")
        self.at, self.shut_down = at, False

    def nvmlInit(self) -> None:  # noqa: N802  # the library's name
        """Start."""
        if self.at == "start":
            raise self.NVMLError("driver not loaded")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802  # the library's name
        """Count devices."""
        raise self.NVMLError("unknown error")

    def nvmlShutdown(self) -> None:  # noqa: N802  # the library's name
        """End."""
        self.shut_down = True


@pytest.mark.parametrize(("at", "gpus"), [("start", []), ("count", [{"unreadable": "unknown error"}])])
def test_an_ill_driver_keeps_no_machine_from_saying_what_it_is(
    monkeypatch: pytest.MonkeyPatch, at: str, gpus: list[object]
) -> None:
    """It is part of the fingerprint instead."""
    driver = FailingDriver(at=at)
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    assert fingerprint()[1]["gpus"] == gpus
    assert driver.shut_down == (at != "start")


def test_a_fingerprint_is_taken_without_importing_numerical_libraries() -> None:
    """It is taken when a machine joins, which should cost nothing; loaded libraries are told of."""
    program = """
import sys
from tenfold_common.provenance.fingerprint import fingerprint
assert fingerprint()[1]["blas"] is None
assert not {"numpy", "sklearn", "threadpoolctl", "psutil"} & set(sys.modules)
import numpy
[blas] = fingerprint()[1]["blas"]
assert blas["vendor"] and blas["version"], blas
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
