"""Where a verb's words go: results to stdout, notes and progress to stderr, colour only on a terminal."""

import json
import os
import shutil
import sys

import click

from tenfold.report.paint import Paint
from tenfold_common.domain.words import Json


def emit_json(document: Json) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def emit(text: str) -> None:
    """Print a result on stdout."""
    click.echo(text, color=paint().colour)


def note(text: str) -> None:
    """Tell something that is not the result, on stderr."""
    click.echo(text, err=True, color=may_colour(sys.stderr.isatty()))


def paint() -> Paint:
    """How results may be painted: on a terminal, unless ``NO_COLOR`` is set."""
    return Paint(may_colour(sys.stdout.isatty()))


def width() -> int | None:
    """Columns of the terminal that stdout is; None for a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def may_colour(is_terminal: bool) -> bool:
    """Whether a stream may be painted (see no-color.org)."""
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
