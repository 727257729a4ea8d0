"""Carries out one assignment at a time: claim, run on the runner, watch over it, report. Lives in a pool child.

Never imports NumPy or anything that computes: models run in the runner, which may be killed at any moment.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

from tenfold_common.domain.assignment import Assignment, Ended, assignment_to_json
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import ContentHash
from tenfold_common.errors import TransientError
from tenfold_common.ports import Clock, WorkerBus
from tenfold_worker.execution import (
    Drop,
    Event,
    Execution,
    Instruction,
    Kill,
    Phase,
    Renew,
    Renewed,
    Report,
    Tick,
    Troubled,
    begin,
    decide,
    event_of_message,
)
from tenfold_worker.runner_client import RunnerClient
from tenfold_worker.wire import Message

_LOG = logging.getLogger(__name__)

_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 5.0
_CLAIM_TRIES: Final = 8


class Slot:
    """One slot of a worker.

    Args:
        bus: The slot's own.
        runners: The slot's own.
        worker: The worker's id.
        fingerprint: Hash of the machine's fingerprint.
        lease_s: Length of a lease.
        clock: For leases and time-outs.
        tell: Told which attempt the slot is at, and None when it is done.
        sleep: Waits some seconds.
    """

    def __init__(
        self,
        *,
        bus: WorkerBus,
        runners: RunnerClient,
        worker: str,
        fingerprint: Callable[[], ContentHash],
        lease_s: float,
        clock: Clock,
        tell: Callable[[AttemptKey | None], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bus = bus
        self._runners = runners
        self._worker = worker
        self._fingerprint = fingerprint
        self._lease_s = lease_s
        self._clock = clock
        self._tell = tell
        self._sleep = sleep

    def run(self, assignment: Assignment) -> None:
        """Run an assignment to its end, unless somebody else has it.

        Raises:
            TransientError: If it could not be begun: no runner, or no broker. The scheduler will ring again.
        """
        self._runners.start()  # first, so that nothing is claimed that cannot be begun
        if not self._claim(assignment.key):
            _LOG.info("not claimed: %s", _fields(assignment))
            return
        self._tell(assignment.key)
        try:
            self._carry_out(assignment)
        finally:
            self._tell(None)

    def _claim(self, key: AttemptKey) -> bool:
        for wait_s in _waits()[: _CLAIM_TRIES - 1]:
            try:
                return self._bus.claim(key, worker=self._worker, fingerprint=self._fingerprint())
            except TransientError as error:
                _LOG.warning("claim will be tried again: %s", error)
                self._sleep(wait_s)
        return self._bus.claim(key, worker=self._worker, fingerprint=self._fingerprint())

    def _carry_out(self, assignment: Assignment) -> None:
        _LOG.info("started: %s", _fields(assignment))
        attempt = _Attempt(assignment, self._clock.monotonic_s())
        execution = begin(assignment.folds, lease_s=self._lease_s, now_s=attempt.began_s)
        self._order(assignment)
        while execution.phase is not Phase.ENDED:
            wait_s = execution.wake_at_s - self._clock.monotonic_s()
            for event in self._events(assignment, wait_s):
                execution = self._step(attempt, execution, event)

    def _order(self, assignment: Assignment) -> None:
        self._runners.send({"assignment": assignment_to_json(assignment)})

    def _events(self, assignment: Assignment, wait_s: float) -> list[Event]:
        events: list[Event] = []
        for message in self._runners.poll(wait_s):
            events += self._understand(assignment, message)
        return [*events, Tick()]

    def _understand(self, assignment: Assignment, message: Message) -> list[Event]:
        if message.get("event") == "replace":
            return self._move_to_another_runner(assignment)
        try:
            return [event_of_message(message)]
        except ValueError as error:
            # The model has written to the socket, or worse. This runner is not to be trusted any more.
            _LOG.warning("runner replaced: %s %s", error, _fields(assignment))
            self._runners.end(look=False)
            return []

    def _move_to_another_runner(self, assignment: Assignment) -> list[Event]:
        try:
            self._runners.replace()
        except TransientError as error:
            return [Troubled(message=str(error), traceback="")]
        self._order(assignment)
        return []

    def _step(self, attempt: "_Attempt", execution: Execution, event: Event) -> Execution:
        execution, instructions = decide(execution, event, now_s=self._clock.monotonic_s())
        for instruction in instructions:
            answer = self._perform(attempt, execution, instruction)
            if answer is not None:
                execution = self._step(attempt, execution, answer)
        return execution

    def _perform(self, attempt: "_Attempt", execution: Execution, instruction: Instruction) -> Event | None:
        match instruction:
            case Renew():
                return Renewed(kept=self._renew(attempt))
            case Kill(look=look):
                self._runners.end(look=look)
            case Report():
                self._report(attempt, execution, instruction)
            case Drop():
                _LOG.info("given up, because it was revoked or superseded: %s", _fields(attempt.assignment))
        return None

    def _renew(self, attempt: "_Attempt") -> bool | None:
        try:
            kept = self._bus.renew(attempt.assignment.key, worker=self._worker)
        except TransientError as error:
            if not attempt.broker_away:
                _LOG.warning("lease not renewed, the trial goes on: %s %s", error, _fields(attempt.assignment))
            attempt.broker_away = True
            return None
        attempt.broker_away = False
        return kept

    def _report(self, attempt: "_Attempt", execution: Execution, report: Report) -> None:
        seconds = self._clock.monotonic_s() - attempt.began_s
        ended = Ended(
            key=attempt.assignment.key,
            worker=self._worker,
            fingerprint=self._fingerprint(),
            folds=execution.results,
            failure=report.failure,
            seconds=seconds,
            machine_trouble=report.machine_trouble,
        )
        outcome = "succeeded" if report.failure is None else report.failure.message
        _LOG.info("ended: %s seconds=%.3f outcome=%s", _fields(attempt.assignment), seconds, outcome)
        self._send(ended)

    def _send(self, ended: Ended) -> None:
        """Send a result, for as long as it takes: the work it stands for is done."""
        waits = iter(_waits())
        warned = False
        while True:
            try:
                self._bus.finish(ended)
            except TransientError as error:
                if not warned:
                    _LOG.warning("result kept until the broker is back: %s", error)
                warned = True
                self._sleep(next(waits, _LONGEST_WAIT_S))
            else:
                return


class _Attempt:
    """What is remembered of the attempt at work beside its state."""

    def __init__(self, assignment: Assignment, began_s: float) -> None:
        self.assignment = assignment
        self.began_s = began_s
        self.broker_away = False


def _waits() -> list[float]:
    """Growing waits between tries."""
    return [min(_FIRST_WAIT_S * 2**number, _LONGEST_WAIT_S) for number in range(_CLAIM_TRIES)]


def _fields(assignment: Assignment) -> str:
    key = assignment.key
    return f"study={assignment.study_name} trial={key.trial} part={key.part} attempt={key.attempt}"
