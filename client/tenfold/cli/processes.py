"""``tenfold scheduler`` and ``tenfold worker``: the long-running processes of a cluster with a broker of its own.

The command becomes the process: signals, exit code and standard error are that process's.
"""

import os
import sys
from typing import NoReturn

import click

from tenfold.cli.options import flag, home_option, pass_context
from tenfold.context import Context
from tenfold_common.errors import MisuseError
from tenfold_common.settings import to_environment


@click.command()
@home_option
@pass_context
def scheduler(context: Context) -> None:
    """Run the scheduler of the configured cluster until SIGTERM or Ctrl-C. Further ones stand by and take over."""
    _become(context, "tenfold_scheduler")


@click.command()
@flag(
    "--slots",
    envvar="TENFOLD_SLOTS",
    type=click.IntRange(1, 1_024),
    default=1,
    show_default=True,
    metavar="N",
    help="Trials evaluated at once.",
)
@flag(
    "--queues",
    envvar="TENFOLD_QUEUES",
    default="cpu",
    show_default=True,
    metavar="A,B",
    help="Queues to take work from, separated by commas.",
)
@home_option
@pass_context
def worker(context: Context, slots: int, queues: str) -> None:
    """Run a worker of the configured cluster until SIGTERM or Ctrl-C. Start one for each machine."""
    _become(context, "tenfold_worker", "--slots", str(slots), "--queues", queues)


def _become(context: Context, module: str, *arguments: str) -> NoReturn:
    settings = context.settings
    if settings.broker_url is None:
        raise MisuseError(
            "no broker is configured: set TENFOLD_BROKER_URL (redis://, rediss:// or redis+socket://), "
            f"or use `{context.command} up`, which starts everything on this machine"
        )
    # -P: the folder the process is started in must not shadow anybody's modules.
    words = [sys.executable, "-P", "-m", module, *arguments]
    os.execve(sys.executable, words, {**os.environ, **to_environment(settings)})  # noqa: S606  # our own interpreter
