"""How the worker's processes log: plain lines with fields on stderr."""

import logging
import sys

_FORMAT = "%(asctime)s %(levelname)s %(processName)s[%(process)d] %(name)s: %(message)s"


def set_up_logging(level: str) -> None:
    """Log to stderr from ``level`` on; Celery's own lines only from warnings on, unless debugging."""
    logging.basicConfig(stream=sys.stderr, level=level.upper(), format=_FORMAT)
    if level != "debug":
        for chatty in ("celery", "kombu", "amqp"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
