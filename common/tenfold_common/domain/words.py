"""The glossary's words as types: identities, states, kinds. Everything else speaks in these."""

from enum import StrEnum
from typing import NewType

StudyId = NewType("StudyId", str)
"""A study's identity for machines: 16 hex digits, never reused. People use the study's name."""

ContentHash = NewType("ContentHash", str)
"""SHA-256 of some bytes, 64 hex digits: the address of an artifact."""

Json = bool | int | float | str | None | list["Json"] | dict[str, "Json"]
"""A value that JSON can carry. Floats are finite."""

Params = dict[str, Json]
"""One point of a search space: the values of its *active* parameters, in the space's order."""


class StudyState(StrEnum):
    """The life of a study. ``submitted -> running <-> paused -> finished | cancelled | failed``."""

    SUBMITTED = "submitted"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens unless somebody extends or resumes the study."""
        return self in {StudyState.FINISHED, StudyState.CANCELLED, StudyState.FAILED}


class TrialState(StrEnum):
    """The life of a trial. ``queued -> running -> succeeded | failed``, or ``discarded`` beyond a stop.

    A discarded trial is not part of the study: the stopping rule held before its number.
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DISCARDED = "discarded"

    @property
    def ended(self) -> bool:
        """Whether the trial has its outcome (or never will have one)."""
        return self not in {TrialState.QUEUED, TrialState.RUNNING}


class AttemptState(StrEnum):
    """The life of one execution. ``published -> running -> succeeded | failed | lost | revoked``."""

    PUBLISHED = "published"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    REVOKED = "revoked"


class FailureKind(StrEnum):
    """Why a trial failed. All but the last two are outcomes of the model itself."""

    EXCEPTION = "exception"
    INVALID_SCORE = "invalid_score"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    WORKER_LOST = "worker_lost"


class StopReason(StrEnum):
    """Why a study ended."""

    TRIALS = "trials"
    TIME = "time"
    TARGET = "target"
    PLATEAU = "plateau"
    EXHAUSTED = "exhausted"
    MANUAL = "manual"
    ERROR = "error"


class Direction(StrEnum):
    """Which scores are better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"

    def better(self, a: float, b: float) -> bool:
        """Whether score ``a`` is strictly better than score ``b``."""
        return a > b if self is Direction.MAXIMIZE else a < b
