"""A real worker on a real broker: Celery, leases, runners, and what happens when any of its processes dies."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold_common.bus.app import TASK_NAME, make_celery_app, redis_client
from tenfold_common.domain.assignment import Ended, Started
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import ContentHash, FailureKind, Json
from tests.integration.rig import Rig, RunningWorker, gone, running_worker, wait_for_text, write_module

SLOW = {"estimator": "python:slow_models:Slow"}
SLOW_MODULE = '''
import time
from sklearn.dummy import DummyClassifier

class Slow(DummyClassifier):
    """Takes its time, or does what a worker's author fears."""

    def __init__(self, seconds=0.0):
        super().__init__()
        self.seconds = seconds

    def fit(self, X, y):
        time.sleep(self.seconds)
        return super().fit(X, y)
'''


CURIOUS_MODULE = """
import json, os, sys
from pathlib import Path
from sklearn.dummy import DummyClassifier

class Curious(DummyClassifier):
    def fit(self, X, y):
        found = {
            "hash_seed": os.environ["PYTHONHASHSEED"],
            "threads": os.environ["OMP_NUM_THREADS"],
            "own_code_first": Path(__file__).parent == Path(sys.path[0]),
            "cwd_on_path": "" in sys.path or os.getcwd() in sys.path,
            "stdin": sys.stdin.read(),
        }
        raise ValueError(json.dumps(found))
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Rig, RunningWorker]]:
    """A broker and a worker with two slots, for all tests that do no lasting harm."""
    with Rig(lease_s=4) as rig, running_worker(rig, slots=2) as worker:
        yield rig, worker


@pytest.fixture
def rig(shared: tuple[Rig, RunningWorker]) -> Rig:
    """The shared broker; each test has a study of its own."""
    rig, _ = shared
    rig.begin_study()
    return rig


@pytest.fixture
def worker(shared: tuple[Rig, RunningWorker]) -> RunningWorker:
    """The shared worker."""
    return shared[1]


@pytest.fixture
def own_rig() -> Iterator[Rig]:
    """A broker of its own, for a test that kills it or its worker."""
    with Rig(lease_s=4) as rig:
        yield rig


def _slow(rig: Rig, tmp_path: Path) -> ContentHash:
    """A study whose trials take as long as they are told."""
    return rig.spec(model=SLOW, code=write_module(tmp_path / "slow", "slow_models", SLOW_MODULE))


def _long_trial(rig: Rig, worker: RunningWorker, slow: ContentHash, *, seconds: float = 60.0) -> AttemptKey:
    """A trial that is at work in a runner now."""
    before = len(worker.find("nursery"))
    key = rig.publish(slow, 0, {"seconds": seconds})
    rig.wait_for(Started, key)
    rig.wait_until(lambda: len(worker.find("nursery")) >= max(before, 2), "a runner")
    return key


def test_a_worker_evaluates_what_is_published(rig: Rig) -> None:
    """In both slots; the same parameters give the same numbers."""
    spec = rig.spec()
    results = [rig.ended(key) for key in [rig.publish(spec, trial, {"svc.C": 1.0}) for trial in range(4)]]
    assert {result.failure for result in results} == {None}
    scores = {tuple(fold.scores["accuracy"] for fold in result.folds) for result in results}
    assert len(scores) == 1
    assert all(0.8 < score < 1 for score in scores.pop())


def test_a_worker_says_what_it_is_and_what_it_runs(rig: Rig, worker: RunningWorker, tmp_path: Path) -> None:
    """One nursery serves all slots; the heartbeat names the fingerprint that results carry and the trials at work."""
    key = _long_trial(rig, worker, _slow(rig, tmp_path), seconds=1.2)
    rig.wait_until(lambda: any(key in record.running for record in rig.bus.workers()), "the trial in a heartbeat")
    [record] = rig.bus.workers()
    assert record.slots == 2
    assert record.queues == ("cpu",)
    assert record.pid == worker.process.pid
    assert record.facts["blas"], "the facts a score may depend on"
    assert rig.ended(key).fingerprint == record.fingerprint
    assert 2 <= len(worker.find("nursery")) <= 3, "the nursery, and a runner for each slot that had work"


def test_an_attempt_is_run_once_however_often_it_is_published(rig: Rig) -> None:
    """Duplicates are dropped at the claim, a revoked attempt is never begun."""
    spec = rig.spec()
    revoked = AttemptKey(rig.study, 1, 0, 1)
    rig.bus.revoke(revoked)
    keys = [rig.publish(spec, 0) for _ in range(3)]
    assert rig.publish(spec, 1) == revoked
    for key in (keys[0], rig.publish(spec, 2), rig.publish(spec, 3)):
        rig.ended(key)
    assert [type(news) for news in rig.news_of(keys[0])] == [Started, Ended]
    assert rig.news_of(revoked) == []


def test_modules_of_two_studies_do_not_mix(rig: Rig, tmp_path: Path) -> None:
    """Studies whose code has modules of the same names each get their own."""
    text = "from sklearn.dummy import DummyClassifier\nclass Model(DummyClassifier):\n    pass\n"
    good = rig.spec(model={"estimator": "python:models:Model"}, code=write_module(tmp_path / "a", "models", text))
    bad_text = text.replace("pass", "def fit(self, X, y):\n        raise ValueError('the other study')")
    bad = rig.spec(model={"estimator": "python:models:Model"}, code=write_module(tmp_path / "b", "models", bad_text))
    specs = [good, bad, good, bad, good, bad]
    failures = [rig.ended(rig.publish(spec, trial)).failure for trial, spec in enumerate(specs)]
    plain = rig.ended(rig.publish(rig.spec(), 9)).failure
    assert [failure and failure.message for failure in failures] == [None, "ValueError: the other study"] * 3
    assert plain is None


def test_a_model_finds_repeatable_surroundings(rig: Rig, tmp_path: Path) -> None:
    """Fixed hashes, one thread for each library, the study's code first on the path and nobody's folder."""
    code = write_module(tmp_path / "code", "curious", CURIOUS_MODULE)
    failure = rig.ended(rig.publish(rig.spec(model={"estimator": "python:curious:Curious"}, code=code), 0)).failure
    assert failure is not None
    found = json.loads(failure.message.removeprefix("ValueError: "))
    assert found == {"hash_seed": "0", "threads": "1", "own_code_first": True, "cwd_on_path": False, "stdin": ""}


def test_libraries_with_threads_of_their_own_work_in_a_runner(rig: Rig) -> None:
    """A runner is forked, and yet OpenMP and joblib do not hang in it."""
    gradient: dict[str, Json] = {
        "class": "sklearn.ensemble.HistGradientBoostingClassifier",
        "params": {"max_iter": 2},
    }
    forest: dict[str, Json] = {
        "class": "sklearn.ensemble.RandomForestClassifier",
        "params": {"n_jobs": 2, "n_estimators": 4},
    }
    for trial, estimator in enumerate((gradient, forest)):
        spec = rig.spec(model={"estimator": estimator}, threads=2, fold_timeout_s=30)
        assert rig.ended(rig.publish(spec, trial)).failure is None


def test_a_missing_artifact_is_trouble_of_the_machine(rig: Rig) -> None:
    """Not an outcome of the trial: it is said in words and tried again."""
    ended = rig.ended(rig.publish(ContentHash("0" * 64), 0))
    assert ended.machine_trouble
    assert ended.failure is not None
    assert ended.failure.kind is FailureKind.WORKER_LOST
    assert "artifact" in ended.failure.message


def test_a_revoked_trial_ends_at_once_and_in_silence(rig: Rig, worker: RunningWorker, tmp_path: Path) -> None:
    """Its runner is killed within a quarter of a lease, nothing is reported, the slot is free again."""
    slow = _slow(rig, tmp_path)
    keys = [rig.publish(slow, trial, {"seconds": 60.0}) for trial in range(2)]
    for key in keys:
        rig.wait_for(Started, key)
        rig.bus.revoke(key)
    rig.ended(rig.publish(slow, 2, {"seconds": 0.0}))
    assert [rig.heard(Ended, key) for key in keys] == [False, False]


def test_a_message_that_is_none_is_refused(rig: Rig, worker: RunningWorker) -> None:
    """Another schema or plain nonsense costs a line in the log; the worker serves on."""
    app = make_celery_app(rig.settings)
    for message in ({"schema": 99}, {}, "text", None):
        app.send_task(TASK_NAME, args=[message], queue="cpu")
    app.send_task("os.system", args=["true"], queue="cpu")
    app.close()
    for trial in range(2):
        assert rig.ended(rig.publish(rig.spec(), trial)).failure is None
    assert worker.log.read_text().count("message refused") == 4


def test_a_flushed_broker_learns_again_who_is_at_work(rig: Rig, worker: RunningWorker, tmp_path: Path) -> None:
    """The lease is set again by the next renewal."""
    key = _long_trial(rig, worker, _slow(rig, tmp_path), seconds=0.7)
    with redis_client(rig.settings, purpose="test") as client:
        client.flushall()
    rig.wait_until(lambda: rig.bus.holders([key])[key] is not None, "the lease")
    assert rig.ended(key).failure is None


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="Linux only")
def test_runners_go_first_when_memory_runs_out(rig: Rig, worker: RunningWorker) -> None:
    """The out-of-memory killer is told to take the processes with models, not those that report them."""
    rig.ended(rig.publish(rig.spec(), 0))
    _, *runners = sorted(worker.find("nursery"), key=lambda process: process.create_time())
    scores = {process.pid: int(Path(f"/proc/{process.pid}/oom_score_adj").read_text()) for process in worker.tree()}
    assert {pid for pid, score in scores.items() if score == 500} == {process.pid for process in runners}


def test_a_stopped_worker_hands_back_and_leaves_nothing(own_rig: Rig, tmp_path: Path) -> None:
    """SIGTERM in the middle of a trial: no process is left, and the attempt comes back uncounted."""
    with running_worker(own_rig) as worker:
        key = _long_trial(own_rig, worker, _slow(own_rig, tmp_path))
        processes = worker.tree()
        assert worker.stop() < 1.5
        assert gone(processes, within_s=1) == []
    ended = own_rig.ended(key)
    assert ended.machine_trouble
    assert ended.failure is None
    assert own_rig.bus.workers() == [], "it has said goodbye"


def test_nothing_survives_the_supervisor(own_rig: Rig, tmp_path: Path) -> None:
    """Killed with -9, it takes everything it started along, a model at work included."""
    with running_worker(own_rig) as worker:
        _long_trial(own_rig, worker, _slow(own_rig, tmp_path))
        processes = worker.tree()
        assert len(processes) == 5, "supervisor, nursery, runner, consumer, slot"
        command = worker.find("nursery")[0].cmdline()
        folder = Path(command[command.index("--folder") + 1])
        assert folder.is_dir()
        worker.process.kill()
        worker.process.wait(10)
        assert gone(processes, within_s=3) == []
        assert not folder.exists()


def test_a_worker_recovers_from_the_loss_of_its_processes(own_rig: Rig, tmp_path: Path) -> None:
    """Kill -9 of any of them: the attempt is given up for the scheduler to repeat, and the next one is served."""
    slow = _slow(own_rig, tmp_path)
    with running_worker(own_rig) as worker:
        for victim in ("slot", "consumer", "nursery"):
            own_rig.begin_study()
            key = _long_trial(own_rig, worker, slow)
            consumer, slot = sorted(worker.find("consumer"), key=lambda process: process.create_time())
            nursery, *runners = sorted(worker.find("nursery"), key=lambda process: process.create_time())
            {"slot": slot, "consumer": consumer, "nursery": nursery}[victim].kill()
            ended = own_rig.ended(key)
            assert ended.machine_trouble, victim
            assert ended.failure is not None, victim
            assert ended.failure.kind is FailureKind.WORKER_LOST, victim
            assert gone(runners, within_s=3) == [], victim
            assert own_rig.ended(own_rig.publish(slow, 0, {"seconds": 0.0}, attempt=2)).failure is None, victim


def test_a_trial_outlives_its_broker(own_rig: Rig, tmp_path: Path) -> None:
    """The broker is killed and comes back empty: the result arrives, and the worker takes work again."""
    slow = _slow(own_rig, tmp_path)
    with running_worker(own_rig) as worker:
        key = _long_trial(own_rig, worker, slow, seconds=0.5)
        own_rig.valkey.kill()
        wait_for_text(worker.log, "result kept until the broker is back")
        own_rig.valkey.start()
        ended = own_rig.ended(key)
        assert ended.failure is None
        assert len(ended.folds) == 3
        assert own_rig.ended(own_rig.publish(slow, 1, {"seconds": 0.0})).failure is None
        own_rig.wait_until(lambda: own_rig.bus.workers() != [], "a heartbeat")
