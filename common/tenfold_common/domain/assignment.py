"""What travels over the bus: assignments to workers; news of attempts back. Plain facts with a JSON form.

Both ends check the schema number; a message of another schema is refused in words, never guessed at.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from tenfold_common.domain.trial import AttemptKey, Failure, FoldResult
from tenfold_common.domain.words import ContentHash, FailureKind, Json, Params, StudyId

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Some folds of one trial, given to a worker.

    Attributes:
        key: Which attempt this is.
        queue: The queue it goes to.
        spec_hash: Address of the study's evaluation spec.
        study_name: For logs.
        study_seed: All seeds of the trial derive from it.
        params: The point to evaluate.
        folds: Fold numbers to run, ascending.
    """

    key: AttemptKey
    queue: str
    spec_hash: ContentHash
    study_name: str
    study_seed: int
    params: Params
    folds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A worker has claimed an attempt."""

    key: AttemptKey
    worker: str
    fingerprint: ContentHash


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A worker has finished an attempt: fold results, and the failure that ended it, if any.

    Attributes:
        machine_trouble: Set when the attempt ended for a reason that is not the model's: it is tried again.
    """

    key: AttemptKey
    worker: str
    fingerprint: ContentHash
    folds: tuple[FoldResult, ...]
    failure: Failure | None
    seconds: float
    machine_trouble: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bell:
    """Somebody changed the store: look again."""


News = Started | Ended | Bell


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRecord:
    """What a worker says of itself with every heartbeat.

    Attributes:
        id: Unique name, ``host:pid`` based.
        slots: How many assignments it runs at once.
        queues: Queues it takes work from.
        fingerprint: Hash of its fingerprint.
        facts: The fingerprint itself (hardware and software).
        running: What its slots are doing now.
        started_at: When the worker process started.
        seen_at: When the last heartbeat arrived.
    """

    id: str
    host: str
    pid: int
    slots: int
    queues: tuple[str, ...]
    fingerprint: ContentHash
    facts: Mapping[str, Json] = field(default_factory=dict)
    running: tuple[AttemptKey, ...] = ()
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRecord:
    """One queue: messages nobody has taken yet."""

    name: str
    waiting: int


def assignment_to_json(assignment: Assignment) -> dict[str, Json]:
    """The message that carries an assignment."""
    return {"schema": SCHEMA, **_json(asdict(assignment))}


def assignment_from_json(message: Mapping[str, Any]) -> Assignment:  # Any: text from outside, checked here
    """Read an assignment.

    Raises:
        ValueError: If the message is of another schema or lacks something.
    """
    fields = _checked(message)
    try:
        return Assignment(
            key=_key(fields["key"]),
            queue=str(fields["queue"]),
            spec_hash=ContentHash(fields["spec_hash"]),
            study_name=str(fields["study_name"]),
            study_seed=int(fields["study_seed"]),
            params=dict(fields["params"]),
            folds=tuple(int(fold) for fold in fields["folds"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"malformed assignment: {error!r}") from error


def news_to_json(news: News) -> dict[str, Json]:
    """The stream entry that carries a piece of news."""
    return {"schema": SCHEMA, "kind": type(news).__name__.lower(), **_json(asdict(news))}


def news_from_json(message: Mapping[str, Any]) -> News:  # Any: text from outside, checked here
    """Read a piece of news.

    Raises:
        ValueError: If the message is of another schema, unknown or lacks something.
    """
    fields = _checked(message)
    try:
        match fields["kind"]:
            case "bell":
                return Bell()
            case "started":
                return Started(
                    key=_key(fields["key"]),
                    worker=str(fields["worker"]),
                    fingerprint=ContentHash(fields["fingerprint"]),
                )
            case "ended":
                return Ended(
                    key=_key(fields["key"]),
                    worker=str(fields["worker"]),
                    fingerprint=ContentHash(fields["fingerprint"]),
                    folds=tuple(fold_from_json(fold) for fold in fields["folds"]),
                    failure=failure_from_json(fields["failure"]),
                    seconds=float(fields["seconds"]),
                    machine_trouble=bool(fields["machine_trouble"]),
                )
    except (KeyError, TypeError) as error:
        raise ValueError(f"malformed news: {error!r}") from error
    raise ValueError(f"unknown kind of news: {fields['kind']!r}")


def fold_to_json(fold: FoldResult) -> dict[str, Json]:
    """A fold's result as JSON data."""
    return _json(asdict(fold))


def fold_from_json(fields: Mapping[str, Any]) -> FoldResult:  # Any: text from outside, checked by conversion
    """Read a fold's result. Raises ValueError, KeyError or TypeError where it is malformed."""
    return FoldResult(
        fold=int(fields["fold"]),
        scores={str(name): float(score) for name, score in fields["scores"].items()},
        fit_s=float(fields["fit_s"]),
        score_s=float(fields["score_s"]),
        train_rows=int(fields["train_rows"]),
        validation_rows=int(fields["validation_rows"]),
        warnings=tuple(str(warning) for warning in fields["warnings"]),
    )


def failure_to_json(failure: Failure | None) -> dict[str, Json] | None:
    """A failure as JSON data."""
    return None if failure is None else _json(asdict(failure))


def failure_from_json(fields: Mapping[str, Any] | None) -> Failure | None:  # Any: text from outside, checked here
    """Read a failure. Raises ValueError, KeyError or TypeError where it is malformed."""
    if fields is None:
        return None
    return Failure(
        kind=FailureKind(fields["kind"]),
        message=str(fields["message"]),
        fold=None if fields["fold"] is None else int(fields["fold"]),
        traceback=str(fields["traceback"]),
    )


def _key(fields: Mapping[str, Any]) -> AttemptKey:  # Any: text from outside, checked by conversion
    return AttemptKey(
        StudyId(str(fields["study"])), int(fields["trial"]), int(fields["part"]), int(fields["attempt"])
    )


def _checked(message: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: text from outside
    if not isinstance(message, Mapping):
        raise ValueError(f"a message must be an object, not {type(message).__name__}")  # noqa: TRY004  # one error for "not a message"
    if message.get("schema") != SCHEMA:
        raise ValueError(
            f"message schema {message.get('schema')!r} is not {SCHEMA}: this process and the sender run "
            "different versions of Tenfold; upgrade the older one"
        )
    return message


def _json(fields: dict[str, Any]) -> dict[str, Json]:  # Any: asdict's own type
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
