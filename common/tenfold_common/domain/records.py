"""What the store keeps of a study, as frozen facts. Adapters translate rows to these; nobody else sees a row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.trial import AttemptKey, Failure, FoldResult
from tenfold_common.domain.words import (
    AttemptState,
    ContentHash,
    Direction,
    Json,
    Params,
    StopReason,
    StudyId,
    StudyState,
    TrialState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFacts:
    """What was found out when the study was submitted; never changes afterwards.

    Attributes:
        strategy: Name of the search strategy.
        learns: Whether its suggestions depend on results.
        lag: How many trials a suggestion may be behind; None for a strategy that does not learn.
        metrics: Metric names, the optimised one first.
        direction: Which scores of the first metric are better.
        folds: Number of folds of one trial.
        rows: Rows of the data (without the sealed test set).
        features: Columns the model sees.
        data_hash: Address of the dataset artifact.
        splits_hash: Address of the artifact with the folds' row numbers.
        spec_hash: Address of the artifact with everything a worker needs besides a trial's parameters.
        code_hash: Address of the user's code bundle, if the study has one.
        queue: Name of the queue its assignments go to.
        attempts: How often an assignment is tried when machines fail.
        environment: Versions of Python and of the packages that matter, where the study was submitted.
    """

    strategy: str
    learns: bool
    lag: int | None
    metrics: tuple[str, ...]
    direction: Direction
    folds: int
    rows: int
    features: int
    data_hash: ContentHash
    splits_hash: ContentHash
    spec_hash: ContentHash
    code_hash: ContentHash | None
    queue: str
    attempts: int
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """One study as stored.

    Attributes:
        document: The study file, validated, as JSON data with every default filled in.
        document_hash: Content hash of ``document``'s canonical JSON; ``tenfold run`` resumes by it.
        stopping: The rules in force; ``extend`` changes them, the document stays as it was.
        revision: Grows with every change of state; changes are compare-and-set on it.
        message: Why it ended, in words, or the error that failed it.
        stopped_at: Number of trials in the study once it has ended.
        elapsed_s: Seconds it was worked on.
    """

    id: StudyId
    name: str
    seed: int
    state: StudyState
    reason: StopReason | None
    message: str
    revision: int
    document: Mapping[str, Json]
    document_hash: ContentHash
    facts: StudyFacts
    stopping: StoppingRules
    stopped_at: int | None
    elapsed_s: float
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One trial as stored.

    Attributes:
        conditioned_on: How many observations (trials 0 to this, exclusive) the suggestion depended on.
        score: Mean score of the first metric; None unless succeeded.
        folds: Results in fold order; of a failed trial those before the failing fold.
        attempts: Executions so far.
        seconds: Seconds of work of the attempts that counted.
        fingerprint: Hash of the fingerprint of the machine whose result counted.
    """

    study: StudyId
    number: int
    state: TrialState
    params: Params
    seed: int
    conditioned_on: int
    score: float | None = None
    folds: tuple[FoldResult, ...] = ()
    failure: Failure | None = None
    attempts: int = 0
    seconds: float | None = None
    fingerprint: ContentHash | None = None
    created_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One execution of one assignment as stored. ``folds`` are the fold numbers it was asked for."""

    key: AttemptKey
    state: AttemptState
    folds: tuple[int, ...]
    counts: bool = True
    worker: str | None = None
    fingerprint: ContentHash | None = None
    results: tuple[FoldResult, ...] = ()
    failure: Failure | None = None
    seconds: float | None = None
    published_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
