"""What SIGINT (Ctrl-C) and SIGTERM mean to a verb that runs long: the first stops it, the second kills it at once."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

EXIT_CODE: Final = 130
"""What a shell expects of a command ended by Ctrl-C; documented for SIGTERM too."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """The state of being told to stop.

    Attributes:
        kill: What to do, without waiting, when told a second time; set by whoever starts something.
    """

    def __init__(self) -> None:
        self.kill: Callable[[], None] = lambda: None
        self._told = False

    def handle(self, _number: int, _frame: FrameType | None) -> None:
        """The signal handler.

        Raises:
            KeyboardInterrupt: The first time.
        """
        if self._told:
            self.kill()
            sys.stderr.flush()
            os._exit(EXIT_CODE)
        self._told = True
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Meanwhile the first SIGINT or SIGTERM raises KeyboardInterrupt and the second ends the process."""
    interruption = Interruption()
    before = {number: signal.signal(number, interruption.handle) for number in _SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
