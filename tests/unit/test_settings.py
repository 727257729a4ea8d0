"""Settings come from the environment, then a TOML file, then defaults."""

from pathlib import Path

import pytest

from tenfold_common.errors import MisuseError
from tenfold_common.settings import read_settings, to_environment


def test_defaults_live_in_the_home(tmp_path: Path) -> None:
    """Nothing set: SQLite and artifacts in the home, no broker."""
    settings = read_settings({"TENFOLD_HOME": str(tmp_path)})
    assert settings.database_url == f"sqlite:///{tmp_path / 'tenfold.db'}"
    assert settings.artifacts_url == str(tmp_path / "artifacts")
    assert settings.broker_url is None


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """The file fills in what the environment leaves open."""
    (tmp_path / "config.toml").write_text('broker_url = "redis://a/0"\nlease_s = 7\n')
    settings = read_settings({"TENFOLD_HOME": str(tmp_path), "TENFOLD_BROKER_URL": "redis://b/0"})
    assert (settings.broker_url, settings.lease_s) == ("redis://b/0", 7.0)


def test_another_process_can_be_given_the_same_settings(tmp_path: Path) -> None:
    """What is handed down by environment reads back equal."""
    settings = read_settings({"TENFOLD_HOME": str(tmp_path), "TENFOLD_LEASE_S": "2.5"})
    assert read_settings(to_environment(settings)) == settings


@pytest.mark.parametrize(
    ("file", "env", "expected"),
    [
        ("brokr_url = 'x'", {}, "unknown key 'brokr_url'; known are: .*broker_url"),
        ("= nonsense", {}, "cannot be read"),
        ("", {"TENFOLD_LEASE_S": "soon"}, "TENFOLD_LEASE_S must be a positive number of seconds, not 'soon'"),
        ("", {"TENFOLD_LEASE_S": "-1"}, "positive number"),
        ("", {"TENFOLD_CONFIG": "/nowhere/x.toml"}, "which is not a file"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(tmp_path: Path, file: str, env: dict[str, str], expected: str) -> None:
    """Value and rule, no traceback."""
    (tmp_path / "config.toml").write_text(file)
    with pytest.raises(MisuseError, match=expected):
        read_settings({"TENFOLD_HOME": str(tmp_path), **env})
