"""``tenfold watch``: follow a study until it ends. Also the loop by which ``run`` follows its own."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import click

from tenfold.cli.options import home_option, json_option, pass_context, study_argument
from tenfold.cli.presentation import emit, emit_json, may_colour, note, paint, width
from tenfold.context import Context
from tenfold.report.live import Display, open_display
from tenfold.report.progress import progress_of
from tenfold.report.shapes import status_shape
from tenfold.report.summary import final_summary
from tenfold_common.domain.records import StudyRecord, TrialRecord
from tenfold_common.domain.words import StudyState
from tenfold_common.errors import TransientError
from tenfold_common.ports import Clock, Store

POLL_S = 0.3
_SHARE = 10  # reading takes at most a tenth of the time, however large the study
_PATIENCE = 100  # reads in a row that may fail before the trouble is no longer transient

Snapshot = tuple[StudyRecord, list[TrialRecord]]


@click.command()
@study_argument
@json_option
@home_option
@pass_context
def watch(context: Context, name: str, as_json: bool) -> None:
    """Follow the study NAME until it ends. Ctrl-C stops the watching, not the study."""
    store = context.existing_store()
    first = store.study(name)
    if not as_json:
        _warn_if_idle(context, store, first)
    stream = sys.stderr if as_json else sys.stdout
    with closing(open_display(stream, colour=may_colour(True))) as display:
        last = _follow(context, store, name, display)
    if last is None:
        note(f"stopped watching; {name} goes on: `{context.command} watch {name}` follows it again")
        return
    study, trials = last
    if as_json:
        emit_json(status_shape(study, trials))
    else:
        place, command = context.record_place, context.command
        emit("\n" + final_summary(study, trials, record=place, command=command, paint=paint(), width=width()))


def snapshots(
    store: Store, name: str, clock: Clock, *, pause: Callable[[float], None] = time.sleep
) -> Iterator[Snapshot]:
    """The study and its trials, again and again, until the study has ended (that snapshot included).

    Args:
        store: Where to look.
        name: The study.
        clock: Tells how long reading takes; large studies are read less often.
        pause: Waits between two looks.

    Raises:
        TransientError: If the store stays away.
    """
    misses = 0
    while True:
        begun = clock.monotonic_s()
        try:
            study = store.study(name)
            snapshot = (study, store.trials(study.id))
        except TransientError:
            misses += 1
            if misses >= _PATIENCE:
                raise
        else:
            misses = 0
            yield snapshot
            if study.state.ended:
                return
        pause(max(POLL_S, _SHARE * (clock.monotonic_s() - begun)))


def _follow(context: Context, store: Store, name: str, display: Display) -> Snapshot | None:
    last: Snapshot | None = None
    try:
        for last in snapshots(store, name, context.clock):
            display.show(progress_of(*last, now=context.clock.now()))
    except KeyboardInterrupt:
        return None
    return last


def _warn_if_idle(context: Context, store: Store, study: StudyRecord) -> None:
    if study.state is StudyState.PAUSED:
        note(f"{study.name} is paused: `{context.command} resume {study.name}` continues it")
    elif not study.state.ended and store.scheduler() is None:
        note(context.no_scheduler(study.name))
