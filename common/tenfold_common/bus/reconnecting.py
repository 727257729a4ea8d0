"""Celery's connection to the broker, with shorter waits between tries than kombu's own, which cannot be configured.

After an outage of some minutes kombu looks only every 30 seconds whether the broker is back; a worker would stand
idle for as long. Imported by Celery alone, by name, because it needs kombu at import.
"""

from typing import Any, Final

from celery.app.amqp import AMQP
from kombu.connection import Connection

_FIRST_WAIT_S: Final = 0.1
_STEP_S: Final = 0.2
_LONGEST_WAIT_S: Final = 2.0

# Any in this module: kombu ships no types.


class EagerConnection(Connection):
    """Looks at least every other second whether the broker is back."""

    def _ensure_connection(self, errback: Any = None, max_retries: Any = None, *_: Any, **options: Any) -> Any:
        waits = {"interval_start": _FIRST_WAIT_S, "interval_step": _STEP_S, "interval_max": _LONGEST_WAIT_S}
        ensure: Any = super()._ensure_connection
        return ensure(errback, max_retries, **(options | waits))


class EagerAMQP(AMQP):  # type: ignore[misc]  # Celery ships no types
    """Celery's messaging, over such connections."""

    Connection = EagerConnection
    BrokerConnection = EagerConnection
