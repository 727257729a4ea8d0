"""``tenfold status`` and ``tenfold best``: how a study stands and what it found."""

import click

from tenfold.cli.options import home_option, json_option, pass_context, study_argument
from tenfold.cli.presentation import emit, emit_json, paint, width
from tenfold.context import Context
from tenfold.report.shapes import status_shape
from tenfold.report.summary import best_block, final_summary


@click.command()
@study_argument
@json_option
@home_option
@pass_context
def status(context: Context, name: str, as_json: bool) -> None:
    """Show how far the study NAME is, why it stopped, and its best trial."""
    store = context.existing_store()
    study = store.study(name)
    trials = store.trials(study.id)
    if as_json:
        emit_json(status_shape(study, trials, attempts=store.attempts(study.id, open_only=True)))
    else:
        place, command = context.record_place, context.command
        emit(final_summary(study, trials, record=place, command=command, paint=paint(), width=width()))


@click.command()
@study_argument
@json_option
@home_option
@pass_context
def best(context: Context, name: str, as_json: bool) -> None:
    """Show the best trial of the study NAME so far: its scores and parameters."""
    store = context.existing_store()
    study = store.study(name)
    trials = store.trials(study.id)
    if as_json:
        emit_json(status_shape(study, trials, attempts=store.attempts(study.id, open_only=True)))
    else:
        emit(best_block(study, trials, paint=paint(), width=width()))
