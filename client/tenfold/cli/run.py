"""``tenfold run``: submit a study, or find it again, and follow it to its end on whatever cluster there is.

The study file is judged before anything is started. Then the cluster starts while the study is checked against its
data here. The same command resumes a study that was interrupted and shows one that has ended.
"""

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tenfold.cli.interruption import EXIT_CODE, Interruption, interruptible
from tenfold.cli.options import flag, home_option, json_option, pass_context
from tenfold.cli.presentation import emit, emit_json, may_colour, note, paint, width
from tenfold.cli.watch import Snapshot, snapshots
from tenfold.context import Context
from tenfold.embedded.access import Cluster, NeighbourCluster, RemoteCluster, reach_cluster
from tenfold.embedded.inspection import RunnerInspection
from tenfold.report.live import Display, open_display
from tenfold.report.progress import Progress, progress_of
from tenfold.report.shapes import best_trial, status_shape
from tenfold.report.summary import final_summary
from tenfold.submission import carry_out, read_study_file, submit_study
from tenfold_common.domain.moves import Pause, Resume
from tenfold_common.domain.words import StudyState
from tenfold_common.errors import TransientError
from tenfold_common.modelling.findings import Findings, inspect_and_store
from tenfold_common.ports import SchedulerBus, Store

if TYPE_CHECKING:
    from tenfold_common.domain.study_file import ReadStudy

DEFAULT_WORKERS = 2


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@flag(
    "--workers",
    envvar="TENFOLD_WORKERS",
    type=click.IntRange(1, 256),
    default=DEFAULT_WORKERS,
    show_default=True,
    metavar="N",
    help="Trials evaluated at once.",
)
@flag("--new", envvar="TENFOLD_NEW", is_flag=True, help="Start a new study even if this one was run before.")
@flag("--quiet", envvar="TENFOLD_QUIET", is_flag=True, help="Show no progress, only the result.")
@json_option
@home_option
@pass_context
def command(context: Context, file: Path, workers: int, new: bool, quiet: bool, as_json: bool) -> None:
    """Run the study in FILE to its end; progress goes to stderr, the result to stdout.

    Without a configured broker an embedded cluster is started for as long as it takes. Run the same command again to
    resume an interrupted study, or to see the result of one that has ended.
    """
    run = Run(context, file, workers=workers, new=new)
    display: Display = QuietDisplay() if quiet else open_display(sys.stderr, colour=may_colour(True))
    with interruptible() as interruption:
        try:
            with closing(display):
                study, trials = run.to_the_end(display, interruption)
        except KeyboardInterrupt:
            display.close()
            display.say(run.farewell())
            if as_json and run.last is not None:
                emit_json(status_shape(*run.last))
            raise click.exceptions.Exit(EXIT_CODE) from None
    if as_json:
        emit_json(status_shape(study, trials))
    else:
        place, typed = context.record_place, context.command
        emit(final_summary(study, trials, record=place, command=typed, paint=paint(), width=width()))
    failed = study.state is StudyState.FAILED or best_trial(study, trials) is None
    raise click.exceptions.Exit(1 if failed else 0)


class QuietDisplay:
    """Shows no progress; what must be told goes to stderr all the same."""

    def show(self, progress: Progress) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Write a line."""
        note(text)

    def close(self) -> None:
        """Nothing to leave behind."""


class _ClusterGoneError(Exception):
    """The cluster of another process has ended before the study did."""


class Run:
    """One study on its way to its end.

    Args:
        context: What the command has at hand.
        file: The study file; read here.
        workers: How many trials a cluster of our own evaluates at once.
        new: Whether the study is to be a new one in any case.

    Attributes:
        last: The study and its trials as last seen; None before the study is in the store.

    Raises:
        MisuseError: If the file cannot be read or is no study.
    """

    def __init__(self, context: Context, file: Path, *, workers: int, new: bool) -> None:
        self.last: Snapshot | None = None
        self._context = context
        self._file = file
        self._read = read_study_file(file)
        self._workers = workers
        self._new = new
        self._name: str | None = None
        self._stays = False  # whether a cluster goes on with the study without us

    def to_the_end(self, display: Display, interruption: Interruption) -> Snapshot:
        """Follow the study to its end, on one cluster after another if need be."""
        while True:
            with reach_cluster(self._context.settings, workers=self._workers) as cluster:
                interruption.kill = cluster.kill
                try:
                    return self._on(cluster, display)
                except _ClusterGoneError:
                    display.say("that cluster has ended; starting one here")
                except KeyboardInterrupt:
                    self._leave(cluster)
                    raise

    def farewell(self) -> str:
        """What to say after an interruption: how things stand and how to go on."""
        if self._name is None or self.last is None:
            return "interrupted before the study was submitted; nothing was recorded"
        study, trials = self.last
        if study.state.ended:
            return f"{study.name} had just ended: `{self._typed()}` shows the result"
        if self._stays:
            return f"stopped watching; {study.name} goes on: `{self._context.command} watch {study.name}` follows it"
        done = sum(trial.state.ended for trial in trials)
        limit = "" if study.stopping.trials is None else f" of {study.stopping.trials}"
        kept = "nothing finished is repeated" if done else "no trial had finished yet"
        return f"interrupted after {done}{limit} trials; resume with `{self._typed()}` ({kept})"

    def _on(self, cluster: Cluster, display: Display) -> Snapshot:
        self._stays = not cluster.owned
        if isinstance(cluster, NeighbourCluster):
            display.say(
                f"joining the embedded cluster of process {cluster.address.pid} in this home: it evaluates "
                f"{cluster.address.workers} trials at once, --workers plays no part"
            )
        elif isinstance(cluster, RemoteCluster):
            display.say("using the configured cluster (TENFOLD_BROKER_URL); --workers plays no part")
        store = self._context.store  # opened, like the bus, while the cluster comes up
        with closing(self._bus(cluster)) as bus:
            if self._name is None:
                self._name = self._submit(cluster, store, display)
            bus.ring()
        return self._follow(self._name, cluster, display)

    def _submit(self, cluster: Cluster, store: Store, display: Display) -> str:
        context = self._context

        def inspect(read: "ReadStudy", base: Path) -> Findings:
            if not isinstance(cluster, RemoteCluster):
                try:
                    return RunnerInspection(cluster.settings, meanwhile=watch)(read, base)
                except TransientError as error:
                    display.say(f"checking the study here, because its worker could not: {error}")
            return inspect_and_store(read, base=base, artifacts=context.artifacts)

        def watch() -> None:
            for sentence in cluster.wait(0):
                display.say(sentence)

        submitted = submit_study(
            self._read,
            base=self._file.absolute().parent,
            store=store,
            artifacts=context.artifacts,
            clock=context.clock,
            new=self._new,
            inspect=inspect,
        )
        study = submitted.study
        for sentence in submitted.notes:
            display.say(sentence)
        if not submitted.created and study.state in {StudyState.PAUSED, StudyState.FAILED}:
            carry_out(store, study.name, Resume())
            display.say(f"resuming {study.name}")
        return study.name

    def _bus(self, cluster: Cluster) -> SchedulerBus:
        from tenfold_common.bus.redis_bus import RedisSchedulerBus

        bus = RedisSchedulerBus(cluster.settings)  # not the context's: each cluster that we meet has its own broker
        bus.ring()  # connects, which tells early if there is nobody, and is harmless
        return bus

    def _follow(self, name: str, cluster: Cluster, display: Display) -> Snapshot:
        def pause(seconds: float) -> None:
            for sentence in cluster.wait(seconds):
                display.say(sentence)
            if cluster.gone:
                raise _ClusterGoneError

        context = self._context
        for self.last in snapshots(context.store, name, context.clock, pause=pause):
            display.show(progress_of(*self.last, now=context.clock.now()))
        assert self.last is not None, "the snapshots end with one of an ended study"
        return self.last

    def _leave(self, cluster: Cluster) -> None:
        """Without us nobody works on the study any more: it is paused until the command is given again."""
        if self._name is None:
            return
        store = self._context.store
        if cluster.owned:
            carry_out(store, self._name, Pause())
        study = store.study(self._name)
        self.last = (study, store.trials(study.id))

    def _typed(self) -> str:
        from shlex import quote

        return f"{self._context.command} run {quote(str(self._file))}"
