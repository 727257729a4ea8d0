"""``tenfold trials`` and ``tenfold trial``: the trial table, and everything about one trial."""

from collections.abc import Iterable, Mapping

import click

from tenfold.cli.options import home_option, json_option, pass_context, study_argument
from tenfold.cli.presentation import emit, emit_json, note, paint, width
from tenfold.context import Context
from tenfold.report.listing import trials_table
from tenfold.report.shapes import trial_detail_shape, trials_shape
from tenfold.report.trial_page import trial_page
from tenfold_common.domain.records import AttemptRecord, TrialRecord
from tenfold_common.domain.words import Json
from tenfold_common.ports import Store


@click.command()
@study_argument
@json_option
@home_option
@pass_context
def trials(context: Context, name: str, as_json: bool) -> None:
    """List the trials of the study NAME, in trial order."""
    store = context.existing_store()
    study = store.study(name)
    table = store.trials(study.id)
    if as_json:
        emit_json(trials_shape(study, table))
    elif table:
        emit(trials_table(study, table, paint=paint(), width=width()))
    else:
        note(f"{study.name} is {study.state} and has no trials yet")


@click.command()
@study_argument
@click.argument("number", metavar="N", type=click.IntRange(min=0))
@json_option
@home_option
@pass_context
def trial(context: Context, name: str, number: int, as_json: bool) -> None:
    """Show everything about trial N of the study NAME: folds, attempts, machines, traceback."""
    store = context.existing_store()
    study = store.study(name)
    record = store.trial(study.id, number)
    attempts = store.attempts(study.id, number)
    machines = _machines(store, record, attempts)
    if as_json:
        emit_json(trial_detail_shape(study, record, attempts, machines))
    else:
        emit(trial_page(study, record, attempts, machines, paint=paint(), width=width()))


def _machines(
    store: Store, trial: TrialRecord, attempts: Iterable[AttemptRecord]
) -> Mapping[str, Mapping[str, Json]]:
    fingerprints = dict.fromkeys([trial.fingerprint, *(attempt.fingerprint for attempt in attempts)])
    known = {one: store.fingerprint(one) for one in fingerprints if one is not None}
    return {one: facts for one, facts in known.items() if facts is not None}
