"""Whatever a model does, it costs its own trial only: the worker serves on with the same processes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tenfold_common.domain.assignment import Ended
from tenfold_common.domain.words import ContentHash, FailureKind
from tests.integration.rig import Rig, RunningWorker, copy_module, gone, running_worker

FAULTY = {"estimator": "python:faulty_models:Faulty"}
METRIC = "python:faulty_models:score"


@dataclass
class _Shared:
    """One worker for all faults of this file, which is the point of it."""

    rig: Rig
    worker: RunningWorker
    patient: ContentHash
    hasty: ContentHash
    trial: int = 0

    def run(self, fault: str, *, hasty: bool = False) -> Ended:
        """Run a trial to its end."""
        self.trial += 1
        return self.rig.ended(self.rig.publish(self.hasty if hasty else self.patient, self.trial, {"fault": fault}))

    def serving(self) -> list[int]:
        """The processes that must survive every model."""
        runners = {process.pid for process in self.worker.find("nursery")[1:]}
        return sorted(process.pid for process in self.worker.tree() if process.pid not in runners)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Shared]:
    """A worker with one slot and the faulty models as a study's code."""
    code = copy_module(tmp_path_factory.mktemp("code"), Path(__file__).with_name("faulty_models.py"), "faulty_models")
    with Rig() as rig, running_worker(rig) as worker:
        patient = rig.spec(model=FAULTY, metric=METRIC, code=code)
        hasty = rig.spec(model=FAULTY, metric=METRIC, code=code, fold_timeout_s=3.0)
        shared = _Shared(rig, worker, patient, hasty)
        assert shared.run("").failure is None
        yield shared


@pytest.fixture(autouse=True)
def _serves_on(shared: _Shared) -> Iterator[None]:
    """After every fault a sound model gets its result from the same processes."""
    before = shared.serving()
    yield
    ended = shared.run("")
    assert ended.failure is None
    assert len(ended.folds) == 3
    assert shared.serving() == before


@pytest.mark.parametrize(
    ("fault", "kind", "message", "evidence"),
    [
        ("raises", FailureKind.EXCEPTION, "the learning rate is cursed", "faulty_models.py"),
        ("raises_with_bad_text", FailureKind.EXCEPTION, "WordlessError", "WordlessError"),
        ("exits", FailureKind.EXCEPTION, "SystemExit: enough", "in exits"),
        ("interrupts", FailureKind.EXCEPTION, "KeyboardInterrupt", "in interrupts"),
        ("runs_out_of_memory", FailureKind.EXCEPTION, "Unable to allocate", "in runs_out_of_memory"),
        ("chatters", FailureKind.EXCEPTION, "lost in chatter", "in chatters"),
        ("scores_nan", FailureKind.INVALID_SCORE, "nan, which is not a finite number", ""),
    ],
)
def test_what_a_model_raises_is_its_outcome(
    shared: _Shared, fault: str, kind: FailureKind, message: str, evidence: str
) -> None:
    """The failure names the fold, says what was raised and where; it is not machine trouble."""
    ended = shared.run(fault)
    assert ended.failure is not None
    assert not ended.machine_trouble
    assert ended.failure.kind is kind
    assert message in ended.failure.message
    assert evidence in ended.failure.traceback
    assert ended.failure.fold == len(ended.folds) == (0 if fault == "scores_nan" else 1)


@pytest.mark.parametrize(
    ("fault", "how", "evidence"),
    [
        ("segfaults", "SIGSEGV", "in segfaults"),
        ("exits_hard", "exited with code 7", ""),
        ("exits_from_a_thread", "exited with code 9", ""),
        ("kills_itself", "SIGKILL", ""),
        ("chatters_and_crashes", "SIGABRT", "these were my last words"),
        ("closes_everything", "SIGKILL", ""),
        ("writes_nonsense", "SIGKILL", ""),
        ("leaves_a_child", "exited with code 8", ""),
    ],
)
def test_a_model_that_ends_its_process_is_told_with_evidence(
    shared: _Shared, fault: str, how: str, evidence: str
) -> None:
    """It is machine trouble (an out-of-memory kill looks the same), with the folds before it and its last words."""
    ended = shared.run(fault)
    assert ended.failure is not None
    assert ended.machine_trouble
    assert ended.failure.kind is FailureKind.CRASHED
    assert how in ended.failure.message
    assert "in fold 1" in ended.failure.message
    assert evidence in ended.failure.traceback
    assert len(ended.failure.traceback) < 40_000
    assert [fold.fold for fold in ended.folds] == [0]


@pytest.mark.parametrize("fault", ["loops", "hangs_in_c"])
def test_a_hanging_fold_is_killed_in_time_and_shows_where_it_hung(shared: _Shared, fault: str) -> None:
    """Even where the interpreter never gets to run again; the time-out is the trial's outcome."""
    ended = shared.run(fault, hasty=True)
    assert ended.failure is not None
    assert not ended.machine_trouble
    assert ended.failure.kind is FailureKind.TIMEOUT
    assert ended.failure.message == "fold 1 took longer than fold_timeout (3 s)"
    assert f"in {fault}" in ended.failure.traceback
    assert [fold.fold for fold in ended.folds] == [0]


def test_evidence_is_of_its_own_trial_alone(shared: _Shared) -> None:
    """What an earlier trial wrote in the same process is not shown for a later one."""
    shared.run("chatters")
    ended = shared.run("exits_hard")
    assert ended.failure is not None
    assert ended.failure.traceback == ""


def test_what_a_dead_model_started_dies_with_it(shared: _Shared) -> None:
    """No process is left behind by a runner that is gone."""
    shared.run("leaves_a_child")
    left = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "tenfold-left-behind" in (process.info["cmdline"] or [])
    ]
    assert gone(left, within_s=2) == []
