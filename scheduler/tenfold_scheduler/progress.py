"""Where one study stands, as the decision core sees it: frozen facts, built from the store and changed by copy.

The *prefix* is the run of trials 0, 1, 2, ... that all have their outcome. Everything that is judged (stopping, the
next suggestions) is judged on the prefix; a trial that finishes ahead of an older one waits in ``open``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tenfold_common.domain.assignment import Assignment
from tenfold_common.domain.records import AttemptRecord, StudyRecord, TrialRecord
from tenfold_common.domain.stopping import BestSoFar, StoppingRules
from tenfold_common.domain.trial import AttemptKey, Observation, Outcome, mean_score
from tenfold_common.domain.words import (
    AttemptState,
    ContentHash,
    Direction,
    Params,
    StudyId,
    StudyState,
    TrialState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What never changes while the study runs. See :class:`~tenfold_common.domain.records.StudyFacts`."""

    study: StudyId
    name: str
    seed: int
    lag: int | None
    metric: str
    direction: Direction
    folds: int
    queue: str
    spec_hash: ContentHash
    attempts: int
    stopping: StoppingRules


class PartState(StrEnum):
    """The life of one part of a trial: ``waiting -> published -> running -> done``, back to waiting when lost."""

    WAITING = "waiting"
    PUBLISHED = "published"
    RUNNING = "running"
    DONE = "done"

    @property
    def in_flight(self) -> bool:
        """Whether an attempt of it is out."""
        return self in {PartState.PUBLISHED, PartState.RUNNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some folds of a trial that travel together.

    Attributes:
        attempt: Number of the newest attempt; 0 before the first.
        losses: Attempts lost to machine trouble that count against the study's limit.
        outcome: What came of it; only when done.
    """

    index: int
    folds: tuple[int, ...]
    attempt: int = 0
    losses: int = 0
    state: PartState = PartState.WAITING
    outcome: Outcome | None = None
    seconds: float = 0.0
    fingerprint: ContentHash | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTrial:
    """A suggested trial that is not in the prefix yet.

    Attributes:
        settled: Its place in the table is decided: it has its outcome, and ``score`` (None for a failure).
    """

    number: int
    params: Params
    parts: tuple[Part, ...]
    settled: bool = False
    score: float | None = None
    fold_scores: tuple[float, ...] = ()

    def with_part(self, part: Part) -> "OpenTrial":
        """The same trial with one part replaced."""
        return replace(self, parts=tuple(part if own.index == part.index else own for own in self.parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyProgress:
    """Everything the decision core knows of one study.

    Attributes:
        observed: The prefix, in trial order.
        best: Running best over the prefix.
        open: Suggested trials beyond the prefix, by number.
        asking: The number a suggestion has been asked for and not yet arrived.
        exhausted_at: The number from which on the strategy has nothing left to try.
        ahead: How many unfinished trials may be open at once.
        spent: Newest attempt of trials that were discarded and whose number is suggested again after ``extend``;
            attempts are numbered on from there, because the broker remembers the old ones.
    """

    plan: Plan
    state: StudyState
    observed: tuple[Observation, ...] = ()
    best: BestSoFar = field(default_factory=BestSoFar)
    open: Mapping[int, OpenTrial] = field(default_factory=dict)
    asking: int | None = None
    exhausted_at: int | None = None
    ahead: int = 64
    spent: Mapping[int, int] = field(default_factory=dict)

    @property
    def next_number(self) -> int:
        """The number of the next trial to suggest."""
        return len(self.observed) + len(self.open)

    def with_trial(self, trial: OpenTrial) -> "StudyProgress":
        """The same progress with one open trial added or replaced."""
        return replace(self, open={**self.open, trial.number: trial})

    def in_flight(self) -> list[tuple[AttemptKey, PartState]]:
        """Attempts that are out, by key."""
        return [
            (self.key(trial.number, part), part.state)
            for trial in self.open.values()
            for part in trial.parts
            if part.state.in_flight
        ]

    def key(self, number: int, part: Part) -> AttemptKey:
        """The key of a part's newest attempt."""
        return AttemptKey(self.plan.study, number, part.index, part.attempt)

    def find(self, key: AttemptKey) -> tuple[OpenTrial, Part] | None:
        """The open trial and part an attempt belongs to; None if it is of no interest any more."""
        trial = self.open.get(key.trial)
        if trial is None or trial.settled:
            return None
        part = next((part for part in trial.parts if part.index == key.part), None)
        return None if part is None or part.state is PartState.DONE else (trial, part)

    def assignment(self, key: AttemptKey) -> Assignment | None:
        """The assignment to publish for an attempt that is out; None if it is not."""
        found = self.find(key)
        if found is None or found[1].attempt != key.attempt:
            return None
        return self.assignment_of(*found)

    def assignment_of(self, trial: OpenTrial, part: Part) -> Assignment:
        """The assignment that carries a part's newest attempt."""
        return Assignment(
            key=self.key(trial.number, part),
            queue=self.plan.queue,
            spec_hash=self.plan.spec_hash,
            study_name=self.plan.name,
            study_seed=self.plan.seed,
            params=trial.params,
            folds=part.folds,
        )

    def pending(self, number: int, conditioned_on: int) -> tuple[Params, ...]:
        """Parameters of trials ``conditioned_on`` to ``number``, exclusive, whether or not they have finished."""
        later = [observation.params for observation in self.observed[conditioned_on:number]]
        return (*later, *(self.open[n].params for n in range(len(self.observed), number)))


def conditioned_on(lag: int | None, number: int) -> int:
    """How many observations suggestion ``number`` depends on: trials 0..number-lag, or none without a lag."""
    return 0 if lag is None else max(0, number - lag + 1)


def plan_of(study: StudyRecord) -> Plan:
    """The plan of a stored study."""
    facts = study.facts
    return Plan(
        study=study.id,
        name=study.name,
        seed=study.seed,
        lag=facts.lag,
        metric=facts.metrics[0],
        direction=facts.direction,
        folds=facts.folds,
        queue=facts.queue,
        spec_hash=facts.spec_hash,
        attempts=facts.attempts,
        stopping=study.stopping,
    )


def progress_of(
    study: StudyRecord, trials: Sequence[TrialRecord], attempts: Iterable[AttemptRecord]
) -> StudyProgress:
    """Rebuild a study's progress from the store: after a start, a take-over, or a change from outside.

    Args:
        study: The study.
        trials: Its trials in trial order, without discarded ones.
        attempts: Attempts of its trials.
    """
    plan = plan_of(study)
    by_trial: dict[int, list[AttemptRecord]] = {}
    for attempt in attempts:
        by_trial.setdefault(attempt.key.trial, []).append(attempt)
    present = {record.number for record in trials}
    spent = {n: max(one.key.attempt for one in own) for n, own in by_trial.items() if n not in present}
    progress = StudyProgress(plan=plan, state=study.state, spent=spent)
    for record in trials:
        trial = _open_trial(record, plan, by_trial.get(record.number, []))
        if trial.settled and record.number == len(progress.observed):
            progress = observe(progress, trial)
        else:
            progress = progress.with_trial(trial)
    return progress


def observe(progress: StudyProgress, trial: OpenTrial) -> StudyProgress:
    """Move a settled trial, the next in order, into the prefix."""
    observation = Observation(
        number=trial.number, params=trial.params, score=trial.score, fold_scores=trial.fold_scores
    )
    return replace(
        progress,
        observed=(*progress.observed, observation),
        best=progress.best.then(trial.score, progress.plan.direction),
        open={number: other for number, other in progress.open.items() if number != trial.number},
    )


def settle(trial: OpenTrial, outcome: Outcome, metric: str) -> OpenTrial:
    """The trial with its outcome: its score is the mean over all folds, or None if it failed."""
    if outcome.failure is not None:
        return replace(trial, settled=True)
    return replace(
        trial,
        settled=True,
        score=mean_score(outcome.folds, metric),
        fold_scores=tuple(fold.scores[metric] for fold in outcome.folds),
    )


def whole(plan: Plan, *, spent: int = 0) -> tuple[Part, ...]:
    """A trial's folds as one part, its attempts numbered on from ``spent``."""
    return (Part(index=0, folds=tuple(range(plan.folds)), attempt=spent),)


def _open_trial(record: TrialRecord, plan: Plan, attempts: Sequence[AttemptRecord]) -> OpenTrial:
    trial = OpenTrial(number=record.number, params=record.params, parts=whole(plan))
    if record.state in {TrialState.SUCCEEDED, TrialState.FAILED}:
        return settle(trial, Outcome(folds=record.folds, failure=record.failure), plan.metric)
    for attempt in sorted(attempts, key=lambda one: one.key):
        trial = trial.with_part(_part_after(attempt, trial))
    return trial


_IN_FLIGHT = {AttemptState.PUBLISHED: PartState.PUBLISHED, AttemptState.RUNNING: PartState.RUNNING}


def _part_after(attempt: AttemptRecord, trial: OpenTrial) -> Part:
    part = next((p for p in trial.parts if p.index == attempt.key.part), None) or trial.parts[0]
    lost = attempt.state is AttemptState.LOST and attempt.counts
    return replace(
        part,
        folds=attempt.folds,
        attempt=attempt.key.attempt,
        losses=part.losses + int(lost),
        state=_IN_FLIGHT.get(attempt.state, PartState.WAITING),
    )
