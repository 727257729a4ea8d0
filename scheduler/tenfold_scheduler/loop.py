"""The scheduler's shell: waits for events, asks the decision core, performs its effects. Decides nothing itself.

Every effect on the store is committed before any message that depends on it is sent, and news is discarded only after
what follows from it is committed. After any trouble the shell forgets what it knows and reads the store again.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tenfold_common.domain.assignment import Bell, Ended, Started
from tenfold_common.domain.changes import AddElapsed, Change, EndTrial, MoveStudy
from tenfold_common.domain.records import StudyRecord
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import ContentHash, StudyId, StudyState
from tenfold_common.errors import FencedError, TransientError
from tenfold_common.ports import Clock, Received, SchedulerBus, Store
from tenfold_scheduler.decide import (
    Ask,
    AttemptEnded,
    AttemptLost,
    AttemptStarted,
    Dispatch,
    Effect,
    Event,
    Publish,
    Revoke,
    TimeIsUp,
    Wake,
    decide,
)
from tenfold_scheduler.desk import SuggestionDesk
from tenfold_scheduler.inbox import Inbox
from tenfold_scheduler.progress import StudyProgress, progress_of
from tenfold_scheduler.strategies import Strategy
from tenfold_scheduler.watch import LeaseWatch

log = logging.getLogger(__name__)

LOCK_TTL_S: Final = 15.0
LOCK_RENEW_S: Final = 5.0
REFRESH_S: Final = 5.0
LOOK_S: Final = 2.0
STANDBY_S: Final = 1.0
LEAST_OUT: Final = 4
OUT_PER_SLOT: Final = 1.5
LEAST_AHEAD: Final = 64


@dataclass(slots=True, kw_only=True)
class Live:
    """One study being worked on.

    Attributes:
        stored_s: Seconds of work already in the store.
        since_s: Monotonic time up to which they were counted.
    """

    progress: StudyProgress
    revision: int
    stored_s: float
    since_s: float


class Scheduler:
    """One scheduler process's loop.

    Args:
        store: The truth.
        bus: Where assignments go and news comes from.
        clock: For monotonic time.
        load: Finds a strategy by name.
        holder: This process's name in the scheduler lock.
        lease_s: The workers' lease time.
        fresh_broker: Whether the broker was created for this process: whatever the store says is out then is not.
    """

    def __init__(
        self,
        *,
        store: Store,
        bus: SchedulerBus,
        clock: Clock,
        load: Callable[[str], Strategy],
        holder: str,
        lease_s: float,
        fresh_broker: bool = False,
    ) -> None:
        self._store, self._bus, self._clock = store, bus, clock
        self._holder, self._fresh_broker = holder, fresh_broker
        self._inbox = Inbox(bus)
        self._desk = SuggestionDesk(load, self._inbox.answer)
        self._watch = LeaseWatch(lease_s)
        self._live: dict[StudyId, Live] = {}
        self._seen: set[StudyId] = set()
        self._epoch = 0
        self._stopping = False
        self._due = dict.fromkeys(("lock", "refresh", "look"), -math.inf)
        self._slots: dict[str, int] = {}
        self._fingerprints: set[ContentHash] = set()
        self._incarnation: str | None = None
        self._away = False

    def stop(self) -> None:
        """Make :meth:`run` return soon. Safe from a signal handler."""
        self._stopping = True
        self._inbox.wake()

    def run(self) -> None:
        """Serve until stopped; stand by while another scheduler holds the lock."""
        self._inbox.open()
        self._desk.start()
        try:
            while not self._stopping:
                self._cycle()
        finally:
            self._inbox.close()
            self._leave()

    # --- one turn ---------------------------------------------------------------------------------------------

    def _cycle(self) -> None:
        try:
            if not self._locked():
                self._inbox.take(STANDBY_S)
                self._inbox.read_again()
                return
            if self._is_due("refresh", REFRESH_S):
                self._refresh()
            if self._is_due("look", LOOK_S) and self._live:
                self._look_around()
            self._dispatch()
            news, answers = self._inbox.take(self._wait_s())
            for study, answer in answers:
                self._feed(study, [answer])
            self._hear(news)
            self._away = False
        except TransientError as error:
            self._recover(f"waiting for the store or the broker: {error}")
        except FencedError as error:
            self._recover(str(error))

    def _locked(self) -> bool:
        if not self._is_due("lock", LOCK_RENEW_S) and self._epoch:
            return True
        epoch = self._store.lock_scheduler(self._holder, ttl_s=LOCK_TTL_S)
        if epoch is None:
            self._epoch = 0
            self._live.clear()
            return False
        if epoch != self._epoch:
            log.info("scheduling epoch=%d holder=%s", epoch, self._holder)
            self._live.clear()
        self._epoch = epoch
        return True

    def _recover(self, why: str) -> None:
        """Forget everything, wait a moment, start over from the store."""
        if not self._away:
            log.warning("%s", why)
        self._away = True
        self._epoch = 0
        self._live.clear()
        self._watch.watched.clear()
        self._due = dict.fromkeys(self._due, -math.inf)
        self._inbox.take(STANDBY_S)
        self._inbox.read_again()

    def _leave(self) -> None:
        """Write down the time worked and give the lock back, if the store is there to take it."""
        try:
            for study, live in self._live.items():
                self._perform(study, live, [])
            if self._epoch:
                self._store.unlock_scheduler(self._holder)
        except (TransientError, FencedError) as error:
            log.warning("left without giving the lock back: %s", error)

    # --- events -----------------------------------------------------------------------------------------------

    def _hear(self, news: Sequence[Received]) -> None:
        events: dict[StudyId, list[Event]] = {}
        for received in news:
            match received.news:
                case Bell():
                    self._due["refresh"] = -math.inf
                case Started(key=key, worker=worker, fingerprint=fingerprint):
                    self._know(fingerprint)
                    event = AttemptStarted(key=key, worker=worker, fingerprint=fingerprint)
                    events.setdefault(key.study, []).append(event)
                case Ended() as ended:
                    events.setdefault(ended.key.study, []).append(AttemptEnded(ended))
        if any(study not in self._live for study in events):
            self._refresh()
        for study, own in events.items():
            self._feed(study, own)
        if news:
            self._bus.discard([received.entry for received in news])

    def _feed(self, study: StudyId, events: Sequence[Event]) -> None:
        """Let the core decide on some events of one study and perform what follows."""
        live = self._live.get(study)
        if live is None:
            return
        effects: list[Effect] = []
        for event in events:
            live.progress, more = decide(live.progress, event)
            effects.extend(more)
        self._perform(study, live, effects)

    def _perform(self, study: StudyId, live: Live, effects: Sequence[Effect]) -> None:
        changes = [effect for effect in effects if not isinstance(effect, (Publish, Revoke, Ask))]
        self._commit(study, live, changes)
        progress = live.progress
        self._watch.follow(progress.in_flight(), [study], self._clock.monotonic_s())
        for effect in effects:
            match effect:
                case Publish(assignment=assignment):
                    self._bus.publish(assignment)
                case Revoke(key=key):
                    self._bus.revoke(key)
                case Ask(number=number, conditioned_on=conditioned_on) if number == progress.asking:
                    self._desk.ask(progress, number, conditioned_on)
        if progress.state.ended:
            self._let_go(study)

    def _commit(self, study: StudyId, live: Live, changes: Sequence[Change]) -> None:
        now_s = self._clock.monotonic_s()
        worked_s = now_s - live.since_s if live.progress.state is not StudyState.PAUSED else 0.0
        if not changes and worked_s < LOCK_RENEW_S and not self._stopping:
            return
        self._store.apply(study, [AddElapsed(seconds=worked_s), *changes], epoch=self._epoch)
        live.stored_s += worked_s
        live.since_s = now_s
        for change in changes:
            if isinstance(change, EndTrial):
                log.info("trial %s study=%s trial=%d", change.state, live.progress.plan.name, change.number)
            if isinstance(change, MoveStudy):
                live.revision += 1
                log.info("study %s study=%s reason=%s", change.to, live.progress.plan.name, change.reason)

    def _let_go(self, study: StudyId) -> None:
        self._desk.close_study(study)
        self._watch.follow((), [study], self._clock.monotonic_s())
        del self._live[study]
        self._bus.forget(study)

    # --- what the store says ----------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Pick up new studies and changes made from outside."""
        active = [StudyState.SUBMITTED, StudyState.RUNNING, StudyState.PAUSED, StudyState.CANCELLED]
        for record in self._store.studies(active):
            unsettled = record.state is not StudyState.CANCELLED or record.stopped_at is None
            live = self._live.get(record.id)
            if unsettled and (live is None or live.revision != record.revision):
                self._pick_up(record)

    def _pick_up(self, record: StudyRecord) -> None:
        progress = progress_of(record, self._store.trials(record.id), self._store.attempts(record.id))
        now_s = self._clock.monotonic_s()
        self._live[record.id] = Live(
            progress=progress, revision=record.revision, stored_s=record.elapsed_s, since_s=now_s
        )
        self._desk.open(record.id, record.document)
        log.info("study picked up study=%s state=%s trials=%d", record.name, record.state, progress.next_number)
        stale = [key for key, _ in progress.in_flight()] if self._fresh_broker and record.id not in self._seen else []
        self._seen.add(record.id)
        self._feed(record.id, [*(AttemptLost(key=key, counts=False) for key in stale), Wake()])

    # --- what the cluster looks like --------------------------------------------------------------------------

    def _look_around(self) -> None:
        """Read the workers; ring again for what nobody claimed; give up what nobody holds; mind the time."""
        self._read_workers()
        incarnation = self._bus.incarnation()
        now_s = self._clock.monotonic_s()
        if self._incarnation not in {None, incarnation}:
            log.warning("the broker was restarted: publishing again what it may have forgotten")
            self._watch.restart(now_s)
            self._ring_for(self._watch.published())
        self._incarnation = incarnation
        self._watch.see(self._bus.holders(self._watch.running()), now_s)
        self._ring_again(now_s)
        for key in self._watch.lost(now_s):
            log.warning("attempt lost study=%s trial=%d attempt=%d", key.study, key.trial, key.attempt)
            self._feed(key.study, [AttemptLost(key=key)])
        self._mind_the_time(now_s)

    def _ring_again(self, now_s: float) -> None:
        due = self._watch.due_to_ring(now_s)
        if not due:
            return
        waiting = sum(queue.waiting for queue in self._bus.queues())
        if waiting < len(self._watch.published()):  # otherwise every message is still there, only nobody is free
            self._ring_for(due)

    def _ring_for(self, keys: Sequence[AttemptKey]) -> None:
        for key in keys:
            live = self._live.get(key.study)
            assignment = live.progress.assignment(key) if live else None
            if assignment is not None:
                self._bus.publish(assignment)

    def _mind_the_time(self, now_s: float) -> None:
        for study, live in list(self._live.items()):
            if live.progress.state is StudyState.PAUSED:
                live.since_s = now_s
                continue
            limit_s = live.progress.plan.stopping.time_s
            if limit_s is not None and live.stored_s + now_s - live.since_s >= limit_s:
                self._feed(study, [TimeIsUp()])
            else:
                self._perform(study, live, [])

    def _read_workers(self) -> None:
        workers = self._bus.workers()
        self._slots = {}
        for worker in workers:
            for name in worker.queues:
                self._slots[name] = self._slots.get(name, 0) + worker.slots
            if worker.fingerprint not in self._fingerprints:
                self._store.add_fingerprint(worker.fingerprint, worker.facts)
                self._fingerprints.add(worker.fingerprint)

    def _know(self, fingerprint: ContentHash) -> None:
        if fingerprint not in self._fingerprints:
            self._read_workers()

    # --- giving out work --------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Publish as much as keeps every slot busy and no more, so that priorities and cancels stay effective."""
        for name in {live.progress.plan.queue for live in self._live.values()}:
            own = [study for study, live in self._live.items() if live.progress.plan.queue == name]
            slots = self._slots.get(name, 0)
            out = sum(len(self._live[study].progress.in_flight()) for study in own)
            free = max(LEAST_OUT, math.ceil(OUT_PER_SLOT * slots)) - out
            for position, study in enumerate(own):
                share = math.ceil(free / (len(own) - position)) if free > 0 else 0
                before = len(self._live[study].progress.in_flight())
                self._feed(study, [Dispatch(limit=share, ahead=max(LEAST_AHEAD, 2 * slots))])
                live = self._live.get(study)
                free -= (len(live.progress.in_flight()) if live else before) - before

    # --- timers -----------------------------------------------------------------------------------------------

    def _is_due(self, name: str, every_s: float) -> bool:
        now_s = self._clock.monotonic_s()
        if now_s < self._due[name]:
            return False
        self._due[name] = now_s + every_s
        return True

    def _wait_s(self) -> float:
        names = ("lock", "refresh", "look") if self._live else ("lock", "refresh")
        next_s = min(self._due[name] for name in names)
        return max(0.0, next_s - self._clock.monotonic_s())
