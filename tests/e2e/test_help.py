"""``tenfold --help`` answers at once: it imports nothing that takes time."""

import subprocess
import sys

import pytest

from tests.e2e.conftest import COMMAND, Shell

HEAVY = (
    "numpy",
    "scipy",
    "sklearn",
    "pandas",
    "sqlalchemy",
    "celery",
    "redis",
    "pydantic",
    "rich",
    "ruamel",
    "skopt",
)


def _imported(words: list[str]) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(COMMAND), *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_the_help_imports_nothing_heavy(words: list[str]) -> None:
    """What a verb needs is imported when the verb runs."""
    assert _imported(words) & set(HEAVY) == set()


@pytest.mark.parametrize("verb", ["run", "check", "init", "schema", "up"])
def test_the_help_of_a_verb_is_light_too(verb: str) -> None:
    """No machine-learning library, no database, no broker for a help text."""
    assert _imported([verb, "--help"]) & (set(HEAVY) - {"rich"}) == set()


def test_every_verb_has_a_help(shell: Shell) -> None:
    """The table of verbs names only verbs that exist."""
    from tenfold.cli.main import VERBS

    for verb in [name for section in VERBS.values() for name in section]:
        done = shell.run(verb, "--help")
        assert done.returncode == 0, (verb, done.stderr)
        assert "Usage: tenfold" in done.stdout
