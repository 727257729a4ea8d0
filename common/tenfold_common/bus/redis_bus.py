"""The bus over Redis and Celery, one class for each end of it.

Whatever must not be torn apart runs as one script on the server (``lua/``), compared with the server's clock only.
Every script may run twice without harm, because a client cannot know whether a lost answer was a lost request.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tenfold_common.bus.app import (
    SOCKET_TIMEOUT_S,
    TASK_NAME,
    broker_url,
    celery_queue,
    make_celery_app,
    masked_url,
    redis_client,
)
from tenfold_common.bus.messages import news_of_text, news_text, worker_of_text, worker_text
from tenfold_common.domain.assignment import (
    Assignment,
    Bell,
    Ended,
    QueueRecord,
    Started,
    WorkerRecord,
    assignment_to_json,
)
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import ContentHash, StudyId
from tenfold_common.errors import MisuseError, TransientError
from tenfold_common.ports import Received
from tenfold_common.settings import Settings

if TYPE_CHECKING:
    from redis.commands.core import Script

_LOG = logging.getLogger(__name__)
_MEMORY_MS: Final = 24 * 3600 * 1000
"""How long the broker remembers that an attempt was claimed, done or revoked."""
_LONGEST_BLOCK_S: Final = SOCKET_TIMEOUT_S / 2
_FIRST: Final = "0"


class _Redis:
    """What both ends share: a client, the names of keys, the scripts, and one way to say that the broker is away."""

    def __init__(self, settings: Settings, *, purpose: str) -> None:
        self.settings = settings
        self.client = redis_client(settings, purpose=purpose)
        self._scripts: dict[str, Script] = {}

    @property
    def news(self) -> str:
        """The stream of news."""
        return self.key("news")

    def key(self, *parts: str) -> str:
        """A key of the bus; no Celery queue can have such a name, for want of a colon."""
        return self.settings.key_prefix + ":".join(("bus", *parts))

    def lease(self, key: AttemptKey) -> str:
        """The key of the lease all attempts of one assignment share."""
        return self.key("lease", key.study, str(key.trial), str(key.part))

    def leases(self, study: StudyId) -> str:
        """The key of the set of a study's leases."""
        return self.key("leases", study)

    def run(
        self, script: str, keys: Sequence[str], args: Sequence[str | int]
    ) -> Any:  # Any: whatever the script says
        """Run a script of ``lua/``.

        Raises:
            TransientError: While the broker is away.
        """
        with self.speaking():
            return self._script(script)(keys=list(keys), args=list(args))

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Within this block, every trouble with the broker is a ``TransientError`` (or a ``MisuseError``)."""
        import redis
        from kombu.exceptions import KombuError

        try:
            yield
        except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
            raise MisuseError(f"the broker {self._where} refuses us: {error}; check the broker's URL") from error
        except (redis.RedisError, KombuError, OSError) as error:
            raise TransientError(f"the broker {self._where} does not answer: {error}") from error

    def close(self) -> None:
        """Let go of connections."""
        self.client.close()

    @property
    def _where(self) -> str:
        return masked_url(broker_url(self.settings))

    def _script(self, name: str) -> "Script":
        if name not in self._scripts:
            text = (Path(__file__).parent / "lua" / f"{name}.lua").read_text()
            self._scripts[name] = self.client.register_script(text)
        return self._scripts[name]


class RedisSchedulerBus:
    """The :class:`~tenfold_common.ports.SchedulerBus` over Redis."""

    def __init__(self, settings: Settings) -> None:
        self._redis = _Redis(settings, purpose="scheduler")

    def publish(self, assignment: Assignment) -> None:
        """Ring for a worker."""
        message = assignment_to_json(assignment)
        key = assignment.key
        with self._redis.speaking():
            self._redis.client.sadd(self._redis.key("queues"), assignment.queue)
            self._celery.send_task(
                TASK_NAME,
                args=[message],
                queue=celery_queue(assignment.queue),
                task_id=f"{key.study}.{key.trial}.{key.part}.{key.attempt}",
                argsrepr=f"({assignment.study_name!r}, trial={key.trial}, part={key.part}, attempt={key.attempt})",
            )

    def receive(self, *, after: str = _FIRST, block_s: float, limit: int = 200) -> list[Received]:
        """News after an entry, oldest first, waiting up to ``block_s`` (at most 2.5 s) for the first."""
        block_ms = int(min(block_s, _LONGEST_BLOCK_S) * 1000) or None
        with self._redis.speaking():
            streams = self._redis.client.xread({self._redis.news: after}, count=limit, block=block_ms)
        entries = _entries(streams)
        received, malformed = [], []
        for entry, fields in entries:
            try:
                received.append(Received(entry, news_of_text(fields.get("news", ""))))
            except ValueError as error:
                _LOG.warning("malformed news discarded: entry=%s error=%s", entry, error)
                malformed.append(entry)
        self.discard(malformed)
        return received

    def discard(self, entries: Sequence[str]) -> None:
        """Delete news that has been committed."""
        if entries:
            with self._redis.speaking():
                self._redis.client.xdel(self._redis.news, *entries)

    def ring(self) -> None:
        """Tell the scheduler to look at the store again."""
        self._redis.run("ring", [self._redis.news, self._redis.key("bell")], [news_text(Bell())])

    def holders(self, keys: Sequence[AttemptKey]) -> dict[AttemptKey, str | None]:
        """Which worker holds each attempt's lease now."""
        if not keys:
            return {}
        leases = [self._redis.lease(key) for key in keys]
        answers = self._redis.run("holders", leases, [key.attempt for key in keys])
        return {key: answer or None for key, answer in zip(keys, answers, strict=True)}

    def revoke(self, key: AttemptKey) -> None:
        """Make the holder of this attempt stop at its next renewal, and nobody claim it any more."""
        self._redis.run("revoke", [self._redis.lease(key), self._redis.leases(key.study)], [key.attempt, _MEMORY_MS])

    def forget(self, study: StudyId) -> None:
        """Drop leases and done markers of an ended study; who still works on it stops at the next renewal."""
        self._redis.run("forget", [self._redis.leases(study)], [])

    def workers(self) -> list[WorkerRecord]:
        """Workers whose heartbeat has not lapsed, by id."""
        with self._redis.speaking():
            ids = sorted(_strings(self._redis.client.smembers(self._redis.key("workers"))))
            pipeline = self._redis.client.pipeline(transaction=False)
            for worker in ids:
                pipeline.hmget(self._redis.key("worker", worker), "record", "seen_ms")
            answers = pipeline.execute() if ids else []
            lapsed = [worker for worker, (text, _) in zip(ids, answers, strict=True) if text is None]
            if lapsed:
                self._redis.client.srem(self._redis.key("workers"), *lapsed)
        return [record for text, seen_ms in answers if text is not None for record in _worker(text, seen_ms)]

    def queues(self) -> list[QueueRecord]:
        """Queues that were published to or are served, with their backlog, by name."""
        served = {queue for worker in self.workers() for queue in worker.queues}
        with self._redis.speaking():
            published = _strings(self._redis.client.smembers(self._redis.key("queues")))
            names = sorted(served | published)
            pipeline = self._redis.client.pipeline(transaction=False)
            for name in names:
                pipeline.llen(self._redis.settings.key_prefix + name)  # kombu's name for a queue of one priority
            lengths = pipeline.execute() if names else []
        return [QueueRecord(name=name, waiting=length) for name, length in zip(names, lengths, strict=True)]

    def incarnation(self) -> str:
        """The broker's run id."""
        with self._redis.speaking():
            return str(self._redis.client.info("server")["run_id"])

    def close(self) -> None:
        """Let go of connections."""
        self._redis.close()
        if "_celery" in self.__dict__:
            self._celery.close()

    @cached_property
    def _celery(self) -> Any:  # Any: Celery ships no types
        return make_celery_app(self._redis.settings, patient=False)


class RedisWorkerBus:
    """The :class:`~tenfold_common.ports.WorkerBus` over Redis; one for each process: connections survive no fork."""

    def __init__(self, settings: Settings) -> None:
        self._redis = _Redis(settings, purpose="worker")
        self._lease_ms = int(settings.lease_s * 1000)
        # Claims whose answer was lost: asking again with the same token finds out, instead of refusing ourselves.
        self._doubtful: dict[AttemptKey, str] = {}

    def claim(self, key: AttemptKey, *, worker: str, fingerprint: ContentHash) -> bool:
        """Claim the lease of an attempt and send ``Started``."""
        token = self._doubtful.setdefault(key, os.urandom(8).hex())
        started = news_text(Started(key=key, worker=worker, fingerprint=fingerprint))
        arguments: list[str | int] = [
            key.attempt,
            worker,
            token,
            self._lease_ms,
            _MEMORY_MS + self._lease_ms,
            started,
        ]
        claimed = self._redis.run("claim", [*self._lease_keys(key), self._redis.news], arguments)
        del self._doubtful[key]
        return bool(claimed)

    def renew(self, key: AttemptKey, *, worker: str) -> bool:
        """Keep the lease."""
        arguments: list[str | int] = [key.attempt, worker, self._lease_ms, _MEMORY_MS + self._lease_ms]
        return bool(self._redis.run("renew", self._lease_keys(key), arguments))

    def finish(self, ended: Ended) -> None:
        """Send the result and turn the lease into a done marker, in one step."""
        arguments: list[str | int] = [ended.key.attempt, ended.worker, _MEMORY_MS, news_text(ended)]
        self._redis.run("finish", [*self._lease_keys(ended.key), self._redis.news], arguments)

    def announce(self, record: WorkerRecord, *, ttl_s: float) -> None:
        """Heartbeat."""
        keys = [self._redis.key("worker", record.id), self._redis.key("workers")]
        self._redis.run("announce", keys, [record.id, worker_text(record), int(ttl_s * 1000)])

    def withdraw(self, worker: str) -> None:
        """The worker leaves."""
        with self._redis.speaking():
            self._redis.client.delete(self._redis.key("worker", worker))
            self._redis.client.srem(self._redis.key("workers"), worker)

    def close(self) -> None:
        """Let go of connections."""
        self._redis.close()

    def _lease_keys(self, key: AttemptKey) -> list[str]:
        return [self._redis.lease(key), self._redis.leases(key.study)]


def _entries(streams: Any) -> list[tuple[str, dict[str, str]]]:  # Any: redis-py's answer differs by protocol version
    if not streams:
        return []
    found = streams.values() if isinstance(streams, dict) else [entries for _, entries in streams]
    entries = [entry for batch in found for entry in batch]
    # Protocol 3 wraps the entries of a stream in one more list.
    flat = entries[0] if entries and isinstance(entries[0], list) else entries
    return [(str(entry), dict(fields or {})) for entry, fields in flat]


def _strings(members: Any) -> set[str]:  # Any: redis-py's types cover both of its clients
    return {str(member) for member in members}


def _worker(text: str, seen_ms: str) -> list[WorkerRecord]:
    try:
        return [worker_of_text(text, seen_ms=float(seen_ms))]
    except ValueError as error:
        _LOG.warning("malformed heartbeat ignored: %s", error)
        return []
