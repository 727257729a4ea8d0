"""``tenfold pause``, ``resume``, ``cancel``, ``extend``: what a person may do to a study.

The rules are the domain's; here a move is written by compare-and-set, the scheduler's bell is rung, and the person
is told what happened and whether anybody is there to act on it.
"""

import click

from tenfold.cli.options import flag, home_option, json_option, pass_context, study_argument
from tenfold.cli.presentation import emit, emit_json, note
from tenfold.context import Context
from tenfold.report.shapes import status_shape
from tenfold.submission import carry_out
from tenfold_common.domain.moves import Cancel, Command, Extend, Pause, Refusal, Resume
from tenfold_common.domain.words import StudyState
from tenfold_common.errors import MisuseError, TransientError
from tenfold_common.ports import SchedulerBus


@click.command()
@study_argument
@json_option
@home_option
@pass_context
def pause(context: Context, name: str, as_json: bool) -> None:
    """Hand out no more trials of the study NAME; those running go on to their end."""
    _carry_out(context, name, Pause(), as_json=as_json)


@click.command()
@study_argument
@json_option
@home_option
@pass_context
def resume(context: Context, name: str, as_json: bool) -> None:
    """Continue the paused or failed study NAME."""
    _carry_out(context, name, Resume(), as_json=as_json)


@click.command()
@study_argument
@json_option
@home_option
@pass_context
def cancel(context: Context, name: str, as_json: bool) -> None:
    """End the study NAME now, for good; finished trials are kept."""
    _carry_out(context, name, Cancel(), as_json=as_json)


@click.command()
@study_argument
@flag(
    "--trials",
    "more",
    envvar="TENFOLD_EXTEND_TRIALS",
    type=click.IntRange(min=1),
    required=True,
    metavar="N",
    help="How many trials to add.",
)
@json_option
@home_option
@pass_context
def extend(context: Context, name: str, more: int, as_json: bool) -> None:
    """Add N trials to the study NAME; a finished one goes on.

    If a target, a plateau or the time limit had stopped it, that rule is dropped.
    """
    store = context.existing_store()
    done = len(store.trials(store.study(name).id))
    _carry_out(context, name, Extend(trials=more, done=done), as_json=as_json)


def _carry_out(context: Context, name: str, command: Command, *, as_json: bool) -> None:
    store = context.existing_store()
    move = carry_out(store, name, command)
    if isinstance(move, Refusal):
        raise MisuseError(move.why)
    bus = context.bus()
    if bus is not None:
        _ring(bus)
    study = store.study(name)
    if as_json:
        emit_json(status_shape(study, store.trials(study.id)))
    else:
        emit("\n".join(f"{study.name}: {sentence}" for sentence in move.notes))
    if store.scheduler() is None and move.to in {StudyState.RUNNING, StudyState.SUBMITTED}:
        note(context.no_scheduler(study.name))


def _ring(bus: SchedulerBus) -> None:
    try:
        bus.ring()
    except TransientError as error:
        # The move is written, and the store is the truth: the scheduler comes upon it without the bell, only later.
        note(f"{error}; the scheduler sees the change when it next looks")
