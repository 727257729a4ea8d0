"""The texts that travel over the bus, and how large they may be. Pure: no connection is used here."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Final

from tenfold_common.domain.assignment import (
    Ended,
    News,
    WorkerRecord,
    news_from_json,
    news_to_json,
)
from tenfold_common.domain.canonical import canonical_json
from tenfold_common.domain.trial import AttemptKey, Failure, FoldResult
from tenfold_common.domain.words import ContentHash, StudyId

BYTES_PER_FOLD: Final = 64 * 1024
"""A result may have this many bytes for each of its folds (and one for a failure); more is cut, and says so."""

_CUT: Final = "[... cut by Tenfold: the report was too long ...]"
_KEPT_WARNINGS: Final = 5
_KEPT_CHARACTERS: Final = 200


def news_text(news: News) -> str:
    """The JSON text of a piece of news, within the size the bus allows.

    Raises:
        ValueError: If a number in it is not finite.
    """
    if not isinstance(news, Ended):
        return _text(news)
    limit = BYTES_PER_FOLD * (len(news.folds) + 1)
    news = replace(news, failure=news.failure and _storable(news.failure))
    text = _text(news)
    return text if len(text.encode()) <= limit else _text(_shortened(news, limit))


def news_of_text(text: str) -> News:
    """Read a piece of news.

    Raises:
        ValueError: If it is malformed.
    """
    return news_from_json(_object(text))


def worker_text(record: WorkerRecord) -> str:
    """The JSON text of a heartbeat."""
    fields = asdict(record)
    fields["started_at"], fields["seen_at"] = record.started_at.isoformat(), record.seen_at.isoformat()
    return canonical_json(fields)


def worker_of_text(text: str, *, seen_ms: float) -> WorkerRecord:
    """Read a heartbeat that arrived at ``seen_ms`` on the broker's clock.

    Raises:
        ValueError: If it is malformed.
    """
    fields = _object(text)
    try:
        return WorkerRecord(
            id=str(fields["id"]),
            host=str(fields["host"]),
            pid=int(fields["pid"]),
            slots=int(fields["slots"]),
            queues=tuple(str(queue) for queue in fields["queues"]),
            fingerprint=ContentHash(str(fields["fingerprint"])),
            facts=dict(fields["facts"]),
            running=tuple(_key(key) for key in fields["running"]),
            started_at=datetime.fromisoformat(fields["started_at"]),
            seen_at=datetime.fromtimestamp(seen_ms / 1000, UTC),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"malformed heartbeat: {error!r}") from error


def _text(news: News) -> str:
    # What a model raises or warns of may hold halves of characters, which UTF-8 cannot carry.
    return canonical_json(news_to_json(news)).encode("utf-8", "replace").decode()


def _storable(failure: Failure) -> Failure:
    """Without NUL characters, which PostgreSQL refuses."""
    return replace(
        failure,
        message=failure.message.replace("\0", "\ufffd"),
        traceback=failure.traceback.replace("\0", "\ufffd"),
    )


def _shortened(ended: Ended, limit: int) -> Ended:
    failure = ended.failure and _shortened_failure(ended.failure, BYTES_PER_FOLD // 2)
    shorter = replace(ended, failure=failure)
    if len(_text(shorter).encode()) <= limit:
        return shorter
    return replace(shorter, folds=tuple(_with_few_warnings(fold) for fold in ended.folds))


def _shortened_failure(failure: Failure, size: int) -> Failure:
    # A character takes up to six bytes in JSON (\u0000), and a traceback's end says more than its beginning.
    room = size // 6
    traceback = failure.traceback
    if len(traceback) > room:
        traceback = f"{_CUT}\n{traceback[-room:]}"
    return replace(failure, message=failure.message[: room // 4], traceback=traceback)


def _with_few_warnings(fold: FoldResult) -> FoldResult:
    kept = tuple(warning[:_KEPT_CHARACTERS] for warning in fold.warnings[:_KEPT_WARNINGS])
    return fold if kept == fold.warnings else replace(fold, warnings=(*kept, _CUT))


def _object(text: str) -> Mapping[str, Any]:  # Any: text from outside, checked by the caller
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply to be a message") from error
    if not isinstance(value, Mapping):
        raise ValueError(f"a message must be an object, not {type(value).__name__}")  # noqa: TRY004  # one error for "not a message"
    return value


def _key(fields: Mapping[str, Any]) -> AttemptKey:  # Any: text from outside, checked by conversion
    return AttemptKey(
        StudyId(str(fields["study"])), int(fields["trial"]), int(fields["part"]), int(fields["attempt"])
    )
