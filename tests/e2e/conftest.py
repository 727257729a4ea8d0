"""Fixtures of the end-to-end tests: the installed ``tenfold`` command in a home and a temporary folder of its own.

Whatever a test does, nothing may be left when it is over: no process that knows its home, no socket directory, no
cluster file. The fixture's teardown looks.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.onlookers import leftovers

COMMAND = Path(sys.executable).with_name("tenfold")
EXAMPLES = Path(__file__).parents[2] / "examples"

COUNT_FINISHED = """
    SELECT count(*) FROM tenfold_trials AS trial JOIN tenfold_studies AS study ON study.id = trial.study
    WHERE study.name = ? AND trial.state IN ('succeeded', 'failed')
"""


class Shell:
    """A user's terminal: runs ``tenfold`` in one home.

    Attributes:
        home: ``TENFOLD_HOME``.
        folder: Where commands run.
        temporary: ``TMPDIR``; short, because sockets live in it.
        more: Further variables of its environment.
    """

    def __init__(self, home: Path, folder: Path, temporary: Path) -> None:
        self.home, self.folder, self.temporary = home, folder, temporary
        self.more: dict[str, str] = {}
        self.started: list[subprocess.Popen[str]] = []

    @property
    def environment(self) -> dict[str, str]:
        """The user's environment, without what could lead to another cluster."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TENFOLD_") and name not in {"COLUMNS", "NO_COLOR"}
        }
        return {**kept, "TENFOLD_HOME": str(self.home), "TMPDIR": str(self.temporary), **self.more}

    def run(self, *words: str, timeout_s: float = 60.0) -> "subprocess.CompletedProcess[str]":
        """Type a command and wait for it."""
        return subprocess.run(
            [COMMAND, *words],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def json(self, *words: str, timeout_s: float = 60.0) -> Any:  # Any: JSON
        """Type a command with ``--json`` that must succeed; its document."""
        done = self.run(*words, "--json", timeout_s=timeout_s)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Type a command and go on; its process group is its own, as in a terminal."""
        process = subprocess.Popen(
            [COMMAND, *words],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self.started.append(process)
        return process

    def write(self, name: str, text: str) -> str:
        """Write a file into the folder; its name."""
        (self.folder / name).write_text(text)
        return name

    def wait_for(self, what: str, holds: Callable[[], bool], *, timeout_s: float = 30.0) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s in vain: {what}\n{self.logs()}"
            time.sleep(0.05)

    def count_finished(self, study: str) -> int:
        """How many trials have ended by now; asks the database itself, because that is quick."""
        database = self.home / "tenfold.db"
        if not database.exists():
            return 0
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            try:
                return int(connection.execute(COUNT_FINISHED, (study,)).fetchone()[0])
            except sqlite3.OperationalError:  # it is just being created
                return 0

    def finished_trials(self, study: str) -> list[dict[str, Any]]:  # Any: JSON
        """The trials that have ended by now; none while there is no study yet."""
        listed = self.run("trials", study, "--json")
        if listed.returncode != 0:
            return []
        return [trial for trial in json.loads(listed.stdout) if trial["state"] in {"succeeded", "failed"}]

    def leftovers(self) -> list[str]:
        """What should not be there when no command runs."""
        return leftovers(self.home, self.temporary)

    def logs(self) -> str:
        """The ends of the cluster's logs, for a failing test's message."""
        return "\n".join(f"== {log.name}\n{log.read_text()[-3000:]}" for log in sorted(self.home.glob("logs/*.log")))

    def close(self) -> None:
        """End what the test has started and not ended itself."""
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A terminal in an empty folder with an empty home, that must be left as clean as it was found."""
    with _terminal(tmp_path) as shell:
        yield shell


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A terminal beside which ``tenfold up`` runs, for tests that need a cluster but not one of their own."""
    with _terminal(tmp_path_factory.mktemp("up")) as shell:
        up = shell.start("up", "--workers", "2")
        shell.wait_for("the cluster is up", (shell.home / "cluster.json").exists)
        yield shell
        up.send_signal(signal.SIGINT)
        up.wait(10)


@pytest.fixture
def examples(shell: Shell) -> Path:
    """A copy of the examples in the terminal's folder."""
    return Path(shutil.copytree(EXAMPLES, shell.folder / "examples"))


@contextmanager
def _terminal(place: Path) -> Iterator[Shell]:
    home, folder = place / "home", place / "folder"
    folder.mkdir()
    temporary = Path(tempfile.mkdtemp(prefix="tf-", dir="/tmp"))
    shell = Shell(home, folder, temporary)
    try:
        yield shell
        shell.close()
        _wait_until_clean(shell)
    finally:
        shell.close()
        shutil.rmtree(temporary, ignore_errors=True)


def _wait_until_clean(shell: Shell, timeout_s: float = 3.0) -> None:
    deadline = time.monotonic() + timeout_s
    while shell.leftovers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert shell.leftovers() == [], f"left behind: {shell.leftovers()}"


def table(trials: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:  # Any: JSON
    """The trial table without facts about machines, which differ from run to run."""
    return [
        {key: value for key, value in trial.items() if key not in {"seconds", "fingerprint", "attempts"}}
        for trial in trials
    ]
