"""A real worker on a real broker, without a scheduler: tests publish assignments and read the news themselves."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tenfold_common.artifacts.store import open_artifacts
from tenfold_common.bus.redis_bus import RedisSchedulerBus
from tenfold_common.domain.assignment import Assignment, Bell, Ended, Started
from tenfold_common.domain.spec import EvaluationSpec
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import ContentHash, Json, Params, StudyId
from tenfold_common.provenance.code import pack_code
from tenfold_common.settings import Settings, to_environment
from tests.contract.valkey import PrivateValkey
from tests.onlookers import command_line

PATIENCE_S = 40.0
SVC: Mapping[str, Json] = {
    "pipeline": [{"scale": "sklearn.preprocessing.StandardScaler"}, {"svc": "sklearn.svm.SVC"}],
}


class Rig:
    """A broker, an artifact store with scikit-learn's digits, and what a scheduler would say and hear.

    Args:
        lease_s: Length of leases.
    """

    def __init__(self, *, lease_s: float = 30.0) -> None:
        self.valkey = PrivateValkey()
        self.settings: Settings = self.valkey.settings(lease_s=lease_s)
        self.artifacts = open_artifacts(self.settings.artifacts_url)
        self.bus = RedisSchedulerBus(self.settings)
        self.study = StudyId("")
        self.news: list[Started | Ended] = []
        self.begin_study()

    def __enter__(self) -> Self:
        self.valkey.start()
        self.data, self.splits = self._store_digits(rows=300, folds=3)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.bus.close()
        self.valkey.__exit__(kind, error, traceback)

    def begin_study(self) -> None:
        """What is published from now on belongs to another study."""
        self.study = StudyId(secrets.token_hex(8))

    def spec(
        self,
        *,
        model: Mapping[str, Json] = SVC,
        metric: str = "accuracy",
        fold_timeout_s: float | None = None,
        code: Path | None = None,
        threads: int = 1,
    ) -> ContentHash:
        """Store how to evaluate the trials of a study on the digits."""
        spec = EvaluationSpec(
            model=model,
            metrics=(metric,),
            data_hash=self.data,
            target="label",
            drop=(),
            splits_hash=self.splits,
            folds=3,
            fold_timeout_s=fold_timeout_s,
            code_hash=None if code is None else self.artifacts.put(pack_code(code)),
            threads=threads,
        )
        return self.artifacts.put(spec.to_bytes())

    def publish(
        self, spec: ContentHash, trial: int, params: Params | None = None, *, attempt: int = 1, queue: str = "cpu"
    ) -> AttemptKey:
        """Ring for a worker."""
        key = AttemptKey(self.study, trial, 0, attempt)
        self.bus.publish(
            Assignment(
                key=key,
                queue=queue,
                spec_hash=spec,
                study_name="digits",
                study_seed=42,
                params=params or {},
                folds=(0, 1, 2),
            )
        )
        return key

    def listen(self) -> None:
        """Take in what has arrived."""
        for received in self.bus.receive(block_s=0.2):
            self.bus.discard([received.entry])
            if not isinstance(received.news, Bell):
                self.news.append(received.news)

    def news_of(self, key: AttemptKey) -> list[Started | Ended]:
        """What has been heard of an attempt."""
        return [news for news in self.news if news.key == key]

    def heard(self, kind: type[Started | Ended], key: AttemptKey) -> bool:
        """Whether such news of the attempt has arrived."""
        return any(isinstance(news, kind) for news in self.news_of(key))

    def wait_for(self, kind: type[Started | Ended], key: AttemptKey) -> None:
        """Wait for news of an attempt."""
        self.wait_until(lambda: self.heard(kind, key), f"{kind.__name__} of {key}")

    def ended(self, key: AttemptKey) -> Ended:
        """Wait for an attempt to end."""
        self.wait_for(Ended, key)
        return next(news for news in self.news_of(key) if isinstance(news, Ended))

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Listen until something holds."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline_s, f"waited {PATIENCE_S:.0f} s in vain for: {what}"
            self.listen()

    def _store_digits(self, *, rows: int, folds: int) -> tuple[ContentHash, ContentHash]:
        import numpy as np
        from sklearn.datasets import load_digits

        from tenfold_common.data.dataset import array_dataset, write_dataset
        from tenfold_common.data.values import numeric_column
        from tenfold_common.modelling.fold_rows import from_folds, splits_to_bytes

        features, labels = load_digits(return_X_y=True)
        dataset = array_dataset(features[:rows], [numeric_column("label", labels[:rows])])
        path = self.valkey.folder / "digits"
        write_dataset(dataset, path)
        numbers = np.arange(rows)
        pairs = [(numbers[numbers % folds != fold], numbers[numbers % folds == fold]) for fold in range(folds)]
        return self.artifacts.put_file(path), self.artifacts.put(splits_to_bytes(from_folds(rows, pairs)))


class RunningWorker:
    """A worker's processes, as ``python -m tenfold_worker`` starts them.

    Args:
        rig: Whose broker it works for.
        slots: How many assignments at once.
    """

    def __init__(self, rig: Rig, *, slots: int = 1) -> None:
        self.log = rig.valkey.folder / f"worker-{time.monotonic_ns()}.log"
        environment = {**os.environ, **to_environment(rig.settings)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tenfold_worker", "--slots", str(slots)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def tree(self) -> list[psutil.Process]:
        """The supervisor and everything below it, now."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def find(self, module: str) -> list[psutil.Process]:
        """Processes of the tree that run a module: the nursery and its runners, or the consumer and its slots."""
        return [process for process in self.tree() if f"tenfold_worker.{module}" in command_line(process)]

    def stop(self) -> float:
        """SIGTERM; the seconds it took."""
        started_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        return time.monotonic() - started_s

    def end(self) -> None:
        """Whatever happens, nothing stays."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
        left = self.tree() if self.process.poll() is None else []
        for process in left:
            if process.is_running():
                process.kill()
        self.process.wait(10)


@contextmanager
def running_worker(rig: Rig, *, slots: int = 1) -> Iterator[RunningWorker]:
    """A worker for the length of a block; its log is shown if the block fails."""
    worker = RunningWorker(rig, slots=slots)
    try:
        yield worker
    except BaseException:
        sys.stderr.write(worker.log.read_text())
        raise
    finally:
        worker.end()


def gone(processes: list[psutil.Process], *, within_s: float) -> list[psutil.Process]:
    """Those that are still there after some time; zombies whose parent is not us do not count."""
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    return [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def wait_for_text(log: Path, text: str) -> None:
    """Wait until a log says something."""
    deadline_s = time.monotonic() + PATIENCE_S
    while text not in log.read_text():
        assert time.monotonic() < deadline_s, f"waited {PATIENCE_S:.0f} s in vain for {text!r} in {log}"
        time.sleep(0.05)


def write_module(folder: Path, name: str, text: str) -> Path:
    """A folder with one module of a user's."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    return folder


def copy_module(folder: Path, source: Path, name: str) -> Path:
    """A folder with a copy of a module of a user's."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, folder / f"{name}.py")
    return folder
