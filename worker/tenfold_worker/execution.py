"""One attempt as a slot sees it: a pure machine, events in, instructions out. No clock, no processes, no broker.

The slot feeds it what the runner says, what the broker answers and the time, and does what it is told. Tests are
lists of events and the instructions expected.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from tenfold_common.domain.assignment import failure_from_json, fold_from_json
from tenfold_common.domain.trial import Failure, FoldResult
from tenfold_common.domain.words import FailureKind

_LONGEST_PATIENCE_S: Final = 1.0


class Phase(StrEnum):
    """Where the attempt stands. ``preparing -> evaluating -> ended``, or by way of a kill."""

    PREPARING = "preparing"
    EVALUATING = "evaluating"
    TIMED_OUT = "timed_out"
    REVOKED = "revoked"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The runner has everything; the model's time begins. ``fold_timeout_s`` is None for no limit."""

    fold_timeout_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldBegan:
    """The runner begins a fold."""

    fold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldEnded:
    """The runner has finished a fold."""

    result: FoldResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The runner has evaluated what it was asked to, or the model failed."""

    failure: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubled:
    """The runner could not do its work for a reason that is not the model's."""

    message: str
    traceback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited:
    """The runner is gone.

    Attributes:
        how: In words: which signal or exit code; empty if nobody knows because the nursery is gone as well.
        output: The last it wrote, and the stacks of its threads where they were dumped.
    """

    how: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The worker is being stopped, and the runner with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """The broker has answered a renewal. ``kept`` is None while it does not answer."""

    kept: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed."""


Event = Ready | FoldBegan | FoldEnded | Finished | Troubled | Exited | Stopped | Renewed | Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Renew:
    """Renew the lease and say what the broker answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """End the runner and all it started. ``look``: have it write first where its threads are."""

    look: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Send the result, with the folds finished so far.

    Attributes:
        failure: What ended the attempt, if anything did.
        machine_trouble: It is to be tried again; without a failure it is handed back, which counts against nobody.
    """

    failure: Failure | None
    machine_trouble: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Say nothing: the attempt was revoked or superseded."""


Instruction = Renew | Kill | Report | Drop


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """The state of one attempt.

    Attributes:
        folds: Fold numbers asked for, ascending.
        lease_s: Length of a lease; it is renewed four times in it.
        renew_at_s: When to renew next.
        phase: Where the attempt stands.
        fold: The fold the runner is at; None before the first.
        clock_s: When that fold (or the building of the model) began; None while nothing is timed.
        fold_timeout_s: Longest a fold may take.
        results: Folds finished so far.
    """

    folds: tuple[int, ...]
    lease_s: float
    renew_at_s: float
    phase: Phase = Phase.PREPARING
    fold: int | None = None
    clock_s: float | None = None
    fold_timeout_s: float | None = None
    results: tuple[FoldResult, ...] = ()

    @property
    def wake_at_s(self) -> float:
        """When the next :class:`Tick` is due at the latest."""
        return min(self.renew_at_s, self.timeout_at_s)

    @property
    def timeout_at_s(self) -> float:
        """When the fold at work has taken too long."""
        if self.phase is not Phase.EVALUATING or self.clock_s is None or self.fold_timeout_s is None:
            return float("inf")
        return self.clock_s + self.fold_timeout_s


_Decision = tuple[Execution, tuple[Instruction, ...]]


def begin(folds: tuple[int, ...], *, lease_s: float, now_s: float) -> Execution:
    """An attempt just claimed."""
    return Execution(folds=folds, lease_s=lease_s, renew_at_s=now_s + lease_s / 4)


def decide(execution: Execution, event: Event, *, now_s: float) -> tuple[Execution, tuple[Instruction, ...]]:
    """What to do after one more event; the attempt as it is then."""
    match event:
        case Tick():
            return _time_passed(execution, now_s)
        case Renewed():
            return _renewed(execution, event, now_s)
        case Exited():
            return _exited(execution, event)
        case Stopped():
            return _stopped(execution)
        case _ if execution.phase not in {Phase.PREPARING, Phase.EVALUATING}:
            return execution, ()  # said before the kill reached it
        case _:
            return _said(execution, event, now_s)


def _said(
    execution: Execution, event: Ready | FoldBegan | FoldEnded | Finished | Troubled, now_s: float
) -> _Decision:
    match event:
        case Ready(fold_timeout_s=limit_s):
            return replace(execution, phase=Phase.EVALUATING, clock_s=now_s, fold_timeout_s=limit_s), ()
        case FoldBegan(fold=fold):
            return replace(execution, fold=fold, clock_s=now_s), ()
        case FoldEnded(result=result):
            return replace(execution, results=(*execution.results, result)), ()
        case Finished(failure=failure):
            return _end(execution, Report(failure=failure))
        case Troubled():
            failure = Failure(kind=FailureKind.WORKER_LOST, message=event.message, traceback=event.traceback)
            return _end(execution, Report(failure=failure, machine_trouble=True))


def event_of_message(message: Mapping[str, Any]) -> Event:  # Any: from a process that runs user code, checked here
    """What a runner says, as an event.

    Raises:
        ValueError: If it is nothing a runner says.
    """
    try:
        match message["event"]:
            case "ready":
                limit_s = message["fold_timeout_s"]
                return Ready(fold_timeout_s=None if limit_s is None else float(limit_s))
            case "fold_began":
                return FoldBegan(fold=int(message["fold"]))
            case "fold_ended":
                return FoldEnded(result=fold_from_json(message["result"]))
            case "finished":
                return Finished(failure=failure_from_json(message["failure"]))
            case "exited":
                return Exited(how=str(message["how"]), output=str(message["output"]))
            case "stopped":
                return Stopped()
            case "troubled":
                return Troubled(message=str(message["message"]), traceback=str(message["traceback"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"malformed message of a runner: {error!r}") from error
    raise ValueError(f"unknown message of a runner: {message['event']!r}")


def _time_passed(execution: Execution, now_s: float) -> _Decision:
    instructions: list[Instruction] = []
    if now_s >= execution.timeout_at_s:
        execution = replace(execution, phase=Phase.TIMED_OUT)
        instructions.append(Kill(look=True))
    if now_s >= execution.renew_at_s and execution.phase is not Phase.ENDED:
        execution = replace(execution, renew_at_s=now_s + execution.lease_s / 4)
        instructions.append(Renew())
    return execution, tuple(instructions)


def _renewed(execution: Execution, renewed: Renewed, now_s: float) -> _Decision:
    kept = renewed.kept
    if kept is None:
        patience_s = min(_LONGEST_PATIENCE_S, execution.lease_s / 4)
        return replace(execution, renew_at_s=now_s + patience_s), ()
    if kept or execution.phase in {Phase.REVOKED, Phase.ENDED}:
        return execution, ()
    already = execution.phase is Phase.TIMED_OUT
    return replace(execution, phase=Phase.REVOKED), () if already else (Kill(look=False),)


def _exited(execution: Execution, exited: Exited) -> _Decision:
    match execution.phase:
        case Phase.ENDED:
            return execution, ()
        case Phase.REVOKED:
            return _end(execution, Drop())
        case Phase.TIMED_OUT:
            return _end(execution, Report(failure=_timeout(execution, exited)))
        case _:
            return _end(execution, Report(failure=_crash(execution, exited), machine_trouble=True))


def _stopped(execution: Execution) -> _Decision:
    revoked = execution.phase is Phase.REVOKED
    return _end(execution, Drop() if revoked else Report(failure=None, machine_trouble=True))


def _end(execution: Execution, instruction: Instruction) -> _Decision:
    return replace(execution, phase=Phase.ENDED), (instruction,)


def _timeout(execution: Execution, exited: Exited) -> Failure:
    fold = execution.folds[0] if execution.fold is None else execution.fold
    return Failure(
        kind=FailureKind.TIMEOUT,
        message=f"fold {fold} took longer than fold_timeout ({execution.fold_timeout_s:g} s)",
        fold=fold,
        traceback=exited.output,
    )


def _crash(execution: Execution, exited: Exited) -> Failure:
    if not exited.how:
        message = "the worker lost the process that starts its runners"
        return Failure(kind=FailureKind.WORKER_LOST, message=message, fold=execution.fold, traceback=exited.output)
    where = "before the first fold" if execution.fold is None else f"in fold {execution.fold}"
    return Failure(
        kind=FailureKind.CRASHED,
        message=f"the process that ran the model {exited.how} {where}",
        fold=execution.fold,
        traceback=exited.output,
    )
