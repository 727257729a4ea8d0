"""Fingerprints are stable facts; code bundles are the same bytes for the same files."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from tenfold_common.domain.canonical import canonical_json
from tenfold_common.errors import DataError
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
