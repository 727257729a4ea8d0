"""A slot with a scripted runner, the fake bus and a clock that only tests turn."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenfold_common.bus.memory import MemoryBus
from tenfold_common.domain.assignment import Assignment, Ended, Started, fold_to_json
from tenfold_common.domain.trial import AttemptKey, FoldResult
from tenfold_common.domain.words import ContentHash, FailureKind, StudyId
from tenfold_common.errors import TransientError
from tenfold_worker.runner_client import GONE
from tenfold_worker.slot import Slot
from tenfold_worker.wire import Message

KEY = AttemptKey(StudyId("0123456789abcdef"), 3, 0, 1)
PRINT = ContentHash("f" * 64)
ASSIGNMENT = Assignment(
    key=KEY,
    queue="cpu",
    spec_hash=ContentHash("a" * 64),
    study_name="digits",
    study_seed=42,
    params={"C": 1.0},
    folds=(0, 1),
)
KILLED: Message = {"event": "exited", "how": "was ended by SIGKILL", "output": "the end"}
READY: Message = {"event": "ready", "fold_timeout_s": 10}
FINISHED: Message = {"event": "finished", "failure": None}


def _fold(number: int) -> FoldResult:
    return FoldResult(fold=number, scores={"r2": 0.5}, fit_s=0.1, score_s=0.1, train_rows=8, validation_rows=2)


def _ended(number: int) -> Message:
    return {"event": "fold_ended", "result": fold_to_json(_fold(number))}


@dataclass
class _World:
    """What the slot sees: one clock for all, a runner with a script, a bus that may be away."""

    now_s: float = 1000.0
    script: list[list[Message]] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    shown: list[AttemptKey | None] = field(default_factory=list)
    away: int = 0
    on_poll: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=self.now_s)

    def monotonic_s(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class _Runners:
    """A runner that says what is in the script, one line for each poll, and nothing when it is told to end."""

    def __init__(self, world: _World) -> None:
        self.world = world

    def start(self) -> None:
        self.world.orders.append("start")

    def send(self, message: Message) -> None:
        self.world.orders.append("run")

    def end(self, *, look: bool) -> None:
        self.world.orders.append("look and end" if look else "end")
        self.world.script.insert(0, [KILLED])

    def replace(self) -> None:
        self.world.orders.append("replace")

    def poll(self, timeout_s: float) -> list[Message]:
        self.world.on_poll()
        if self.world.script:
            return self.world.script.pop(0)
        self.world.now_s += max(timeout_s, 0.001)
        return []


class _Bus(MemoryBus):
    """A bus that is away for the next few calls."""

    def __init__(self, world: _World) -> None:
        super().__init__(clock=world, lease_s=40)
        self.world = world

    def _reach(self) -> None:
        if self.world.away > 0:
            self.world.away -= 1
            raise TransientError("the broker does not answer")

    def claim(self, key: AttemptKey, *, worker: str, fingerprint: ContentHash) -> bool:
        self._reach()
        return super().claim(key, worker=worker, fingerprint=fingerprint)

    def renew(self, key: AttemptKey, *, worker: str) -> bool:
        self._reach()
        return super().renew(key, worker=worker)

    def finish(self, ended: Ended) -> None:
        self._reach()
        super().finish(ended)


@pytest.fixture
def world() -> _World:
    """A world in which nothing has happened yet."""
    return _World()


@pytest.fixture
def bus(world: _World) -> _Bus:
    """The world's bus."""
    return _Bus(world)


@pytest.fixture
def slot(world: _World, bus: _Bus) -> Slot:
    """A slot of worker w1."""
    runners: Any = _Runners(world)  # Any: stands for a RunnerClient
    return Slot(
        bus=bus,
        runners=runners,
        worker="w1",
        fingerprint=lambda: PRINT,
        lease_s=40,
        clock=world,
        tell=world.shown.append,
        sleep=world.sleep,
    )


def _news(bus: MemoryBus) -> list[object]:
    return [received.news for received in bus.receive(block_s=0)]


def _result(bus: MemoryBus) -> Ended:
    [ended] = [news for news in _news(bus) if isinstance(news, Ended)]
    return ended


def test_an_assignment_is_claimed_run_and_reported(world: _World, bus: _Bus, slot: Slot) -> None:
    """Started and Ended reach the scheduler; the supervisor sees what the slot is at, and when it is done."""
    world.script = [[READY, {"event": "fold_began", "fold": 0}], [_ended(0), _ended(1), FINISHED]]
    slot.run(ASSIGNMENT)
    assert _news(bus)[0] == Started(key=KEY, worker="w1", fingerprint=PRINT)
    result = _result(bus)
    assert result.folds == (_fold(0), _fold(1))
    assert (result.failure, result.machine_trouble) == (None, False)
    assert world.orders == ["start", "run"]
    assert world.shown == [KEY, None]


def test_what_somebody_else_has_is_left_alone(world: _World, bus: _Bus, slot: Slot) -> None:
    """No run, no news, nothing shown."""
    bus.claim(KEY, worker="w2", fingerprint=PRINT)
    slot.run(ASSIGNMENT)
    assert world.orders == ["start"]
    assert world.shown == []
    assert len(_news(bus)) == 1


def test_nothing_is_claimed_before_there_is_a_runner(world: _World, bus: _Bus, slot: Slot) -> None:
    """Without a nursery the message is left to the scheduler, and nobody believes that the trial runs."""

    def fail() -> None:
        raise TransientError("no nursery")

    slot._runners.start = fail  # type: ignore[method-assign]  # the fake's
    with pytest.raises(TransientError):
        slot.run(ASSIGNMENT)
    assert _news(bus) == []


def test_a_claim_outlasts_a_short_absence_of_the_broker(world: _World, bus: _Bus, slot: Slot) -> None:
    """It is tried again for some seconds, and then left to the scheduler."""
    world.away, world.script = 3, [[FINISHED]]
    slot.run(ASSIGNMENT)
    assert _result(bus).failure is None
    world.away = 1_000
    with pytest.raises(TransientError):
        slot.run(ASSIGNMENT)


def test_a_result_waits_for_the_broker_as_long_as_it_takes(world: _World, bus: _Bus, slot: Slot) -> None:
    """Half an hour without a broker loses nothing."""
    world.script = [[_ended(0), FINISHED]]

    def leave() -> None:
        world.away = 400

    world.on_poll = leave
    slot.run(ASSIGNMENT)
    assert world.now_s > 1_000 + 1_800
    assert _result(bus).folds == (_fold(0),)


def test_a_trial_goes_on_while_the_broker_is_away(
    world: _World, bus: _Bus, slot: Slot, caplog: pytest.LogCaptureFixture
) -> None:
    """Renewals fail, which is said once; the lease is set again when the broker is back."""
    world.script = [[{"event": "ready", "fold_timeout_s": None}], *([[]] * 60), [FINISHED]]

    def restart() -> None:
        world.sleep(1)
        world.away = 1 if world.now_s < 1_040 else 0
        if 1_040 <= world.now_s < 1_041:
            bus.restart()

    world.on_poll = restart
    slot.run(ASSIGNMENT)
    assert caplog.text.count("lease not renewed") == 1
    assert _result(bus).failure is None


def test_a_revoked_trial_is_killed_and_not_reported(world: _World, bus: _Bus, slot: Slot) -> None:
    """The next renewal tells."""
    world.script = [[{"event": "ready", "fold_timeout_s": None}]]
    world.on_poll = lambda: bus.revoke(KEY)
    slot.run(ASSIGNMENT)
    assert world.orders == ["start", "run", "end"]
    assert [news for news in _news(bus) if isinstance(news, Ended)] == []


def test_a_hanging_fold_is_looked_at_and_killed(world: _World, bus: _Bus, slot: Slot) -> None:
    """After its time-out, with what the runner wrote as evidence."""
    world.script = [[READY, {"event": "fold_began", "fold": 0}]]
    slot.run(ASSIGNMENT)
    assert world.orders[-1] == "look and end"
    failure = _result(bus).failure
    assert failure is not None
    assert (failure.kind, failure.traceback) == (FailureKind.TIMEOUT, "the end")


def test_a_runner_with_modules_of_another_study_is_replaced(world: _World, bus: _Bus, slot: Slot) -> None:
    """The assignment is given to the new one."""
    world.script = [[{"event": "replace"}], [FINISHED]]
    slot.run(ASSIGNMENT)
    assert world.orders == ["start", "run", "replace", "run"]
    assert _result(bus).failure is None


def test_a_runner_that_talks_nonsense_is_not_trusted(world: _World, bus: _Bus, slot: Slot) -> None:
    """It is killed, which makes the attempt a crash."""
    world.script = [[{"event": "fold_ended", "result": 7}]]
    slot.run(ASSIGNMENT)
    failure = _result(bus).failure
    assert failure is not None
    assert failure.kind is FailureKind.CRASHED


def test_a_lost_nursery_is_trouble_of_the_machine(world: _World, bus: _Bus, slot: Slot) -> None:
    """Nobody knows how the runner ended; the attempt is repeated."""
    world.script = [[READY], [GONE]]
    slot.run(ASSIGNMENT)
    assert _result(bus).machine_trouble


def test_a_failing_bus_clears_what_is_shown(world: _World, bus: _Bus, slot: Slot) -> None:
    """Whatever escapes, the supervisor does not believe that the slot is still at work."""

    def explode() -> None:
        raise RuntimeError("bug")

    world.on_poll = explode
    with pytest.raises(RuntimeError):
        slot.run(ASSIGNMENT)
    assert world.shown == [KEY, None]
