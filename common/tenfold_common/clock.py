"""The real clock. Only composition roots build it."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock, as the :class:`~tenfold_common.ports.Clock` port wants it."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()
