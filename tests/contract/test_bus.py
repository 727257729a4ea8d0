"""The contract of the bus, held against the real one (a private Valkey) and against the fake."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from tenfold_common.bus.app import make_celery_app, masked_url, redis_client
from tenfold_common.bus.memory import MemoryBus
from tenfold_common.bus.messages import BYTES_PER_FOLD, news_text
from tenfold_common.bus.redis_bus import RedisSchedulerBus, RedisWorkerBus
from tenfold_common.domain.assignment import Assignment, Bell, Ended, QueueRecord, Started, WorkerRecord
from tenfold_common.domain.trial import AttemptKey, Failure, FoldResult
from tenfold_common.domain.words import ContentHash, FailureKind, StudyId
from tenfold_common.errors import MisuseError, TransientError
from tenfold_common.ports import SchedulerBus, WorkerBus
from tests.contract.valkey import PrivateValkey, private_valkey

STUDY = StudyId("0123456789abcdef")
PRINT = ContentHash("f" * 64)


class _Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def now(self) -> datetime:
        return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=self.now_s)

    def monotonic_s(self) -> float:
        return self.now_s


@dataclass(frozen=True)
class _Both:
    """Both ends of one bus, and the means to make time pass and trouble happen."""

    scheduler: SchedulerBus
    worker: WorkerBus
    other_worker: WorkerBus
    let_lapse: Callable[[], None]
    flush: Callable[[], object]


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateValkey]:
    """One broker for all tests of this file."""
    with private_valkey() as running:
        yield running


@pytest.fixture
def real(server: PrivateValkey) -> Iterator[_Both]:
    """Both ends over an empty broker."""
    settings = server.settings()
    client = redis_client(settings, purpose="test")
    client.flushall()
    ends = RedisSchedulerBus(settings), RedisWorkerBus(settings), RedisWorkerBus(settings)

    def let_lapse() -> None:
        for lease in client.scan_iter("test:bus:lease:*"):
            client.hset(lease, "until_ms", "1")
        for worker in client.scan_iter("test:bus:worker:*"):
            client.delete(worker)

    yield _Both(*ends, let_lapse=let_lapse, flush=client.flushall)
    for end in (*ends, client):
        end.close()


@pytest.fixture
def fake() -> _Both:
    """Both ends in memory."""
    clock = _Clock()
    bus = MemoryBus(clock=clock, lease_s=30)

    def let_lapse() -> None:
        clock.now_s += 31

    return _Both(bus, bus, bus, let_lapse=let_lapse, flush=bus.restart)


@pytest.fixture(params=["real", "fake"])
def both(request: pytest.FixtureRequest) -> _Both:
    """The real bus, then the fake."""
    ends: _Both = request.getfixturevalue(request.param)
    return ends


def _key(trial: int = 3, attempt: int = 1) -> AttemptKey:
    return AttemptKey(STUDY, trial, 0, attempt)


def _ended(key: AttemptKey, worker: str = "w1") -> Ended:
    fold = FoldResult(
        fold=0,
        scores={"accuracy": 0.75},
        fit_s=0.1,
        score_s=0.01,
        train_rows=80,
        validation_rows=20,
        warnings=("hm",),
    )
    return Ended(key=key, worker=worker, fingerprint=PRINT, folds=(fold,), failure=None, seconds=0.5)


def _record(worker: str = "w1") -> WorkerRecord:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    return WorkerRecord(
        id=worker,
        host="here",
        pid=7,
        slots=2,
        queues=("cpu", "gpu"),
        fingerprint=PRINT,
        facts={"cores": 2},
        running=(_key(),),
        started_at=moment,
        seen_at=moment,
    )


def _assignment(trial: int = 3, queue: str = "cpu") -> Assignment:
    return Assignment(
        key=_key(trial),
        queue=queue,
        spec_hash=ContentHash("a" * 64),
        study_name="digits",
        study_seed=42,
        params={"svc.C": 1.5, "svc.kernel": "rbf", "deep": [1, None, True]},
        folds=(0, 1, 2),
    )


def _news(both: _Both, after: str = "0") -> list[object]:
    return [item.news for item in both.scheduler.receive(after=after, block_s=0)]


def test_an_attempt_is_claimed_once(both: _Both) -> None:
    """The first claim wins, every other is refused, and the scheduler hears of the first alone."""
    assert both.worker.claim(_key(), worker="w1", fingerprint=PRINT)
    assert not both.worker.claim(_key(), worker="w1", fingerprint=PRINT)
    assert not both.other_worker.claim(_key(), worker="w2", fingerprint=PRINT)
    assert _news(both) == [Started(key=_key(), worker="w1", fingerprint=PRINT)]


def test_a_lapsed_attempt_is_not_claimed_again(both: _Both) -> None:
    """A duplicate message of an attempt whose worker vanished wakes nobody: the next attempt does."""
    both.worker.claim(_key(), worker="w1", fingerprint=PRINT)
    both.let_lapse()
    assert both.scheduler.holders([_key()]) == {_key(): None}
    assert not both.other_worker.claim(_key(), worker="w2", fingerprint=PRINT)
    assert both.other_worker.claim(_key(attempt=2), worker="w2", fingerprint=PRINT)


def test_a_newer_attempt_supersedes_the_older(both: _Both) -> None:
    """Once attempt 2 is claimed, attempt 1 is neither renewed nor claimed."""
    both.worker.claim(_key(), worker="w1", fingerprint=PRINT)
    assert both.other_worker.claim(_key(attempt=2), worker="w2", fingerprint=PRINT)
    assert not both.worker.renew(_key(), worker="w1")
    assert not both.worker.claim(_key(), worker="w3", fingerprint=PRINT)
    assert both.scheduler.holders([_key(), _key(attempt=2)]) == {_key(): None, _key(attempt=2): "w2"}


def test_a_renewed_lease_lives_on(both: _Both) -> None:
    """Renewing brings even a lapsed lease back, as long as nobody else has taken the work over."""
    both.worker.claim(_key(), worker="w1", fingerprint=PRINT)
    both.let_lapse()
    assert both.worker.renew(_key(), worker="w1")
    assert both.scheduler.holders([_key()]) == {_key(): "w1"}


def test_a_forgotten_lease_is_set_again(both: _Both) -> None:
    """A broker that lost its memory learns from the next renewal who is at work."""
    both.worker.claim(_key(), worker="w1", fingerprint=PRINT)
    both.flush()
    assert both.scheduler.holders([_key()]) == {_key(): None}
    assert both.worker.renew(_key(), worker="w1")
    assert both.scheduler.holders([_key()]) == {_key(): "w1"}
    assert not both.other_worker.claim(_key(), worker="w2", fingerprint=PRINT)


def test_only_the_holder_renews(both: _Both) -> None:
    """Another worker that believes to run the same attempt is told to stop."""
    both.worker.claim(_key(), worker="w1", fingerprint=PRINT)
    assert not both.other_worker.renew(_key(), worker="w2")


def test_a_revoked_attempt_stops_and_is_not_claimed(both: _Both) -> None:
    """Revoking reaches the holder at its next renewal, and a message still queued at its claim."""
    both.worker.claim(_key(3), worker="w1", fingerprint=PRINT)
    both.scheduler.revoke(_key(3))
    both.scheduler.revoke(_key(4))
    assert not both.worker.renew(_key(3), worker="w1")
    assert not both.worker.claim(_key(4), worker="w1", fingerprint=PRINT)
    assert both.scheduler.holders([_key(3)]) == {_key(3): None}
    assert both.worker.claim(_key(4, attempt=2), worker="w1", fingerprint=PRINT)


def test_revoking_an_older_attempt_leaves_the_newer_alone(both: _Both) -> None:
    """A late revocation cannot stop what has taken the revoked attempt's place."""
    both.worker.claim(_key(attempt=2), worker="w1", fingerprint=PRINT)
    both.scheduler.revoke(_key())
    assert both.worker.renew(_key(attempt=2), worker="w1")


def test_a_result_arrives_whole_and_once(both: _Both) -> None:
    """The same result sent twice (its answer was lost) is one piece of news; the lease is gone."""
    both.worker.claim(_key(), worker="w1", fingerprint=PRINT)
    both.worker.finish(_ended(_key()))
    both.worker.finish(_ended(_key()))
    assert _news(both)[1:] == [_ended(_key())]
    assert both.scheduler.holders([_key()]) == {_key(): None}
    assert not both.worker.claim(_key(), worker="w1", fingerprint=PRINT)
    assert not both.worker.renew(_key(), worker="w1")


def test_a_superseded_result_still_arrives(both: _Both) -> None:
    """The scheduler, not the bus, decides whether a late result counts; the newer lease is not touched."""
    both.worker.claim(_key(), worker="w1", fingerprint=PRINT)
    both.other_worker.claim(_key(attempt=2), worker="w2", fingerprint=PRINT)
    both.worker.finish(_ended(_key()))
    assert _ended(_key()) in _news(both)
    assert both.other_worker.renew(_key(attempt=2), worker="w2")


def test_an_oversized_report_is_cut_and_says_so(both: _Both) -> None:
    """A traceback of megabytes, with characters no database takes, arrives short, its end kept."""
    failure = Failure(
        kind=FailureKind.EXCEPTION, message="m" * 100_000, fold=1, traceback="\0\udc80é" * 900_000 + "THE END"
    )
    fold = replace(_ended(_key()).folds[0], warnings=tuple("w" * 10_000 for _ in range(50)))
    ended = replace(_ended(_key()), failure=failure, folds=(fold,))
    assert len(news_text(ended)) <= 2 * BYTES_PER_FOLD
    both.worker.finish(ended)
    [received] = _news(both)
    assert isinstance(received, Ended)
    assert received.failure is not None
    assert received.failure.traceback.endswith("THE END")
    assert "cut by Tenfold" in received.failure.traceback
    assert "\0" not in received.failure.traceback
    assert received.folds[0].scores == {"accuracy": 0.75}


def test_news_is_read_in_order_and_kept_until_discarded(both: _Both) -> None:
    """Reading forgets nothing; discarding does; ``after`` skips what was read before."""
    for trial in range(3):
        both.worker.finish(_ended(_key(trial)))
    first, *rest = both.scheduler.receive(block_s=0)
    assert [item.news for item in rest] == _news(both, after=first.entry) == [_ended(_key(1)), _ended(_key(2))]
    assert len(both.scheduler.receive(block_s=0, limit=2)) == 2
    both.scheduler.discard([first.entry, rest[0].entry])
    both.scheduler.discard([])
    assert _news(both) == [_ended(_key(2))]


def test_bells_do_not_pile_up(both: _Both) -> None:
    """However often it is rung, one bell waits; a reader past the last one hears the next."""
    both.scheduler.ring()
    [heard] = both.scheduler.receive(block_s=0)
    for _ in range(5):
        both.scheduler.ring()
    assert _news(both) == [Bell()]
    assert _news(both, after=heard.entry) == [Bell()]


def test_forgetting_a_study_drops_what_it_left(both: _Both) -> None:
    """Done markers go; who still works is told to stop; what was revoked stays revoked; other studies stay."""
    other = AttemptKey(StudyId("f" * 16), 0, 0, 1)
    both.worker.claim(other, worker="w1", fingerprint=PRINT)
    both.worker.claim(_key(1), worker="w1", fingerprint=PRINT)
    both.worker.claim(_key(2), worker="w1", fingerprint=PRINT)
    both.worker.finish(_ended(_key(2)))
    both.scheduler.revoke(_key(4))
    both.scheduler.forget(STUDY)
    assert both.scheduler.holders([_key(1), _key(2)]) == {_key(1): None, _key(2): None}
    assert not both.worker.renew(_key(1), worker="w1")
    assert not both.worker.claim(_key(4), worker="w1", fingerprint=PRINT)
    assert both.worker.renew(other, worker="w1")
    assert both.worker.claim(_key(2), worker="w1", fingerprint=PRINT)


def test_workers_are_known_while_their_heart_beats(both: _Both) -> None:
    """A heartbeat carries the record; a lapsed or withdrawn worker is gone."""
    both.worker.announce(_record("w2"), ttl_s=10)
    both.worker.announce(_record("w1"), ttl_s=10)
    found = both.scheduler.workers()
    assert [replace(worker, seen_at=_record().seen_at) for worker in found] == [_record("w1"), _record("w2")]
    assert found[0].seen_at.tzinfo is not None
    both.worker.withdraw("w1")
    assert [worker.id for worker in both.scheduler.workers()] == ["w2"]
    both.let_lapse()
    assert both.scheduler.workers() == []


def test_queues_tell_their_backlog(both: _Both) -> None:
    """A queue is known because somebody published to it or serves it."""
    assert both.scheduler.queues() == []
    both.worker.announce(_record(), ttl_s=10)
    for trial in range(3):
        both.scheduler.publish(_assignment(trial))
    both.scheduler.publish(_assignment(9, queue="big-memory"))
    assert both.scheduler.queues() == [
        QueueRecord(name="big-memory", waiting=1),
        QueueRecord(name="cpu", waiting=3),
        QueueRecord(name="gpu", waiting=0),
    ]


def test_nobody_holds_what_nobody_claimed(both: _Both) -> None:
    """Asking for no keys, or unknown ones, is no error."""
    assert both.scheduler.holders([]) == {}
    assert both.scheduler.holders([_key()]) == {_key(): None}


def test_the_incarnation_is_stable(both: _Both) -> None:
    """As long as the broker runs it gives the same id."""
    assert both.scheduler.incarnation() == both.scheduler.incarnation() != ""


def test_the_fake_hands_out_messages_as_celery_would() -> None:
    """Oldest first, from the queues asked for."""
    bus = MemoryBus()
    bus.publish(_assignment(1, queue="gpu"))
    bus.publish(_assignment(2))
    assert bus.take("cpu") == _assignment(2)
    assert bus.take() == _assignment(1, queue="gpu")
    assert bus.take() is None


def test_malformed_news_is_discarded(server: PrivateValkey, real: _Both, caplog: pytest.LogCaptureFixture) -> None:
    """What is not news of this version is logged, deleted, and keeps nothing behind it from being read."""
    with redis_client(server.settings(), purpose="test") as client:
        for text in ("{}", "[" * 5000, "null", '{"schema": 1, "kind": "ended"}', '{"schema": 99}'):
            client.xadd("test:bus:news", {"news": text})
        client.xadd("test:bus:news", {"other": "field"})
        real.scheduler.ring()
        assert _news(real) == [Bell()]
        assert client.xlen("test:bus:news") == 1
    assert caplog.text.count("malformed news discarded") == 6


def test_receiving_waits_for_the_first_news(real: _Both) -> None:
    """An empty stream is waited on, not polled: the call lasts as long as was asked for."""
    started = datetime.now(UTC)
    assert real.scheduler.receive(block_s=0.05) == []
    assert datetime.now(UTC) - started >= timedelta(seconds=0.05)


def test_a_published_message_is_celery_s(server: PrivateValkey, real: _Both) -> None:
    """The message is on kombu's list of the queue, under the prefix, and survives a flush of kombu's bindings."""
    with redis_client(server.settings(), purpose="test") as client:
        real.scheduler.publish(_assignment())
        client.flushall()
        real.scheduler.publish(_assignment())
        assert client.llen("test:cpu") == 1


def test_everything_the_bus_writes_is_under_the_prefix(server: PrivateValkey, real: _Both) -> None:
    """Clusters can share a broker."""
    real.worker.claim(_key(), worker="w1", fingerprint=PRINT)
    real.worker.finish(_ended(_key()))
    real.worker.announce(_record(), ttl_s=10)
    real.scheduler.ring()
    real.scheduler.publish(_assignment())
    with redis_client(server.settings(), purpose="test") as client:
        assert [key for key in client.scan_iter() if not str(key).startswith("test:")] == []


def test_a_broker_that_is_away_is_a_transient_error(server: PrivateValkey) -> None:
    """Every call of both ends says so, and where, without a password."""
    settings = replace(server.settings(), broker_url="redis://user:secret@localhost:1/0")
    scheduler, worker = RedisSchedulerBus(settings), RedisWorkerBus(settings)
    calls: list[Callable[[], object]] = [
        lambda: scheduler.publish(_assignment()),
        lambda: scheduler.receive(block_s=0),
        scheduler.ring,
        scheduler.workers,
        scheduler.incarnation,
        lambda: scheduler.discard(["1-0"]),
        lambda: worker.claim(_key(), worker="w1", fingerprint=PRINT),
        lambda: worker.finish(_ended(_key())),
    ]
    for call in calls:
        with pytest.raises(TransientError, match=r"user:\*\*\*@localhost:1/0 does not answer") as caught:
            call()
        assert "secret" not in str(caught.value)
    scheduler.close()
    worker.close()


def test_publishing_to_a_broker_that_has_just_gone_does_not_wait(
    server: PrivateValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery would try to connect for seconds; the scheduler has other studies, and publishes again by itself."""
    scheduler = RedisSchedulerBus(replace(server.settings(), broker_url="redis://localhost:1/0"))
    monkeypatch.setattr(scheduler._redis.client, "sadd", lambda *_: None)
    before = datetime.now(UTC)
    with pytest.raises(TransientError):
        scheduler.publish(_assignment())
    assert datetime.now(UTC) - before < timedelta(seconds=2)
    scheduler.close()


def test_a_lost_answer_to_a_claim_is_asked_for_again(server: PrivateValkey, real: _Both) -> None:
    """A worker that cannot know whether its claim succeeded claims again and learns that it did."""
    bus = RedisWorkerBus(server.settings())
    doubtful: dict[AttemptKey, str] = bus._doubtful
    assert bus.claim(_key(), worker="w1", fingerprint=PRINT)
    assert doubtful == {}
    with redis_client(server.settings(), purpose="test") as client:
        doubtful[_key()] = str(client.hget(f"test:bus:lease:{STUDY}:3:0", "token"))
    assert bus.claim(_key(), worker="w1", fingerprint=PRINT)
    assert len(_news(real)) == 1
    bus.close()


def test_a_restarted_broker_is_found_again(server: PrivateValkey, real: _Both) -> None:
    """Connections heal by themselves, and the incarnation tells that it is another broker."""
    before = real.scheduler.incarnation()
    real.worker.claim(_key(), worker="w1", fingerprint=PRINT)
    real.scheduler.publish(_assignment())
    server.kill()
    with pytest.raises(TransientError):
        real.worker.renew(_key(), worker="w1")
    server.start()
    assert real.scheduler.incarnation() != before
    assert real.worker.renew(_key(), worker="w1")
    real.scheduler.publish(_assignment())
    assert real.scheduler.queues() == [QueueRecord(name="cpu", waiting=1)]


@pytest.mark.parametrize("url", [None, "amqp://localhost", "redis+socket://relative/path"])
def test_what_is_no_broker_url_is_refused(server: PrivateValkey, url: str | None) -> None:
    """The error names the setting and the kinds of URL there are."""
    with pytest.raises(MisuseError, match="redis\\+socket://"):
        make_celery_app(replace(server.settings(), broker_url=url))


@pytest.mark.parametrize("queue", ["unacked", "bus:news", "", "a b", "x" * 65])
def test_a_queue_cannot_take_a_key_of_the_bus(server: PrivateValkey, queue: str) -> None:
    """Names that Celery or the bus use themselves, or that hide something, are refused."""
    with pytest.raises(MisuseError, match="cannot be a queue"):
        make_celery_app(server.settings(), queues=(queue,))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("rediss://:pass@host/1", "rediss://:***@host/1"),
        ("redis://me:p%40ss@host:1", "redis://me:***@host:1"),
        ("redis+socket:///run/v.sock", "redis+socket:///run/v.sock"),
    ],
)
def test_a_logged_url_shows_no_password(url: str, shown: str) -> None:
    """The user's name stays, the password goes."""
    assert masked_url(url) == shown
