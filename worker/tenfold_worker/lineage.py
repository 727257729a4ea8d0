"""Makes a process end when its parent does, however the parent ended. Imports nothing heavy."""

import ctypes
import os
import signal
import sys
import threading
import time
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_POLL_S: Final = 0.5


def die_with_parent(parent: int, *, by: signal.Signals = signal.SIGTERM) -> None:
    """Have this process get the signal ``by`` as soon as ``parent``, its parent, is gone.

    On Linux the kernel sees to it (and means the *thread* that started this process); elsewhere a thread looks twice
    a second.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(by))
    else:
        threading.Thread(target=_watch, args=(parent, by), name="parent-watch", daemon=True).start()
    if os.getppid() != parent:  # it was gone before we could ask
        os.kill(os.getpid(), by)


def _watch(parent: int, by: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_S)
    os.kill(os.getpid(), by)
