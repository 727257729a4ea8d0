"""A nursery and its runners, without Celery: how they are born, told, killed, and how their death is known."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tenfold_common.domain.assignment import Assignment, assignment_to_json
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import ContentHash, StudyId
from tenfold_common.errors import TransientError
from tenfold_worker.runner_client import GONE, RunnerClient
from tenfold_worker.wire import Message
from tests.integration.rig import gone

PATIENCE_S = 30.0


@dataclass
class _Nursery:
    """A nursery's process and where it listens."""

    process: subprocess.Popen[bytes]
    path: Path

    def runners(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()


@pytest.fixture(scope="module", params=["--fork", "--no-fork"])
def nursery(request: pytest.FixtureRequest) -> Iterator[_Nursery]:
    """A nursery that forks its runners, then one that starts them afresh, as it does off Linux."""
    with tempfile.TemporaryDirectory(prefix="tenfold-") as name:
        path = Path(name) / "nursery.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            command = [sys.executable, "-P", "-m", "tenfold_worker.nursery", request.param]
            process = subprocess.Popen(
                [*command, "--fd", str(listener.fileno()), "--folder", name, "--parent", str(os.getpid())],
                env={**os.environ, "TENFOLD_HOME": name},
                pass_fds=[listener.fileno()],
                stdin=subprocess.PIPE,
            )
        yield _Nursery(process, path)
        assert process.stdin is not None
        process.stdin.close()  # its lifeline
        process.wait(PATIENCE_S)


@pytest.fixture
def client(nursery: _Nursery) -> Iterator[RunnerClient]:
    """A slot's end of it, with a runner."""
    client = RunnerClient(nursery.path)
    client.start()
    yield client
    client.close()


def _next(client: RunnerClient) -> Message:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        for message in client.poll(1.0):
            return message
    raise AssertionError("the runner says nothing")


def _order() -> Message:
    """An assignment whose spec does not exist."""
    return {
        "assignment": assignment_to_json(
            Assignment(
                key=AttemptKey(StudyId("0123456789abcdef"), 0, 0, 1),
                queue="cpu",
                spec_hash=ContentHash("0" * 64),
                study_name="digits",
                study_seed=42,
                params={},
                folds=(0,),
            )
        )
    }


def test_a_runner_answers_and_lives_on(nursery: _Nursery, client: RunnerClient) -> None:
    """Trouble is said in words, and the same process takes the next order."""
    [runner] = nursery.runners()
    for _ in range(2):
        client.start()
        client.send(_order())
        message = _next(client)
        assert message["event"] == "troubled"
        assert "artifact" in message["message"]
    assert nursery.runners() == [runner]


def test_a_runner_lives_in_a_session_of_its_own(nursery: _Nursery, client: RunnerClient) -> None:
    """So that it is killed with all it started, and nothing else is."""
    client.send(_order())
    _next(client)
    [runner] = nursery.runners()
    assert os.getsid(runner.pid) == runner.pid


def test_a_killed_runner_is_told_of_and_another_is_started(nursery: _Nursery, client: RunnerClient) -> None:
    """Killed by order or by anybody else, its end comes with its reason, and the next one can be had."""
    client.send(_order())
    _next(client)
    client.end(look=True)
    message = _next(client)
    assert (message["event"], message["how"]) == ("exited", "was ended by SIGKILL")
    assert "File" in message["output"], "where it was when it was looked at"
    assert not client.alive
    client.start()
    client.send(_order())
    assert _next(client)["event"] == "troubled"


def test_a_runner_that_died_unseen_is_replaced(nursery: _Nursery, client: RunnerClient) -> None:
    """A trial never pays for what happened before it."""
    client.send(_order())
    _next(client)
    [runner] = nursery.runners()
    runner.kill()
    gone([runner], within_s=PATIENCE_S)
    client.start()
    client.send(_order())
    assert _next(client)["event"] == "troubled"


def test_a_replaced_runner_is_another_process(nursery: _Nursery, client: RunnerClient) -> None:
    """What the old one had imported is gone."""
    [before] = nursery.runners()
    client.replace()
    [after] = nursery.runners()
    assert after.pid != before.pid


def test_a_slot_that_hangs_up_takes_its_runner_along(nursery: _Nursery, client: RunnerClient) -> None:
    """Nobody would listen to it any more."""
    [runner] = nursery.runners()
    client.close()
    assert gone([runner], within_s=PATIENCE_S) == []


def test_each_slot_has_its_own_runner(nursery: _Nursery, client: RunnerClient) -> None:
    """Killing one leaves the other alone."""
    other = RunnerClient(nursery.path)
    other.start()
    client.send(_order())
    other.send(_order())
    assert [_next(client)["event"], _next(other)["event"]] == ["troubled"] * 2
    client.end(look=False)
    assert _next(client)["event"] == "exited"
    other.send(_order())
    assert _next(other)["event"] == "troubled"
    other.close()


def test_a_stopped_nursery_says_so_and_takes_all_along() -> None:
    """Slots can tell a stop from a crash; after it there is nothing to connect to."""
    with tempfile.TemporaryDirectory(prefix="tenfold-") as name:
        path = Path(name) / "nursery.sock"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "tenfold_worker.nursery"),
                *("--fd", str(listener.fileno()), "--folder", name, "--parent", str(os.getpid())),
            ],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
        )
        listener.close()
        client = RunnerClient(path)
        client.start()
        runners = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGTERM)
        assert _next(client) == {"event": "stopped"}
        assert process.wait(PATIENCE_S) == 0
        assert gone(runners, within_s=PATIENCE_S) == []
        with pytest.raises(TransientError):
            client.start()
        client.close()
        assert process.stdin is not None
        process.stdin.close()
    assert GONE["how"] == "", "what is said when a nursery ends without a word"
