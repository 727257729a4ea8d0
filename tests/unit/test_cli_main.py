"""The ``tenfold`` command itself: its help, its errors and exit codes."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tenfold.cli.main import VERBS, cli, report_error, typed_program
from tenfold.context import Context
from tenfold_common.bus.app import masked_url
from tenfold_common.domain.records import StudyRecord
from tenfold_common.domain.words import StudyState
from tenfold_common.errors import (
    DataError,
    MisuseError,
    NotFoundError,
    Problem,
    StudyFileError,
    TenfoldError,
    TransientError,
)
from tenfold_common.store.memory import MemoryStore
from tests.unit.report_samples import FixedClock

HEAVY = ["numpy", "pandas", "sklearn", "scipy", "sqlalchemy", "celery", "redis", "rich", "pydantic", "psutil"]
OWN_MODULES = {"studies", "status", "watch", "trials", "compare", "export", "cluster_view", "control", "doctor"}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's own settings play no part."""
    for name in ("TENFOLD_HOME", "TENFOLD_DEBUG", "TENFOLD_JSON", "TENFOLD_BROKER_URL", "TENFOLD_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def _imports_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split("\n")[-2].split())


def test_the_help_lists_every_verb_in_one_line_and_imports_nothing_heavy() -> None:
    """Not even a verb's own module is imported for it."""
    code = "from tenfold.cli.main import cli\ntry:\n    cli(['--help'])\nexcept SystemExit:\n    pass"
    modules = _imports_after(code)
    assert not modules & set(HEAVY)
    assert not [name for name in modules if name.startswith("tenfold.") and name != "tenfold.cli.main"][1:]
    text = CliRunner().invoke(cli, ["--help"], terminal_width=80).output
    lines = {line.split()[0] for line in text.splitlines() if line.startswith("  ") and line.split()}
    assert {name for verbs in VERBS.values() for name in verbs} <= lines


def test_verbs_import_no_heavy_library_before_they_run() -> None:
    """Numbers, databases and brokers are loaded where they are used."""
    names = ", ".join(f"tenfold.cli.{name}" for name in sorted(OWN_MODULES))
    assert not _imports_after(f"import {names}") & set(HEAVY)


@pytest.mark.parametrize(
    "name", [name for verbs in VERBS.values() for name, verb in verbs.items() if verb.module in OWN_MODULES]
)
def test_a_verbs_help_names_the_environment_variable_of_every_flag(name: str) -> None:
    """So that a flag can be set once for all."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    flags = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert {"--home", "--json"} <= {spelling for option in flags for spelling in option.opts}
    for option in flags:
        assert (option.show_envvar and option.envvar) or "[env var: TENFOLD_" in (option.help or "")


def test_a_mistyped_verb_is_answered_with_the_nearest() -> None:
    """And exits 2."""
    result = CliRunner().invoke(cli, ["statsu"])
    assert result.exit_code == 2
    assert result.stderr == "tenfold: there is no verb 'statsu'; did you mean 'status'?\n"
    assert CliRunner().invoke(cli, ["xyzzy"]).stderr.endswith("`tenfold --help` lists the verbs\n")


@pytest.mark.parametrize("arguments", [["status"], ["status", "a", "--nope"], ["trial", "a", "x"], ["--nope"]])
def test_misuse_is_one_line_on_stderr_and_exit_2(arguments: list[str]) -> None:
    """Nothing goes to stdout."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("tenfold: ")
    assert result.stderr.count("\n") == 1


def test_no_verb_at_all_shows_the_help() -> None:
    """Also for a verb that has verbs of its own."""
    for arguments in ([], ["db"]):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 2
        assert "Usage:" in result.stderr


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (TenfoldError("the disk is full"), "tenfold: the disk is full", 1),
        (TransientError("the broker is away"), "tenfold: the broker is away", 1),
        (MisuseError("no such thing"), "tenfold: no such thing", 2),
        (DataError("one class only"), "tenfold: one class only", 2),
        (
            NotFoundError("study", "digts", ("digits",)),
            "tenfold: there is no study named 'digts'; did you mean 'digits'?",
            2,
        ),
        (
            StudyFileError("a.yaml", [Problem(key="seed", message="must be a number", line=3)]),
            "tenfold: a.yaml:3: seed: must be a number",
            2,
        ),
    ],
)
def test_an_error_becomes_a_line_and_an_exit_code(
    error: Exception, line: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never a traceback."""
    assert report_error(error) == code
    assert capsys.readouterr().err == line + "\n"


def test_several_problems_of_a_file_are_all_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With file and line first, as editors and people expect."""
    problems = [Problem(key="seed", message="is missing"), Problem(key="data", message="is wrong", line=2)]
    assert report_error(StudyFileError("a.yaml", problems)) == 2
    assert (
        capsys.readouterr().err
        == "tenfold: a.yaml has 2 problems\na.yaml: seed: is missing\na.yaml:2: data: is wrong\n"
    )


def test_a_defect_says_so_and_the_traceback_is_there_for_the_asking(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person sees a line; TENFOLD_DEBUG=1 shows where it came from."""
    assert report_error(ZeroDivisionError("oops")) == 1
    quiet = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: oops" in quiet
    assert "Traceback" not in quiet
    monkeypatch.setenv("TENFOLD_DEBUG", "1")
    try:
        raise ZeroDivisionError("oops")  # noqa: TRY301  # a traceback is wanted
    except ZeroDivisionError as error:
        report_error(error)
    assert "Traceback" in capsys.readouterr().err


class _Interrupted(MemoryStore):
    """A store in front of which a person loses patience."""

    def studies(self, states: Sequence[StudyState] = ()) -> list[StudyRecord]:
        raise KeyboardInterrupt


def test_an_interruption_that_no_verb_handles_exits_130() -> None:
    """As a shell expects."""
    result = CliRunner().invoke(cli, ["studies"], obj=Context(store=_Interrupted(clock=FixedClock()), environment={}))
    assert result.exit_code == 130
    assert result.stderr.strip() == "tenfold: interrupted"


def test_a_closed_pipe_ends_the_command_quietly(tmp_path: Path) -> None:
    """``tenfold --help | head -0`` is no error to report."""
    script = "from tenfold.cli.main import main\nimport sys\nsys.argv = ['tenfold', 'studies', '--json']\nmain()"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"TENFOLD_HOME": str(tmp_path / "none"), "PATH": ""},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) in {0, 1}


def test_the_home_after_the_verb_wins_over_the_one_before_and_the_environment(tmp_path: Path) -> None:
    """The nearest word counts."""
    environment = {"TENFOLD_HOME": str(tmp_path / "env")}
    runner = CliRunner(env=environment)
    before, after = str(tmp_path / "before"), str(tmp_path / "after")
    assert f"{tmp_path}/env/" in runner.invoke(cli, ["studies"]).stderr
    assert before in runner.invoke(cli, ["--home", before, "studies"]).stderr
    assert after in runner.invoke(cli, ["--home", before, "studies", "--home", after]).stderr


def test_looking_creates_nothing(tmp_path: Path) -> None:
    """A mistyped home stays a home that does not exist."""
    home = tmp_path / "typo"
    for verb in (["studies"], ["status", "x"], ["trials", "x"], ["queue"], ["workers"], ["doctor"]):
        CliRunner().invoke(cli, [*verb, "--home", str(home)])
    assert not home.exists()


def test_a_missing_home_says_how_to_begin(tmp_path: Path) -> None:
    """The next command is named, and how to name another home."""
    result = CliRunner().invoke(cli, ["status", "x", "--home", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "run FILE` starts one" in result.stderr
    assert "TENFOLD_HOME" in result.stderr


def test_commands_that_are_suggested_meet_the_same_home(tmp_path: Path) -> None:
    """A home given as a flag is repeated; one from the environment need not be."""
    assert Context(environment={"TENFOLD_HOME": str(tmp_path)}).command == "tenfold"
    assert Context(home=Path("/my home"), environment={}).command == "tenfold --home '/my home'"


def test_another_homes_context_does_not_inherit_settings_meant_for_this_one(tmp_path: Path) -> None:
    """The database of the environment belongs to the home of the environment."""
    context = Context(environment={"TENFOLD_DATABASE_URL": "postgresql://db/x"})
    assert context.elsewhere(tmp_path).settings.database_url == f"sqlite:///{tmp_path / 'tenfold.db'}"


def test_passwords_are_not_shown() -> None:
    """Wherever a URL is told to a person."""
    assert masked_url("postgresql://me:secret@db/x") == "postgresql://me:***@db/x"
    assert masked_url("redis://db:6379/0") == "redis://db:6379/0"


def test_what_to_type_next_is_how_the_program_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an activated environment the bare name would not be found."""
    program = tmp_path / ".venv" / "bin" / "tenfold"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert typed_program(str(program)) == ".venv/bin/tenfold"
    assert typed_program(".venv/bin/tenfold") == ".venv/bin/tenfold"
    monkeypatch.setenv("PATH", str(program.parent))
    assert typed_program(str(program)) == "tenfold"
    assert typed_program("/usr/lib/python3/pytest/__main__.py") == "tenfold"
