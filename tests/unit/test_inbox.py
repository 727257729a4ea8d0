"""The scheduler's inbox: waits without polling, survives a broker that is away, and never goes deaf in silence."""

import threading
from collections.abc import Sequence

import pytest

from tenfold_common.bus.memory import MemoryBus
from tenfold_common.domain.assignment import Bell
from tenfold_common.errors import MisuseError, TransientError
from tenfold_common.ports import Received
from tenfold_scheduler import inbox as module
from tenfold_scheduler.inbox import Inbox


class Scripted(MemoryBus):
    """A bus whose reads do what a test says, one after the other, and then wait to be closed."""

    def __init__(self, *steps: Sequence[Received] | Exception) -> None:
        super().__init__()
        self.steps = list(steps)
        self.asked: list[str] = []
        self.over = threading.Event()

    def receive(self, *, after: str = "0", block_s: float, limit: int = 200) -> list[Received]:
        """The next step."""
        self.asked.append(after)
        if not self.steps:
            self.over.wait(10)
            return []
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return list(step)


def heard(inbox: Inbox) -> list[str]:
    """The entries that have arrived, waiting for the first."""
    return [received.entry for received in inbox.take(5.0)[0]]


def test_news_is_read_once_and_on_from_the_last_entry() -> None:
    """The next read asks for what comes after."""
    bus = Scripted([Received("1", Bell()), Received("2", Bell())])
    inbox = Inbox(bus)
    inbox.open()
    assert heard(inbox) == ["1", "2"]
    inbox.close()
    bus.over.set()
    assert bus.asked[:2] == ["0", "2"]


def test_a_broker_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """And read again from where it was left."""
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    bus = Scripted(TransientError("gone"), TransientError("gone"), [Received("1", Bell())])
    inbox = Inbox(bus)
    inbox.open()
    assert heard(inbox) == ["1"]
    inbox.close()
    bus.over.set()


@pytest.mark.parametrize("error", [MisuseError("the broker refuses us"), RuntimeError("a defect")])
def test_what_ends_the_reader_ends_the_loop(error: Exception) -> None:
    """A scheduler that hears nothing must not look idle."""
    inbox = Inbox(Scripted(error))
    inbox.open()
    with pytest.raises(type(error), match=str(error)):
        inbox.take(5.0)


def test_waking_makes_take_return_with_nothing() -> None:
    """A signal handler uses it."""
    inbox = Inbox(MemoryBus())
    inbox.wake()
    assert inbox.take(5.0) == ([], [])


def test_reading_again_starts_from_the_beginning_of_the_stream() -> None:
    """What could not be committed is still there."""
    inbox = Inbox(MemoryBus())
    inbox._keep("0", [Received("7", Bell())])
    inbox.read_again()
    assert inbox._after == "0"
    inbox._keep("7", [Received("8", Bell())])
    assert inbox._after == "0", "a read that began before is not taken"
