"""The reconciler's judgement: which published attempts to ring for again, which running ones are lost.

Pure bookkeeping over the scheduler's monotonic clock: worker clocks and the broker's clock are never compared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tenfold_common.domain.trial import AttemptKey
from tenfold_scheduler.progress import PartState

FIRST_RING_S: Final = 10.0
LONGEST_RING_S: Final = 300.0
LOST_AFTER_LEASES: Final = 1.5


@dataclass(slots=True, kw_only=True)
class Watched:
    """One attempt that is out.

    Attributes:
        since_s: When it was last known to be well: published, rung for again, or seen to hold its lease.
        interval_s: How long to wait before ringing again; doubles every time.
    """

    state: PartState
    since_s: float
    interval_s: float = FIRST_RING_S


@dataclass(slots=True)
class LeaseWatch:
    """Keeps an eye on all attempts of all studies that are out.

    Args:
        lease_s: The workers' lease time.
    """

    lease_s: float
    watched: dict[AttemptKey, Watched] = field(default_factory=dict)

    def follow(self, in_flight: Iterable[tuple[AttemptKey, PartState]], studies: Iterable[str], now_s: float) -> None:
        """Take over what is out now for the given studies; forget their attempts that are not."""
        out = dict(in_flight)
        own = set(studies)
        for key in [key for key in self.watched if key.study in own and key not in out]:
            del self.watched[key]
        for key, state in out.items():
            known = self.watched.get(key)
            if known is None or known.state is not state:
                self.watched[key] = Watched(state=state, since_s=now_s)

    def running(self) -> list[AttemptKey]:
        """Attempts that should hold a lease."""
        return [key for key, one in self.watched.items() if one.state is PartState.RUNNING]

    def published(self) -> list[AttemptKey]:
        """Attempts that nobody has claimed yet."""
        return [key for key, one in self.watched.items() if one.state is PartState.PUBLISHED]

    def see(self, holders: Mapping[AttemptKey, str | None], now_s: float) -> None:
        """Note who holds a lease now."""
        for key, holder in holders.items():
            if holder is not None and key in self.watched:
                self.watched[key].since_s = now_s

    def restart(self, now_s: float) -> None:
        """The broker was restarted: give running attempts a grace to assert their leases again."""
        for one in self.watched.values():
            one.since_s = now_s
            one.interval_s = FIRST_RING_S

    def due_to_ring(self, now_s: float) -> list[AttemptKey]:
        """Published attempts nobody claimed for their interval; the interval doubles."""
        due = [key for key in self.published() if now_s - self.watched[key].since_s >= self.watched[key].interval_s]
        for key in due:
            one = self.watched[key]
            one.since_s, one.interval_s = now_s, min(LONGEST_RING_S, 2 * one.interval_s)
        return due

    def lost(self, now_s: float) -> list[AttemptKey]:
        """Running attempts whose lease nobody has held for one and a half lease times."""
        limit = LOST_AFTER_LEASES * self.lease_s
        return [key for key in self.running() if now_s - self.watched[key].since_s >= limit]
