"""The Celery application and the Redis connection both ends of the bus build from the same settings.

A Celery message is a doorbell that may be lost or ring twice; the options are chosen so that nothing worse can happen
to it. This module never imports the worker and never opens a connection by itself.
"""

import os
import re
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from tenfold_common.errors import MisuseError
from tenfold_common.settings import Settings

if TYPE_CHECKING:
    from celery import Celery
    from kombu.entity import Queue
    from redis import Redis

TASK_NAME: Final = "tenfold.evaluate"
"""The only task there is; a message with another name is refused by Celery itself."""

_AMQP: Final = "tenfold_common.bus.reconnecting:EagerAMQP"

DEFAULT_QUEUE: Final = "cpu"
SOCKET_TIMEOUT_S: Final = 5.0
"""Longest a process waits for an answer of a frozen broker before it says so."""

_QUEUE_NAME: Final = re.compile(r"(?!unacked)[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def make_celery_app(
    settings: Settings, *, queues: Sequence[str] = (DEFAULT_QUEUE,), patient: bool = True
) -> "Celery":
    """The Celery application: JSON only, no result backend, early acknowledgement, nothing fetched ahead.

    Args:
        settings: Says where the broker is.
        queues: The queues a worker consumes from; a publisher passes each message's own.
        patient: Whether to wait for a broker that is away, as a worker does, or to say so at once.

    Raises:
        MisuseError: If no broker is set, its URL is of another kind, or a queue's name cannot be one.
    """
    from celery import Celery

    app = Celery("tenfold", broker=broker_url(settings), set_as_current=False, amqp=_AMQP)
    declared = [celery_queue(name) for name in queues]
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        # Results travel as news on a stream, which outlives a scheduler that is away.
        result_backend=None,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        # Late acknowledgement ran trials again beside the original after one connection reset, and a crashing one for
        # ever. Leases bring lost work back, and the scheduler counts.
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        # The scheduler publishes again what nobody claims; retrying here would only block it.
        task_publish_retry=False,
        task_queues=declared,
        task_default_queue=declared[0].name,
        task_create_missing_queues=False,
        task_send_sent_event=False,
        # What is fetched ahead sticks in a worker that is busy, or is lost with it.
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        # Nobody uses them, every worker pays for them, and they open a way in.
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_proc_alive_timeout=60,
        worker_soft_shutdown_timeout=0.5,
        # The default gives up after three quarters of an hour.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        broker_transport_options=_transport_options(settings) | ({} if patient else {"max_retries": 0}),
    )
    return app


def celery_queue(name: str) -> "Queue":
    """The declaration of a queue, the same at both ends.

    Raises:
        MisuseError: If no queue may have this name.
    """
    from kombu.entity import Queue

    check_queue_name(name)
    queue: Queue = Queue(name)  # type: ignore[no-untyped-call]  # kombu's own lack of types
    return queue


def check_queue_name(name: str) -> None:
    """Nothing, if a queue may have this name.

    Raises:
        MisuseError: If it could be taken for a key of the bus or of Celery.
    """
    if not _QUEUE_NAME.fullmatch(name):
        raise MisuseError(
            f"{name!r} cannot be a queue: use up to 64 letters, digits, '.', '_' and '-', not starting with 'unacked'"
        )


def redis_client(settings: Settings, *, purpose: str = "bus") -> "Redis":
    """A Redis client for the broker Celery uses. It connects on first use and retries a broken connection once.

    Args:
        settings: Says where the broker is.
        purpose: Shown by ``CLIENT LIST``, for people who look.
    """
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # One retry heals a connection that a restarted broker has closed; a time-out is not retried, because a frozen
    # broker would be waited for twice. Every script of the bus may run twice without harm.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    url = broker_url(settings)
    unix = url.startswith("redis+socket://")
    return redis.Redis.from_url(
        "unix://" + url.removeprefix("redis+socket://").replace("virtual_host=", "db=") if unix else url,
        decode_responses=True,
        socket_timeout=SOCKET_TIMEOUT_S,
        client_name=_client_name(purpose),
        retry=retry,
        **({} if unix else {"socket_connect_timeout": SOCKET_TIMEOUT_S, "socket_keepalive": True}),
    )


def broker_url(settings: Settings) -> str:
    """The broker's URL.

    Raises:
        MisuseError: If there is none, or it is of a kind that is not understood.
    """
    url = settings.broker_url
    if not url:
        raise MisuseError("no broker is set: give TENFOLD_BROKER_URL a redis://, rediss:// or redis+socket:// URL")
    if not url.startswith(("redis://", "rediss://", "redis+socket:///")):
        raise MisuseError(
            f"{masked_url(url)} is not a broker URL: it must start with redis://, rediss:// or redis+socket:///"
        )
    return url


def masked_url(url: str) -> str:
    """The URL without its password, fit for a log."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}"))


def _transport_options(settings: Settings) -> dict[str, object]:
    return {
        "global_keyprefix": settings.key_prefix,
        # Kombu would note down every message until it is acknowledged, in a second round trip, and bring back after
        # its "visibility timeout" what a killed worker left there. The claim and the scheduler do that better: a
        # message that came back later could only be a duplicate.
        "ack_emulation": False,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": SOCKET_TIMEOUT_S,
        "socket_keepalive": True,
        "health_check_interval": 5,
        "client_name": _client_name("celery"),
        # One priority, so that each queue is exactly one list: cheaper to poll and honest to count.
        "priority_steps": [0],
    }


def _client_name(purpose: str) -> str:
    return f"tenfold-{purpose}-{socket.gethostname().split('.')[0]}-{os.getpid()}".replace(" ", "-")
