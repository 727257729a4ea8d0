"""The verbs that look at stored studies, as a person or a script types them."""

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tenfold.cli.main import cli
from tenfold.cli.watch import snapshots
from tenfold.context import Context
from tenfold_common.domain.changes import AddTrial, MoveStudy
from tenfold_common.domain.records import StudyRecord
from tenfold_common.domain.words import StudyState
from tenfold_common.errors import TransientError
from tenfold_common.store.memory import MemoryStore
from tests.unit.report_samples import (
    FixedClock,
    evaluation,
    memory_store,
    params,
    store_finished_study,
    study_record,
)


class World:
    """A store with one finished study, and the command line over it."""

    def __init__(self, home: Path) -> None:
        self.clock = FixedClock()
        self.store = memory_store(self.clock)
        self.study = store_finished_study(self.store, self.clock)
        self.context = Context(home=home, environment={}, clock=self.clock, store=self.store)

    def type(self, *words: str) -> Result:
        """Type a command."""
        return CliRunner().invoke(cli, words, obj=self.context)

    def json(self, *words: str) -> Any:  # Any: JSON, whose shape the test states
        """Type a command with --json; its one document."""
        result = self.type(*words, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def begin(self, name: str) -> StudyRecord:
        """Put another study into the store, running, without trials."""
        sample = study_record(name)
        self.store.add_study(replace(sample, created_at=sample.created_at + timedelta(hours=1)))
        study = self.store.study(name)
        self.apply(study, MoveStudy(to=StudyState.RUNNING, allowed_from=(StudyState.SUBMITTED,)))
        return self.store.study(name)

    def apply(self, study: StudyRecord, *changes: Any) -> None:  # Any: the union of changes
        """Change a study as its scheduler would."""
        epoch = self.store.lock_scheduler("test", ttl_s=60.0)
        assert epoch is not None
        self.store.apply(study.id, changes, epoch=epoch)
        self.store.unlock_scheduler("test")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A store with one finished study."""
    return World(tmp_path / "home")


def test_studies_lists_every_study_as_status_shows_it(world: World) -> None:
    """Oldest first."""
    world.begin("wine")
    shapes = world.json("studies")
    assert [shape["study"] for shape in shapes] == ["digits-svc", "wine"]
    assert shapes[0] == {**world.json("status", "digits-svc"), "running_on": []}
    assert "digits-svc  finished (trials)     4/4" in world.type("studies").stdout


def test_no_studies_is_an_empty_list(tmp_path: Path) -> None:
    """And a hint on stderr for people."""
    clock = FixedClock()
    context = Context(home=tmp_path, environment={}, clock=clock, store=MemoryStore(clock=clock))
    runner = CliRunner()
    assert json.loads(runner.invoke(cli, ["studies", "--json"], obj=context).stdout) == []
    result = runner.invoke(cli, ["studies"], obj=context)
    assert (result.stdout, result.exit_code) == ("", 0)
    assert "run FILE` starts one" in result.stderr


def test_status_is_one_json_document_of_the_promised_shape(world: World) -> None:
    """Scripts read the state, the reason, the counts, the best and the seconds."""
    shape = world.json("status", "digits-svc")
    assert shape["state"] == "finished"
    assert shape["reason"] == "trials"
    assert shape["trials"] == {"total": 4, "succeeded": 3, "failed": 1, "running": 0, "queued": 0}
    assert shape["best"] == {"number": 2, "score": 0.98, "params": params(2)}
    assert shape["seconds"] == 8.0


def test_best_has_the_shape_of_status(world: World) -> None:
    """For people it is the best trial alone."""
    assert world.json("best", "digits-svc") == world.json("status", "digits-svc")
    text = world.type("best", "digits-svc").stdout
    assert text.startswith("best: trial 2, 2 folds\n")
    assert "record" not in text


def test_status_for_people_ends_with_the_next_commands_for_the_same_home(world: World) -> None:
    """Pasting them works."""
    text = world.type("status", "digits-svc").stdout
    assert f"tenfold --home {world.context.settings.home} trials digits-svc" in text
    assert f"record  {world.context.settings.home}/tenfold.db, study digits-svc" in text


def test_an_unknown_study_is_misuse_and_names_the_nearest(world: World) -> None:
    """For every verb that takes a name."""
    for words in (
        ["status", "digit-svc"],
        ["trials", "digit-svc"],
        ["trial", "digit-svc", "0"],
        ["best", "digit-svc"],
    ):
        result = world.type(*words)
        assert result.exit_code == 2
        assert result.stderr == "tenfold: there is no study named 'digit-svc'; did you mean 'digits-svc'?\n"


def test_trials_is_the_trial_table(world: World) -> None:
    """In trial order, failures included."""
    rows = world.json("trials", "digits-svc")
    assert [row["number"] for row in rows] == [0, 1, 2, 3]
    assert [row["state"] for row in rows] == ["succeeded", "failed", "succeeded", "succeeded"]
    assert rows[2]["fold_scores"] == [0.97, 0.99]
    assert rows[1]["failure"]["kind"] == "exception"
    assert len(world.type("trials", "digits-svc").stdout.splitlines()) == 5


def test_a_study_without_trials_says_so_on_stderr(world: World) -> None:
    """Its table is empty."""
    world.begin("wine")
    assert world.json("trials", "wine") == []
    result = world.type("trials", "wine")
    assert (result.stdout, result.exit_code) == ("", 0)
    assert result.stderr == "wine is running and has no trials yet\n"


def test_a_trial_is_shown_with_its_traceback_worker_and_machine(world: World) -> None:
    """Everything needed to understand it."""
    shape = world.json("trial", "digits-svc", "1")
    assert "Traceback" in shape["failure"]["traceback"]
    assert shape["attempt_list"][0]["worker"] == "node-1:99"
    assert shape["machines"][shape["fingerprint"]]["python"] == "3.11.9"
    text = world.type("trial", "digits-svc", "1").stdout
    assert "node-1:99" in text
    assert "Cortex" in text
    assert text.rstrip().endswith("ValueError: gamma is too large")


def test_a_trial_that_is_not_there_is_misuse(world: World) -> None:
    """The numbers that exist are named."""
    result = world.type("trial", "digits-svc", "9")
    assert result.exit_code == 2
    assert "0 to 3" in result.stderr


def test_identical_studies_compare_as_identical_and_exit_0(world: World) -> None:
    """Names and times play no part."""
    world.clock.advance(1000)
    store_finished_study(world.store, world.clock, "again")
    result = world.type("compare", "digits-svc", "again")
    assert (result.exit_code, result.stdout) == (0, "identical\n")
    assert world.json("compare", "digits-svc", "again") == {"identical": True, "first_difference": None}


def test_different_studies_compare_as_different_and_exit_1(world: World) -> None:
    """The first difference is named; that one of them still runs is said on stderr."""
    study = world.begin("other")
    world.apply(study, *evaluation(study, 0, (0.9, 0.93)))
    result = world.type("compare", "digits-svc", "other", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "identical": False,
        "first_difference": {"trial": 0, "field": "folds.1.accuracy", "a": 0.92, "b": 0.93},
    }
    assert result.stderr == "other is running: what it has so far is compared\n"


def test_a_study_compares_with_its_canonical_export(world: World, tmp_path: Path) -> None:
    """So that two machines need not share a store."""
    file = tmp_path / "there.json"
    assert world.type("export", "digits-svc", "--canonical", "-o", str(file)).exit_code == 0
    assert world.type("compare", "digits-svc", str(file)).stdout == "identical\n"
    assert world.type("compare", str(file), str(file)).exit_code == 0


def test_a_file_that_is_no_canonical_export_is_refused(world: World, tmp_path: Path) -> None:
    """With the command that makes one."""
    file = tmp_path / "plain.json"
    for text in ("{}", "[]", "nonsense"):
        file.write_text(text)
        result = world.type("compare", "digits-svc", str(file))
        assert result.exit_code == 2
        assert str(file) in result.stderr
    assert world.type("compare", "digits-svc", str(tmp_path / "none.json")).exit_code == 2


def test_export_writes_csv_to_stdout_by_default(world: World) -> None:
    """One row per trial."""
    rows = list(csv.DictReader(io.StringIO(world.type("export", "digits-svc").stdout)))
    assert [row["params.svc.C"] for row in rows] == ["1.0", "2.0", "3.0", "4.0"]


@pytest.mark.parametrize(("name", "start"), [("t.csv", b"number,"), ("t.json", b"{"), ("t.parquet", b"PAR1")])
def test_export_chooses_the_format_by_the_files_name(world: World, tmp_path: Path, name: str, start: bytes) -> None:
    """A flag overrides it; the note goes to stderr."""
    file = tmp_path / name
    result = world.type("export", "digits-svc", "-o", str(file))
    assert result.stdout == ""
    assert result.stderr == f"wrote 4 trials of digits-svc to {file}\n"
    assert file.read_bytes().startswith(start)
    world.type("export", "digits-svc", "--format", "csv", "-o", str(file))
    assert file.read_bytes().startswith(b"number,")


def test_export_with_json_prints_one_document(world: World, tmp_path: Path) -> None:
    """The study itself, or what was written where."""
    assert world.json("export", "digits-svc")["status"]["study"] == "digits-svc"
    file = str(tmp_path / "t.csv")
    shape = world.json("export", "digits-svc", "-o", file)
    assert shape == {"study": "digits-svc", "format": "csv", "path": file, "trials": 4}


@pytest.mark.parametrize(
    "words",
    [
        ["--format", "parquet"],
        ["--format", "csv", "--canonical"],
        ["--format", "csv", "--json"],
        ["--format", "xml"],
        ["-o", "/nowhere/t.csv"],
    ],
)
def test_an_export_that_makes_no_sense_is_misuse(world: World, words: list[str]) -> None:
    """Binary on a terminal, two formats at once, a folder that is not there."""
    result = world.type("export", "digits-svc", *words)
    assert result.exit_code == 2
    assert result.stderr.startswith("tenfold: ")


def test_watching_an_ended_study_shows_it_and_ends(world: World) -> None:
    """Nothing is waited for."""
    result = world.type("watch", "digits-svc")
    assert result.exit_code == 0
    assert result.stdout.startswith("digits-svc finished: bayesian search, 4 of 4 trials done, best accuracy 0.98")
    assert "all 4 trials are done" in result.stdout
    assert world.json("watch", "digits-svc") == world.json("status", "digits-svc")


def test_watching_says_when_nobody_works_on_the_study(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the watching with exit code 0, not the study."""
    world.begin("wine")

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(snapshots, "__kwdefaults__", {"pause": interrupt})
    result = world.type("watch", "wine")
    assert result.exit_code == 0
    assert "no scheduler is running" in result.stderr
    assert "stopped watching; wine goes on" in result.stderr
    assert world.store.study("wine").state is StudyState.RUNNING


def test_snapshots_go_on_until_the_study_has_ended(world: World) -> None:
    """The last one is of the ended study."""
    study = world.begin("wine")

    def work(_seconds: float) -> None:
        trials = world.store.trials(study.id)
        if len(trials) < 2:
            world.apply(study, AddTrial(number=len(trials), params={}, seed=1, conditioned_on=0))
        else:
            world.apply(study, MoveStudy(to=StudyState.CANCELLED, allowed_from=(StudyState.RUNNING,)))

    seen = [(study.state, len(trials)) for study, trials in snapshots(world.store, "wine", world.clock, pause=work)]
    assert [count for _, count in seen] == [0, 1, 2, 2]
    assert seen[-1][0] is StudyState.CANCELLED


class _Away(MemoryStore):
    """A store that is away for a while."""

    misses = 0

    def study(self, name: str) -> StudyRecord:
        if self.misses > 0:
            self.misses -= 1
            raise TransientError("the database is locked")
        return super().study(name)


def test_a_database_that_is_away_for_a_while_does_not_end_the_watching() -> None:
    """One that stays away does."""
    clock = FixedClock()
    store = _Away(clock=clock)
    store_finished_study(store, clock)
    store.misses = 5
    waits: list[float] = []
    assert len(list(snapshots(store, "digits-svc", clock, pause=waits.append))) == 1
    assert len(waits) == 5
    store.misses = 1000
    with pytest.raises(TransientError, match="locked"):
        list(snapshots(store, "digits-svc", clock, pause=waits.append))
