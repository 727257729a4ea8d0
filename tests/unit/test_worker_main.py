"""The worker's command line: what is wrong is said before any process is started."""

from pathlib import Path

import pytest

from tenfold_common.domain.words import ContentHash
from tenfold_common.errors import TransientError
from tenfold_worker.fingerprint_note import FingerprintNote
from tenfold_worker.main import main


def test_without_a_broker_there_is_no_worker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Exit code 2 and the setting's name."""
    monkeypatch.delenv("TENFOLD_BROKER_URL", raising=False)
    monkeypatch.setenv("TENFOLD_HOME", str(tmp_path))
    assert main([]) == 2
    assert "TENFOLD_BROKER_URL" in caplog.text


@pytest.mark.parametrize("queues", ["unacked", "cpu,bus:news"])
def test_a_queue_that_cannot_be_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, queues: str
) -> None:
    """Exit code 2 and the queue's name."""
    monkeypatch.setenv("TENFOLD_BROKER_URL", "redis://localhost:1")
    monkeypatch.setenv("TENFOLD_HOME", str(tmp_path))
    assert main(["--queues", queues]) == 2
    assert "cannot be a queue" in caplog.text


@pytest.mark.parametrize("arguments", [["--slots", "0"], ["--slots", "two"], ["--queues", ","], ["--gpus", "0"]])
def test_nonsense_on_the_command_line_is_misuse(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The parser says what and exits with 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error" in capsys.readouterr().err


def test_the_fingerprint_is_read_when_it_is_there(tmp_path: Path) -> None:
    """Once, and then remembered; without patience its absence is an error that waiting can cure."""
    note = FingerprintNote(tmp_path)
    with pytest.raises(TransientError):
        note.read(patience_s=0)
    FingerprintNote(tmp_path).write(ContentHash("f" * 64), {"cores": 2})
    assert note.read(patience_s=0) == ("f" * 64, {"cores": 2})
    (tmp_path / "fingerprint.json").unlink()
    assert note.read(patience_s=0) == ("f" * 64, {"cores": 2})
