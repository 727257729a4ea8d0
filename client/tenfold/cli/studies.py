"""``tenfold studies``: what the store holds."""

import click

from tenfold.cli.options import home_option, json_option, pass_context
from tenfold.cli.presentation import emit, emit_json, note, paint, width
from tenfold.context import Context
from tenfold.report.listing import studies_table
from tenfold.report.shapes import studies_shape
from tenfold_common.domain.records import StudyRecord, TrialRecord


@click.command()
@json_option
@home_option
@pass_context
def studies(context: Context, as_json: bool) -> None:
    """List the studies, oldest first."""
    stored = _stored(context)
    if as_json:
        emit_json(studies_shape(stored))
    elif stored:
        emit(studies_table(stored, now=context.clock.now(), paint=paint(), width=width()))
    else:
        note(f"no studies in {context.record_place} yet: `{context.command} run FILE` starts one")


def _stored(context: Context) -> list[tuple[StudyRecord, list[TrialRecord]]]:
    if not context.has_database:
        return []
    store = context.existing_store()
    return [(study, store.trials(study.id)) for study in store.studies()]
