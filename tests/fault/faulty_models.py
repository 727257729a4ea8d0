"""Estimators that go wrong in every way the tests know of. Sent to the worker as a user's own code."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

# Any in this module: scikit-learn's convention for X and y.


class WordlessError(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def raises() -> None:
    """An ordinary exception."""
    raise ValueError("the learning rate is cursed")


def raises_with_bad_text() -> None:
    """An exception whose text raises."""
    raise WordlessError


def segfaults() -> None:
    """Reads address zero."""
    ctypes.string_at(0)


def exits_hard() -> None:
    """Leaves without a word."""
    os._exit(7)


def exits() -> None:
    """Leaves politely."""
    sys.exit("enough")


def interrupts() -> None:
    """As if somebody had pressed Ctrl-C."""
    raise KeyboardInterrupt


def kills_itself() -> None:
    """What the out-of-memory killer does."""
    os.kill(os.getpid(), signal.SIGKILL)


def loops() -> None:
    """Python that never ends and does not care for SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass


def hangs_in_c() -> None:
    """C that never ends and never lets go of the interpreter."""
    ctypes.PyDLL(None).sleep(10_000)


def runs_out_of_memory() -> None:
    """More than any machine has."""
    np.ones(1 << 50)


def chatters() -> None:
    """Far more output than anybody wants."""
    for _ in range(2_000):
        print("x" * 9_999)  # noqa: T201
    raise ValueError("lost in chatter")


def chatters_and_crashes() -> None:
    """A crash after much output, the last line of which counts."""
    for _ in range(200):
        print("x" * 9_999)  # noqa: T201
    print("these were my last words")  # noqa: T201
    os.kill(os.getpid(), signal.SIGABRT)


def closes_everything() -> None:
    """Closes every file it can find, its line to the slot included."""
    os.closerange(3, 1_000)
    time.sleep(10_000)


def writes_nonsense() -> None:
    """Writes into every socket it can find."""
    for number in range(3, 100):
        try:
            os.write(number, b'{"event": "fold_ended", "result": 7}\n\xff\xfe{{{\n')
        except OSError:
            continue
    time.sleep(10_000)


def leaves_a_child() -> None:
    """Starts a process that outlives it, and dies."""
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(10_000)", "tenfold-left-behind"])
    os._exit(8)


def exits_from_a_thread() -> None:
    """A thread of the model ends the process."""
    threading.Thread(target=os._exit, args=(9,)).start()
    time.sleep(10_000)


class Faulty(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Always says the most frequent class, unless it is to go wrong in the second fold.

    Args:
        fault: Name of a function of this module; empty for none.
    """

    fitted = 0

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    def fit(self, X: Any, y: Any) -> Self:
        """Count."""
        Faulty.fitted += 1
        self.classes_, counts = np.unique(y, return_counts=True)
        self.most_ = self.classes_[counts.argmax()]
        if self.fault and len(X) and y[0] != FIRST_FOLD_BEGINS_WITH:
            globals()[self.fault]()
        return self

    def predict(self, X: Any) -> Any:
        """The most frequent class."""
        return np.full(len(X), self.most_)


FIRST_FOLD_BEGINS_WITH = 1
"""Row 0 (the digit 0) is validated in fold 0, so that only that fold trains on rows beginning with a 1."""


def score(estimator: Any, X: Any, y: Any) -> float:
    """Accuracy, or NaN for a model with that fault."""
    if estimator.fault == "scores_nan":
        return float("nan")
    return float((estimator.predict(X) == y).mean())


def scores_nan() -> None:
    """Nothing: the metric does it."""
