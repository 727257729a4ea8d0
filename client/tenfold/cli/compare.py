"""``tenfold compare``: whether two studies gave the same numbers, and where they first differ."""

import json
from pathlib import Path

import click

from tenfold.cli.options import flag, home_option, json_option, pass_context
from tenfold.cli.presentation import emit, emit_json, note
from tenfold.context import Context
from tenfold.report.comparison import Difference, compare_canonical, difference_text
from tenfold.report.export import CANONICAL_FORMAT, canonical_document
from tenfold.report.shapes import Shape
from tenfold_common.errors import DataError, NotFoundError


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@flag(
    "--other-home",
    envvar="TENFOLD_OTHER_HOME",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The home B is in, if another.",
)
@json_option
@home_option
@pass_context
def compare(context: Context, a: str, b: str, other_home: Path | None, as_json: bool) -> None:
    """Tell whether the studies A and B are identical, or name the first difference.

    A and B are names of studies, or files that `tenfold export --canonical` wrote. Parameters, seeds, splits, fold
    scores, states, the winner and the stopping point are compared; machines, times and names are not. Exit code 0
    if identical, 1 if not.
    """
    elsewhere = context if other_home is None else context.elsewhere(other_home)
    try:
        difference = compare_canonical(_document(context, a), _document(elsewhere, b))
    finally:
        if elsewhere is not context:
            elsewhere.close()
    if as_json:
        emit_json({"identical": difference is None, "first_difference": _shape(difference)})
    else:
        emit("identical" if difference is None else difference_text(difference, a, b))
    click.get_current_context().exit(0 if difference is None else 1)


def _document(context: Context, name: str) -> Shape:
    if _names_a_file(name):
        return _from_file(Path(name))
    try:
        store = context.existing_store()
        study = store.study(name)
    except NotFoundError:
        if Path(name).is_file():
            return _from_file(Path(name))
        raise
    if not study.state.ended:
        note(f"{name} is {study.state}: what it has so far is compared")
    return canonical_document(study, store.trials(study.id))


def _names_a_file(name: str) -> bool:
    return name.endswith(".json") and Path(name).is_file()


def _from_file(path: Path) -> Shape:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != CANONICAL_FORMAT:
        raise DataError(f"{path} is no canonical export: write one with `tenfold export NAME --canonical -o FILE`")
    return document


def _shape(difference: Difference | None) -> Shape | None:
    if difference is None:
        return None
    return {"trial": difference.trial, "field": difference.field, "a": difference.a, "b": difference.b}
