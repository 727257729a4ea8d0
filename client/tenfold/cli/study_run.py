"""One study on its way to its end: submitted or found again, followed on one cluster after another, left in order.

The study file is judged before anything is started; then the cluster comes up while the study is checked against its
data. What takes time to import is imported when it is needed, because the cluster's start goes first.
"""

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.context import Context
from tenfold.embedded.access import Cluster, NeighbourCluster, RemoteCluster, reach_cluster
from tenfold.embedded.cluster import ClusterFailedError
from tenfold_common.domain.words import StudyState
from tenfold_common.errors import TransientError
from tenfold_common.ports import SchedulerBus, Store

if TYPE_CHECKING:
    from tenfold.cli.interruption import Interruption
    from tenfold.cli.watch import Snapshot
    from tenfold.report.live import Display
    from tenfold_common.domain.study_file import ReadStudy
    from tenfold_common.modelling.findings import Findings


class _ClusterGoneError(Exception):
    """The cluster of another process has ended before the study did."""


class StudyRun:
    """One study on its way to its end.

    Args:
        context: What the command has at hand.
        file: The study file.
        workers: How many trials a cluster of our own evaluates at once.
        new: Whether the study is to be a new one in any case.

    Attributes:
        last: The study and its trials as last seen; None before the study is in the store.
    """

    def __init__(self, context: Context, file: Path, *, workers: int, new: bool) -> None:
        self.last: Snapshot | None = None
        self._context = context
        self._file = file
        self._workers = workers
        self._new = new
        self._read: ReadStudy | None = None
        self._name: str | None = None
        self._stays = False  # whether a cluster goes on with the study without us

    def to_the_end(self, display: "Display", interruption: "Interruption") -> "Snapshot":
        """Follow the study to its end, on one cluster after another if need be.

        Raises:
            MisuseError: If the file cannot be read or is no study; nothing has been started then.
            ClusterFailedError: If our own cluster cannot be kept running.
        """
        while True:
            with reach_cluster(self._context.settings, workers=self._workers) as cluster:
                interruption.kill = cluster.kill
                try:
                    return self._on(cluster, display)
                except _ClusterGoneError:
                    display.say("that cluster has ended; starting one here")
                except ClusterFailedError:
                    display.say(f"the study can be resumed with `{self._typed()}`")
                    raise
                except KeyboardInterrupt:
                    self._leave(cluster)
                    raise

    def farewell(self) -> str:
        """What to say after an interruption: how things stand and how to go on."""
        if self.last is None:
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

    def _on(self, cluster: Cluster, display: "Display") -> "Snapshot":
        if self._read is None:
            from tenfold.submission import read_study_file

            self._read = read_study_file(self._file)
        cluster.go()
        self._greet(cluster, display)
        store = self._context.store  # opened, like the bus, while the cluster comes up
        with closing(self._bus(cluster)) as bus:
            if self._name is None:
                self._submit(self._read, cluster, store, display)
            bus.ring()
        return self._follow(cluster, store, display)

    def _greet(self, cluster: Cluster, display: "Display") -> None:
        self._stays = not cluster.owned
        if isinstance(cluster, NeighbourCluster):
            display.say(
                f"joining the embedded cluster of process {cluster.address.pid} in this home: it evaluates "
                f"{cluster.address.workers} trials at once, --workers plays no part"
            )
        elif isinstance(cluster, RemoteCluster):
            display.say("using the configured cluster (TENFOLD_BROKER_URL); --workers plays no part")

    def _bus(self, cluster: Cluster) -> SchedulerBus:
        from tenfold_common.bus.redis_bus import RedisSchedulerBus

        bus = RedisSchedulerBus(cluster.settings)  # not the context's: each cluster that we meet has its own broker
        bus.ring()  # connects, which tells early if there is nobody, and is harmless
        return bus

    def _submit(self, read: "ReadStudy", cluster: Cluster, store: Store, display: "Display") -> None:
        from tenfold.submission import carry_out, submit_study
        from tenfold_common.domain.moves import Resume

        submitted = submit_study(
            read,
            base=self._file.absolute().parent,
            store=store,
            artifacts=self._context.artifacts,
            clock=self._context.clock,
            new=self._new,
            inspect=partial(self._inspect, cluster, display),
        )
        study = submitted.study
        self._name, self.last = study.name, (study, store.trials(study.id))
        for sentence in submitted.notes:
            display.say(sentence)
        if study.state in {StudyState.PAUSED, StudyState.FAILED}:
            carry_out(store, study.name, Resume())
            display.say(f"resuming {study.name}")

    def _inspect(self, cluster: Cluster, display: "Display", read: "ReadStudy", base: Path) -> "Findings":
        from tenfold_common.modelling.findings import inspect_and_store

        if not isinstance(cluster, RemoteCluster):
            from tenfold.embedded.inspection import RunnerInspection

            tell = partial(self._pass_time, cluster, display, 0.0)
            try:
                return RunnerInspection(cluster.settings, meanwhile=tell)(read, base)
            except TransientError as error:
                display.say(f"checking the study in this process, because the worker could not: {error}")
        return inspect_and_store(read, base=base, artifacts=self._context.artifacts)

    def _follow(self, cluster: Cluster, store: Store, display: "Display") -> "Snapshot":
        from tenfold.cli.watch import snapshots
        from tenfold.report.progress import progress_of

        assert self._name is not None, "it has been submitted"
        was = StudyState.RUNNING
        clock, pause = self._context.clock, partial(self._pass_time, cluster, display)
        for snapshot in snapshots(store, self._name, clock, pause=pause):
            self.last = snapshot
            display.show(progress_of(*snapshot, now=clock.now()))
            state = snapshot[0].state
            if state is StudyState.PAUSED and was is not state:
                display.say(f"{self._name} is paused: `{self._context.command} resume {self._name}` continues it")
            was = state
        assert self.last is not None, "the snapshots end with one of an ended study"
        return self.last

    def _pass_time(self, cluster: Cluster, display: "Display", seconds: float) -> None:
        for sentence in cluster.wait(seconds):
            display.say(sentence)
        if cluster.gone:
            raise _ClusterGoneError

    def _leave(self, cluster: Cluster) -> None:
        """If nobody works on the study without us, pause it until the command is given again."""
        if self._name is None:
            return
        from tenfold.submission import carry_out
        from tenfold_common.domain.moves import Pause

        store = self._context.store
        if cluster.owned:
            carry_out(store, self._name, Pause())
        study = store.study(self._name)
        self.last = (study, store.trials(study.id))

    def _typed(self) -> str:
        from shlex import quote

        return f"{self._context.command} run {quote(str(self._file))}"
