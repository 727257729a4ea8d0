"""A scheduler on fakes: no threads, no waiting, a clock that is only a number."""

import queue
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tenfold_common.bus.memory import MemoryBus
from tenfold_common.domain.assignment import Assignment, Ended, WorkerRecord
from tenfold_common.domain.records import StudyFacts, StudyRecord
from tenfold_common.domain.space import Space
from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.study_file import read_study
from tenfold_common.domain.trial import Failure, FoldResult
from tenfold_common.domain.words import ContentHash, Direction, FailureKind, Json, Params, StudyId, StudyState
from tenfold_common.store.memory import MemoryStore
from tenfold_scheduler.loop import Scheduler
from tenfold_scheduler.strategies import SuggestRequest

MACHINE = ContentHash("a" * 64)
FILE = """
name: small
data: {source: "sklearn:iris"}
model: {estimator: sklearn.svm.SVC}
search: {strategy: random, space: {C: {float: [0.1, 10]}}}
stopping: {trials: 5}
"""


@dataclass
class StillClock:
    """A clock that moves only when told to."""

    seconds: float = 0.0

    def now(self) -> datetime:
        """The moment, counted from a fixed one."""
        return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic_s(self) -> float:
        """The seconds."""
        return self.seconds


@dataclass
class Counting:
    """A strategy whose suggestions tell what they were conditioned on."""

    learns: bool = True
    stop_at: int | None = None
    broken: bool = False
    requests: list[SuggestRequest] = field(default_factory=list)

    def problems(self, space: Space, options: Mapping[str, Json]) -> list[str]:
        """None."""
        return []

    def suggest(self, request: SuggestRequest) -> Params | None:
        """A point made of the number and of how much was known."""
        self.requests.append(request)
        if self.broken:
            raise RuntimeError("no idea")
        if request.number == self.stop_at:
            return None
        return {"C": 1.0 + request.number / 100 + len(request.observations) / 1000}


def a_study(name: str = "small", *, lag: int | None = 2, stopping: StoppingRules | None = None) -> StudyRecord:
    """A study of three folds, submitted just now."""
    document = read_study(FILE, source="small.yaml").study.document()
    return StudyRecord(
        id=StudyId(f"id-{name}"),
        name=name,
        seed=1,
        state=StudyState.SUBMITTED,
        reason=None,
        message="",
        revision=0,
        document=document,
        document_hash=MACHINE,
        facts=StudyFacts(
            strategy="counting",
            learns=lag is not None,
            lag=lag,
            metrics=("accuracy",),
            direction=Direction.MAXIMIZE,
            folds=3,
            rows=150,
            features=4,
            data_hash=MACHINE,
            splits_hash=MACHINE,
            spec_hash=MACHINE,
            code_hash=None,
            queue="cpu",
            attempts=3,
        ),
        stopping=stopping or StoppingRules(trials=5),
        stopped_at=None,
        elapsed_s=0.0,
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
        started_at=None,
        ended_at=None,
    )


class Cluster:
    """A store, a bus, a clock, and schedulers that are stepped by hand."""

    def __init__(self, strategy: Counting | None = None, *, slots: int = 2) -> None:
        self.clock = StillClock()
        self.store = MemoryStore(clock=self.clock)
        self.bus = MemoryBus(clock=self.clock, lease_s=30.0)
        self.strategy = strategy or Counting()
        self.slots = slots
        self.scheduler = self.another("first")

    def another(self, holder: str, *, fresh_broker: bool = False) -> Scheduler:
        """One more scheduler on the same store and bus."""
        return Scheduler(
            store=self.store,
            bus=self.bus,
            clock=self.clock,
            load=lambda _: self.strategy,
            holder=holder,
            lease_s=30.0,
            fresh_broker=fresh_broker,
        )

    def submit(self, study: StudyRecord) -> StudyId:
        """Write a study and ring."""
        self.store.add_study(study)
        self.bus.ring()
        return study.id

    def turn(self, scheduler: Scheduler | None = None, *, times: int = 12) -> None:
        """Let a scheduler look at everything there is, a few times over."""
        one = scheduler or self.scheduler
        for _ in range(times):
            self.heartbeat()
            inbox = one._inbox
            inbox._keep(inbox._after, news) if (news := self.bus.receive(after=inbox._after, block_s=0)) else None
            self.answer(one)
            inbox.wake()
            one._cycle()

    def answer(self, scheduler: Scheduler) -> None:
        """Answer what the strategy was asked, in this thread."""
        desk = scheduler._desk
        while True:
            try:
                study, name, request = desk._requests.get_nowait()
            except queue.Empty:
                return
            desk._answered(study, desk._answer(name, request))

    def heartbeat(self) -> None:
        """A worker says that it is there."""
        now = self.clock.now()
        record = WorkerRecord(
            id="w",
            host="h",
            pid=1,
            slots=self.slots,
            queues=("cpu",),
            fingerprint=MACHINE,
            facts={"cpu": "x"},
            started_at=now,
            seen_at=now,
        )
        self.bus.announce(record, ttl_s=15.0)

    def take(self) -> Assignment:
        """A worker takes the oldest assignment and claims it."""
        assignment = self.bus.take("cpu")
        assert assignment is not None, "nothing is published"
        assert self.bus.claim(assignment.key, worker="w", fingerprint=MACHINE)
        return assignment

    def finish(self, assignment: Assignment, *, failure: Failure | None = None, trouble: bool = False) -> None:
        """A worker sends the result of an assignment."""
        folds = () if failure else tuple(scored(fold, assignment.params) for fold in assignment.folds)
        self.bus.finish(
            Ended(
                key=assignment.key,
                worker="w",
                fingerprint=MACHINE,
                folds=folds,
                failure=failure,
                seconds=1.0,
                machine_trouble=trouble,
            )
        )

    def work(self, most: int = 100) -> int:
        """Take and finish whatever is published; how much it was."""
        done = 0
        while done < most:
            assignment = self.bus.take("cpu")
            if assignment is None:
                return done
            if self.bus.claim(assignment.key, worker="w", fingerprint=MACHINE):
                self.finish(assignment)
            done += 1
        return done

    def run(self, study: StudyId) -> None:
        """Work until the study has ended."""
        for _ in range(200):
            self.turn(times=3)
            self.work()
            if self.store.study(study).state.ended:
                return
        raise AssertionError("the study never ended")


def scored(fold: int, params: Params) -> FoldResult:
    """A made-up score that depends on the trial and the fold."""
    value = params["C"]
    assert isinstance(value, float)
    return FoldResult(
        fold=fold,
        scores={"accuracy": (value * (fold + 1)) % 1},
        fit_s=0.1,
        score_s=0.1,
        train_rows=100,
        validation_rows=50,
    )


def table(cluster: Cluster, study: StudyId) -> list[tuple[object, ...]]:
    """The trial table without machine facts."""
    return [
        (trial.number, trial.state, trial.params, trial.seed, trial.score, trial.conditioned_on)
        for trial in cluster.store.trials(study)
    ]


CRASH = Failure(kind=FailureKind.CRASHED, message="killed by SIGSEGV", traceback="…")
BOOM = Failure(kind=FailureKind.EXCEPTION, message="ValueError: boom", fold=0, traceback="…")
