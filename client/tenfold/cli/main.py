"""The ``tenfold`` command: its verbs, and how errors become one line and an exit code.

Imports nothing but click and the standard library until a verb runs, so that ``tenfold --help`` answers at once.
Exit codes: 0 done, 1 failed, 2 misuse.
"""

import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

_INTERRUPTED: Final = 130  # what a shell expects of a command ended by Ctrl-C


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: where its click command is, and its line in the help, so that the help imports nothing.

    Attributes:
        module: Module under ``tenfold.cli``.
        attribute: The click command in it.
    """

    help: str
    module: str
    attribute: str = "command"


VERBS: Final[dict[str, dict[str, Verb]]] = {
    "Start": {
        "init": Verb("Write a starter study file.", "init"),
        "check": Verb("Validate a study file and print the plan.", "check"),
        "run": Verb("Run a study here, or resume it; live progress, then the result.", "run"),
        "schema": Verb("Print the JSON Schema of the study file.", "schema"),
        "up": Verb("Run an embedded cluster in the foreground.", "up"),
        "submit": Verb("Hand a study to a cluster that runs already.", "submit"),
        "scheduler": Verb("Run the scheduler of a configured cluster.", "processes", "scheduler"),
        "worker": Verb("Run a worker of a configured cluster.", "processes", "worker"),
    },
    "Look": {
        "studies": Verb("List the studies.", "studies", "studies"),
        "status": Verb("Show how far a study is and its best trial.", "status", "status"),
        "watch": Verb("Follow a study until it ends.", "watch", "watch"),
        "trials": Verb("List a study's trials.", "trials", "trials"),
        "trial": Verb("Show everything about one trial.", "trials", "trial"),
        "best": Verb("Show a study's best trial.", "status", "best"),
        "compare": Verb("Tell whether two studies are identical.", "compare", "compare"),
        "export": Verb("Write a study to CSV, JSON or Parquet.", "export", "export"),
        "queue": Verb("Show the backlog, what is running and the rate.", "cluster_view", "queue"),
        "workers": Verb("Show the workers and what they run.", "cluster_view", "workers"),
    },
    "Steer": {
        "pause": Verb("Hand out no more trials of a study.", "control", "pause"),
        "resume": Verb("Continue a paused or failed study.", "control", "resume"),
        "cancel": Verb("End a study now.", "control", "cancel"),
        "extend": Verb("Add trials to a study.", "control", "extend"),
    },
    "Care": {
        "doctor": Verb("Check this machine, the home, the database and the broker.", "doctor", "doctor"),
        "db": Verb("Look after the database.", "database", "db"),
    },
}
_BY_NAME: Final = {name: verb for verbs in VERBS.values() for name, verb in verbs.items()}


class VerbGroup(click.Group):
    """A click group that imports a verb when it runs, and speaks of errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb's name, in the order of the help."""
        return [*_BY_NAME, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb of that name."""
        verb = _BY_NAME.get(cmd_name)
        if verb is None:
            return super().get_command(ctx, cmd_name)
        command = getattr(import_module(f"tenfold.cli.{verb.module}"), verb.attribute)
        assert isinstance(command, click.Command), f"{verb.module}.{verb.attribute} is no click command"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or name the nearest one."""
        if args and args[0] not in _BY_NAME and not args[0].startswith("-"):
            near = get_close_matches(args[0], _BY_NAME, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else "`tenfold --help` lists the verbs"
            raise click.UsageError(f"there is no verb {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        """Write the verbs by section, from the table alone."""
        width = max(map(len, _BY_NAME))
        for section, verbs in VERBS.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), verb.help) for name, verb in verbs.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,  # Any: click's own keyword arguments
    ) -> Any:  # Any: click's own return type
        """Run a command line; in standalone mode end the process with the right exit code."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except BrokenPipeError:
            # `tenfold trials | head` closed the pipe: nothing more to say, not even at interpreter exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except (KeyboardInterrupt, click.Abort):
            click.echo("tenfold: interrupted", err=True)
            sys.exit(_INTERRUPTED)
        except Exception as error:  # noqa: BLE001  # the edge of the process: every error becomes a line and a code
            sys.exit(report_error(error))
        sys.exit(code if isinstance(code, int) else 0)


def report_error(error: Exception) -> int:
    """Write an error to stderr as a person should see it; the exit code that goes with it.

    ``TENFOLD_DEBUG=1`` in the environment adds the traceback.
    """
    from tenfold_common.errors import MisuseError, StudyFileError, TenfoldError

    if os.environ.get("TENFOLD_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, click.ClickException):
        return _report_misuse(error)
    if isinstance(error, StudyFileError) and len(error.problems) > 1:
        click.echo(f"tenfold: {error.source} has {len(error.problems)} problems\n{error}", err=True)
        return 2
    if isinstance(error, TenfoldError):
        click.echo(f"tenfold: {error}", err=True)
        return 2 if isinstance(error, MisuseError) else 1
    click.echo(
        f"tenfold: internal error: {type(error).__name__}: {error}; this is a defect of Tenfold: "
        "TENFOLD_DEBUG=1 shows the traceback to report it with",
        err=True,
    )
    return 1


def _report_misuse(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return error.exit_code
    hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None and error.ctx.parent is not None:
        hint = f" (`{error.ctx.command_path} --help` tells more)"
    message = " ".join(error.format_message().split()).rstrip(".")
    click.echo(f"tenfold: {message}{hint}", err=True)
    return error.exit_code


@click.group(
    cls=VerbGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="VERB [ARGS]...",
    epilog="Exit codes: 0 done, 1 failed, 2 misuse. `tenfold VERB --help` tells a verb's flags.",
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the embedded database, artifacts and logs.  [env var: TENFOLD_HOME]",
)
@click.version_option(package_name="tenfold", message="tenfold %(version)s")
@click.pass_context
def cli(ctx: click.Context, home: Path | None) -> None:
    """Tune models on a cluster: studies that can be repeated, honest numbers."""
    from tenfold.context import Context

    if not isinstance(ctx.obj, Context):
        ctx.obj = Context(program=typed_program(sys.argv[0]))
        ctx.call_on_close(ctx.obj.close)
    if home is not None:
        ctx.obj.use_home(home)


def typed_program(started_as: str) -> str:
    """How a person types this program here: its bare name if that finds it, else the path it was started by."""
    from shlex import quote
    from shutil import which

    program = Path(started_as)
    found = which(program.name)
    if program.name != "tenfold" or (found is not None and Path(found).samefile(program)):
        return "tenfold"
    inside = program.is_absolute() and program.is_relative_to(Path.cwd())
    return quote(str(program.relative_to(Path.cwd()) if inside else program))


def main() -> None:
    """Run the ``tenfold`` command and end the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without "±" is no reason to fail
    cli()
