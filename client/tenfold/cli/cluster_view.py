"""``tenfold queue`` and ``tenfold workers``: the backlog, and the machines that work on it."""

import click

from tenfold.cli.options import home_option, json_option, pass_context
from tenfold.cli.presentation import emit, emit_json, note, paint, width
from tenfold.context import Context
from tenfold.report.listing import queue_table, workers_table
from tenfold.report.shapes import queue_shape, workers_shape
from tenfold_common.domain.assignment import QueueRecord, WorkerRecord
from tenfold_common.domain.words import StudyState
from tenfold_common.errors import TransientError

_LIVING = [state for state in StudyState if not state.ended]


@click.command()
@json_option
@home_option
@pass_context
def queue(context: Context, as_json: bool) -> None:
    """Show what waits in each queue and for how long, what is running, and the rate."""
    queues, workers = _on_the_bus(context)
    work = []
    if context.has_database:
        store = context.existing_store()
        work = [
            (study, store.trials(study.id), store.attempts(study.id, open_only=True))
            for study in store.studies(_LIVING)
        ]
    shape = queue_shape(work, queues, workers, context.clock.now())
    if as_json:
        emit_json(shape)
    else:
        emit(queue_table(shape, paint=paint()))


@click.command()
@json_option
@home_option
@pass_context
def workers(context: Context, as_json: bool) -> None:
    """Show the workers that are alive, what they run, and when they were last heard of."""
    _, alive = _on_the_bus(context)
    names = {}
    if context.has_database:
        names = {str(study.id): study.name for study in context.existing_store().studies(_LIVING)}
    shape = workers_shape(alive, context.clock.now(), names)
    if as_json:
        emit_json(shape)
    elif alive:
        emit(workers_table(alive, names, now=context.clock.now(), paint=paint(), width=width()))
    else:
        note("no worker is alive")


def _on_the_bus(context: Context) -> tuple[list[QueueRecord], list[WorkerRecord]]:
    bus = context.bus()
    if bus is None:
        note(f"no cluster is running in {context.settings.home}: `{context.command} up` starts one")
        return [], []
    try:
        return bus.queues(), bus.workers()
    except TransientError as error:
        raise TransientError(f"{error}; is the cluster running?") from error
