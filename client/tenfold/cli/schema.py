"""``tenfold schema``: the JSON Schema of the study file, for editors."""

import json
from pathlib import Path

import click

from tenfold.cli.options import flag
from tenfold.cli.presentation import emit
from tenfold_common.errors import MisuseError


@click.command()
@flag(
    "--output",
    "-o",
    envvar="TENFOLD_SCHEMA_OUTPUT",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to a file instead of stdout.",
)
def command(output: Path | None) -> None:
    """Print the JSON Schema of the study file.

    In editors that know YAML schemas, put `# yaml-language-server: $schema=FILE` into the study file's first line.
    """
    from tenfold_common.domain.study_file import json_schema

    text = json.dumps(json_schema(), indent=2, ensure_ascii=False)
    if output is None:
        emit(text)
        return
    try:
        output.write_text(text + "\n")
    except OSError as error:
        raise MisuseError(f"{output} cannot be written: {error.strerror}") from error
    emit(f"wrote {output}")
