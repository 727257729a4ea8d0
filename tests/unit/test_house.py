"""The house rules that no linter knows."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOTS = {
    "common": "tenfold_common",
    "scheduler": "tenfold_scheduler",
    "worker": "tenfold_worker",
    "client": "tenfold",
}


@pytest.mark.parametrize("folder", ROOTS)
def test_folders_of_roles_are_not_packages(folder: str) -> None:
    """``import common`` must never work: it would clash with users' code."""
    assert not (ROOT / folder / "__init__.py").exists()
    assert [path.name for path in (ROOT / folder).iterdir() if path.is_dir() and path.name != "__pycache__"] == [
        ROOTS[folder]
    ]


def test_the_wheel_ships_exactly_the_four_packages() -> None:
    """One distribution, four packages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(packages) == sorted(f"{folder}/{package}" for folder, package in ROOTS.items())


def test_every_direct_dependency_is_pinned_and_has_its_reason() -> None:
    """constraints.txt pins it; docs/dependencies.md says what it is for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["postgres"],
        *project["dependency-groups"]["dev"],
    ]
    names = {_name(text) for text in wanted}
    pinned = {_name(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    reasons = (ROOT / "docs" / "dependencies.md").read_text()
    assert sorted(names - pinned) == []
    assert sorted(name for name in names if f"`{name}`" not in reasons) == []


def test_no_file_records_a_registrys_address() -> None:
    """Pins name versions, never where they came from."""
    for name in ("constraints.txt", "pyproject.toml", "Makefile"):
        text = (ROOT / name).read_text()
        assert "://" not in text or name == "pyproject.toml", name
        assert "--index-url" not in text


def _name(requirement: str) -> str:
    for stop in "[<>=!; ":
        requirement = requirement.split(stop, maxsplit=1)[0]
    return requirement.strip().lower()


def test_plain_pip_installs_the_same_development_tools() -> None:
    """requirements-dev.txt is the ``dev`` group, for a pip too old to know groups."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = [line for line in (ROOT / "requirements-dev.txt").read_text().splitlines() if not line.startswith("#")]
    assert listed == project["dependency-groups"]["dev"]
