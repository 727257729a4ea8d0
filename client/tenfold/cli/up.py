"""``tenfold up``: an embedded cluster in the foreground, for several studies or several terminals."""

import click

from tenfold.cli.interruption import interruptible
from tenfold.cli.options import flag, home_option, pass_context
from tenfold.cli.presentation import emit, note
from tenfold.context import Context
from tenfold.embedded.cluster import EmbeddedCluster, start_or_find
from tenfold_common.errors import MisuseError

_LONG_S = 3_600.0


@click.command()
@flag(
    "--workers",
    envvar="TENFOLD_WORKERS",
    type=click.IntRange(1, 256),
    default=2,
    show_default=True,
    metavar="N",
    help="Trials evaluated at once.",
)
@home_option
@pass_context
def command(context: Context, workers: int) -> None:
    """Run an embedded cluster until Ctrl-C: broker, scheduler, workers. It continues every unfinished study.

    Commands in other terminals with the same home find it by themselves.
    """
    cluster = _new_cluster(context, workers)
    with interruptible() as interruption:
        try:
            with cluster:
                interruption.kill = cluster.kill
                cluster.settings  # noqa: B018  # waits until its broker is there, or says why it is not
                emit(_welcome(context, workers))
                while True:
                    for sentence in cluster.wait(_LONG_S):
                        note(sentence)
        except KeyboardInterrupt:
            emit(f"stopped; unfinished studies go on with the next `{context.command} up`")


def _new_cluster(context: Context, workers: int) -> EmbeddedCluster:
    if context.settings.broker_url is not None:
        raise MisuseError(
            "a broker is configured (TENFOLD_BROKER_URL), so commands use that cluster; "
            "unset it to use an embedded one"
        )
    found = start_or_find(context.settings, workers=workers)
    if isinstance(found, EmbeddedCluster):
        return found
    raise MisuseError(
        f"process {found.pid} runs an embedded cluster in {context.settings.home} already; use it, stop it, "
        "or choose another home (--home or TENFOLD_HOME)"
    )


def _welcome(context: Context, workers: int) -> str:
    command = context.command
    at_once = f"{workers} {'trial' if workers == 1 else 'trials'} at once"
    return "\n".join(
        (
            f"the cluster is up: {at_once}, home {context.settings.home}",
            f"from another terminal: `{command} run FILE` uses it, `{command} queue` and `{command} workers` show it",
            "Ctrl-C stops it",
        )
    )
