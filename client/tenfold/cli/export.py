"""``tenfold export``: a study as a file for other tools."""

from pathlib import Path

import click

from tenfold.cli.options import flag, home_option, json_option, pass_context, study_argument
from tenfold.cli.presentation import emit_json, note
from tenfold.context import Context
from tenfold.report.export import canonical_bytes, csv_bytes, json_bytes, parquet_bytes
from tenfold_common.domain.records import StudyRecord, TrialRecord
from tenfold_common.errors import MisuseError

_FORMATS = ["csv", "json", "parquet"]


@click.command()
@study_argument
@flag(
    "--format",
    "form",
    envvar="TENFOLD_EXPORT_FORMAT",
    type=click.Choice(_FORMATS),
    help="What to write; by default what the file's name ends in, else csv.",
)
@flag(
    "-o",
    "--output",
    envvar="TENFOLD_EXPORT_OUTPUT",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; stdout without it.",
)
@flag(
    "--canonical",
    envvar="TENFOLD_EXPORT_CANONICAL",
    is_flag=True,
    help="JSON of what must be the same on every machine, byte for byte.",
)
@json_option
@home_option
@pass_context
def export(
    context: Context, name: str, form: str | None, output: Path | None, canonical: bool, as_json: bool
) -> None:
    """Write the study NAME to CSV (a row per trial), JSON (everything) or Parquet."""
    chosen = _format(form or ("json" if as_json and output is None else None), output, canonical=canonical)
    if output is None and (chosen == "parquet" or (as_json and chosen == "csv")):
        raise MisuseError(f"{chosen} on stdout is of no use here: name a file with -o FILE")
    store = context.existing_store()
    study = store.study(name)
    trials = store.trials(study.id)
    data = _bytes(chosen, study, trials, canonical=canonical)
    if output is None:
        click.echo(data, nl=False)
        return
    _write(output, data)
    if as_json:
        emit_json({"study": study.name, "format": chosen, "path": str(output), "trials": len(trials)})
    else:
        note(f"wrote {len(trials)} trials of {study.name} to {output}")


def _format(form: str | None, output: Path | None, *, canonical: bool) -> str:
    if canonical:
        if form not in {None, "json"}:
            raise MisuseError(f"--canonical is JSON; it does not go with --format {form}")
        return "json"
    suffix = "" if output is None else output.suffix.removeprefix(".").lower()
    return form or (suffix if suffix in _FORMATS else "csv")


def _bytes(form: str, study: StudyRecord, trials: list[TrialRecord], *, canonical: bool) -> bytes:
    if canonical:
        return canonical_bytes(study, trials)
    if form == "csv":
        return csv_bytes(study, trials)
    return json_bytes(study, trials) if form == "json" else parquet_bytes(study, trials)


def _write(output: Path, data: bytes) -> None:
    try:
        output.write_bytes(data)
    except OSError as error:
        raise MisuseError(f"{output} cannot be written: {error.strerror or error}; name another file") from error
