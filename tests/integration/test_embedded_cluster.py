"""The embedded cluster with its real parts: what it starts, what it mends, and that nothing is ever left behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tenfold.embedded import broker
from tenfold.embedded.access import NeighbourCluster, RemoteCluster, reach_cluster
from tenfold.embedded.address import ClusterAddress, claim_home, running_cluster
from tenfold.embedded.cluster import ClusterFailedError, EmbeddedCluster, start_or_find
from tenfold_common.settings import Settings, read_settings
from tests.onlookers import command_line, leftovers, processes_of

HOLD_OPEN = """
import sys, time
from tenfold.embedded.cluster import start_or_find
from tenfold_common.settings import read_settings
with start_or_find(read_settings(), workers=1) as cluster:
    cluster.settings
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A home, and a short temporary folder for sockets, in which nothing may be left."""
    temporary = Path(tempfile.mkdtemp(prefix="tf-", dir="/tmp"))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    settings = read_settings({}, home=tmp_path / "home")
    try:
        yield settings
        _until("nothing is left", lambda: leftovers(settings.home, temporary) == [], timeout_s=3)
    finally:
        for process in processes_of(settings.home, temporary):
            process.kill()
        shutil.rmtree(temporary, ignore_errors=True)


def _until(what: str, holds: Callable[[], bool], *, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain: {what}"
        time.sleep(0.02)


def _started(settings: Settings, workers: int = 1) -> EmbeddedCluster:
    cluster = start_or_find(settings, workers=workers)
    assert isinstance(cluster, EmbeddedCluster)
    return cluster


def _wait_for_the_end(cluster: EmbeddedCluster) -> None:
    cluster.go()
    for _ in range(100):
        cluster.wait(0.5)


def _socket(settings: Settings) -> Path:
    assert settings.broker_url is not None
    return Path(settings.broker_url.removeprefix("redis+socket://"))


def _part(keeper_pid: int, word: str) -> psutil.Process:
    for child in psutil.Process(keeper_pid).children():
        if word in command_line(child):
            return child
    raise AssertionError(f"no {word} runs")


def _keeper(settings: Settings) -> int:
    address = running_cluster(settings.home)
    assert address is not None
    return address.pid


def test_it_starts_and_ends_within_two_seconds_and_leaves_nothing(place: Settings) -> None:
    """While it runs its broker answers on a private socket and no port is open; afterwards all of it is gone."""
    with _started(place) as cluster:
        socket = _socket(cluster.settings)
        assert broker.answers(socket)
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        keeper = psutil.Process(_keeper(place))
        for process in (keeper, *keeper.children(recursive=True)):
            assert [one for one in process.net_connections("inet") if one.status == "LISTEN"] == []
        begun = time.monotonic()
    assert time.monotonic() - begun < 2.0
    assert not socket.parent.exists()
    assert running_cluster(place.home) is None


def test_one_home_has_one_cluster(place: Settings) -> None:
    """Whoever comes second is given the first one's address, and may start one when that has ended."""
    with _started(place, workers=2) as cluster:
        url = cluster.settings.broker_url
        second = start_or_find(place, workers=5)
        assert isinstance(second, ClusterAddress)
        assert (second.broker_url, second.workers) == (url, 2)
        neighbour = reach_cluster(place, workers=5)
        assert isinstance(neighbour, NeighbourCluster)
        assert not neighbour.gone
    assert neighbour.gone
    claim = claim_home(place.home)
    assert claim is not None
    os.close(claim)
    (place.home / "cluster.json").unlink()


def test_a_configured_broker_is_used_instead(place: Settings) -> None:
    """With a broker in the settings nothing is started."""
    settings = read_settings({"TENFOLD_BROKER_URL": "redis://somewhere:6379"}, home=place.home)
    cluster = reach_cluster(settings, workers=2)
    assert isinstance(cluster, RemoteCluster)
    assert cluster.settings.broker_url == "redis://somewhere:6379"


@pytest.mark.parametrize("part", ["tenfold_worker", "tenfold_scheduler", "valkey-server"])
def test_a_part_that_dies_is_started_again(place: Settings, part: str) -> None:
    """Kill one: another takes its place, and the caller is told."""
    with _started(place) as cluster:
        keeper = _keeper(cluster.settings)
        first = _part(keeper, part)
        first.kill()
        assert any("SIGKILL" in sentence for _ in range(50) for sentence in cluster.wait(0.1))
        assert _part(keeper, part).pid != first.pid
        _until("the broker answers", lambda: broker.answers(_socket(cluster.settings)))


def test_a_part_that_keeps_dying_is_an_error_with_the_end_of_its_log(place: Settings) -> None:
    """A scheduler that cannot open its database is given up, in words."""
    place.home.mkdir(parents=True)
    (place.home / "tenfold.db").write_bytes(b"this is no database" * 100)
    with _started(place) as cluster, pytest.raises(ClusterFailedError, match="scheduler") as caught:
        _wait_for_the_end(cluster)
    assert "tenfold scheduler:" in caught.value.tail
    assert str(place.home / "logs" / "scheduler.log") in str(caught.value)


def test_killing_the_keeper_ends_everything(place: Settings) -> None:
    """The parts are bound to it by the kernel, and the caller is told."""
    with _started(place) as cluster:
        directory = _socket(cluster.settings).parent
        os.kill(_keeper(place), signal.SIGKILL)
        with pytest.raises(ClusterFailedError, match="keeper"):
            _wait_for_the_end(cluster)
    _until("the parts are gone", lambda: not processes_of(place.home, directory.parent))
    assert directory.exists(), "nobody was left to remove it"
    with _started(place) as cluster:
        assert cluster.settings.broker_url is not None
        assert not directory.exists(), "the next cluster has cleared it away"


def test_killing_the_caller_ends_everything(place: Settings) -> None:
    """SIGKILL gives no chance to clean up; the keeper does it."""
    environment = {**os.environ, "TENFOLD_HOME": str(place.home)}
    caller = subprocess.Popen([sys.executable, "-c", HOLD_OPEN], env=environment, stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    assert caller.stdout.readline() == "ready\n"
    caller.kill()
    caller.wait()
    caller.stdout.close()
    # the fixture asserts that nothing is left within three seconds


def test_it_can_be_killed_at_once(place: Settings) -> None:
    """Without grace it takes no second, and leaves nothing either."""
    with _started(place) as cluster:
        assert cluster.settings.broker_url is not None
        begun = time.monotonic()
        cluster.stop(at_once=True)
        assert time.monotonic() - begun < 1.0


def test_nothing_is_started_before_it_is_told_to_go(place: Settings) -> None:
    """A study file that turns out to be wrong has started no broker, scheduler or worker."""
    with _started(place):
        time.sleep(0.3)
        running = list(processes_of(place.home, Path(tempfile.gettempdir())).values())
        assert len(running) == 1
        assert "tenfold.embedded.keeper" in running[0]
    assert not (place.home / "tenfold.db").exists()
