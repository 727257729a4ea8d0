"""The one place the loop waits at: news from the bus and answers from the strategies, in one queue.

The bus is read by a thread of its own that blocks on the server, so nothing is polled.
"""

import logging
import queue
import threading
from collections.abc import Sequence
from typing import Final

from tenfold_common.domain.words import StudyId
from tenfold_common.errors import TransientError
from tenfold_common.ports import Received, SchedulerBus
from tenfold_scheduler.desk import Answer

log = logging.getLogger(__name__)

BLOCK_S: Final = 2.0
RETRY_S: Final = 1.0


class Inbox:
    """Collects what the loop has to look at.

    Args:
        bus: Where news comes from.
    """

    def __init__(self, bus: SchedulerBus) -> None:
        self._bus = bus
        self._items: queue.SimpleQueue[Sequence[Received] | tuple[StudyId, Answer] | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._after = "0"
        self._broken: Exception | None = None
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, name="news", daemon=True)

    def open(self) -> None:
        """Start reading news."""
        self._reader.start()

    def answer(self, study: StudyId, answer: Answer) -> None:
        """A strategy has answered. Safe from any thread."""
        self._items.put((study, answer))

    def wake(self) -> None:
        """Make the loop look around now. Safe from any thread and from signal handlers."""
        self._items.put(None)

    def read_again(self) -> None:
        """Start over with everything on the stream: what was read could not be committed."""
        with self._lock:
            self._after = "0"

    def take(self, wait_s: float) -> tuple[list[Received], list[tuple[StudyId, Answer]]]:
        """Everything that has arrived, waiting up to ``wait_s`` for the first of it.

        Raises:
            Exception: Whatever ended the reader; a scheduler that hears nothing must not go on as if all were quiet.
        """
        news: list[Received] = []
        answers: list[tuple[StudyId, Answer]] = []
        try:
            item = self._items.get(timeout=max(0.0, wait_s))
            while True:
                if isinstance(item, tuple):
                    answers.append(item)
                elif item is not None:
                    news.extend(item)
                item = self._items.get_nowait()
        except queue.Empty:
            if self._broken is not None:
                raise self._broken from None
            return news, answers

    def close(self) -> None:
        """Stop reading; the reader ends with its present wait."""
        self._closed.set()

    def _read(self) -> None:
        try:
            self._read_until_closed()
        except Exception as error:  # noqa: BLE001  # the thread's edge: the loop raises it in its own
            self._broken = error
            self.wake()

    def _read_until_closed(self) -> None:
        away = False
        while not self._closed.is_set():
            try:
                with self._lock:
                    after = self._after
                news = self._bus.receive(after=after, block_s=BLOCK_S)
            except TransientError as error:
                if not away:
                    log.warning("broker away, waiting for it: %s", error)
                away = True
                self._closed.wait(RETRY_S)
                continue
            if away:
                log.info("broker back")
                away = False
            if news:
                self._keep(after, news)

    def _keep(self, after: str, news: Sequence[Received]) -> None:
        with self._lock:
            if self._after != after:
                return  # asked to read again meanwhile
            self._after = news[-1].entry
        self._items.put(list(news))
