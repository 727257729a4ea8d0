"""The process in which models run: one attempt at a time, told by its slot over a socket; it may die at any moment.

It holds nothing worth saving. What it writes goes to the nursery, which keeps the end of it as evidence.
"""

import argparse
import contextlib
import faulthandler
import os
import signal
import socket
import sys
import traceback
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from tenfold_common.domain.assignment import Assignment, assignment_from_json, failure_to_json, fold_to_json
from tenfold_common.domain.spec import EvaluationSpec
from tenfold_common.domain.words import ContentHash
from tenfold_common.ports import Artifacts
from tenfold_worker.lineage import die_with_parent
from tenfold_worker.wire import Message, Wire

if TYPE_CHECKING:
    from tenfold_common.data.dataset import Dataset
    from tenfold_common.modelling.fold_rows import Splits

MARK: Final = b"\x1e--- tenfold: an attempt begins ---\x1e\n"
"""Written to the output where an attempt begins."""

_OOM_SCORE: Final = "500"
_KEPT_DATASETS: Final = 4


class Runner:
    """Runs attempts one after the other, for studies that share a code bundle.

    Args:
        wire: Orders come in and news goes out.
        artifacts: Where specs, data, folds and code are.
    """

    def __init__(self, wire: Wire, artifacts: Artifacts) -> None:
        self._wire = wire
        self._artifacts = artifacts
        self._code: ContentHash | None = None
        self._served = False
        self._dataset = lru_cache(_KEPT_DATASETS)(self._open_dataset)
        self._splits = lru_cache(_KEPT_DATASETS)(self._open_splits)

    def serve(self) -> None:
        """Obey until the slot hangs up."""
        while self._wire.open:
            self._wire.wait(None)
            for message in self._wire.read():
                self._run(message)

    def _run(self, message: Message) -> None:
        with contextlib.suppress(OSError):  # a model may have closed it
            os.write(2, MARK)
        try:
            if "inspect" in message:
                self._inspect(message["inspect"])
            else:
                self._evaluate(assignment_from_json(message["assignment"]))
        except Exception:  # the process's edge: whatever is not the model's fault is the machine's
            if not self._wire.open:
                raise
            self._trouble()
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):  # a model may have replaced or closed them
                    stream.flush()

    def _inspect(self, request: Message) -> None:
        from tenfold_worker.inspection import inspect_for

        inspect_for(request, self._artifacts, tell=self._wire.send)

    def _evaluate(self, assignment: Assignment) -> None:
        from tenfold_worker.evaluation import evaluate_folds

        spec = EvaluationSpec.from_bytes(self._artifacts.local(assignment.spec_hash).read_bytes())
        if not self._adopt(spec.code_hash):
            self._wire.send({"event": "replace"})
            return
        dataset, splits = self._dataset(spec.data_hash), self._splits(spec.splits_hash)
        self._wire.send({"event": "ready", "fold_timeout_s": spec.fold_timeout_s})
        outcome = evaluate_folds(
            spec,
            dataset,
            splits,
            assignment.params,
            study_seed=assignment.study_seed,
            trial=assignment.key.trial,
            folds=assignment.folds,
            on_fold=lambda result: self._wire.send({"event": "fold_ended", "result": fold_to_json(result)}),
            on_fold_begins=lambda fold: self._wire.send({"event": "fold_began", "fold": fold}),
        )
        self._wire.send({"event": "finished", "failure": failure_to_json(outcome.failure)})

    def _adopt(self, code: ContentHash | None) -> bool:
        """Make a study's own modules importable; False if modules of another study may be loaded already."""
        if self._code is not None and code != self._code:
            return False
        if code is not None and self._code is None:
            if self._served:
                return False
            from tenfold_common.provenance.code import unpack_code

            sys.path.insert(0, str(unpack_code(self._artifacts.local(code))))
        self._code, self._served = code, True
        return True

    def _open_dataset(self, data: ContentHash) -> "Dataset":
        from tenfold_common.data.dataset import open_dataset

        return open_dataset(self._artifacts.local(data))

    def _open_splits(self, splits: ContentHash) -> "Splits":
        from tenfold_common.modelling.fold_rows import splits_from_path

        return splits_from_path(self._artifacts.local(splits))

    def _trouble(self) -> None:
        error = sys.exc_info()[1]
        message = f"the worker could not run the trial: {error}"
        self._wire.send({"event": "troubled", "message": message, "traceback": traceback.format_exc()})


def live(sock: socket.socket, *, parent: int) -> None:
    """Be a runner until the slot hangs up, or the nursery dies.

    Args:
        sock: The slot is at its other end.
        parent: The nursery.
    """
    die_with_parent(parent, by=signal.SIGKILL)
    _leave_evidence()
    _volunteer_for_the_oom_killer()
    from tenfold_common.artifacts.store import open_artifacts
    from tenfold_common.settings import read_settings

    wire = Wire(sock)
    try:
        Runner(wire, open_artifacts(read_settings().artifacts_url)).serve()
    except OSError:
        if wire.open:  # else the slot has hung up, and nobody waits for an answer
            raise


def _leave_evidence() -> None:
    # New ones: those of the nursery may have been opened on a file, and now lead to a pipe.
    sys.stdout = _line_stream(1)
    sys.stderr = _line_stream(2)
    faulthandler.enable(file=2)
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)


def _line_stream(descriptor: int) -> TextIO:
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _volunteer_for_the_oom_killer() -> None:
    """When memory runs out, the process with the model should go, not the one that reports it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


def main() -> None:
    """A runner started afresh, where forking is not safe."""
    parser = argparse.ArgumentParser(prog="python -m tenfold_worker.runner")
    parser.add_argument("--fd", type=int, required=True, help="the socket to the slot")
    parser.add_argument("--parent", type=int, required=True, help="the nursery")
    arguments = parser.parse_args()
    live(socket.socket(fileno=arguments.fd), parent=arguments.parent)


if __name__ == "__main__":
    main()
