"""``tenfold init``: write a starter study file, from a look at the data if there is some."""

import os
from pathlib import Path

import click

from tenfold.cli.options import flag
from tenfold.cli.presentation import emit
from tenfold_common.errors import MisuseError


@click.command()
@flag("--data", envvar="TENFOLD_INIT_DATA", metavar="F", help="CSV, Parquet or NPZ file, URL, or sklearn:NAME.")
@flag("--target", envvar="TENFOLD_INIT_TARGET", metavar="C", help="The column to predict.")
@flag(
    "--output",
    "-o",
    envvar="TENFOLD_INIT_OUTPUT",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("study.yaml"),
    show_default=True,
    help="Where to write it.",
)
@flag("--force", envvar="TENFOLD_INIT_FORCE", is_flag=True, help="Overwrite an existing file.")
def command(data: str | None, target: str | None, output: Path, force: bool) -> None:
    """Write a study file that runs as it is, with the reason for every choice in its comments.

    With --data and --target it looks at the columns: numbers, categories, missing values, classes, groups, time.
    """
    if output.exists() and not force:
        raise MisuseError(f"{output} exists already; choose another file with -o, or --force to overwrite it")
    if data is None:
        if target is not None:
            raise MisuseError("--target names a column of the data: say which data with --data")
        from tenfold.starter.first_study import first_study

        text = first_study(str(output))
    else:
        text = _study_for(data, target, output)
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MisuseError(f"{output} cannot be written: {error.strerror}") from error
    emit(f"wrote {output}\n`tenfold check {output}` shows the plan, `tenfold run {output}` runs it")


def _study_for(data: str, target: str | None, output: Path) -> str:
    from tenfold.starter.choices import choose
    from tenfold.starter.study_text import study_name, study_text
    from tenfold_common.data.columns import describe_columns
    from tenfold_common.data.dataset import DatasetKind
    from tenfold_common.data.sources import load_source

    dataset = load_source(data, target=target, base=Path.cwd())
    column = target or ("target" if data.startswith("sklearn:") else None)
    if column is None:
        raise MisuseError(f"say which column to predict with --target; {data} has: {', '.join(dataset.column_names)}")
    facts = describe_columns(dataset, column)
    table = dataset.kind is DatasetKind.TABLE
    choices = choose(facts, rows=dataset.rows, table=table)
    source = _seen_from(output.absolute().parent, data)
    return study_text(choices, facts, source=source, file=str(output), name=study_name(data), rows=dataset.rows)


def _seen_from(folder: Path, data: str) -> str:
    """The data's path as the study file must say it: relative to its own folder."""
    path = Path(data)
    if not path.exists() or path.is_absolute():
        return data
    return Path(os.path.relpath(path.absolute(), folder)).as_posix()
