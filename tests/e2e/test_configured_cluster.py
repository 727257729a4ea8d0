"""The same verbs against a cluster with a broker of its own: scheduler and worker are started by hand."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold.embedded import broker
from tests.e2e.conftest import Shell
from tests.e2e.studies import quick


@pytest.fixture
def configured(shell: Shell) -> Iterator[Shell]:
    """A terminal whose environment names a broker, as it would on a user's machine."""
    folder = shell.temporary / "broker"
    folder.mkdir()
    command = broker.command(broker.find_server(), folder, shell.temporary / "broker.log")
    server = subprocess.Popen(command)
    shell.more["TENFOLD_BROKER_URL"] = broker.broker_url(folder)
    try:
        shell.wait_for("the broker is up", lambda: broker.answers(broker.socket_path(folder)))
        yield shell
        shell.close()
    finally:
        server.terminate()
        server.wait(10)


def test_a_study_can_be_submitted_and_watched(configured: Shell) -> None:
    """Scheduler and worker in two terminals, ``submit`` and ``watch`` in a third, ``run`` in a fourth."""
    scheduler, worker = configured.start("scheduler"), configured.start("worker", "--slots", "2")
    submitted = configured.run("submit", configured.write("quick.yaml", quick(trials=4)))
    assert submitted.returncode == 0, submitted.stderr
    assert submitted.stdout == "quick\n"
    assert configured.json("watch", "quick")["trials"]["succeeded"] == 4
    again = configured.run("run", configured.write("other.yaml", quick("other", trials=3)), "--workers", "9")
    assert again.returncode == 0, again.stderr
    assert "using the configured cluster" in again.stderr
    assert not Path(configured.home / "cluster.json").exists(), "nothing embedded was started"
    for process in (worker, scheduler):
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_there_must_be_a_cluster_to_submit_to(shell: Shell) -> None:
    """The message names the ways to have one."""
    for words in (["submit", shell.write("quick.yaml", quick())], ["scheduler"], ["worker"]):
        done = shell.run(*words)
        assert done.returncode == 2
        assert "TENFOLD_BROKER_URL" in done.stderr
