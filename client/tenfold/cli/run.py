"""``tenfold run``: submit a study, or find it again, follow it to its end, and say what came of it."""

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tenfold.cli.interruption import EXIT_CODE, interruptible
from tenfold.cli.options import flag, home_option, json_option, pass_context
from tenfold.cli.presentation import emit, emit_json, may_colour, note, paint, width
from tenfold.cli.study_run import StudyRun
from tenfold.context import Context
from tenfold_common.domain.words import StudyState

if TYPE_CHECKING:
    from tenfold.cli.watch import Snapshot
    from tenfold.report.live import Display
    from tenfold.report.progress import Progress

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
@flag("--quiet", "-q", envvar="TENFOLD_QUIET", is_flag=True, help="Show no progress, only the result.")
@json_option
@home_option
@pass_context
def command(context: Context, file: Path, workers: int, new: bool, quiet: bool, as_json: bool) -> None:
    """Run the study in FILE to its end; progress goes to stderr, the result to stdout.

    Without a configured broker an embedded cluster is started for as long as it takes. Run the same command again to
    resume an interrupted study, or to see the result of one that has ended.

    Exit codes: 0 done, 1 the study failed or no trial succeeded, 2 misuse, 130 interrupted.
    """
    run = StudyRun(context, file, workers=workers, new=new)
    display = _Progress(quiet=quiet)
    with interruptible() as interruption:
        try:
            with closing(display):
                last = run.to_the_end(display, interruption)
        except KeyboardInterrupt:
            note(run.farewell())
            if as_json and run.last is not None:
                _emit_json(run.last)
            raise click.exceptions.Exit(EXIT_CODE) from None
    if as_json:
        _emit_json(last)
    else:
        _emit_summary(context, last)
    raise click.exceptions.Exit(_exit_code(last))


class _Progress:
    """The display on stderr, opened when there is something to show; quiet, it passes on only what must be told."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._display: Display | None = None

    def show(self, progress: "Progress") -> None:
        """Bring what is shown up to date."""
        if not self._quiet:
            self._opened().show(progress)

    def say(self, text: str) -> None:
        """Tell something once."""
        if self._quiet:
            note(text)
        else:
            self._opened().say(text)

    def close(self) -> None:
        """Leave the terminal as a person wants to find it."""
        if self._display is not None:
            self._display.close()

    def _opened(self) -> "Display":
        if self._display is None:
            from tenfold.report.live import open_display

            self._display = open_display(sys.stderr, colour=may_colour(True))
        return self._display


def _emit_json(last: "Snapshot") -> None:
    from tenfold.report.shapes import status_shape

    emit_json(status_shape(*last))


def _emit_summary(context: Context, last: "Snapshot") -> None:
    from tenfold.report.summary import final_summary

    emit(final_summary(*last, record=context.record_place, command=context.command, paint=paint(), width=width()))


def _exit_code(last: "Snapshot") -> int:
    from tenfold.report.shapes import best_trial

    return 1 if last[0].state is StudyState.FAILED or best_trial(*last) is None else 0
