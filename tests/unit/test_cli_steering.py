"""The verbs that change a study, those that look at the cluster, and the doctor."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tenfold.cli import doctor
from tenfold.cli.main import cli
from tenfold.context import Context
from tenfold.report.health import Finding, Verdict, health_shape, health_text
from tenfold_common.bus.memory import MemoryBus
from tenfold_common.domain.assignment import Assignment, Bell, WorkerRecord
from tenfold_common.domain.changes import AddTrial, MoveStudy, PublishAttempt
from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import ContentHash, StopReason, StudyId, StudyState
from tenfold_common.errors import TransientError
from tenfold_common.store.memory import MemoryStore
from tests.unit.report_samples import FINGERPRINT, MACHINE, FixedClock, store_finished_study, study_record


class _LosingStore(MemoryStore):
    """A store in which somebody else is faster a few times."""

    faster = 0

    def move_study(
        self,
        study: StudyId,
        *,
        revision: int,
        to: StudyState,
        reason: StopReason | None = None,
        message: str = "",
        stopping: StoppingRules | None = None,
    ) -> bool:
        if self.faster > 0:
            self.faster -= 1
            return False
        return super().move_study(study, revision=revision, to=to, reason=reason, message=message, stopping=stopping)


class World:
    """A store with a running study, a bus, and the command line over them."""

    def __init__(self, home: Path) -> None:
        self.clock = FixedClock()
        self.store = _LosingStore(clock=self.clock)
        self.bus = MemoryBus(clock=self.clock)
        self.context = Context(home=home, environment={}, clock=self.clock, store=self.store, bus=self.bus)
        self.store.add_study(study_record("wine"))
        study = self.store.study("wine")
        self.store.move_study(study.id, revision=study.revision, to=StudyState.RUNNING)

    def type(self, *words: str) -> Result:
        """Type a command."""
        return CliRunner().invoke(cli, words, obj=self.context)

    def state(self) -> StudyState:
        """The running study's state."""
        return self.store.study("wine").state

    def rings(self) -> int:
        """How often the scheduler's bell was rung."""
        return sum(isinstance(received.news, Bell) for received in self.bus.receive(block_s=0))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A store with a running study."""
    return World(tmp_path / "home")


def test_pause_resume_and_cancel_move_the_study_and_ring_the_scheduler(world: World) -> None:
    """Each says what it did."""
    assert world.type("pause", "wine").stdout == "wine: paused; running trials go on to their end\n"
    assert world.state() is StudyState.PAUSED
    assert world.rings() >= 1
    assert world.type("resume", "wine").stdout == "wine: resumed\n"
    assert world.state() is StudyState.RUNNING
    assert world.type("cancel", "wine").exit_code == 0
    assert world.state() is StudyState.CANCELLED
    assert world.store.study("wine").reason is StopReason.MANUAL


def test_a_move_prints_the_new_status_as_json(world: World) -> None:
    """One document of status's shape."""
    shape = json.loads(world.type("pause", "wine", "--json").stdout)
    assert (shape["study"], shape["state"]) == ("wine", "paused")


def test_an_illegal_move_is_misuse_and_says_what_would_work(world: World) -> None:
    """Nothing is changed."""
    store_finished_study(world.store, world.clock)
    result = world.type("resume", "digits-svc")
    assert result.exit_code == 2
    assert result.stderr == "tenfold: 'digits-svc' is finished (all trials done); use extend to add trials\n"
    assert world.store.study("digits-svc").state is StudyState.FINISHED


def test_a_move_is_tried_again_when_somebody_was_faster(world: World) -> None:
    """The rules are asked again with what the store says then."""
    world.store.faster = 3
    assert world.type("pause", "wine").exit_code == 0
    assert world.state() is StudyState.PAUSED


def test_a_move_that_never_wins_gives_up(world: World) -> None:
    """It failed, and says that trying again may help."""
    world.store.faster = 10_000
    result = world.type("pause", "wine")
    assert result.exit_code == 1
    assert "try again" in result.stderr


def test_extending_a_finished_study_runs_it_again_with_the_sum(world: World) -> None:
    """Four done and twenty more are twenty-four."""
    store_finished_study(world.store, world.clock)
    result = world.type("extend", "digits-svc", "--trials", "20")
    assert result.stdout == "digits-svc: the budget of trials is now 24 = 4 + 20\n"
    study = world.store.study("digits-svc")
    assert (study.state, study.stopping.trials, study.stopped_at) == (StudyState.RUNNING, 24, None)


def test_extending_by_nothing_is_misuse(world: World) -> None:
    """The number is required and positive."""
    assert world.type("extend", "wine").exit_code == 2
    assert world.type("extend", "wine", "--trials", "0").exit_code == 2


def test_without_a_scheduler_a_continued_study_says_who_could_continue_it(world: World) -> None:
    """With one at work it says nothing."""
    world.type("pause", "wine")
    assert "no scheduler is running" in world.type("resume", "wine").stderr
    world.type("pause", "wine")
    assert world.store.lock_scheduler("somebody", ttl_s=60.0) is not None
    assert world.type("resume", "wine").stderr == ""


class _DeafBus(MemoryBus):
    """A broker that is away."""

    def ring(self) -> None:
        raise TransientError("the broker redis://x does not answer")

    def workers(self) -> list[WorkerRecord]:
        raise TransientError("the broker redis://x does not answer")


def test_a_broker_that_is_away_does_not_undo_a_move(world: World) -> None:
    """The store is the truth; the bell is only faster."""
    context = Context(environment={}, clock=world.clock, store=world.store, bus=_DeafBus(clock=world.clock))
    result = CliRunner().invoke(cli, ["pause", "wine"], obj=context)
    assert result.exit_code == 0
    assert "when it next looks" in result.stderr
    assert world.state() is StudyState.PAUSED


def test_a_broker_that_is_away_fails_the_verbs_that_ask_it(world: World) -> None:
    """With exit code 1: nobody misused anything."""
    context = Context(environment={}, clock=world.clock, store=world.store, bus=_DeafBus(clock=world.clock))
    for verb in ("queue", "workers"):
        result = CliRunner().invoke(cli, [verb], obj=context)
        assert result.exit_code == 1
        assert "does not answer; is the cluster running?" in result.stderr


def test_the_queue_shows_what_waits_and_for_how_long(world: World) -> None:
    """Counted in the store; empty queues are known to the broker."""
    study = world.store.study("wine")
    key = AttemptKey(study.id, 0, 0, 1)
    epoch = world.store.lock_scheduler("test", ttl_s=600.0)
    assert epoch is not None
    suggestion = AddTrial(number=0, params={}, seed=1, conditioned_on=0)
    world.store.apply(study.id, [suggestion, PublishAttempt(key=key, folds=(0, 1))], epoch=epoch)
    world.bus.publish(
        Assignment(
            key=key,
            queue="gpu",
            spec_hash=ContentHash("5c" * 32),
            study_name="wine",
            study_seed=42,
            params={},
            folds=(0, 1),
        )
    )
    world.clock.advance(12.0)
    shape = json.loads(world.type("queue", "--json").stdout)
    assert shape["queues"][0] == {"name": "cpu", "waiting": 1, "oldest_s": 12.0}
    assert shape["queues"][1]["name"] == "gpu"
    assert (shape["running"], shape["workers"]) == (0, 0)
    assert "cpu          1  12.0 s" in world.type("queue").stdout


def test_workers_are_listed_with_what_they_run(world: World) -> None:
    """Without any, a note says so."""
    assert world.type("workers").stderr == "no worker is alive\n"
    record = WorkerRecord(
        id="node-1:99",
        host="node-1",
        pid=99,
        slots=2,
        queues=("cpu",),
        fingerprint=FINGERPRINT,
        facts=MACHINE,
        running=(AttemptKey(world.store.study("wine").id, 4, 0, 1),),
        started_at=world.clock.now() - timedelta(minutes=5),
        seen_at=world.clock.now(),
    )
    world.bus.announce(record, ttl_s=60.0)
    [shape] = json.loads(world.type("workers", "--json").stdout)
    assert shape["running"] == [{"study": "wine", "trial": 4, "part": 0, "attempt": 1}]
    assert "wine 4" in world.type("workers").stdout


def test_without_a_cluster_queue_and_workers_are_empty_and_say_why(tmp_path: Path) -> None:
    """The document on stdout stays whole."""
    context = Context(home=tmp_path, environment={})
    runner = CliRunner()
    assert json.loads(runner.invoke(cli, ["workers", "--json"], obj=context).stdout) == []
    result = runner.invoke(cli, ["queue", "--json"], obj=context)
    assert json.loads(result.stdout) == {"queues": [], "running": 0, "workers": 0, "trials_per_minute": 0}
    assert "no cluster is running" in result.stderr


def _finding(context: Context, name: str) -> Finding:
    return next(finding for finding in doctor.examine(context) if finding.name == name)


def test_the_doctor_finds_a_fresh_home_well_and_makes_nothing(tmp_path: Path) -> None:
    """One line per check, exit code 0."""
    context = Context(home=tmp_path / "home", environment={})
    result = CliRunner().invoke(cli, ["doctor"], obj=context)
    assert result.exit_code == 0, result.stdout
    names = [line.split()[1] for line in result.stdout.splitlines() if line.startswith(("ok", "warn"))]
    expected = ["python", "packages", "machine", "home", "disk", "database", "cluster", "broker", "scheduler"]
    assert names == expected
    assert not (tmp_path / "home").exists()


def test_the_doctor_fails_for_a_home_that_is_a_file(tmp_path: Path) -> None:
    """Exit code 1, and the next step is named."""
    (tmp_path / "home").write_text("")
    context = Context(home=tmp_path / "home", environment={})
    result = CliRunner().invoke(cli, ["doctor", "--json"], obj=context)
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["ok"] is False
    home = next(check for check in document["checks"] if check["name"] == "home")
    assert (home["verdict"], home["next"]) == ("fail", "name another home with --home or TENFOLD_HOME")


def test_the_doctor_warns_of_a_home_that_others_can_write(tmp_path: Path) -> None:
    """And gives the command that mends it."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    found = _finding(Context(home=home, environment={}), "home")
    assert (found.verdict, found.step) == (Verdict.WARN, f"chmod go-w {home}")


def test_the_doctor_warns_of_a_cluster_that_left_its_address_behind(tmp_path: Path) -> None:
    """A machine that lost power leaves it so."""
    (tmp_path / "cluster.json").write_text("{}")
    assert _finding(Context(home=tmp_path, environment={}), "cluster").verdict is Verdict.WARN


def test_the_doctor_fails_for_a_database_that_is_none(tmp_path: Path) -> None:
    """The reason is in the line; the other checks go on."""
    (tmp_path / "tenfold.db").write_text("this is no database, and it is longer than a header would be" * 20)
    context = Context(home=tmp_path, environment={})
    assert _finding(context, "database").verdict is Verdict.FAIL
    context.close()


def test_the_doctor_fails_for_a_broker_that_does_not_answer(tmp_path: Path) -> None:
    """A broker that was named must be there."""
    environment = {"TENFOLD_BROKER_URL": f"redis+socket://{tmp_path}/none.sock"}
    context = Context(home=tmp_path, environment=environment)
    found = _finding(context, "broker")
    assert found.verdict is Verdict.FAIL
    assert found.step == "start it, or correct TENFOLD_BROKER_URL"
    context.close()


def test_the_doctor_counts_the_studies_of_a_good_database(world: World) -> None:
    """And asks the bus for its workers."""
    assert "1 study, schema fits" in _finding(world.context, "database").detail
    assert _finding(world.context, "broker").verdict is Verdict.WARN


def test_warnings_do_not_make_a_machine_unusable() -> None:
    """The sum of the findings is said at the end."""
    fine = Finding(name="disk", verdict=Verdict.OK, detail="much")
    warned = replace(fine, name="home", verdict=Verdict.WARN, step="chmod")
    assert health_shape([fine, warned])["ok"] is True
    assert health_text([fine, warned]).splitlines() == [
        "ok    disk  much",
        "warn  home  much; chmod",
        "",
        "usable, with 1 warning",
    ]
    assert health_text([replace(fine, verdict=Verdict.FAIL)]).endswith("1 check failed")


def test_upgrading_a_database_tells_its_schema_before_and_after(tmp_path: Path) -> None:
    """A second time there is nothing to do."""
    context = Context(home=tmp_path / "home", environment={})
    shape = json.loads(CliRunner().invoke(cli, ["db", "upgrade", "--json"], obj=context).stdout)
    assert shape["before"] == "empty"
    again = CliRunner().invoke(cli, ["db", "upgrade"], obj=context)
    assert again.stdout == f"{tmp_path}/home/tenfold.db has the newest schema already ({shape['after']})\n"


def test_a_real_database_is_opened_on_first_use_and_closed(tmp_path: Path) -> None:
    """The store behind the settings is SQLite in the home."""
    context = Context(home=tmp_path / "home", environment={})
    store_finished_study(context.store, FixedClock())
    context.close()
    result = CliRunner().invoke(cli, ["--home", str(tmp_path / "home"), "status", "digits-svc", "--json"])
    assert json.loads(result.stdout)["state"] == "finished"


def test_a_scheduler_that_moves_the_study_meanwhile_is_respected(world: World) -> None:
    """A study that has just ended is not paused."""
    study = world.store.study("wine")
    epoch = world.store.lock_scheduler("test", ttl_s=60.0)
    assert epoch is not None
    end = MoveStudy(to=StudyState.FINISHED, allowed_from=(StudyState.RUNNING,), reason=StopReason.TARGET)
    world.store.apply(study.id, [end], epoch=epoch)
    result = world.type("pause", "wine")
    assert result.exit_code == 2
    assert "finished (target reached)" in result.stderr
