"""Who may hold the scheduler's lock: the one rule, for every store. Pure.

The lock says who *should* write; the epoch, checked with every write, says who *may*. Machines whose clocks disagree
can therefore delay a take-over or make it early, but can never make two schedulers write.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The scheduler's lock as stored. ``holder`` is None after it was given back."""

    holder: str | None
    epoch: int
    expires_at: datetime

    def held_at(self, now: datetime) -> bool:
        """Whether somebody holds the lock at this moment."""
        return self.holder is not None and now < self.expires_at

    def epoch_for(self, holder: str, now: datetime) -> int | None:
        """The epoch under which ``holder`` takes or keeps the lock now; None while somebody else holds it.

        A holder that comes back late keeps its epoch: nobody was in between, or the holder would be another.
        """
        if self.holder == holder:
            return self.epoch
        return None if self.held_at(now) else self.epoch + 1
