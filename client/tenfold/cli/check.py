"""``tenfold check``: everything that can be said of a study before it runs. Changes nothing."""

from pathlib import Path

import click

from tenfold.cli.options import json_option
from tenfold.cli.presentation import emit, emit_json, width


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@json_option
def command(file: Path, as_json: bool) -> None:
    """Check the study in FILE against its data and its model, and print the plan. Nothing is stored or started."""
    from tenfold.plan import Plan, plan_shape, plan_text
    from tenfold.submission import environment_of, lag_for, read_study_file, strategy_for
    from tenfold_common.data.dataset import dataset_hash
    from tenfold_common.modelling.inspect import inspect_study

    read = read_study_file(file)
    strategy = strategy_for(read)
    inspection = inspect_study(read, base=file.absolute().parent)
    plan = Plan(
        read=read,
        inspection=inspection,
        learns=strategy.learns,
        lag=lag_for(strategy, read.study.execution.lag, read.study.stopping_rules()),
        data_hash=dataset_hash(inspection.dataset),
        environment=environment_of(read.study.document()),
    )
    if as_json:
        emit_json(plan_shape(plan))
    else:
        emit(plan_text(plan, width=width()))
