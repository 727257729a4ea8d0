"""The decision core: ``decide(progress, event) -> (progress, effects)``. Pure: no clock, no I/O, no randomness.

Effects come in the order in which the shell performs them: changes of the store (one transaction), then messages.
The trial table that results is a function of the study alone, whatever the order of events; a property test says so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Final

from tenfold_common.domain.assignment import Assignment, Ended
from tenfold_common.domain.changes import (
    AddTrial,
    Change,
    DiscardTrials,
    EndAttempt,
    EndTrial,
    MoveStudy,
    PublishAttempt,
    StartAttempt,
)
from tenfold_common.domain.seeds import trial_seed
from tenfold_common.domain.stopping import reason_to_stop
from tenfold_common.domain.trial import AttemptKey, Failure, Outcome, merge_outcomes
from tenfold_common.domain.words import (
    AttemptState,
    ContentHash,
    FailureKind,
    Params,
    StopReason,
    StudyState,
    TrialState,
)
from tenfold_scheduler.progress import (
    OpenTrial,
    Part,
    PartState,
    StudyProgress,
    conditioned_on,
    observe,
    settle,
    whole,
)

_LIVE: Final = (StudyState.SUBMITTED, StudyState.RUNNING, StudyState.PAUSED)


@dataclass(frozen=True, slots=True)
class Wake:
    """The scheduler has picked the study up, or it was changed from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """There is room for more work.

    Attributes:
        limit: How many more assignments may be published.
        ahead: How many unfinished trials may be open at once.
    """

    limit: int
    ahead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """The strategy has answered; None means that nothing is left to try."""

    number: int
    params: Params | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionFailed:
    """The strategy raised an error: the study cannot go on."""

    number: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """A worker has claimed an attempt."""

    key: AttemptKey
    worker: str
    fingerprint: ContentHash


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """A worker has sent what came of an attempt."""

    ended: Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLost:
    """Nobody holds the attempt's lease any more and no result came.

    Attributes:
        counts: Whether it counts against the study's limit; a broker restart or a hand-back does not.
        failure: Evidence of what ended it, if there is any.
    """

    key: AttemptKey
    counts: bool = True
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class TimeIsUp:
    """The study's time limit has passed. Depends on the clock; the stop is journalled in the store."""


Event = Wake | Dispatch | Suggested | SuggestionFailed | AttemptStarted | AttemptEnded | AttemptLost | TimeIsUp


@dataclass(frozen=True, slots=True)
class Publish:
    """Ring for a worker."""

    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Revoke:
    """Make whoever holds this attempt stop, and nobody claim it any more."""

    key: AttemptKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask the strategy for a trial's parameters."""

    number: int
    conditioned_on: int


Effect = Change | Publish | Revoke | Ask
Decision = tuple[StudyProgress, tuple[Effect, ...]]
Step = Callable[[StudyProgress], Decision]


def decide(progress: StudyProgress, event: Event) -> Decision:
    """What follows from an event.

    Args:
        progress: Where the study stands.
        event: What has happened.

    Returns:
        Where it stands afterwards, and what is to be done, in order.
    """
    if progress.state.ended and not isinstance(event, Wake):
        return progress, ()
    return _on(event, progress)


@singledispatch
def _on(event: object, progress: StudyProgress) -> Decision:
    raise AssertionError(f"no rule for {event!r} in {progress.state}")


@_on.register
def _(event: Wake, progress: StudyProgress) -> Decision:
    del event
    if progress.state is StudyState.CANCELLED:
        return _end(progress, StudyState.CANCELLED, StopReason.MANUAL, allowed_from=(StudyState.CANCELLED,))
    if progress.state.ended:
        return progress, ()
    if progress.state is StudyState.SUBMITTED:
        started = replace(progress, state=StudyState.RUNNING)
        moved = MoveStudy(to=StudyState.RUNNING, allowed_from=(StudyState.SUBMITTED,))
        return _then(started, (moved,), _advance)
    return _advance(progress)


@_on.register
def _(event: Dispatch, progress: StudyProgress) -> Decision:
    progress = replace(progress, ahead=event.ahead)
    if progress.state is not StudyState.RUNNING:
        return progress, ()
    changes: list[Effect] = []
    messages: list[Effect] = []
    for trial, part in list(_waiting(progress))[: max(0, event.limit)]:
        sent = replace(part, attempt=part.attempt + 1, state=PartState.PUBLISHED)
        progress = progress.with_trial(progress.open[trial.number].with_part(sent))
        changes.append(PublishAttempt(key=progress.key(trial.number, sent), folds=sent.folds))
        messages.append(Publish(progress.assignment_of(trial, sent)))
    return _then(progress, (*changes, *messages), _ask)


@_on.register
def _(event: Suggested, progress: StudyProgress) -> Decision:
    if progress.asking != event.number:
        return progress, ()
    progress = replace(progress, asking=None)
    if event.params is None:
        return _advance(replace(progress, exhausted_at=event.number))
    plan = progress.plan
    trial = OpenTrial(
        number=event.number, params=event.params, parts=whole(plan, spent=progress.spent.get(event.number, 0))
    )
    added = AddTrial(
        number=event.number,
        params=event.params,
        seed=trial_seed(plan.seed, event.number),
        conditioned_on=conditioned_on(plan.lag, event.number),
    )
    return _then(progress.with_trial(trial), (added,), _ask)


@_on.register
def _(event: SuggestionFailed, progress: StudyProgress) -> Decision:
    if progress.asking != event.number:
        return progress, ()
    return _end(replace(progress, asking=None), StudyState.FAILED, StopReason.ERROR, message=event.message)


@_on.register
def _(event: AttemptStarted, progress: StudyProgress) -> Decision:
    found = progress.find(event.key)
    if found is None or found[1].attempt != event.key.attempt:
        return progress, ()
    trial, part = found
    progress = progress.with_trial(trial.with_part(replace(part, state=PartState.RUNNING)))
    return progress, (StartAttempt(key=event.key, worker=event.worker, fingerprint=event.fingerprint),)


@_on.register
def _(event: AttemptEnded, progress: StudyProgress) -> Decision:
    ended = event.ended
    if ended.machine_trouble:
        lost = AttemptLost(key=ended.key, counts=ended.failure is not None, failure=ended.failure)
        return _on(lost, progress)
    found = progress.find(ended.key)
    if found is None or ended.key.attempt > found[1].attempt:
        return progress, ()
    trial, part = found
    superseded = ended.key.attempt < part.attempt
    if superseded and ended.failure is not None:
        return progress, ()
    effects: list[Effect] = [_end_of_attempt(ended)]
    if superseded and part.state.in_flight:
        newest = progress.key(trial.number, part)
        effects += [EndAttempt(key=newest, state=AttemptState.REVOKED), Revoke(newest)]
    done = replace(
        part,
        state=PartState.DONE,
        outcome=Outcome(folds=ended.folds, failure=ended.failure),
        seconds=ended.seconds,
        fingerprint=ended.fingerprint,
    )
    return _then(progress.with_trial(trial.with_part(done)), tuple(effects), lambda p: _settle(p, trial.number))


@_on.register
def _(event: AttemptLost, progress: StudyProgress) -> Decision:
    found = progress.find(event.key)
    if found is None or found[1].attempt != event.key.attempt or not found[1].state.in_flight:
        return progress, ()
    trial, part = found
    gone = EndAttempt(key=event.key, state=AttemptState.LOST, failure=event.failure, counts=event.counts)
    part = replace(part, losses=part.losses + int(event.counts), state=PartState.WAITING)
    if event.counts and part.losses >= progress.plan.attempts:
        blamed = replace(part, state=PartState.DONE, outcome=Outcome(folds=(), failure=_blame(event, part.losses)))
        progress = progress.with_trial(trial.with_part(blamed))
        return _then(progress, (gone,), lambda p: _settle(p, trial.number))
    return progress.with_trial(trial.with_part(part)), (gone,)


@_on.register
def _(event: TimeIsUp, progress: StudyProgress) -> Decision:
    del event
    return _end(progress, StudyState.FINISHED, StopReason.TIME)


def _then(
    progress: StudyProgress, effects: tuple[Effect, ...], step: Callable[[StudyProgress], Decision]
) -> Decision:
    progress, more = step(progress)
    return progress, (*effects, *more)


def _unfinished(progress: StudyProgress) -> Iterator[tuple[OpenTrial, Part]]:
    """Parts without an outcome, oldest trial first."""
    for number in sorted(progress.open):
        trial = progress.open[number]
        if not trial.settled:
            yield from ((trial, part) for part in trial.parts if part.state is not PartState.DONE)


def _waiting(progress: StudyProgress) -> Iterator[tuple[OpenTrial, Part]]:
    """Parts that wait to be published, oldest trial first."""
    return (pair for pair in _unfinished(progress) if pair[1].state is PartState.WAITING)


def _settle(progress: StudyProgress, number: int) -> Decision:
    """Give a trial its outcome once all its parts are done."""
    trial = progress.open[number]
    outcomes = [part.outcome for part in trial.parts if part.outcome is not None]
    if len(outcomes) < len(trial.parts):
        return progress, ()
    outcome = merge_outcomes(outcomes)
    settled = settle(trial, outcome, progress.plan.metric)
    recorded = EndTrial(
        number=number,
        state=TrialState.SUCCEEDED if outcome.failure is None else TrialState.FAILED,
        score=settled.score,
        folds=outcome.folds,
        failure=outcome.failure,
        seconds=sum(part.seconds for part in trial.parts),
        fingerprint=trial.parts[-1].fingerprint,
    )
    return _then(progress.with_trial(settled), (recorded,), _advance)


def _advance(progress: StudyProgress) -> Decision:
    """Move settled trials into the prefix one by one, judge the stopping rules after each, then ask for more."""
    while True:
        plan = progress.plan
        reason = reason_to_stop(plan.stopping, plan.direction, progress.best.history)
        if reason is None and progress.exhausted_at == len(progress.observed):
            reason = StopReason.EXHAUSTED
        if reason is not None:
            return _end(progress, StudyState.FINISHED, reason)
        trial = progress.open.get(len(progress.observed))
        if trial is None or not trial.settled:
            return _ask(progress)
        progress = observe(progress, trial)


def _ask(progress: StudyProgress) -> Decision:
    """Ask for the next suggestion if its observations are there and there is room for it."""
    number, plan = progress.next_number, progress.plan
    needed = conditioned_on(plan.lag, number)
    blocked = (
        progress.state is not StudyState.RUNNING
        or progress.asking is not None
        or progress.exhausted_at is not None
        or (plan.stopping.trials is not None and number >= plan.stopping.trials)
        or len(progress.observed) < needed
        or sum(not trial.settled for trial in progress.open.values()) >= progress.ahead
    )
    if blocked:
        return progress, ()
    return replace(progress, asking=number), (Ask(number=number, conditioned_on=needed),)


def _end(
    progress: StudyProgress,
    to: StudyState,
    reason: StopReason,
    *,
    message: str = "",
    allowed_from: tuple[StudyState, ...] = _LIVE,
) -> Decision:
    """End the study after exactly its prefix; what lies beyond is revoked and discarded."""
    keys = [key for key, _ in progress.in_flight()]
    at = len(progress.observed)
    effects: tuple[Effect, ...] = (
        *(EndAttempt(key=key, state=AttemptState.REVOKED) for key in keys),
        DiscardTrials(from_number=at),
        MoveStudy(to=to, allowed_from=allowed_from, reason=reason, message=message, stopped_at=at),
        # A worker given up for lost may still be at it, unknowingly: tell that one too.
        *(Revoke(progress.key(trial.number, part)) for trial, part in _unfinished(progress) if part.attempt),
    )
    return replace(progress, state=to, open={}, asking=None), effects


def _end_of_attempt(ended: Ended) -> EndAttempt:
    return EndAttempt(
        key=ended.key,
        state=AttemptState.SUCCEEDED if ended.failure is None else AttemptState.FAILED,
        worker=ended.worker,
        fingerprint=ended.fingerprint,
        results=ended.folds,
        failure=ended.failure,
        seconds=ended.seconds,
    )


def _blame(event: AttemptLost, losses: int) -> Failure:
    if event.failure is not None:
        return replace(event.failure, message=f"{event.failure.message} ({losses} attempts)")
    return Failure(kind=FailureKind.WORKER_LOST, message=f"the worker was lost in each of {losses} attempts")
