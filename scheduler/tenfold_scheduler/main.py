"""The scheduler process: the only place where its adapters are built and the environment is read."""

import argparse
import importlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence

from tenfold_common.bus.redis_bus import RedisSchedulerBus
from tenfold_common.clock import SystemClock
from tenfold_common.errors import MisuseError, TenfoldError
from tenfold_common.settings import Settings, read_settings
from tenfold_common.store.open import open_store
from tenfold_scheduler.loop import Scheduler
from tenfold_scheduler.strategies.registry import load_strategy


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scheduler until SIGTERM or SIGINT. Exit status: 0 stopped, 1 could not go on, 2 misuse."""
    options = _options(arguments)
    try:
        settings = read_settings()
        _set_up_logging(settings)
        if settings.broker_url is None:
            raise MisuseError("no broker is set: give TENFOLD_BROKER_URL, or use `tenfold run` for an embedded one")
        _serve(settings, holder=options.holder, fresh_broker=options.fresh_broker)
    except TenfoldError as error:
        sys.stderr.write(f"tenfold scheduler: {error}\n")
        return 2 if isinstance(error, MisuseError) else 1
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tenfold_scheduler", description="Run Tenfold's scheduler.")
    parser.add_argument("--holder", default=f"{socket.gethostname()}:{os.getpid()}", help="name in the lock")
    parser.add_argument(
        "--fresh-broker",
        action="store_true",
        help="the broker was created for this process: no worker holds anything from before",
    )
    return parser.parse_args(arguments)


def _set_up_logging(settings: Settings) -> None:
    level = logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s scheduler %(message)s", stream=sys.stderr)


def _serve(settings: Settings, *, holder: str, fresh_broker: bool) -> None:
    clock = SystemClock()
    store = open_store(settings.database_url, clock=clock)
    bus = RedisSchedulerBus(settings)
    scheduler = Scheduler(
        store=store,
        bus=bus,
        clock=clock,
        load=load_strategy,
        holder=holder,
        lease_s=settings.lease_s,
        fresh_broker=fresh_broker,
    )
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: scheduler.stop())
    try:
        scheduler.run()
    finally:
        bus.close()
        store.close()


def _warm_up() -> None:
    """Import what the first suggestion and the first message need, while there is nothing to do yet."""
    for module in ("numpy.random", "celery.app.amqp", "kombu.transport.redis"):
        importlib.import_module(module)
