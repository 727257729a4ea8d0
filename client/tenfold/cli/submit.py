"""``tenfold submit``: hand a study to a cluster that runs already, and return."""

from pathlib import Path

import click

from tenfold.cli.options import flag, home_option, json_option, pass_context
from tenfold.cli.presentation import emit, emit_json, note
from tenfold.context import Context
from tenfold_common.errors import MisuseError


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@flag("--new", envvar="TENFOLD_NEW", is_flag=True, help="Start a new study even if this one was run before.")
@json_option
@home_option
@pass_context
def command(context: Context, file: Path, new: bool, as_json: bool) -> None:
    """Hand the study in FILE to the cluster that is configured, or runs in this home; print the study's name.

    A study that was submitted before goes on if it was paused or had failed.
    """
    from tenfold.report.shapes import status_shape
    from tenfold.submission import carry_out, read_study_file, submit_study
    from tenfold_common.domain.moves import Resume
    from tenfold_common.domain.words import StudyState

    read = read_study_file(file)
    bus = context.bus()
    if bus is None:
        raise MisuseError(
            f"there is no cluster to submit to: set TENFOLD_BROKER_URL, start one with `{context.command} up`, "
            f"or use `{context.command} run {file}`, which brings its own"
        )
    store = context.store
    submitted = submit_study(
        read,
        base=file.absolute().parent,
        store=store,
        artifacts=context.artifacts,
        clock=context.clock,
        new=new,
    )
    for sentence in submitted.notes:
        note(sentence)
    if submitted.study.state in {StudyState.PAUSED, StudyState.FAILED}:
        carry_out(store, submitted.study.name, Resume())
    bus.ring()
    study = store.study(submitted.study.name)
    if as_json:
        emit_json(status_shape(study, store.trials(study.id)))
    else:
        emit(study.name)
        note(f"`{context.command} watch {study.name}` follows it")
